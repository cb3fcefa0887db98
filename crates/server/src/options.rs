//! The command line of `backroom-server`.

use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use backroom_protocol::room::MAX_MEMBERS;
use clap::Parser;

use crate::rate_limit::RateLimitConfig;
use crate::room::{KickDecision, MAX_KICK_BAN, MIN_KICK_VOTES, RoomConfig};

/// Runs a chat room. The server relays end-to-end encrypted messages that it cannot read.
///
/// Prints joining and leaving members. Reads the operator's commands from standard input; enter
/// `help` for a list. The command `exit`, SIGINT and SIGTERM notify the members and end it. The end of
/// the input and a closed terminal do not: the room stays open.
// No `Debug`: it would show the password.
#[derive(Parser)]
#[command(version, max_term_width = 100)]
pub struct Options {
    /// IP address to listen on
    pub(crate) ip: IpAddr,

    /// TCP ports to listen on. All lead to the same room. 0 selects a free port
    #[arg(value_name = "PORT[,PORT...]", value_parser = parse_ports)]
    pub(crate) ports: Ports,

    /// Password of the room. Other users of this machine can see it in the process list. Prefer
    /// BACKROOM_PASSWORD, --password-file, or omit it to be prompted
    pub(crate) password: Option<String>,

    /// Read the password from the first line of this file
    #[arg(long, value_name = "FILE", conflicts_with = "password")]
    pub(crate) password_file: Option<PathBuf>,

    /// File of the server's identity, by which members recognise the server. It is created if it
    /// does not exist [default: backroom/server-identity in the state folder, $XDG_STATE_HOME or
    /// ~/.local/state]
    #[arg(long, value_name = "FILE")]
    pub(crate) identity: Option<PathBuf>,

    /// Use an identity that ends with this run. Members cannot recognise the server later
    #[arg(long, conflicts_with = "identity")]
    pub(crate) ephemeral: bool,

    /// Number of votes that removes a member. Each session has one vote. A person with the
    /// password can open several sessions; to prevent abuse, raise this number or use --kick
    /// console
    #[arg(long, value_name = "N", default_value_t = MIN_KICK_VOTES,
          value_parser = clap::value_parser!(u32).range(i64::from(MIN_KICK_VOTES)..))]
    pub(crate) kick_votes: u32,

    /// Duration of the ban after a removal. It applies to the name, and to the address unless
    /// other members share it or it is loopback
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = parse_ban)]
    pub(crate) kick_ban: Duration,

    /// What to do when there are enough votes to remove a member
    #[arg(long, value_enum, value_name = "WHO", default_value_t = KickDecision::Votes)]
    pub(crate) kick: KickDecision,

    /// Maximum number of members
    #[arg(long, value_name = "N", default_value_t = MAX_MEMBERS as u32,
          value_parser = clap::value_parser!(u32).range(1..=MAX_MEMBERS as i64))]
    pub(crate) max_members: u32,

    /// Maximum number of concurrent joins. Further clients wait. An address other than loopback
    /// may use a quarter of them; the server refuses further joins from it
    #[arg(long, value_name = "N", default_value = "256")]
    pub(crate) max_joining: NonZeroU32,

    /// Maximum duration of a join
    #[arg(long, value_name = "TIME", default_value = "20s", value_parser = parse_time)]
    pub(crate) join_time: Duration,

    /// Wrong passwords that an address may try. After that, one every ten seconds is allowed
    #[arg(long, value_name = "N", default_value = "5")]
    pub(crate) failed_joins: NonZeroU32,

    /// Disconnect a member after this time without a message from it
    #[arg(long, value_name = "TIME", default_value = "90s", value_parser = parse_time)]
    pub(crate) silence: Duration,

    /// Size of the output queue of each member in KiB. A member whose queue is full is
    /// disconnected
    #[arg(long, value_name = "KIB", default_value = "4096",
          value_parser = clap::value_parser!(u32).range(MIN_QUEUE_KIB..=1_048_576))]
    pub(crate) queue_kib: u32,

    /// Messages per second that a member may send, with bursts of up to a minute's worth. The
    /// server reads more slowly from a faster member; no message is lost
    #[arg(long, value_name = "N", default_value = "64")]
    pub(crate) messages_per_second: NonZeroU32,

    /// KiB per second that a member may send, with bursts of up to four seconds' worth
    #[arg(long, value_name = "KIB", default_value = "512",
          value_parser = clap::value_parser!(u32).range(1..=1_048_576))]
    pub(crate) kib_per_second: u32,
}

/// The queue has to hold the roster of a full room and a few of the largest messages.
const MIN_QUEUE_KIB: i64 = 512;

