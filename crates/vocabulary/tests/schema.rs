//! The schemas in `docs/schema` are those of the types. `BLESS=1 cargo test -p backroom-vocabulary` rewrites them.

#![allow(clippy::unwrap_used, reason = "a test that can't go on has failed")]

use std::fs;
use std::path::Path;

use backroom_vocabulary::event::Event;
use backroom_vocabulary::schema;
use backroom_vocabulary::trace::Line;

fn is_current(name: &str, schema: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../docs/schema")
        .join(name);
    if std::env::var_os("BLESS").is_some() {
        fs::write(&path, schema).expect("docs/schema can be written");
    }
    let committed = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        committed == schema,
        "docs/schema/{name} is out of date: run BLESS=1 cargo test -p backroom-vocabulary"
    );
}

#[test]
fn the_schema_of_events_is_current() {
    is_current("event.json", &schema::<Event>());
}

#[test]
fn the_schema_of_trace_lines_is_current() {
    is_current("trace-line.json", &schema::<Line>());
}
