//! How many virtual machines this host can run at once.

use std::fs;
use std::thread;

/// The memory that a machine uses: its system and images, and the containers of a room.
const MACHINE_BYTES: u64 = 3 << 29;

/// How many machines to start for `runs` runs: `requested`, or as many as processors and free memory allow.
pub(super) fn machines(requested: Option<usize>, runs: usize) -> usize {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let free = fs::read_to_string("/proc/meminfo").ok();
    let free = free.and_then(|meminfo| free_bytes(&meminfo));
    choose(requested, cores, free, runs)
}

/// Each machine uses one core. Unknown memory is no limit.
fn choose(requested: Option<usize>, cores: usize, free_bytes: Option<u64>, runs: usize) -> usize {
    let by_memory = free_bytes.map_or(usize::MAX, |bytes| {
        usize::try_from(bytes / MACHINE_BYTES).unwrap_or(usize::MAX)
    });
    requested.unwrap_or(cores.min(by_memory)).min(runs).max(1)
}

/// The memory that programs can use without swapping, proc_meminfo(5).
fn free_bytes(meminfo: &str) -> Option<u64> {
    let available = meminfo
        .lines()
        .find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kib: u64 = available.split_whitespace().next()?.parse().ok()?;
    Some(kib * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn machines_are_bounded_by_cores_memory_and_runs() {
        const GIB: u64 = 1 << 30;
        for (requested, cores, free, runs, expected) in [
            (None, 4, Some(32 * GIB), 100, 4),
            (None, 4, Some(4 * GIB), 100, 2),
            (None, 4, Some(GIB / 2), 100, 1),
            (None, 4, None, 100, 4),
            (None, 64, Some(64 * GIB), 3, 3),
            (Some(6), 4, Some(2 * GIB), 100, 6),
            (Some(6), 4, Some(2 * GIB), 2, 2),
            (None, 4, None, 0, 1),
        ] {
            let chosen = choose(requested, cores, free, runs);
            assert_eq!(
                chosen, expected,
                "{requested:?}, {cores} cores, {free:?} free, {runs} runs"
            );
        }
    }

    #[test]
    fn free_memory_is_read_from_the_kernel() {
        let meminfo =
            "MemTotal:       8000000 kB\nMemFree:         100 kB\nMemAvailable:    2000 kB\n";
        assert_eq!(free_bytes(meminfo), Some(2_048_000));
        assert_eq!(free_bytes("MemTotal: 1 kB"), None);
    }
}
