//! A member of the room: one library, several front ends.
//!
//! ```text
//! keyboard -> input -> command -> session -> envelope -> room
//!                                 session -> transfers -> UDP
//! screen <- front <- event <----- session <- envelope <- room
//! ```
//!
//! - [`input`] reads lines, [`command`] knows their grammar, [`session`] carries them out.
//! - [`roster`] says whom a name means; [`transfers`] are the files under way; [`settings`] say how.
//! - [`tracer`] writes every step of the transfers down, where that is asked for.
//! - [`event`] is what happens, and each [`front`] end shows it in its own way.
//! - [`join`] gets a name into the room; [`app`] puts it all together; [`cli`] and [`password`] are its surroundings.

pub mod app;
pub mod cli;
pub mod command;
pub mod event;
pub mod front;
pub mod input;
pub mod join;
pub mod password;
pub mod paths;
pub mod roster;
pub mod session;
pub mod settings;
pub mod tracer;
pub mod transfers;
