//! The JSON of every type, byte for byte: other programs depend on it.

use backroom_vocabulary::event::Event;
use backroom_vocabulary::trace::{Line, StepKind};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Reads each line as a `T` and writes it again.
fn reads_back<T: Serialize + DeserializeOwned>(lines: &str) {
    for line in lines.lines() {
        let value: T = serde_json::from_str(line).unwrap_or_else(|why| panic!("{why}: {line}"));
        assert_eq!(serde_json::to_string(&value).expect("serialisable"), line);
    }
}

fn schema(text: &str) -> serde_json::Value {
    serde_json::from_str(text).expect("a JSON Schema")
}

/// The names of all events, from their schema, in alphabetical order.
fn event_names() -> Vec<String> {
    let schema = schema(include_str!("../../../docs/schema/event.json"));
    let variants = schema["oneOf"].as_array().expect("variants");
    let name = |variant: &serde_json::Value| variant["properties"]["event"]["const"].clone();
    let mut names: Vec<String> = variants
        .iter()
        .map(|variant| serde_json::from_value(name(variant)).expect("a name"))
        .collect();
    names.sort();
    names
}

#[test]
fn events_read_back_as_clients_write_them() {
    reads_back::<Event>(include_str!("samples/events.jsonl"));
}

#[test]
fn lines_of_a_trace_read_back_as_they_are_written() {
    reads_back::<Line>(include_str!("samples/trace.jsonl"));
}

#[test]
fn the_samples_have_every_event_and_every_step() {
    let names = |lines: &str| {
        let event = |line| {
            let line: serde_json::Value = serde_json::from_str(line).unwrap();
            line["event"].as_str().unwrap().to_owned()
        };
        let mut names: Vec<String> = lines.lines().map(event).collect();
        names.sort();
        names.dedup();
        names
    };
    assert_eq!(names(include_str!("samples/events.jsonl")), event_names());
    let steps = schema(include_str!("../../../docs/schema/trace-line.json"));
    let mut steps: Vec<String> =
        serde_json::from_value(steps["properties"]["event"]["enum"].clone()).unwrap();
    steps.sort();
    assert_eq!(names(include_str!("samples/trace.jsonl")), steps);
}

#[test]
fn the_client_documentation_has_every_event() {
    let page = include_str!("../../../docs/client.md");
    for name in event_names() {
        assert!(
            page.contains(&format!("`{name}`")),
            "docs/client.md: {name}"
        );
    }
}

#[test]
fn a_line_that_lacks_a_field_names_it() {
    for (line, why) in [
        (
            r#"{"event":"send","transfer":"01","seq":1}"#,
            "it has no `round`",
        ),
        (r#"{"event":"begin","transfer":"01"}"#, "it has no `side`"),
        (r#"{"event":"timeout"}"#, "it has no `transfer`"),
        (
            r#"{"event":"timeout","transfer":"one"}"#,
            "`transfer` is not",
        ),
        (
            r#"{"event":"timeout","transfer":"01","time_ms":-1.0}"#,
            "`time_ms`",
        ),
        (
            r#"{"event":"vanish","transfer":"01"}"#,
            "unknown variant `vanish`",
        ),
    ] {
        let error = serde_json::from_str::<Line>(line).unwrap_err().to_string();
        assert!(error.contains(why), "{line}: {error}");
    }
}

#[test]
fn milliseconds_become_nanoseconds_and_back() {
    let text = r#"{"time_ms":21.077601,"event":"timeout","transfer":"0000000000000001","stream":1,"receiver":1,"base":1}"#;
    let Line::Step(step) = serde_json::from_str(text).unwrap() else {
        panic!("not a step")
    };
    assert_eq!((step.at_ns, step.kind), (21_077_601, StepKind::Timeout));
    reads_back::<Line>(text);
}
