//! A member of a room, with several front ends.
//!
//! ```text
//! keyboard -> input -> command -> session -> envelope -> room
//!                                 session -> transfers -> UDP
//! screen <--- ui <--- event <---- session <- envelope <- room
//! ```
//!
//! - `input` reads lines, `command` parses them, and `session` executes them.
//! - `roster` resolves names to members. `transfers` sends and receives files; `settings` configures that. `tracer` records
//!   every step of the transfers.
//! - The session reports events, and the front ends in `ui` show them.
//! - `trust` holds the identities: the own one, that of the server, and those of the members.
//! - `entrance` checks the server and asks for the name; `join` connects and joins. `app` connects all parts; `cli` and `password` read the configuration.

mod app;
mod cli;
mod command;
mod entrance;
mod event;
mod input;
mod join;
mod password;
mod paths;
mod roster;
mod session;
mod settings;
mod tracer;
mod transfers;
mod trust;
mod ui;

pub use app::run;
