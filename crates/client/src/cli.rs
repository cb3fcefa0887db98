//! The command line, and what the program's exit codes mean.

use std::path::PathBuf;
use std::process::ExitCode;

use backroom_gbn::{Copies, Recovery, Timeout, WindowSetting};
use backroom_protocol::Name;
use backroom_protocol::segment::SegmentBytes;
use backroom_vocabulary::DeliverySetting;
use clap::{Parser, ValueEnum};

use crate::settings::Settings;

/// How the program ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Asked to leave, or the end of input with nothing under way: 0.
    Left,
    /// Connection lost, never made, or ended by the room: 1.
    Lost,
    /// Used wrongly, a name among it that can't be had: 2.
    Usage,
    /// Wrong password: 3.
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

Commands are typed, or written to standard input, one a line; `help` lists them.

Exit codes:
  0  asked to leave, or the input ended and no file was under way any more
  1  the connection was lost or could not be made, or the room put this member out
  2  used wrongly, or the name given with --name can't be had
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

    /// Password of the room; shows in the process list, so better use BACKROOM_PASSWORD, --password-file or the prompt
    pub password: Option<String>,

    /// Read the password from the first line of a file
    #[arg(long, value_name = "FILE")]
    pub password_file: Option<PathBuf>,

    /// Name to join with; asked for where it is missing
    #[arg(long)]
    pub name: Option<Name>,

    /// Where received files go
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub download_dir: PathBuf,

    /// Go-Back-N window for each receiver: 1 to 65535 segments, or `auto`: as many as the path is found to need
    #[arg(long, value_name = "N", default_value = "auto")]
    pub window: WindowSetting,

    /// When the sender goes back: at its timer alone (`timeout`), or also when an ACK shows a gap (`fast`)
    #[arg(long, default_value_t)]
    pub recovery: Recovery,

    /// Retransmission timer: `adaptive` (RFC 6298) or a fixed time such as `200ms`
    #[arg(long, default_value_t)]
    pub timeout: Timeout,

    /// Send each segment so many times in succession, 1 to 4: on a long path that loses at random one lost copy then costs
    /// nothing; anywhere else it is N times the load for nothing
    #[arg(long, value_name = "N", default_value_t)]
    pub copies: Copies,

    /// Several receivers of a file: one stream for all who hear it (`ip-multicast`), one for each at once (`parallel`) or
    /// after another (`sequential`); `auto` is the first for two or more who hear it, and the second for the others
    #[arg(long, default_value_t)]
    pub delivery: DeliverySetting,

    /// Payload of a segment in bytes
    #[arg(long, value_name = "BYTES", default_value = "1200")]
    pub segment: SegmentBytes,

    /// Hand the kernel many datagrams at once; off where single packets shall be lost (a shaped network)
    #[arg(
        long,
        value_name = "on|off",
        default_value = "on",
        hide_possible_values = true
    )]
    pub gso: Switch,

    /// Send to IP multicast groups, and join those that are offered
    #[arg(
        long,
        value_name = "on|off",
        default_value = "on",
        hide_possible_values = true
    )]
    pub multicast: Switch,

    /// Most files received at once; further ones are declined
    #[arg(long, value_name = "N", default_value_t = 32)]
    pub max_incoming: usize,

    /// Decline files larger than this, such as `500MB` or `4GiB`
    #[arg(long, value_name = "SIZE", value_parser = parse_size)]
    pub max_file_size: Option<u64>,

    /// Write every step of every transfer to a new file, one JSON object a line, for `backroom-lab trace --from`
    #[arg(long, value_name = "FILE")]
    pub trace: Option<PathBuf>,

    /// What to write on standard output: for people, or one JSON object a line
    #[arg(
        long,
        value_name = "plain|json",
        default_value = "plain",
        hide_possible_values = true
    )]
    pub output: Output,

    /// Ring the terminal's bell when a message names you
    #[arg(long)]
    pub bell: bool,
}

/// A front end by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// For people.
    Plain,
    /// One JSON object a line.
    Json,
}

/// Something to turn on and off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Switch {
    /// On.
    On,
    /// Off.
    Off,
}

impl Options {
    /// The settings to begin with.
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

/// Reads `123`, `500MB` (10^6) or `4GiB` (2^30).
fn parse_size(text: &str) -> Result<u64, String> {
    let digits = text.trim_end_matches(|c: char| !c.is_ascii_digit());
    let factor = match &text[digits.len()..] {
        "" | "B" => Some(1),
        "kB" | "KB" => Some(1_000),
        "MB" => Some(1_000_000),
        "GB" => Some(1_000_000_000),
        "KiB" => Some(1 << 10),
        "MiB" => Some(1 << 20),
        "GiB" => Some(1 << 30),
        _ => None,
    };
    digits
        .parse::<u64>()
        .ok()
        .zip(factor)
        .and_then(|(number, factor)| number.checked_mul(factor))
        .ok_or_else(|| "a size is a whole number with B, kB, MB, GB, KiB, MiB or GiB".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(arguments: &[&str]) -> Result<Options, clap::Error> {
        Options::try_parse_from([&["backroom-client", "127.0.0.1", "9000"], arguments].concat())
    }

    #[test]
    fn the_report_s_form_is_understood() {
        let options = options(&["secret"]).unwrap();
        assert_eq!((options.host.as_str(), options.port), ("127.0.0.1", 9000));
        assert_eq!(options.password.as_deref(), Some("secret"));
        assert_eq!(options.output, Output::Plain);
    }

    #[test]
    fn every_setting_has_a_flag_and_wrong_values_are_usage_errors() {
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
        assert_eq!(options_given.max_file_size, Some(4 << 30));
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
