//! The results of a measurement: rows, a manifest and charts.

use std::fs;
use std::path::Path;

use anyhow::Context;
use backroom_charts::Chart;
use backroom_provenance::Provenance;
use serde::Serialize;

/// `NAME-manifest.json`.
#[derive(Debug, Serialize)]
struct Manifest<'a, S> {
    #[serde(flatten)]
    provenance: &'a Provenance,
    settings: S,
    charts: Vec<String>,
}

/// Writes `NAME.csv`, `NAME-manifest.json` and the charts into `folder`.
pub(crate) fn write<R: Serialize>(
    folder: &Path,
    name: &str,
    rows: &[R],
    provenance: &Provenance,
    settings: impl Serialize,
    charts: &[Chart],
) -> anyhow::Result<()> {
    fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let mut writer = csv::Writer::from_path(folder.join(format!("{name}.csv")))?;
    for row in rows {
        writer.serialize(row)?;
    }
    writer.flush()?;
    let mut drawn = Vec::new();
    for chart in charts {
        drawn.extend(backroom_charts::draw(chart, folder)?);
    }
    let manifest = Manifest {
        provenance,
        settings,
        charts: drawn,
    };
    let text = serde_json::to_string_pretty(&manifest)? + "\n";
    fs::write(folder.join(format!("{name}-manifest.json")), text)?;
    eprintln!("results in {}", folder.display());
    Ok(())
}

/// Rounds to three decimal places: microseconds if the unit is milliseconds.
pub(crate) fn rounded(value: f64) -> f64 {
    (value * 1e3).round() / 1e3
}
