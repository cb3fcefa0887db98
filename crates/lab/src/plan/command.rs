//! The command that repeats one run alone.

use backroom_link::Rate;

use super::{Cell, Run};
use crate::runner::RunnerKind;
use crate::scenario::{Axes, Axis, FileSize, Optional, Time};

impl Run {
    /// The command line that repeats this run alone on `runner`.
    pub fn command(&self, runner: RunnerKind) -> String {
        let how = match (runner, &self.image) {
            (RunnerKind::Sim, _) => String::new(),
            (RunnerKind::Docker(shaper), None) => format!(" --shaper {}", shaper.name()),
            (RunnerKind::Docker(shaper), Some(image)) => {
                format!(" --shaper {} --image {}", shaper.name(), quoted(image))
            }
        };
        format!(
            "backroom-lab run {} --runner {}{how}{} --reps 1 --seed {}",
            quoted(&self.source),
            runner.name(),
            self.cell.settings,
            self.seed,
        )
    }
}

/// A `--set` for each axis on which the scenario's file has another value than `cell`, or several.
pub(super) fn settings(cell: &Cell, in_file: &Axes) -> String {
    Axis::ALL
        .into_iter()
        .map(|axis| (axis, value(cell, axis)))
        .filter(|(axis, value)| in_file.text(*axis) != [value.as_str()])
        .map(|(axis, value)| format!(" --set {axis}={value}"))
        .collect()
}

/// The value of `cell` on `axis` as `--set` takes it.
fn value(cell: &Cell, axis: Axis) -> String {
    match axis {
        Axis::Cast => cell.cast.to_string(),
        Axis::Delivery => cell.delivery.to_string(),
        Axis::Receivers => cell.receivers.to_string(),
        Axis::Rate => Optional::<Rate>(cell.link.rate).to_string(),
        Axis::Delay => Time(cell.link.delay).to_string(),
        Axis::Jitter => Time(cell.link.jitter).to_string(),
        Axis::Queue => Optional(cell.link.queue).to_string(),
        Axis::LossSide => cell.loss_side.to_string(),
        Axis::Burst => cell.burst.to_string(),
        Axis::Loss => cell.loss.to_string(),
        Axis::Recovery => cell.recovery.to_string(),
        Axis::Timeout => cell.timeout.to_string(),
        Axis::Copies => cell.copies.to_string(),
        Axis::File => FileSize::from_bytes(cell.file_bytes).to_string(),
        Axis::Segment => cell.segment_bytes.to_string(),
        Axis::Window => cell.window.to_string(),
    }
}

/// `text` as one word of a shell's command line.
fn quoted(text: &str) -> String {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "-_./:".contains(letter);
    match !text.is_empty() && text.chars().all(plain) {
        true => text.to_owned(),
        false => format!("'{}'", text.replace('\'', r"'\''")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Plan;
    use crate::runner::Shaper;
    use crate::scenario::Scenario;

    #[test]
    fn a_command_says_what_the_scenarios_file_leaves_open() {
        let mut scenario = Scenario::load("quick").unwrap();
        let set = |scenario: &mut Scenario, axis, value: &str| {
            scenario.axes.set(axis, &[value.to_owned()]).unwrap();
        };
        set(&mut scenario, Axis::Cast, "broadcast");
        set(&mut scenario, Axis::Window, "10");
        set(&mut scenario, Axis::Loss, "0.01");
        set(&mut scenario, Axis::Delay, "10ms");
        scenario.seed = 7;
        let plan = Plan::new(&scenario).unwrap();
        assert_eq!(
            plan.runs[2].command(RunnerKind::Docker(Shaper::Nfqueue)),
            "backroom-lab run quick --runner docker --shaper nfqueue --set cast=broadcast --set receivers=3 \
             --set loss=0.01 --set window=10 --reps 1 --seed 9"
        );
    }

    #[test]
    fn an_image_is_named_where_containers_are_made_of_it() {
        let scenario = Scenario::load("quick").unwrap();
        let plan = Plan::new(&scenario).unwrap().with_image("room:next");
        let command = |kind| plan.runs[0].command(kind);
        assert!(
            command(RunnerKind::Docker(Shaper::Netem))
                .contains(" --shaper netem --image room:next ")
        );
        assert!(!command(RunnerKind::Sim).contains("room:next"));
    }

    #[test]
    fn a_file_with_a_strange_name_is_one_word() {
        assert_eq!(quoted("a/b-1.toml"), "a/b-1.toml");
        assert_eq!(quoted("it's mine.toml"), r"'it'\''s mine.toml'");
    }
}