impl Options {
    /// The addresses to listen on.
    pub(crate) fn addresses(&self) -> impl Iterator<Item = SocketAddr> {
        let ports = self.ports.0.iter();
        ports.map(|port| SocketAddr::new(self.ip, *port))
    }

    pub(crate) fn room(&self) -> RoomConfig {
        RoomConfig {
            max_members: self.max_members as usize,
            kick_votes: self.kick_votes,
            kick_ban: self.kick_ban,
            kick_decision: self.kick,
        }
    }

    pub(crate) fn rate_limit(&self) -> RateLimitConfig {
        RateLimitConfig {
            messages_per_second: self.messages_per_second.get(),
            bytes_per_second: self.kib_per_second * 1_024,
        }
    }
}

/// A list of ports. It is not empty and contains no duplicates except 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ports(Vec<u16>);

fn parse_ports(text: &str) -> Result<Ports, String> {
    let mut ports = Vec::new();
    for entry in text.split(',') {
        let port = entry.trim().parse().map_err(|_| {
            format!("invalid port {entry:?}: expected a number from 0 to 65535, or a list such as 9000,9001")
        })?;
        if port != 0 && ports.contains(&port) {
            return Err(format!("duplicate port {port}"));
        }
        ports.push(port);
    }
    Ok(Ports(ports))
}

/// Parses a duration from 0 to [`MAX_KICK_BAN`].
fn parse_ban(text: &str) -> Result<Duration, String> {
    let time = humantime::parse_duration(text)
        .map_err(|error| format!("{error}; expected a duration such as 60s or 15m"))?;
    if time > MAX_KICK_BAN {
        let days = MAX_KICK_BAN.as_secs() / 86_400;
        return Err(format!("the maximum is {days} days"));
    }
    Ok(time)
}

/// Parses a duration above 0.
fn parse_time(text: &str) -> Result<Duration, String> {
    match parse_ban(text)? {
        Duration::ZERO => Err("the duration must not be zero".to_owned()),
        time => Ok(time),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(arguments: &[&str]) -> Result<Options, clap::Error> {
        let program = ["backroom-server", "127.0.0.1"];
        Options::try_parse_from(program.iter().chain(arguments))
    }

    #[test]
    fn the_command_line_of_the_report_parses() {
        let options = options(&["9012", "lokipass"]).unwrap();
        assert_eq!(options.password.as_deref(), Some("lokipass"));
        let addresses: Vec<SocketAddr> = options.addresses().collect();
        assert_eq!(addresses, ["127.0.0.1:9012".parse().unwrap()]);
    }

    #[test]
    fn several_ports_parse() {
        let ports = parse_ports("9012,9013,0,0").unwrap();
        assert_eq!(ports.0, [9012, 9013, 0, 0]);
    }

    #[test]
    fn malformed_port_lists_are_rejected() {
        for text in ["", "x", "9012,", "65536", "-1", "9012;9013"] {
            let error = parse_ports(text).unwrap_err();
            assert!(error.starts_with("invalid port"), "{error}");
        }
        let error = parse_ports("9012,9012").unwrap_err();
        assert_eq!(error, "duplicate port 9012");
    }

    #[test]
    fn kick_votes_is_at_least_two() {
        assert_eq!(options(&["9012"]).unwrap().kick_votes, 2);
        assert!(options(&["9012", "--kick-votes", "1"]).is_err());
        assert!(options(&["9012", "--kick-votes", "-1"]).is_err());
        assert_eq!(
            options(&["9012", "--kick-votes", "3"]).unwrap().kick_votes,
            3
        );
    }

    #[test]
    fn out_of_range_limits_are_rejected() {
        for arguments in [
            ["--max-members", "0"],
            ["--max-members", "1025"],
            ["--max-joining", "0"],
            ["--queue-kib", "1"],
            ["--join-time", "0s"],
            ["--silence", "90"],
            ["--kick", "nobody"],
            ["--messages-per-second", "0"],
        ] {
            assert!(
                options(&["9012", arguments[0], arguments[1]]).is_err(),
                "{arguments:?}"
            );
        }
    }

    #[test]
    fn durations_need_a_unit() {
        assert_eq!(parse_time("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(parse_time("15m"), Ok(Duration::from_secs(900)));
        assert_eq!(parse_ban("0s"), Ok(Duration::ZERO));
        for text in ["", "60", "-1s", "0s", "2years", "99999999999999999999s"] {
            assert!(parse_time(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn two_password_sources_are_rejected() {
        let both = options(&["9012", "secret", "--password-file", "f"]);
        let error = both.err().unwrap();
        assert_eq!(error.exit_code(), 2);
    }
}
