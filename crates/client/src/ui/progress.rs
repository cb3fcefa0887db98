//! The progress of all transfers in one line.

use std::collections::HashMap;
use std::time::Instant;

use backroom_vocabulary::event::{Direction, Transfer};

const BAR_WIDTH: usize = 16;

/// The weight of a new sample in the moving average of the speed.
const SMOOTHING: f64 = 0.3;

#[derive(Debug, Default)]
pub(super) struct Progress {
    speeds: HashMap<u64, Speed>,
}

#[derive(Debug)]
struct Speed {
    at: Instant,
    bytes: f64,
    bytes_per_second: Option<f64>,
}

impl Progress {
    /// Returns the line for `transfers` at `now`. It is empty without transfers.
    pub(super) fn line(&mut self, now: Instant, transfers: &[Transfer]) -> String {
        self.speeds
            .retain(|id, _| transfers.iter().any(|transfer| transfer.id == *id));
        let parts = transfers.iter().map(|transfer| self.part(now, transfer));
        parts.collect::<Vec<_>>().join("   ")
    }

    fn part(&mut self, now: Instant, transfer: &Transfer) -> String {
        let done = mean_bytes_done(transfer);
        let speed = self.speeds.entry(transfer.id).or_insert(Speed {
            at: now,
            bytes: done,
            bytes_per_second: None,
        });
        speed.update(now, done);
        let share = if transfer.bytes == 0 {
            1.0
        } else {
            (done / transfer.bytes as f64).clamp(0.0, 1.0)
        };
        let filled = (share * BAR_WIDTH as f64) as usize;
        let bar = format!("{}{}", "█".repeat(filled), "░".repeat(BAR_WIDTH - filled));
        let arrow = match transfer.direction {
            Direction::Out => '↑',
            Direction::In => '↓',
        };
        let mut part = format!(
            "{arrow} #{} {} {bar} {:.0} %",
            transfer.id,
            transfer.file,
            (share * 100.0).floor()
        );
        if let Some(bytes_per_second) = speed.bytes_per_second.filter(|&speed| speed > 0.0) {
            let left = time((transfer.bytes as f64 - done).max(0.0) / bytes_per_second);
            part.push_str(&format!(" {}/s {left} left", bytes(bytes_per_second)));
        }
        part
    }
}

impl Speed {
    fn update(&mut self, now: Instant, bytes: f64) {
        let seconds = now.saturating_duration_since(self.at).as_secs_f64();
        if seconds <= 0.0 {
            return;
        }
        let reading = (bytes - self.bytes).max(0.0) / seconds;
        let before = self.bytes_per_second.unwrap_or(reading);
        self.bytes_per_second = Some(before + SMOOTHING * (reading - before));
        (self.at, self.bytes) = (now, bytes);
    }
}

/// The mean over the receivers, so that a sequential delivery grows from 0 to 100 % only once.
fn mean_bytes_done(transfer: &Transfer) -> f64 {
    let done = transfer.peers.iter().map(|peer| peer.bytes_done as f64);
    done.sum::<f64>() / transfer.peers.len().max(1) as f64
}

/// Formats a size in units of 1000.
pub(super) fn bytes(bytes: f64) -> String {
    let units = ["B", "kB", "MB", "GB"];
    let mut value = bytes;
    let mut unit = 0;
    while value >= 999.5 && unit + 1 < units.len() {
        value /= 1000.0;
        unit += 1;
    }
    let decimals = usize::from(unit > 0 && value < 99.95);
    format!("{value:.decimals$} {}", units[unit])
}

/// Formats a duration as seconds, `m:ss` or `h:mm:ss`.
fn time(seconds: f64) -> String {
    let seconds = seconds.ceil().min(359_999.0) as u64;
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, seconds) => format!("{seconds} s"),
        (0, minutes, seconds) => format!("{minutes}:{seconds:02}"),
        (hours, minutes, seconds) => format!("{hours}:{minutes:02}:{seconds:02}"),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use backroom_vocabulary::event::Peer;

    use super::*;

    fn transfer(bytes: u64, done: &[u64]) -> Transfer {
        let peers = done
            .iter()
            .map(|&bytes_done| Peer {
                name: "bob".into(),
                bytes_done,
            })
            .collect();
        Transfer {
            id: 3,
            direction: Direction::Out,
            file: "a.iso".into(),
            bytes,
            peers,
            queued: false,
        }
    }

    #[test]
    fn the_progress_line_shows_share_speed_and_time_left() {
        let mut progress = Progress::default();
        let start = Instant::now();
        let line = progress.line(start, &[transfer(4_000_000, &[0, 0])]);
        assert_eq!(line, "↑ #3 a.iso ░░░░░░░░░░░░░░░░ 0 %");
        let line = progress.line(
            start + Duration::from_secs(1),
            &[transfer(4_000_000, &[2_000_000, 0])],
        );
        assert_eq!(line, "↑ #3 a.iso ████░░░░░░░░░░░░ 25 % 1.0 MB/s 3 s left");
        assert_eq!(progress.line(start, &[]), "");
    }

    #[test]
    fn an_empty_file_without_receivers_is_complete() {
        let mut progress = Progress::default();
        assert!(
            progress
                .line(Instant::now(), &[transfer(0, &[])])
                .contains("100 %")
        );
    }

    #[test]
    fn sizes_and_times_are_formatted_briefly() {
        assert_eq!(bytes(0.0), "0 B");
        assert_eq!(bytes(999.0), "999 B");
        assert_eq!(bytes(1_000.0), "1.0 kB");
        assert_eq!(bytes(123_456_789.0), "123 MB");
        assert_eq!(bytes(5e12), "5000 GB");
        assert_eq!(time(0.2), "1 s");
        assert_eq!(time(61.0), "1:01");
        assert_eq!(time(3_725.0), "1:02:05");
    }
}
