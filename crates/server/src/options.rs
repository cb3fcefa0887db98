//! The command line: what `backroom-server` can be told.

use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use backroom_protocol::room::MAX_MEMBERS;
use clap::{Parser, ValueEnum};
use thiserror::Error;

use crate::admission::AdmissionConfig;
use crate::pace::PaceConfig;
use crate::room::{KickDecision, MAX_KICK_BAN, MIN_KICK_VOTES, RoomConfig};
use crate::server::ServerConfig;
use crate::session::SessionConfig;

/// A chat room whose server relays what it cannot read.
///
/// Prints who comes and goes. On standard input it takes the operator's commands; `help` lists
/// them.
// No `Debug`: it would show the password.
#[derive(Parser)]
#[command(version, max_term_width = 100)]
pub struct Options {
    /// The address to listen on
    pub ip: IpAddr,

    /// The TCP ports to listen on; one room is behind all of them. With 0 the system chooses one
    #[arg(value_name = "PORT[,PORT...]")]
    pub ports: Ports,

    /// The room's password. Here everybody on this machine can see it in the process list: better
    /// set BACKROOM_PASSWORD, use --password-file, or leave it out and be asked
    pub password: Option<String>,

    /// Take the password from the first line of this file
    #[arg(long, value_name = "FILE", conflicts_with = "password")]
    pub password_file: Option<PathBuf>,

    /// Votes that put a member out, one of each session. Who has the password can open several
    /// sessions: where that matters, ask for more votes or use --kick console
    #[arg(long, value_name = "N", default_value_t = MIN_KICK_VOTES,
          value_parser = clap::value_parser!(u32).range(i64::from(MIN_KICK_VOTES)..))]
    pub kick_votes: u32,

    /// How long a member is kept out who was put out: by its name, and by its address unless that
    /// is shared or loopback
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = parse_ban)]
    pub kick_ban: Duration,

    /// Who takes the last step when the votes suffice
    #[arg(long, value_enum, value_name = "WHO", default_value_t = Kick::Votes)]
    pub kick: Kick,

    /// Members in the room at the same time
    #[arg(long, value_name = "N", default_value_t = MAX_MEMBERS as u32,
          value_parser = clap::value_parser!(u32).range(1..=MAX_MEMBERS as i64))]
    pub max_members: u32,

    /// Joins under way at the same time. More wait their turn; an address may have a quarter of
    /// them (loopback all), and is turned away beyond that
    #[arg(long, value_name = "N", default_value = "256")]
    pub max_joining: NonZeroU32,

    /// How long a join may take
    #[arg(long, value_name = "TIME", default_value = "20s", value_parser = parse_time)]
    pub join_time: Duration,

    /// Wrong passwords an address may try in a row; then one each ten seconds
    #[arg(long, value_name = "N", default_value = "5")]
    pub failed_joins: NonZeroU32,

    /// A member of which nothing is heard for so long is taken for lost
    #[arg(long, value_name = "TIME", default_value = "90s", value_parser = parse_time)]
    pub silence: Duration,

    /// What may wait to be written to one member, in KiB; one that lets more pile up is
    /// disconnected
    #[arg(long, value_name = "KIB", default_value = "4096",
          value_parser = clap::value_parser!(u32).range(MIN_QUEUE_KIB..=1_048_576))]
    pub queue_kib: u32,

    /// Messages a second that the room takes from one member in the long run; a minute's worth at
    /// once. Who sends faster is read more slowly, and nothing is lost
    #[arg(long, value_name = "N", default_value = "64")]
    pub messages_per_second: NonZeroU32,

    /// KiB a second that the room takes from one member in the long run; four seconds' worth at
    /// once
    #[arg(long, value_name = "KIB", default_value = "512",
          value_parser = clap::value_parser!(u32).range(1..=1_048_576))]
    pub kib_per_second: u32,
}

/// A queue that holds a full room's roster and a few of the largest messages.
const MIN_QUEUE_KIB: i64 = 512;

/// Who takes the last step when the votes suffice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Kick {
    /// The votes themselves
    Votes,
    /// The operator, with `kick NAME` at the console
    Console,
}

