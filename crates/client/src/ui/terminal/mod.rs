//! The front end for a terminal: a line editor, with the conversation above it and a status line below.
//!
//! The editor has its own thread (see [`crate::input`]) and owns the cursor. All other output goes through its printer,
//! which prints lines above the one being edited, or through the status line, which the editor draws as a hint.

mod completion;
mod editor;
mod screen;
mod shared;

pub(crate) use editor::Editor;
