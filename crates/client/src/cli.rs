//! The command line and the exit codes.

use std::path::PathBuf;
use std::process::ExitCode;

use backroom_gbn::{Copies, Recovery, Timeout, WindowSetting};
use backroom_protocol::Name;
use backroom_protocol::segment::SegmentBytes;
use backroom_vocabulary::DeliverySetting;
use bytesize::ByteSize;
use clap::builder::BoolishValueParser;
use clap::{ArgAction, Parser, ValueEnum};

use crate::settings::Settings;

/// The exit code of the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// 0: the user left, or the input ended and all transfers had finished.
    Left,
    /// 1: the connection failed or was lost, or the room removed this member.
    Lost,
    /// 2: a usage error, or the name given with `--name` is not available.
    Usage,
    /// 3: wrong password.
    WrongPassword,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Left => 0,
            Exit::Lost => 1,
            Exit::Usage => 2,
            Exit::WrongPassword => 3,
        })
    }
}

const EXAMPLES: &str = "\
Examples:
  BACKROOM_PASSWORD=… backroom-client 192.168.1.10 9000 --name ada
  backroom-client 192.168.1.10 9000 --password-file room.txt --download-dir ~/Downloads

The program reads commands from standard input, one per line. Enter `help` for a list.

Exit codes:
  0  the user left, or the input ended and all transfers had finished
  1  the connection failed or was lost, or the room removed this member
  2  usage error, or the name given with --name is not available
  3  wrong password";

/// Joins an encrypted chat room and exchanges files with its members.
#[derive(Debug, Parser)]
#[command(name = "backroom-client", version, after_help = EXAMPLES)]
pub struct Options {
    /// Address of the server: an IP address or a host name
    #[arg(value_name = "IP")]
    pub host: String,

    /// Port of the server
    pub port: u16,

    /// Password of the room. Other users can see it in the process list; prefer BACKROOM_PASSWORD, --password-file or the
    /// prompt
    pub password: Option<String>,

    /// Read the password from the first line of this file
    #[arg(long, value_name = "FILE")]
    pub password_file: Option<PathBuf>,

    /// Name to join with. Without it, the program prompts for one
    #[arg(long)]
    pub name: Option<Name>,

    /// Folder for received files
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub download_dir: PathBuf,

    /// Go-Back-N window for each receiver: 1 to 65535 segments, or `auto` to adapt it to the path
    #[arg(long, value_name = "N", default_value = "auto")]
    pub window: WindowSetting,

    /// When to go back: on timeout only (`timeout`), or also when an ACK reports a gap (`fast`)
    #[arg(long, default_value_t)]
    pub recovery: Recovery,

    /// Retransmission timeout: `adaptive` (RFC 6298) or a fixed time such as `200ms`
    #[arg(long, default_value_t)]
    pub timeout: Timeout,

    /// Send each segment N times in succession, 1 to 4. Copies help on long paths with random loss; elsewhere they only
    /// multiply the load
    #[arg(long, value_name = "N", default_value_t)]
    pub copies: Copies,

    /// How to send a file to several receivers: one multicast stream (`ip-multicast`), one stream each at the same time
    /// (`parallel`) or one after another (`sequential`). `auto` uses multicast if at least two receivers can receive it, and
    /// parallel streams for the others
    #[arg(long, default_value_t)]
    pub delivery: DeliverySetting,

    /// Payload of a segment in bytes
    #[arg(long, value_name = "BYTES", default_value = "1200")]
    pub segment: SegmentBytes,

    /// Pass several datagrams to the kernel in one call (GSO). Turn this off on a shaped network, which would lose all of
    /// them at once
    #[arg(long, value_name = "on|off", default_value = "on", action = ArgAction::Set, value_parser = BoolishValueParser::new())]
    pub gso: bool,

    /// Send to IP multicast groups, and join the groups that others offer
    #[arg(long, value_name = "on|off", default_value = "on", action = ArgAction::Set, value_parser = BoolishValueParser::new())]
    pub multicast: bool,

    /// Maximum number of files received at the same time. Further files are declined
    #[arg(long, value_name = "N", default_value_t = 32)]
    pub max_incoming: usize,

    /// Decline files larger than this, such as `500MB` or `4GiB`
    #[arg(long, value_name = "SIZE")]
    pub max_file_size: Option<ByteSize>,

    /// Write every step of every transfer to a new file, one JSON object per line, for `backroom-lab trace --from`
    #[arg(long, value_name = "FILE")]
    pub trace: Option<PathBuf>,

    /// Format of standard output: text, or one JSON object per line
    #[arg(
        long,
        value_name = "plain|json",
        default_value = "plain",
        hide_possible_values = true
    )]
    pub output: OutputFormat,

    /// Ring the terminal bell when a message contains your name
    #[arg(long)]
    pub bell: bool,
}

/// The format of standard output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum OutputFormat {
    /// Text for people. On a terminal, with a line editor.
    Plain,
    /// One JSON object per line.
    Json,
}

impl Options {
    /// The settings for the first files.
    #[must_use]
    pub fn settings(&self) -> Settings {
        Settings {
            window: self.window,
            recovery: self.recovery,
            timeout: self.timeout,
            copies: self.copies,
            delivery: self.delivery,
            segment: self.segment,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(arguments: &[&str]) -> Result<Options, clap::Error> {
        Options::try_parse_from([&["backroom-client", "127.0.0.1", "9000"], arguments].concat())
    }

    #[test]
    fn the_command_line_of_the_report_parses() {
        let options = options(&["secret"]).unwrap();
        assert_eq!((options.host.as_str(), options.port), ("127.0.0.1", 9000));
        assert_eq!(options.password.as_deref(), Some("secret"));
        assert_eq!(options.output, OutputFormat::Plain);
    }

    #[test]
    fn options_parse_and_invalid_values_are_usage_errors() {
        let options_given = options(&[
            "--window=200",
            "--recovery=timeout",
            "--timeout=200ms",
            "--copies=2",
            "--delivery=ip-multicast",
            "--segment=1400",
            "--gso=off",
            "--name=ada",
            "--output=json",
            "--max-file-size=4GiB",
        ])
        .unwrap();
        assert_eq!(options_given.settings().window.to_string(), "200");
        assert_eq!(options_given.settings().sender_config().copies.count(), 2);
        assert_eq!(options_given.max_file_size, Some(ByteSize::gib(4)));
        assert!(!options_given.gso && options_given.multicast);
        for wrong in [
            "--window=0",
            "--window=65536",
            "--recovery=slow",
            "--timeout=0",
            "--copies=0",
            "--copies=5",
            "--delivery=random",
            "--segment=0",
            "--gso=maybe",
            "--multicast=maybe",
            "--name=",
            "--name=a|b",
            "--output=xml",
            "--max-file-size=5XB",
            "--max-file-size=-1",
        ] {
            assert_eq!(options(&[wrong]).unwrap_err().exit_code(), 2, "{wrong}");
        }
    }
}
