//! The command line that repeats a single run.

use backroom_sim::{Axes, Axis, Cell};

use super::Run;
use crate::runner::{RunnerKind, ShaperName};

impl Run {
    /// The command line that repeats only this run on `runner`.
    pub fn command(&self, runner: RunnerKind) -> String {
        let shaper = match runner.shaper {
            ShaperName::Link => String::new(),
            shaper => format!(" --shaper {shaper}"),
        };
        let image = match &self.image {
            Some(image) if runner.shaper != ShaperName::Link => {
                format!(" --image {}", quoted(image))
            }
            _ => String::new(),
        };
        format!(
            "backroom-lab run {} --runner {}{shaper}{image}{} --reps 1 --seed {}",
            quoted(&self.source),
            runner.name,
            self.settings,
            self.seed,
        )
    }
}

/// A `--set` for each axis whose values in the scenario's file are not exactly the value of `cell`.
pub(super) fn settings(cell: &Cell, in_file: &Axes) -> String {
    Axis::ALL
        .into_iter()
        .map(|axis| (axis, axis.setting(cell)))
        .filter(|(axis, value)| in_file.values(*axis) != [value.as_str()])
        .map(|(axis, value)| format!(" --set {axis}={value}"))
        .collect()
}

/// Quotes `text` as one word for a shell if necessary.
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
    fn a_command_sets_what_differs_from_the_scenario_file() {
        let mut scenario = Scenario::load("quick").unwrap();
        let set = |scenario: &mut Scenario, axis, value: &str| {
            scenario.axes.set(axis, &[value.to_owned()]).unwrap();
        };
        set(&mut scenario, Axis::CAST, "broadcast");
        set(&mut scenario, Axis::WINDOW, "10");
        set(&mut scenario, Axis::LOSS, "0.01");
        set(&mut scenario, Axis::DELAY, "10ms");
        scenario.seed = 7;
        let plan = Plan::new(&scenario).unwrap();
        assert_eq!(
            plan.runs[2].command(RunnerKind::docker(Shaper::Nfqueue)),
            "backroom-lab run quick --runner docker --shaper nfqueue --set cast=broadcast --set receivers=3 \
             --set loss=0.01 --set window=10 --reps 1 --seed 9"
        );
    }

    #[test]
    fn a_command_has_the_image_only_for_containers() {
        let scenario = Scenario::load("quick").unwrap();
        let plan = Plan::new(&scenario).unwrap().with_image("room:next");
        let command = |kind| plan.runs[0].command(kind);
        assert!(
            command(RunnerKind::docker(Shaper::Netem))
                .contains(" --shaper netem --image room:next ")
        );
        assert!(!command(RunnerKind::SIM).contains("room:next"));
    }

    #[test]
    fn special_characters_are_quoted() {
        assert_eq!(quoted("a/b-1.toml"), "a/b-1.toml");
        assert_eq!(quoted("it's mine.toml"), r"'it'\''s mine.toml'");
    }
}
