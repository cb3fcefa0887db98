//! What a client reports: with `--output json`, one object a line.

use std::path::{Path, PathBuf};

use backroom_gbn::{Copies, Recovery, Timeout, WindowSetting};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize, Serializer};

use crate::account::TransferAccount;
use crate::cast::Cast;
use crate::delivery::DeliverySetting;

/// One event, named by its field `event`, which comes first.
///
/// Texts and names come from other members. The client has removed control characters from them, so that they cannot
/// drive a terminal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// The password was accepted; the room does not have this member's name yet.
    Authenticated,
    /// The next line of input is taken as the member's name.
    NameWanted,
    /// This member is in the room.
    Joined {
        /// This member's name.
        name: String,
        /// The names of all members, this one's included.
        members: Vec<String>,
        /// The fingerprint of this member, for others to compare.
        fingerprint: String,
        /// `known`, or `ephemeral` if this member has no identity.
        identity: IdentityState,
        /// The server.
        server: Server,
    },
    /// Another member joined.
    MemberJoined {
        /// The member's name.
        name: String,
    },
    /// Another member left.
    MemberLeft {
        /// The member's name.
        name: String,
    },
    /// A member has another identity than the one that its name had before: it may be someone else.
    IdentityChanged(IdentityChange),
    /// The identity of a member was accepted with `trust`.
    Trusted {
        /// The member's name.
        name: String,
        /// The fingerprint of the identity.
        fingerprint: String,
    },
    /// The members of the room.
    Users {
        /// All members, this one included.
        users: Vec<User>,
    },
    /// A message arrived.
    Message {
        /// The sender.
        from: String,
        /// How the sender addressed it.
        cast: Cast,
        /// The message.
        text: String,
    },
    /// A file begins to arrive.
    Receiving {
        /// This client's number for the transfer.
        id: u64,
        /// The sender.
        from: String,
        /// The file's name, as the sender gave it.
        file: String,
        /// Size of the file.
        bytes: u64,
        /// Where the file will be, unless that name is taken before it is complete.
        #[serde(serialize_with = "lossy")]
        path: PathBuf,
    },
    /// A file arrived completely, and its hash is right.
    Received {
        /// As in `receiving`.
        id: u64,
        /// As in `receiving`.
        from: String,
        /// As in `receiving`.
        file: String,
        /// Where the file is.
        #[serde(serialize_with = "lossy")]
        path: PathBuf,
        /// Size of the file.
        bytes: u64,
        /// From the first segment to the last.
        seconds: f64,
        /// Size of the file in 10^6 bits, divided by `seconds`.
        goodput_mbps: f64,
    },
    /// A file did not arrive, or was not accepted. No part of it is left.
    Failed {
        /// This client's number for the transfer.
        id: u64,
        /// The sender.
        from: String,
        /// The file's name.
        file: String,
        /// The reason.
        error: String,
    },
    /// A file waits until fewer files are being sent. `sending` follows, with the same number, or an error.
    Queued {
        /// This client's number for the transfer.
        id: u64,
        /// The file's path, as it was given.
        file: String,
        /// The names of the receivers.
        receivers: Vec<String>,
    },
    /// A file is offered to its receivers.
    Sending {
        /// This client's number for the transfer.
        id: u64,
        /// How the file is addressed.
        cast: Cast,
        /// The file's name.
        file: String,
        /// Size of the file.
        bytes: u64,
        /// The names of the receivers.
        receivers: Vec<String>,
    },
    /// A transfer ended. `receivers` tells which of them have the file.
    Sent(Box<TransferAccount>),
    /// The transfers in progress.
    Transfers {
        /// Oldest first.
        transfers: Vec<Transfer>,
    },
    /// How the next files will be sent.
    Settings(Settings),
    /// A vote to remove a member.
    Vote {
        /// The member.
        target: String,
        /// Votes so far.
        votes: u32,
        /// Votes needed.
        needed: u32,
    },
    /// A member, perhaps this one, was removed.
    Kicked {
        /// The member.
        name: String,
    },
    /// The commands.
    Help {
        /// The text, in lines.
        text: String,
    },
    /// The input ended. The client waits for the transfers in progress.
    Waiting {
        /// How many there are.
        transfers: usize,
    },
    /// Something that the user should know. The client continues.
    Warning {
        /// What it is, and what to do about it.
        message: String,
    },
    /// A request cannot be carried out, or something failed.
    Error {
        /// What failed, and what to do about it.
        message: String,
    },
}

/// A member in the list of users.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct User {
    /// The member's name.
    pub name: String,
    /// The member's address, as the room sees it.
    pub address: String,
    /// The fingerprint of the member's identity, or of its key of this session if it has none.
    pub fingerprint: String,
    /// What is known about the identity.
    pub identity: IdentityState,
}

/// A member whose identity is not the known one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct IdentityChange {
    /// The member's name.
    pub name: String,
    /// The fingerprint that the member has now.
    pub fingerprint: String,
    /// Whether the member has no identity any more. Its fingerprint is then that of its key of this session.
    pub ephemeral: bool,
    /// The fingerprint of the known identity.
    pub known_fingerprint: String,
}

/// The server of the room.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Server {
    /// The host and the port that the user gave.
    pub address: String,
    /// The fingerprint of the server's identity.
    pub fingerprint: String,
    /// What is known about the identity.
    pub identity: IdentityState,
}

/// What is known about the identity of a member or a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum IdentityState {
    /// There is none that lasts, so it cannot be recognised later.
    Ephemeral,
    /// It was not seen before.
    New,
    /// It is the same as before.
    Known,
    /// It is another one than before.
    Changed,
}

/// A transfer in progress.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Transfer {
    /// This client's number for the transfer.
    pub id: u64,
    /// Whether the file is sent or received.
    pub direction: Direction,
    /// The file's name.
    pub file: String,
    /// Size of the file.
    pub bytes: u64,
    /// The receivers, or the sender.
    pub peers: Vec<Peer>,
    /// Whether the file waits until fewer files are being sent. Its size is not known then, and `bytes` is 0.
    pub queued: bool,
}

/// The other end of a transfer in progress.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Peer {
    /// The member's name.
    pub name: String,
    /// Bytes of the file that are known to have reached the receiver.
    pub bytes_done: u64,
}

/// The direction of a transfer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// From this member.
    Out,
    /// To this member.
    In,
}

/// How a client sends its next files.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Settings {
    /// The window for each stream, in segments, or `auto`.
    #[serde(with = "crate::setting::window")]
    #[schemars(with = "crate::setting::Window")]
    pub window: WindowSetting,
    /// What makes the sender go back.
    #[serde(with = "crate::setting::Recovery")]
    pub recovery: Recovery,
    /// The retransmission timer: `adaptive`, or a time like `200ms`.
    #[serde(with = "crate::setting::timeout")]
    #[schemars(with = "String")]
    pub timeout: Timeout,
    /// How often each segment is put on the wire.
    #[serde(with = "crate::setting::copies")]
    #[schemars(with = "u8")]
    pub copies: Copies,
    /// How receivers are served.
    pub delivery: DeliverySetting,
    /// Payload of each segment but the last.
    pub segment_bytes: u16,
}

/// Writes a path that is not UTF-8 with replacement characters.
fn lossy<S: Serializer>(path: &Path, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&path.display())
}
