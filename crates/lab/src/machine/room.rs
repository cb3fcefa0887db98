//! The room that is open in a machine when it is saved, so that a sweep does not wait for it.

use super::protocol::Opening;
use super::worker::SOCKET;
use crate::docker::RoomSize;
use crate::plan::{Plan, command::quoted};
use crate::runner::{RunnerOptions, Shaper};
use crate::scenario::Scenario;

/// The shell command that starts a worker with an open room for `plan` and waits until it answers. Plans for the same
/// number of members have the same, unless they have large files.
///
/// # Errors
/// If the room cannot be described, which does not happen with a plan that exists.
pub(super) fn setup(
    plan: &Plan,
    options: &RunnerOptions,
    shaper: Shaper,
) -> anyhow::Result<String> {
    let room = Plan::new(&scenario(RoomSize::of(plan))?)?;
    let opening = serde_json::to_string(&Opening::new(&room, options, shaper))?;
    Ok(format!(
        "backroom-lab worker --room {} >/run/worker.log 2>&1 & \
         until [ -S {SOCKET} ]; do kill -0 $! || {{ cat /run/worker.log; exit 1; }}; sleep 0.2; done",
        quoted(&opening)
    ))
}

/// A scenario of one cell that needs a room of `size`, or one for a larger file.
fn scenario(size: RoomSize) -> anyhow::Result<Scenario> {
    let receivers = size.members.saturating_sub(1).max(1);
    let mib = size.file_bytes.div_ceil(1 << 20).next_power_of_two();
    let text = format!(
        "title = 'A room'\nrepetitions = 1\n[axes]\ncast = 'broadcast'\nreceivers = {receivers}\nfile = '{mib}MiB'"
    );
    Ok(Scenario::parse("room", &text)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::docker::DEFAULT_IMAGE;

    fn plan(axes: &str) -> Plan {
        let text = format!("title = 'x'\nrepetitions = 1\n[axes]\n{axes}");
        Plan::new(&Scenario::parse("it's mine", &text).unwrap()).unwrap()
    }

    #[test]
    fn the_room_holds_the_plan() {
        for axes in [
            "cast = ['unicast', 'multicast']\nreceivers = [1, 32]\nfile = '3MiB'",
            "file = '0B'",
            "file = '64KiB'\ncast = 'blockcast'",
        ] {
            let size = RoomSize::of(&plan(axes));
            let room = Plan::new(&scenario(size).unwrap()).unwrap();
            assert!(RoomSize::of(&room).holds(size), "{axes}");
        }
    }

    #[test]
    fn plans_for_the_same_members_share_a_room() {
        let setup = |axes| {
            setup(
                &plan(axes),
                &RunnerOptions::new(DEFAULT_IMAGE),
                Shaper::Netem,
            )
        };
        let same = setup("window = [1, 2]\nfile = '64KiB'").unwrap();
        assert_eq!(setup("window = 100\nfile = '512KiB'").unwrap(), same);
        assert_ne!(setup("receivers = 3\ncast = 'broadcast'").unwrap(), same);
        assert_ne!(setup("file = '2MiB'").unwrap(), same);
    }
}
