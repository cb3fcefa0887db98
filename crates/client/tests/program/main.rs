//! Tests of the program: a real server, real clients and real files over loopback.

#![cfg(test)]

mod chat;
mod endings;
mod entering;
mod exit_status;
mod fidelity;
mod files;
mod harness;
mod identities;
mod lying_server;
mod many;
mod multicast;
mod network;
mod networks;
mod output;
mod plain;
mod progress;
mod receivers;
mod terminal;
mod trace;
