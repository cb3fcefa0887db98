//! Tests of the program: a real server, real clients and real files over loopback.

#![cfg(test)]

mod chat;
mod endings;
mod entering;
mod files;
mod harness;
mod identities;
mod lying_server;
mod multicast;
mod network;
mod networks;
mod plain;
mod progress;
mod receivers;
mod terminal;
mod trace;
