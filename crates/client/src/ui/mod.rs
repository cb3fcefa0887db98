//! Front ends, which show events. The session does not depend on them.

mod front_end;
mod json;
mod plain;
mod progress;
mod terminal;
mod text;

pub use front_end::{FrontEnd, show_all};
pub use json::Json;
pub use plain::Plain;
pub use terminal::{Editor, Terminal};
