//! The members of the room, and how each is announced to the others.

use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, SocketAddr};

use backroom_protocol::room::{MemberId, MemberInfo};
use backroom_protocol::{Credential, Features, IdentityKey, Name, PublicKey};

/// A member, or a client that has proved the password and asks to become one.
#[derive(Clone, Debug)]
pub(crate) struct Member {
    pub(crate) name: Name,
    pub(crate) public_key: PublicKey,
    pub(crate) features: Features,
    /// The identity, which the session has checked.
    pub(crate) credential: Option<Credential>,
    /// The source address of the connection.
    pub(crate) peer: SocketAddr,
    /// The server's own address on that connection.
    pub(crate) local: IpAddr,
}

impl Member {
    pub(crate) fn identity(&self) -> Option<IdentityKey> {
        Some(self.credential.as_ref()?.identity)
    }
}

/// The members, by id and by folded name.
#[derive(Debug, Default)]
pub(super) struct Roster {
    members: BTreeMap<MemberId, Member>,
    ids_by_name: HashMap<String, MemberId>,
    last_id: u32,
}

impl Roster {
    pub(super) fn members(&self) -> &BTreeMap<MemberId, Member> {
        &self.members
    }

    pub(super) fn get(&self, id: MemberId) -> Option<&Member> {
        self.members.get(&id)
    }

    pub(super) fn find(&self, folded_name: &str) -> Option<MemberId> {
        self.ids_by_name.get(folded_name).copied()
    }

    /// Adds a member with an id that was never used before.
    pub(super) fn insert(&mut self, member: Member) -> MemberId {
        // After 2^32 joins, which take decades, free ids are used again.
        let id = loop {
            self.last_id = self.last_id.wrapping_add(1);
            if !self.members.contains_key(&MemberId(self.last_id)) {
                break MemberId(self.last_id);
            }
        };
        self.ids_by_name.insert(member.name.fold(), id);
        self.members.insert(id, member);
        id
    }

    pub(super) fn remove(&mut self, id: MemberId) -> Option<Member> {
        let member = self.members.remove(&id)?;
        self.ids_by_name.remove(&member.name.fold());
        Some(member)
    }

    /// All members, with their addresses as seen from `viewer`.
    pub(super) fn visible_to(&self, viewer: &Member) -> Vec<MemberInfo> {
        self.members
            .iter()
            .map(|(id, member)| info(*id, member, address_for(member, viewer)))
            .collect()
    }

    /// The announcements of `id` to the others, each with its recipients.
    /// There is usually one. A member on the server's own host has one for each of the host's addresses that others
    /// connected to.
    pub(super) fn announcements(&self, id: MemberId) -> Vec<(MemberInfo, Vec<MemberId>)> {
        let Some(member) = self.get(id) else {
            return Vec::new();
        };
        let mut viewers_by_address = BTreeMap::<SocketAddr, Vec<MemberId>>::new();
        for (viewer_id, viewer) in self.members.iter().filter(|(other, _)| **other != id) {
            let viewers = viewers_by_address.entry(address_for(member, viewer));
            viewers.or_default().push(*viewer_id);
        }
        viewers_by_address
            .into_iter()
            .map(|(address, viewers)| (info(id, member, address), viewers))
            .collect()
    }
}

/// The address at which `viewer` can reach `member`.
/// This is the address that the server sees, with one exception: a member that connected over loopback is on the server's
/// host, and others reach that host at the address to which they connected.
fn address_for(member: &Member, viewer: &Member) -> SocketAddr {
    if member.peer.ip().is_loopback() && !viewer.peer.ip().is_loopback() {
        SocketAddr::new(viewer.local, member.peer.port())
    } else {
        member.peer
    }
}

fn info(id: MemberId, member: &Member, address: SocketAddr) -> MemberInfo {
    MemberInfo {
        id,
        name: member.name.clone(),
        address,
        public_key: member.public_key,
        features: member.features,
        credential: member.credential.clone(),
    }
}
