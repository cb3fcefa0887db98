//! The JSON Schema of a row of `runs.csv`.

use backroom_sim::Axis;
use serde_json::{Value, json};

use crate::record::RunRecord;

/// The schema of a row that is converted to JSON: fields are numbers if possible, otherwise strings, and `null` if
/// empty.
///
/// # Errors
/// None in practice: the schema of a record is an object.
pub fn row_schema() -> serde_json::Result<String> {
    let mut schema: Value = serde_json::from_str(&backroom_vocabulary::schema::<RunRecord>())?;
    schema["title"] = "A row of runs.csv".into();
    for axis in Axis::ALL {
        schema["properties"][axis.column()] = json!({
            "description": axis.description(),
            "type": ["number", "string", "null"],
        });
    }
    serde_json::to_string_pretty(&schema).map(|text| text + "\n")
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;

    #[test]
    fn the_schema_of_rows_is_current() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/schema/row.json");
        let schema = row_schema().unwrap();
        if std::env::var_os("BLESS").is_some() {
            fs::write(&path, &schema).unwrap();
        }
        assert!(
            fs::read_to_string(&path).unwrap_or_default() == schema,
            "docs/schema/row.json is out of date: run BLESS=1 cargo test -p backroom-lab schema"
        );
    }
}
