//! Where programs write: standard output and error, and folders of results. The lab and the benchmarks use it.
//!
//! Two rules hold for all of them. A closed or full standard error ends no program, and a program overwrites no file that
//! it did not write.
//!
//! - [`note`], [`print()`], [`print_paths`], [`parse`]: standard output and error.
//! - [`Destination`]: a new folder for results, or one that takes the place of published results when it is complete.
//!   [`new_folder`] and [`empty_folder`]: a folder for other files.
//! - [`Replacement`]: a set of files that take the place of older ones together.

mod destination;
mod folder;
mod publish;
mod replacement;
mod terminal;

pub use destination::{Destination, OutputArgs, Place};
pub use folder::{FolderError, empty_folder, new_folder, numbered_folders};
pub use publish::PublishError;
pub use replacement::{Replacement, ReplacementError, ResultFiles};
pub use terminal::{note, parse, print, print_paths};
