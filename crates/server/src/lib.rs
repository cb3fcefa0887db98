//! The room: a server that relays what it cannot read.
