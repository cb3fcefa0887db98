//! Carries out a plan and writes the results to a folder.

use std::path::PathBuf;
use std::time::Instant;

use anyhow::Context;

use crate::charts;
use crate::cli::progress::Progress;
use crate::cli::{Failure, print, print_paths, table};
use crate::plan::Plan;
use crate::record::RunRecord;
use crate::report;
use crate::results::{CsvFile, Manifest, REPORT, ResultsFolder, Rows};
use crate::runner::Runners;
use crate::scenario::Scenario;
use crate::statistics::CellSummary;
use crate::sweep::{self, Precision};

const CANNOT_WRITE: &str = "cannot write the results";

/// A plan to carry out, and the folder for its results.
pub(super) struct Sweep<'a> {
    pub(super) plan: &'a Plan,
    pub(super) precision: Option<Precision>,
    pub(super) path: PathBuf,
    pub(super) resume: bool,
}

pub(super) struct Measured<'a> {
    scenario: &'a Scenario,
    folder: ResultsFolder,
    manifest: Manifest,
    records: Vec<RunRecord>,
}

impl<'a> Sweep<'a> {
    /// Carries out the runs that have no row yet. If the sweep ends early, the folder keeps the rows and the manifest.
    pub(super) fn carry_out(self, runners: Runners) -> Result<Measured<'a>, Failure> {
        let scenario = &*self.plan.scenario;
        let mut manifest = Manifest::new(scenario, &runners, self.precision);
        manifest.planned = self.plan.runs.len();
        let (folder, mut rows, mut records) = self.begin(&mut manifest)?;
        let mut planned = self.plan.runs.len().max(records.len());
        let mut progress = Progress::begin(planned, records.len());
        let begin = Instant::now();
        let on_record = |record: &RunRecord, now_planned| {
            rows.write(record)?;
            planned = planned.max(now_planned);
            progress.count(record, planned);
            Ok(())
        };
        let outcome = sweep::carry_out(
            self.plan,
            self.precision,
            runners.workers,
            &mut records,
            on_record,
        );
        progress.end();
        manifest.finish(begin.elapsed(), planned, &records);
        if outcome.is_err() {
            folder.write_manifest(&manifest).context(CANNOT_WRITE)?;
        }
        outcome?;
        Ok(Measured {
            scenario,
            folder,
            manifest,
            records,
        })
    }

    /// Opens the folder and writes the manifest before anything is measured.
    fn begin(
        &self,
        manifest: &mut Manifest,
    ) -> Result<(ResultsFolder, CsvFile, Vec<RunRecord>), Failure> {
        let (folder, earlier) = if self.resume {
            let folder = ResultsFolder::open(&self.path).context(CANNOT_WRITE)?;
            let earlier = folder.earlier_rows(manifest).context("cannot resume");
            (folder, earlier.map_err(Failure::Usage)?)
        } else {
            let folder = ResultsFolder::create(&self.path).context(CANNOT_WRITE)?;
            (folder, Rows::default())
        };
        folder.write_manifest(manifest).context(CANNOT_WRITE)?;
        let rows = folder.runs_after(&earlier).context(CANNOT_WRITE)?;
        if self.resume {
            eprintln!("resuming after {} runs", earlier.records.len());
        }
        Ok((folder, rows, earlier.records))
    }
}

impl Measured<'_> {
    /// Writes the summary, charts and report, and prints tables, remarks and file names.
    pub(super) fn finish(self) -> anyhow::Result<()> {
        let scenario = self.scenario;
        let (folder, cells, charts) = self.write()?;
        let mut text = String::new();
        for (heading, table) in table::tables(scenario, &cells) {
            text += &format!("{heading}\n{}\n\n", table.trim_fmt());
        }
        if let Some(table) = table::references(scenario, &cells) {
            text += &format!("{}\n\n", table.trim_fmt());
        }
        for line in table::remarks(&cells) {
            text += &format!("{line}\n\n");
        }
        print(&text)?;
        let files = charts.iter().map(String::as_str);
        print_paths(folder.path(), files.chain(["runs.csv", REPORT]))
    }

    /// Writes the summary, charts, manifest and report. Returns the folder, its cells and the names of the charts.
    pub(super) fn write(
        mut self,
    ) -> anyhow::Result<(ResultsFolder, Vec<CellSummary>, Vec<String>)> {
        let (scenario, folder) = (self.scenario, self.folder);
        let cells = folder.summarise(&self.records);
        folder.write_summary(&cells).context(CANNOT_WRITE)?;
        let charts = charts::draw_all(&scenario.charts, &cells, folder.path())?;
        self.manifest.charts.clone_from(&charts);
        folder
            .write_manifest(&self.manifest)
            .context(CANNOT_WRITE)?;
        report::write(folder.path(), scenario, &self.records, &cells, &charts)?;
        Ok((folder, cells, charts))
    }
}
