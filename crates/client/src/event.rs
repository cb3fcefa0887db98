//! What a member notices, as one type that every front end shows in its own way.
//!
//! Serialised it is the JSON output: one object, `event` first. Texts and names come from others: control characters
//! are already out of them, so that no front end can be made to drive a terminal.

use std::path::{Path, PathBuf};

use backroom_gbn::{Copies, WindowSetting};
use backroom_protocol::{Cast, strip_terminal_controls};
use serde::{Serialize, Serializer};

use crate::settings::Settings;

/// Something to show.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// The password was right; the room does not know a name yet.
    Authenticated,
    /// A name is wanted: the next line of input is taken as one.
    NameWanted,
    /// In the room.
    Joined {
        /// The own name.
        name: String,
        /// The names of all in the room, the own among them.
        members: Vec<String>,
        /// What of the own key others can compare aloud.
        fingerprint: String,
    },
    /// Another came in.
    MemberJoined {
        /// Who.
        name: String,
    },
    /// Another left.
    MemberLeft {
        /// Who.
        name: String,
    },
    /// Who is in the room.
    Users {
        /// All of them, the own name among them.
        users: Vec<User>,
    },
    /// Somebody said something.
    Message {
        /// Who.
        from: String,
        /// To whom, as the sender chose.
        #[serde(serialize_with = "display")]
        cast: Cast,
        /// What.
        text: String,
    },
    /// A file begins to arrive.
    Receiving {
        /// This client's number for the transfer.
        id: u64,
        /// Who sends it.
        from: String,
        /// Its name, as the sender gave it.
        file: String,
        /// Its size.
        bytes: u64,
        /// The name that it will get, unless that is taken before it is complete.
        #[serde(serialize_with = "display_path")]
        path: PathBuf,
    },
    /// A file arrived whole, and its hash is right.
    Received {
        /// As in `receiving`.
        id: u64,
        /// As in `receiving`.
        from: String,
        /// As in `receiving`.
        file: String,
        /// The name that it got.
        #[serde(serialize_with = "display_path")]
        path: PathBuf,
        /// Its size.
        bytes: u64,
        /// From the first segment to the last.
        seconds: f64,
        /// `bytes` in bits / `seconds` / 10^6.
        goodput_mbps: f64,
    },
    /// A file did not arrive, or was not accepted. Nothing of it is left.
    Failed {
        /// This client's number for the transfer.
        id: u64,
        /// Who sent it.
        from: String,
        /// Its name.
        file: String,
        /// Why.
        error: String,
    },
    /// A file is offered to its receivers.
    Sending {
        /// This client's number for the transfer.
        id: u64,
        /// To whom.
        #[serde(serialize_with = "display")]
        cast: Cast,
        /// Its name.
        file: String,
        /// Its size.
        bytes: u64,
        /// The names of the receivers.
        receivers: Vec<String>,
    },
    /// A file was sent, as far as it goes: `receivers` says to whom it arrived.
    Sent(Box<Sent>),
    /// The transfers under way.
    Transfers {
        /// Oldest first.
        transfers: Vec<Transfer>,
    },
    /// How the next files are sent.
    Settings(Settings),
    /// A vote to put somebody out.
    Vote {
        /// Who may have to go.
        target: String,
        /// How many want it.
        votes: u32,
        /// How many it takes.
        needed: u32,
    },
    /// Somebody was put out, perhaps this member.
    Kicked {
        /// Who.
        name: String,
    },
    /// The menu.
    Help {
        /// In lines.
        text: String,
    },
    /// The input has ended, and files are still under way: they are waited for.
    Waiting {
        /// How many.
        transfers: usize,
    },
    /// Something that was asked for can't be, or something went wrong.
    Error {
        /// What, and what to do.
        message: String,
    },
}

/// A member in the list of users.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct User {
    /// The name.
    pub name: String,
    /// The address that the room sees.
    pub address: String,
    /// What of the key can be compared aloud.
    pub fingerprint: String,
}

