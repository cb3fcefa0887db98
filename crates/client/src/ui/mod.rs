//! Front ends, which show events. The session does not depend on them.

mod front_end;
mod progress;
mod stream;
mod terminal;
mod text;

pub(crate) use front_end::{FrontEnd, show_all};
pub(crate) use stream::Stream;
pub(crate) use terminal::Editor;
