//! What the lab reads of a client's JSON output; the client's own documentation says what there is.

use serde::{Deserialize, Deserializer};

/// One line of `--output json`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub(super) enum Event {
    /// This member is in the room.
    Joined {},
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
    /// A file is offered to its receivers.
    Sending {
        /// The client's number for the transfer.
        id: u64,
    },
    /// A transfer came to its end.
    Sent(Box<Sent>),
    /// Something that was asked for can't be.
    Error {
        /// Why.
        message: String,
    },
    /// Anything else.
    #[serde(other)]
    Other,
}

/// The sender's account of a transfer.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub(super) struct Sent {
    pub(super) id: u64,
    pub(super) seconds: f64,
    /// A number of segments, or `auto`.
    #[serde(deserialize_with = "number_or_word")]
    pub(super) window: String,
    /// Of the file, for one receiver.
    pub(super) segments: u64,
    /// Over all streams, as the counts that follow.
    pub(super) segments_sent: u64,
    pub(super) segments_retransmitted: u64,
    pub(super) segments_copied: u64,
    pub(super) timeouts: u64,
    pub(super) go_backs: u64,
    pub(super) min_rtt_ms: Option<f64>,
    pub(super) segment_delay_ms: Option<SegmentDelay>,
    pub(super) delivery: String,
    pub(super) recovery: String,
    pub(super) copies: u8,
    pub(super) segment_bytes: u16,
    pub(super) receivers: Vec<ReceiverResult>,
}

/// How long segments took to be acknowledged, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
pub(super) struct SegmentDelay {
    pub(super) min: f64,
    pub(super) p50: f64,
    pub(super) p90: f64,
    pub(super) p99: f64,
    pub(super) max: f64,
}

/// How it went for one receiver.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub(super) struct ReceiverResult {
    pub(super) name: String,
    pub(super) ok: bool,
    pub(super) error: Option<String>,
}

fn number_or_word<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum NumberOrWord {
        Number(u64),
        Word(String),
    }
    Ok(match NumberOrWord::deserialize(deserializer)? {
        NumberOrWord::Number(number) => number.to_string(),
        NumberOrWord::Word(word) => word,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_events_that_matter_are_read_and_the_others_are_no_error() {
        let event: Event =
            serde_json::from_str(r#"{"event":"joined","name":"a","members":["a"],"x":1}"#).unwrap();
        assert_eq!(event, Event::Joined {});
        let event: Event =
            serde_json::from_str(r#"{"event":"vote","target":"a","votes":1,"needed":2}"#).unwrap();
        assert_eq!(event, Event::Other);
        let sent = r#"{"event":"sent","id":3,"cast":"unicast","file":"a","bytes":1,"seconds":0.5,"goodput_mbps":0.1,
            "window":128,"segments":1,"segments_sent":2,"segments_retransmitted":1,"segments_copied":0,"timeouts":1,"go_backs":1,"srtt_ms":1.5,
            "min_rtt_ms":null,"segment_delay_ms":{"min":1.0,"p50":2.0,"p90":3.0,"p99":4.0,"max":5.5},"delivery":"parallel","recovery":"fast","copies":1,"segment_bytes":1200,
            "receivers":[{"name":"bob","ok":false,"seconds":null,"error":"left"}]}"#;
        let Event::Sent(sent) = serde_json::from_str(sent).unwrap() else {
            panic!("not what was sent")
        };
        assert_eq!((sent.id, sent.segments_sent, sent.min_rtt_ms), (3, 2, None));
        assert_eq!(sent.window, "128");
        assert_eq!(sent.segment_delay_ms.map(|delay| delay.max), Some(5.5));
        assert_eq!(sent.receivers[0].error.as_deref(), Some("left"));
    }
}