impl Options {
    /// What the server is to do.
    pub fn config(&self) -> ServerConfig {
        let kick_decision = match self.kick {
            Kick::Votes => KickDecision::Votes,
            Kick::Console => KickDecision::Console,
        };
        ServerConfig {
            addresses: self.ports.addresses(self.ip),
            room: RoomConfig {
                max_members: self.max_members as usize,
                kick_votes: self.kick_votes,
                kick_ban: self.kick_ban,
                kick_decision,
            },
            admission: AdmissionConfig {
                max_joining: self.max_joining.get() as usize,
                failed_joins: self.failed_joins.get(),
            },
            session: SessionConfig {
                join_time: self.join_time,
                silence: self.silence,
                queue_bytes: self.queue_kib as usize * 1_024,
                pace: PaceConfig {
                    messages_per_second: self.messages_per_second.get(),
                    bytes_per_second: self.kib_per_second * 1_024,
                },
            },
        }
    }
}

/// The ports to listen on: at least one, and none twice but 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ports(Vec<u16>);

/// Why something is no list of ports.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum PortsError {
    /// An entry is no port.
    #[error(
        "{0:?} is not a port; a port is a number from 0 to 65535, several are written 9000,9001"
    )]
    NotAPort(String),
    /// The same port twice.
    #[error("port {0} is given twice")]
    Twice(u16),
}

impl Ports {
    fn addresses(&self, ip: IpAddr) -> Vec<SocketAddr> {
        self.0
            .iter()
            .map(|port| SocketAddr::new(ip, *port))
            .collect()
    }
}

impl FromStr for Ports {
    type Err = PortsError;

    fn from_str(text: &str) -> Result<Self, PortsError> {
        let mut ports = Vec::new();
        for entry in text.split(',') {
            let port = entry
                .trim()
                .parse()
                .map_err(|_| PortsError::NotAPort(entry.to_owned()))?;
            if port != 0 && ports.contains(&port) {
                return Err(PortsError::Twice(port));
            }
            ports.push(port);
        }
        Ok(Self(ports))
    }
}

/// A time such as `60s`, from nothing to [`MAX_KICK_BAN`].
fn parse_ban(text: &str) -> Result<Duration, String> {
    let time = humantime::parse_duration(text)
        .map_err(|error| format!("{error}; write it like 60s or 15m"))?;
    if time > MAX_KICK_BAN {
        let days = MAX_KICK_BAN.as_secs() / 86_400;
        return Err(format!("it can't be longer than {days} days"));
    }
    Ok(time)
}

/// A time like that, but more than nothing.
fn parse_time(text: &str) -> Result<Duration, String> {
    match parse_ban(text)? {
        Duration::ZERO => Err("it must be more than nothing".to_owned()),
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
    fn the_reports_form_is_understood() {
        let options = options(&["9012", "lokipass"]).unwrap();
        assert_eq!(options.password.as_deref(), Some("lokipass"));
        assert_eq!(
            options.config().addresses,
            ["127.0.0.1:9012".parse().unwrap()]
        );
    }

    #[test]
    fn several_ports_are_listened_on() {
        let config = options(&["9012,9013,0,0"]).unwrap().config();
        let ports: Vec<u16> = config.addresses.iter().map(SocketAddr::port).collect();
        assert_eq!(ports, [9012, 9013, 0, 0]);
    }

    #[test]
    fn what_is_no_list_of_ports_is_an_error() {
        for text in ["", "x", "9012,", "65536", "-1", "9012;9013"] {
            assert!(
                matches!(text.parse::<Ports>(), Err(PortsError::NotAPort(_))),
                "{text:?}"
            );
        }
        assert_eq!("9012,9012".parse::<Ports>(), Err(PortsError::Twice(9012)));
    }

    #[test]
    fn no_fewer_than_two_votes_can_be_asked_for() {
        assert_eq!(options(&["9012"]).unwrap().kick_votes, 2);
        assert!(options(&["9012", "--kick-votes", "1"]).is_err());
        assert!(options(&["9012", "--kick-votes", "-1"]).is_err());
        assert_eq!(
            options(&["9012", "--kick-votes", "3"]).unwrap().kick_votes,
            3
        );
    }

    #[test]
    fn limits_out_of_range_are_errors() {
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
    fn times_are_written_with_their_unit() {
        assert_eq!(parse_time("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(parse_time("15m"), Ok(Duration::from_secs(900)));
        assert_eq!(parse_ban("0s"), Ok(Duration::ZERO));
        for text in ["", "60", "-1s", "0s", "2years", "99999999999999999999s"] {
            assert!(parse_time(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn the_password_comes_from_one_place() {
        let both = options(&["9012", "secret", "--password-file", "f"]);
        let error = both.err().unwrap();
        assert_eq!(error.exit_code(), 2);
    }
}
