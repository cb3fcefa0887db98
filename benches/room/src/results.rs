//! The results of a measurement: rows, a manifest and charts.

use std::fs::{self, File};
use std::path::Path;

use anyhow::{Context, ensure};
use backroom_charts::Chart;
use backroom_output::{Destination, OutputArgs, Place, ResultFiles, note};
use backroom_provenance::Provenance;
use serde::Serialize;

/// The folder of the published results of all measurements.
const PUBLISHED: &str = "room";

/// A measurement, and the names of its files.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Measurement {
    name: &'static str,
    files: ResultFiles,
}

/// The load generator.
pub(crate) const CROWD: Measurement = Measurement {
    name: "crowd",
    files: ResultFiles {
        manifest: "crowd-manifest.json",
        others: &["crowd.csv"],
    },
};

/// Chat beside transfers.
pub(crate) const CHAT: Measurement = Measurement {
    name: "chat",
    files: ResultFiles {
        manifest: "chat-manifest.json",
        others: &["chat.csv"],
    },
};

/// The manifest.
#[derive(Debug, Serialize)]
struct Manifest<'a, S> {
    #[serde(flatten)]
    provenance: &'a Provenance,
    settings: S,
    charts: Vec<String>,
}

/// A folder that is being filled with rows.
pub(crate) struct Results<R> {
    measurement: Measurement,
    destination: Destination,
    writer: csv::Writer<File>,
    rows: Vec<R>,
}

impl<R: Serialize> Results<R> {
    /// Starts the rows of `measurement` in an empty folder.
    pub(crate) fn create(measurement: Measurement, output: &OutputArgs) -> anyhow::Result<Self> {
        let destination = output.new_destination(&Place {
            local: Path::new(PUBLISHED).join(measurement.name),
            published: PUBLISHED.into(),
            files: measurement.files,
        })?;
        let path = destination.path().join(format!("{}.csv", measurement.name));
        let file = File::create_new(&path);
        let file = file.with_context(|| format!("cannot write {}", path.display()))?;
        Ok(Self {
            measurement,
            destination,
            writer: csv::Writer::from_writer(file),
            rows: Vec::new(),
        })
    }

    /// The rows so far.
    pub(crate) fn rows(&self) -> &[R] {
        &self.rows
    }

    /// Writes a row.
    pub(crate) fn add(&mut self, row: R) -> anyhow::Result<()> {
        self.writer.serialize(&row)?;
        self.writer.flush()?;
        self.rows.push(row);
        Ok(())
    }

    /// Says where the rows are of a measurement that did not end.
    pub(crate) fn tell_where_rows_are(&self) {
        let path = self.destination.path().display();
        note(format!(
            "the rows so far are in {path}; a measurement cannot be continued, so repeat the command"
        ));
        if let Some(published) = self.destination.replaces().filter(|path| path.exists()) {
            note(format!(
                "the results in {} are as they were; remove {path} before the next measurement with --publish",
                published.display()
            ));
        }
    }

    /// Writes the manifest and the charts, and publishes the results if that is requested. `received` is how many messages
    /// arrived.
    pub(crate) fn finish(
        &self,
        provenance: &Provenance,
        settings: impl Serialize,
        chart: &Chart,
        received: u64,
    ) -> anyhow::Result<()> {
        ensure!(received > 0, "no message arrived, so nothing was measured");
        let folder = self.destination.path();
        let charts = backroom_charts::draw(chart, folder)?;
        if charts.is_empty() {
            let name = &chart.name;
            note(format!("the chart {name} is not drawn: there are no rows"));
        }
        let manifest = Manifest {
            provenance,
            settings,
            charts,
        };
        let text = serde_json::to_string_pretty(&manifest)? + "\n";
        let path = folder.join(self.measurement.files.manifest);
        fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
        let folder = self.destination.finish()?;
        note(format!("results in {}", folder.display()));
        Ok(())
    }
}

/// Rounds to three decimal places: microseconds if the unit is milliseconds.
pub(crate) fn rounded(value: f64) -> f64 {
    (value * 1e3).round() / 1e3
}
