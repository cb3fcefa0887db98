//! Tests of the program: a real server, real clients and real files over loopback.

#![cfg(test)]

mod chat;
mod endings;
mod entering;
mod fidelity;
mod files;
mod harness;
mod multicast;
mod plain;
mod receivers;
mod terminal;
mod trace;
