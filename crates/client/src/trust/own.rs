//! The identity of this member.

use backroom_protocol::Name;
use backroom_state::{Found, IdentityFileError, Source, file_name, find_identity};

use crate::cli::Options;

/// Loads the identity for a name, or creates it at the first use. Without `--identity`, each name has its own. Two forms of a
/// name that are equal in a room have the same.
pub(crate) fn find(options: &Options, name: &Name) -> Result<Found, IdentityFileError> {
    let in_folder = format!("identities/{}", file_name(&name.fold()));
    let source = match &options.identity {
        _ if options.ephemeral => Source::None,
        Some(path) => Source::File(path),
        None => Source::StateFolder(&in_folder),
    };
    find_identity(source)
}
