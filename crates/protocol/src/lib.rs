//! What travels: handshake, room messages, envelopes, record and segment encryption. Sans-IO.
