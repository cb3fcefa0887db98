//! Progress of a sweep: a bar on a terminal, otherwise a line every ten seconds.

use std::io::{self, IsTerminal};
use std::time::{Duration, Instant};

use backroom_output::note;
use humantime::format_duration;
use indicatif::{ProgressBar, ProgressStyle};

use crate::record::RunRecord;

/// Reports the progress on stderr.
#[derive(Debug)]
pub(super) struct Progress {
    planned: usize,
    done: usize,
    /// Runs in `done` that an earlier start of the sweep recorded.
    before: usize,
    failed: usize,
    started: Instant,
    last_line: Instant,
    bar: Option<ProgressBar>,
}

/// Time between two lines if stderr is not a terminal.
const LINE_INTERVAL: Duration = Duration::from_secs(10);

impl Progress {
    pub(super) fn begin(planned: usize, before: usize) -> Self {
        let now = Instant::now();
        let progress = Self {
            planned,
            done: before,
            before,
            failed: 0,
            started: now,
            last_line: now,
            bar: io::stderr().is_terminal().then(|| bar(planned, before)),
        };
        if progress.bar.is_none() {
            note(format!("{before} of {planned} runs"));
        }
        progress
    }

    pub(super) fn count(&mut self, record: &RunRecord, planned: usize) {
        self.planned = planned;
        self.done += 1;
        self.failed += usize::from(!record.counts());
        match &self.bar {
            Some(bar) => {
                let failed = match self.failed {
                    0 => String::new(),
                    failed => format!("{failed} failed, "),
                };
                let cell = &record.cell;
                let message = format!(
                    "{failed}{} window {} loss {}",
                    cell.cast, cell.window, cell.loss
                );
                bar.set_message(message);
                bar.set_length(planned as u64);
                bar.inc(1);
            }
            None if self.last_line.elapsed() >= LINE_INTERVAL => {
                self.last_line = Instant::now();
                note(self.line());
            }
            None => {}
        }
    }

    pub(super) fn end(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
        note(self.line());
    }

    fn line(&self) -> String {
        let whole_seconds = |time: Duration| {
            format_duration(Duration::from_secs(time.as_secs_f64().round() as u64))
        };
        let taken = self.started.elapsed();
        let failed = match self.failed {
            0 => String::new(),
            failed => format!(", {failed} failed"),
        };
        let remaining = self.planned.saturating_sub(self.done);
        let time = if remaining == 0 || self.done == self.before {
            format!("in {:.1} s", taken.as_secs_f64())
        } else {
            let left = taken.mul_f64(remaining as f64 / (self.done - self.before) as f64);
            format!("about {} left", whole_seconds(left))
        };
        format!("{} of {} runs{failed}, {time}", self.done, self.planned)
    }
}

fn bar(planned: usize, before: usize) -> ProgressBar {
    let bar = ProgressBar::new(planned as u64).with_position(before as u64);
    let style =
        ProgressStyle::with_template("{bar:30} {pos} of {len} runs, {eta} left  {wide_msg}");
    if let Ok(style) = style {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(250));
    bar
}
