//! A bot that joins a room and answers the private messages `ping` and `echo TEXT`.
//!
//! ```text
//! export BACKROOM_PASSWORD='open sesame'
//! cargo build --release -p backroom-client
//! cargo run --example bot -- 127.0.0.1 9000
//! ```
//!
//! It drives `backroom-client --output json`, as a bot in any language can: each line from the client is an event, each line
//! to it is a command. `docs/client.md` lists both.

use std::io::{self, BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context, Result};
use clap::Parser;
use serde_json::Value;

/// Join a room and answer the private messages `ping` and `echo TEXT`. The password is read from BACKROOM_PASSWORD.
#[derive(Parser)]
struct Options {
    /// Address of the server
    host: String,
    /// Port of the server
    port: u16,
    /// Name in the room
    #[arg(long, default_value = "bot")]
    name: String,
    /// The client program
    #[arg(
        long,
        value_name = "PATH",
        default_value = "target/release/backroom-client"
    )]
    client: PathBuf,
}

fn main() -> Result<()> {
    let options = Options::parse();
    let mut client = Command::new(&options.client)
        .args([
            &options.host,
            &options.port.to_string(),
            "--name",
            &options.name,
        ])
        .args(["--output", "json"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot start {}", options.client.display()))?;
    let mut commands = client.stdin.take().context("the client has no input")?;
    let events = BufReader::new(client.stdout.take().context("the client has no output")?);

    let say = |line: String| {
        // The bot goes on if nobody reads its output.
        let _ = writeln!(io::stdout(), "{line}");
    };
    // The client ends its output when it leaves the room, and so ends this loop.
    for line in events.lines() {
        let event: Value = serde_json::from_str(&line?)?;
        let field = |key: &str| event[key].as_str().unwrap_or_default();
        match field("event") {
            "joined" => say(format!("joined as {}", field("name"))),
            "message" if field("cast") == "unicast" => {
                let (from, text) = (field("from"), field("text"));
                say(format!("{from} wrote: {text}"));
                // A command is one line, but a text may have several.
                if let Some(line) = answer(text).and_then(|answer| answer.lines().next()) {
                    writeln!(commands, "municast|{from}|{line}")?;
                }
            }
            "error" => say(format!("error: {}", field("message"))),
            // Later versions may have more events.
            _ => {}
        }
    }
    let status = client.wait()?;
    anyhow::ensure!(status.success(), "the client ended with {status}");
    Ok(())
}

/// The answer to a message, if it is one of the bot's commands. Two bots that answered everything would never stop.
fn answer(text: &str) -> Option<&str> {
    match text.split_once(' ').unwrap_or((text, "")) {
        ("ping", _) => Some("pong"),
        ("echo", words) if !words.is_empty() => Some(words),
        _ => None,
    }
}
