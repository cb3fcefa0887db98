//! What a program shares with its machine and with the programs beside it.
//!
//! - [`LineQueue`]: output from a thread of its own. An output that is closed, full or not read neither ends nor blocks the
//!   program. [`LineWriter`]: output that may fail for a while.
//! - [`log`]: the log, on standard error.
//! - [`stream`]: reading and writing standard streams that other programs also use.
//! - [`signals`]: signals that would stop or end a program because of its terminal or a full disk.
//! - [`open_files`]: the limit of open files.

mod line_queue;
mod line_writer;

pub mod log;
pub mod open_files;
pub mod signals;
pub mod stream;

pub use line_queue::LineQueue;
pub use line_writer::LineWriter;
