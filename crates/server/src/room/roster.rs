//! Who is in the room, and how each member is introduced to the others.

use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, SocketAddr};

use backroom_protocol::Name;
use backroom_protocol::identity::PublicKey;
use backroom_protocol::room::{MemberId, MemberInfo};

/// Someone who knows the password and asks to be let in.
#[derive(Clone, Debug)]
pub struct Arrival {
    /// The name wanted.
    pub name: Name,
    /// The public half of the session's identity.
    pub public_key: PublicKey,
    /// Where the connection comes from.
    pub peer: SocketAddr,
    /// The server's own address on that connection.
    pub local: IpAddr,
}

/// The members, by id and by folded name.
#[derive(Debug, Default)]
pub(super) struct Roster {
    members: BTreeMap<MemberId, Arrival>,
    ids_by_name: HashMap<String, MemberId>,
    last_id: u32,
}

impl Roster {
    pub(super) fn len(&self) -> usize {
        self.members.len()
    }

    pub(super) fn ids(&self) -> impl Iterator<Item = MemberId> {
        self.members.keys().copied()
    }

    pub(super) fn members(&self) -> impl Iterator<Item = (MemberId, &Arrival)> {
        self.members.iter().map(|(id, member)| (*id, member))
    }

    pub(super) fn get(&self, id: MemberId) -> Option<&Arrival> {
        self.members.get(&id)
    }

    pub(super) fn find(&self, folded_name: &str) -> Option<MemberId> {
        self.ids_by_name.get(folded_name).copied()
    }

    /// Lets somebody in, under an id that nobody had before.
    pub(super) fn insert(&mut self, arrival: Arrival) -> MemberId {
        // 2^32 joins would take decades; should they happen, ids begin again where they are free.
        let id = loop {
            self.last_id = self.last_id.wrapping_add(1);
            if !self.members.contains_key(&MemberId(self.last_id)) {
                break MemberId(self.last_id);
            }
        };
        self.ids_by_name.insert(arrival.name.fold(), id);
        self.members.insert(id, arrival);
        id
    }

    pub(super) fn remove(&mut self, id: MemberId) -> Option<Arrival> {
        let member = self.members.remove(&id)?;
        self.ids_by_name.remove(&member.name.fold());
        Some(member)
    }

    /// Whether another member than `id` comes from the address of `id`.
    pub(super) fn shares_address(&self, id: MemberId) -> bool {
        self.get(id).is_some_and(|member| {
            self.members()
                .any(|(other, o)| other != id && o.peer.ip() == member.peer.ip())
        })
    }

    /// Everyone, as `viewer` is to see them.
    pub(super) fn seen_by(&self, viewer: &Arrival) -> Vec<MemberInfo> {
        self.members()
            .map(|(id, member)| info(id, member, address_for(member, viewer)))
            .collect()
    }

    /// The introductions of `id` to the others: each with those who are to get it.
    ///
    /// Nearly always one; a member on the server's own host has one for each of the host's
    /// addresses through which others came.
    pub(super) fn introductions(&self, id: MemberId) -> Vec<(MemberInfo, Vec<MemberId>)> {
        let Some(newcomer) = self.get(id) else {
            return Vec::new();
        };
        let mut viewers_by_address = BTreeMap::<SocketAddr, Vec<MemberId>>::new();
        for (viewer_id, viewer) in self.members().filter(|(other, _)| *other != id) {
            viewers_by_address
                .entry(address_for(newcomer, viewer))
                .or_default()
                .push(viewer_id);
        }
        viewers_by_address
            .into_iter()
            .map(|(address, viewers)| (info(id, newcomer, address), viewers))
            .collect()
    }
}

/// Where `viewer` finds `member`.
///
/// The address that the server sees, but for one case: who came over loopback is on the server's
/// host, and somebody elsewhere finds that host under the address it connected to.
fn address_for(member: &Arrival, viewer: &Arrival) -> SocketAddr {
    if member.peer.ip().is_loopback() && !viewer.peer.ip().is_loopback() {
        SocketAddr::new(viewer.local, member.peer.port())
    } else {
        member.peer
    }
}

fn info(id: MemberId, member: &Arrival, address: SocketAddr) -> MemberInfo {
    MemberInfo {
        id,
        name: member.name.clone(),
        address,
        public_key: member.public_key,
    }
}
