//! The source of the server's identity.

use backroom_protocol::handshake::{Lifetime, ServerIdentity};
use backroom_state::{Source, find_identity};
use tracing::{info, warn};

use crate::options::Options;

/// The file of the identity in the state folder.
const FILE: &str = "server-identity";

/// Loads the identity of the server or creates it, and logs its fingerprint. Without a usable state folder, it ends with this
/// run.
pub(crate) fn find(options: &Options) -> anyhow::Result<ServerIdentity> {
    let source = match &options.identity {
        _ if options.ephemeral => Source::None,
        Some(path) => Source::File(path),
        None => Source::StateFolder(FILE),
    };
    let found = find_identity(source)?;
    if let Some(reason) = found.unusable {
        warn!("the identity ends with this run, because {reason}; use --identity FILE to keep it");
    }
    let identity = match found.identity {
        Some(identity) => ServerIdentity {
            identity,
            lifetime: Lifetime::Lasting,
        },
        None => ServerIdentity::ephemeral()?,
    };
    let fingerprint = identity.identity.key().fingerprint();
    match identity.lifetime {
        Lifetime::Lasting => info!("the server's fingerprint is {fingerprint}"),
        Lifetime::Ephemeral => {
            info!("the server's fingerprint is {fingerprint}, for this run only");
        }
    }
    Ok(identity)
}
