//! Runs the room.

fn main() {}
