//! What Go-Back-N does, in virtual time: by hand, and over simulated links.

mod acks;
mod flow_control;
mod go_back;
mod group;
mod harness;
mod properties;
mod rounds;
mod throughput;
mod timer;
