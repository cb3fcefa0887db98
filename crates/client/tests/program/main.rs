//! The program from outside: a real server, real members, real files, on loopback.

#![cfg(test)]

mod chat;
mod endings;
mod entering;
mod files;
mod harness;
mod multicast;
mod plain;
mod receivers;
mod terminal;
mod trace;
