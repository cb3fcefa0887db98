//! A member of a room, with several front ends.
//!
//! ```text
//! keyboard -> input -> command -> session -> envelope -> room
//!                                 session -> transfers -> UDP
//! screen <--- ui <--- event <---- session <- envelope <- room
//! ```
//!
//! - [`input`] reads lines, [`command`] parses them, and [`session`] executes them.
//! - [`roster`] resolves names to members. [`transfers`] sends and receives files; [`settings`] configures
//!   that. [`tracer`] records every step of the transfers.
//! - [`event`] defines what the session reports, and the front ends in [`ui`] show it.
//! - [`join`] connects and joins. [`app`] connects all parts; [`cli`] and [`password`] read the configuration.

pub mod app;
pub mod cli;
pub mod command;
pub mod event;
pub mod input;
pub mod join;
pub mod password;
pub mod paths;
pub mod roster;
pub mod session;
pub mod settings;
pub mod tracer;
pub mod transfers;
pub mod ui;
