//! The command line that repeats a single run.

use backroom_sim::Axis;

use super::Run;
use crate::runner::{RunnerKind, ShaperName};

impl Run {
    /// The command line that repeats only this run on `runner`.
    pub fn command(&self, runner: RunnerKind) -> String {
        let mut command = format!(
            "backroom-lab run {} --runner {}",
            quoted(&self.scenario.source),
            runner.name
        );
        if runner.shaper != ShaperName::Link {
            command += &format!(" --shaper {} --clock {}", runner.shaper, runner.clock);
            if let Some(image) = &self.scenario.image {
                command += &format!(" --image {}", quoted(image));
            }
        }
        for axis in Axis::ALL {
            let value = axis.setting(&self.cell);
            if self.scenario.axes_in_file.values(axis) != [value.as_str()] {
                command += &format!(" --set {axis}={value}");
            }
        }
        command + &format!(" --reps 1 --seed {}", self.seed)
    }
}

/// Quotes `text` as one word for a shell if necessary.
pub(crate) fn quoted(text: &str) -> String {
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
    use crate::runner::{ClockName, Shaper};
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
            plan.runs[2].command(RunnerKind::docker(Shaper::Nfqueue, ClockName::Real)),
            "backroom-lab run quick --runner docker --shaper nfqueue --clock real --set cast=broadcast --set receivers=3 \
             --set loss=0.01 --set window=10 --reps 1 --seed 9"
        );
    }

    #[test]
    fn a_command_has_the_image_only_for_containers() {
        let mut scenario = Scenario::load("quick").unwrap();
        scenario.image = Some("room:next".to_owned());
        let plan = Plan::new(&scenario).unwrap();
        let command = |kind| plan.runs[0].command(kind);
        assert!(
            command(RunnerKind::docker(Shaper::Netem, ClockName::Virtual))
                .contains(" --shaper netem --clock virtual --image room:next ")
        );
        assert!(!command(RunnerKind::SIM).contains("room:next"));
    }

    #[test]
    fn special_characters_are_quoted() {
        assert_eq!(quoted("a/b-1.toml"), "a/b-1.toml");
        assert_eq!(quoted("it's mine.toml"), r"'it'\''s mine.toml'");
    }
}
