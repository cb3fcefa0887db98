//! Joins the room.

fn main() {}
