//! Tests of the program: a real server, real clients and real files over loopback.

#![cfg(test)]

mod chat;
mod endings;
mod entering;
mod exit_status;
mod files;
mod harness;
mod many;
mod multicast;
mod output;
mod plain;
mod receivers;
mod terminal;
mod trace;
