//! The command line and the exit codes.

use std::path::PathBuf;

use backroom_protocol::Name;
use backroom_transport::file::ReceiveLimits;
use backroom_transport::udp::PortRange;
use bytesize::ByteSize;
use clap::builder::BoolishValueParser;
use clap::{ArgAction, Parser, ValueEnum};

use crate::settings::Settings;

/// The exit codes of the program, which [`EXAMPLES`] explains.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    Left = 0,
    Lost = 1,
    Usage = 2,
    WrongPassword = 3,
    Incomplete = 4,
    ServerChanged = 5,
}

const EXAMPLES: &str = "\
Examples:
  BACKROOM_PASSWORD=… backroom-client 192.168.1.10 9000 --name ada
  backroom-client 192.168.1.10 9000 --password-file room.txt --download-dir ~/Downloads

The program reads commands from standard input, one per line. Enter `help` for a list.

Exit codes:
  0  the user left, or the input ended and everything succeeded, or nobody reads the output any more
  1  the connection failed or was lost, or the room removed this member
  2  usage error, or the name given with --name is not available
  3  wrong password
  4  the input (not a terminal) ended, and a command or a file failed
  5  the identity of the server has changed";

/// Joins an encrypted chat room and exchanges files with its members.
#[derive(Debug, Parser)]
#[command(name = "backroom-client", version, after_help = EXAMPLES)]
pub(crate) struct Options {
    /// Address of the server: an IP address or a host name
    #[arg(value_name = "IP")]
    pub(crate) host: String,

    /// Port of the server
    pub(crate) port: u16,

    /// Password of the room. Other users can see it in the process list; prefer BACKROOM_PASSWORD, --password-file or the
    /// prompt
    pub(crate) password: Option<String>,

    /// Read the password from the first line of this file
    #[arg(long, value_name = "FILE")]
    pub(crate) password_file: Option<PathBuf>,

    /// Name to join with. Without it, the program prompts for one
    #[arg(long)]
    pub(crate) name: Option<Name>,

    /// File of this member's identity, by which others recognise it. It is created if it does not exist [default:
    /// backroom/identities/NAME in the state folder, $XDG_STATE_HOME or ~/.local/state]
    #[arg(long, value_name = "FILE")]
    pub(crate) identity: Option<PathBuf>,

    /// Join without an identity, and remember neither the server nor the members
    #[arg(long, conflicts_with = "identity")]
    pub(crate) ephemeral: bool,

    /// Folder for received files
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub(crate) download_dir: PathBuf,

    #[command(flatten)]
    pub(crate) settings: Settings,

    /// Pass several datagrams to the kernel in one call (GSO). Turn this off on a shaped network, which would lose all of
    /// them at once
    #[arg(long, value_name = "on|off", default_value = "on", action = ArgAction::Set, value_parser = BoolishValueParser::new())]
    pub(crate) gso: bool,

    /// Send to IP multicast groups, and join the groups that others offer
    #[arg(long, value_name = "on|off", default_value = "on", action = ArgAction::Set, value_parser = BoolishValueParser::new())]
    pub(crate) multicast: bool,

    /// UDP port for files, which a firewall can open, or a range such as `9001-9040`. All files share one port. In a range each
    /// file has a port, and files beyond the range wait. Without this option, each file has any free port
    #[arg(long, value_name = "PORT|FIRST-LAST")]
    pub(crate) udp_port: Option<PortRange>,

    /// Maximum number of files received at the same time. Further files wait. With 0, all files are declined
    #[arg(long, value_name = "N", default_value_t = 32)]
    pub(crate) max_incoming: usize,

    /// Decline files larger than this, such as `500MB` or `4GiB`
    #[arg(long, value_name = "SIZE")]
    pub(crate) max_file_size: Option<ByteSize>,

    /// Decline files that would leave less than this free on the disk of the download folder, such as `1GiB` or `0`
    #[arg(long, value_name = "SIZE", default_value_t = ByteSize::b(ReceiveLimits::KEEP_FREE_BYTES))]
    pub(crate) keep_free: ByteSize,

    /// Write every step of every transfer to a new file, one JSON object per line, for `backroom-lab trace --from`. A file that
    /// exists and is not empty is not overwritten: the program ends with an error
    #[arg(long, value_name = "FILE")]
    pub(crate) trace: Option<PathBuf>,

    /// Format of standard output: text, or one JSON object per line
    #[arg(
        long,
        value_name = "plain|json",
        default_value = "plain",
        hide_possible_values = true
    )]
    pub(crate) output: OutputFormat,

    /// Ring the terminal bell when a message contains your name
    #[arg(long)]
    pub(crate) bell: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum OutputFormat {
    /// Text for people. On a terminal, with a line editor.
    Plain,
    /// One JSON object per line.
    Json,
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

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
            "--give-up-after=2m",
            "--udp-port=9001-9040",
        ])
        .unwrap();
        assert_eq!(options_given.settings.window.to_string(), "200");
        assert_eq!(options_given.settings.sender_config().copies.count(), 2);
        let config = options_given.settings.sender_config();
        assert_eq!(config.max_stall, Duration::from_secs(120));
        assert_eq!(options_given.max_file_size, Some(ByteSize::gib(4)));
        assert_eq!(options_given.keep_free, ByteSize::mib(64));
        for (size, bytes) in [("0", 0), ("1MiB", 1 << 20), ("2 GB", 2_000_000_000)] {
            let given = options(&["--keep-free", size]).unwrap();
            assert_eq!(given.keep_free.as_u64(), bytes, "{size}");
        }
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
            "--give-up-after=10ms",
            "--give-up-after=30",
            "--udp-port=0",
            "--udp-port=9040-9001",
            "--keep-free=much",
        ] {
            assert_eq!(options(&[wrong]).unwrap_err().exit_code(), 2, "{wrong}");
        }
    }
}
