//! What the programs keep between runs, in the state folder: identities, and the identities of others that they have seen.
//!
//! - [`folder`] is the place. [`find_identity`] loads or creates the identity of a program.
//! - [`KnownKeys`] remembers which identity a server or a member had.

mod folder;
mod identity_file;
mod known_keys;

pub use folder::{file_name, folder};
pub use identity_file::{Found, IdentityFileError, Source, find_identity};
pub use known_keys::{KnownKeys, KnownKeysError, append, digits, line};