/// The account of a file sent. Counts are sums over all streams; what goes to a group counts once.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Sent {
    /// As in `sending`.
    pub id: u64,
    /// As in `sending`.
    #[serde(serialize_with = "display")]
    pub cast: Cast,
    /// As in `sending`.
    pub file: String,
    /// As in `sending`.
    pub bytes: u64,
    /// From the first segment of the first stream to the last ACK of the last one.
    pub seconds: f64,
    /// `bytes` in bits / the seconds of the slowest receiver that got the file / 10^6; 0 where none did.
    pub goodput_mbps: f64,
    /// N of Go-Back-N, in segments, or `auto`.
    #[serde(serialize_with = "crate::settings::window")]
    pub window: WindowSetting,
    /// Segments of the file: what one receiver needs.
    pub segments: u64,
    /// Segments put on the wire, again or not, over all streams.
    pub segments_sent: u64,
    /// Of these, the ones that had been sent before.
    pub segments_retransmitted: u64,
    /// And the additional copies, of new segments and of those sent again.
    pub segments_copied: u64,
    /// Retransmission timers that ran out, over all streams.
    pub timeouts: u64,
    /// Times that a stream went back, over all streams.
    pub go_backs: u64,
    /// Smoothed round-trip time at the end (RFC 6298), the mean over the streams that measured one.
    pub srtt_ms: Option<f64>,
    /// Least round-trip time of any stream.
    pub min_rtt_ms: Option<f64>,
    /// How long segments took to be acknowledged, over all streams; absent where none was.
    pub segment_delay_ms: Option<SegmentDelay>,
    /// As it turned out: `ip-multicast`, `parallel` or `sequential`; `mixed` where some were served by a group and others,
    /// or the same, alone.
    pub delivery: String,
    /// `timeout` or `fast`.
    pub recovery: String,
    /// How often each segment was put on the wire.
    #[serde(serialize_with = "crate::settings::copies")]
    pub copies: Copies,
    /// Payload of a segment.
    pub segment_bytes: u16,
    /// Each receiver's own result, in the order of `sending`.
    pub receivers: Vec<ReceiverResult>,
}

/// From a segment's first transmission to the ACK that covers it, in a group the last receiver's: to three significant
/// figures, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct SegmentDelay {
    /// The shortest.
    pub min: f64,
    /// The median.
    pub p50: f64,
    /// The 90th percentile.
    pub p90: f64,
    /// The 99th percentile.
    pub p99: f64,
    /// The longest.
    pub max: f64,
}

/// How it went for one receiver.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ReceiverResult {
    /// Who.
    pub name: String,
    /// Whether the file is there, whole, under its name.
    pub ok: bool,
    /// From the first segment to the last ACK; absent where no segment was sent.
    pub seconds: Option<f64>,
    /// By what the segments went: `unicast`, `ip-multicast`, or `moved` from one to the other; absent where none were sent.
    pub delivery: Option<&'static str>,
    /// Why not, where `ok` is false.
    pub error: Option<String>,
}

/// A transfer under way.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Transfer {
    /// This client's number for it.
    pub id: u64,
    /// Whether it goes out or comes in.
    pub direction: Direction,
    /// The name of the file.
    pub file: String,
    /// Its size.
    pub bytes: u64,
    /// The other sides.
    pub peers: Vec<Peer>,
}

/// The other side of a transfer under way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Peer {
    /// Who.
    pub name: String,
    /// How much of the file is known to be at the receiver.
    pub bytes_done: u64,
}

/// Which way a file goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// To others.
    Out,
    /// To this member.
    In,
}

impl Event {
    /// An [`Event::Error`].
    pub fn error(message: impl Into<String>) -> Self {
        Self::Error {
            message: strip_terminal_controls(&message.into()).into_owned(),
        }
    }
}

fn display<S: Serializer>(
    value: &impl std::fmt::Display,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_str(value)
}

/// A path that is not UTF-8 is shown as well as it can be.
fn display_path<S: Serializer>(path: &Path, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&path.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(event: &Event) -> String {
        serde_json::to_string(event).unwrap()
    }

    #[test]
    fn the_kind_of_event_comes_first_and_in_snake_case() {
        let event = Event::MemberJoined { name: "bob".into() };
        assert_eq!(json(&event), r#"{"event":"member_joined","name":"bob"}"#);
        let event = Event::Message {
            from: "bob".into(),
            cast: Cast::Blockcast,
            text: "a\nb".into(),
        };
        assert_eq!(
            json(&event),
            r#"{"event":"message","from":"bob","cast":"blockcast","text":"a\nb"}"#
        );
    }

    #[test]
    fn what_was_sent_is_one_flat_object() {
        let sent = Sent {
            id: 3,
            cast: Cast::Unicast,
            file: "a".into(),
            bytes: 1,
            seconds: 0.5,
            goodput_mbps: 0.000_016,
            window: "128".parse().unwrap(),
            segments: 1,
            segments_sent: 2,
            segments_retransmitted: 1,
            segments_copied: 0,
            timeouts: 1,
            go_backs: 1,
            srtt_ms: Some(1.5),
            min_rtt_ms: None,
            segment_delay_ms: None,
            delivery: "parallel".into(),
            recovery: "fast".into(),
            copies: Copies::ONE,
            segment_bytes: 1200,
            receivers: vec![ReceiverResult {
                name: "bob".into(),
                ok: true,
                seconds: Some(0.5),
                delivery: Some("unicast"),
                error: None,
            }],
        };
        let json = json(&Event::Sent(Box::new(sent)));
        assert!(json.starts_with(
            r#"{"event":"sent","id":3,"cast":"unicast","file":"a","bytes":1,"seconds":0.5,"#
        ));
        assert!(
            json.ends_with(r#""receivers":[{"name":"bob","ok":true,"seconds":0.5,"delivery":"unicast","error":null}]}"#)
        );
    }
}
