//! Go-Back-N, sans-IO: the sender and the receiver as state machines over sequence numbers and time.
