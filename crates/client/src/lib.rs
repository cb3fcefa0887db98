//! A member of the room: one library, several front ends.
