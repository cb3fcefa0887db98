//! Carries out a plan and writes the results to a folder.

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::Context;
use backroom_output::{note, print, print_paths};

use crate::cli::progress::Progress;
use crate::cli::{Failure, table};
use crate::plan::Plan;
use crate::record::RunRecord;
use crate::report;
use crate::results::{CsvFile, Manifest, REPORT, RUNS, ResultsFolder, Rows};
use crate::runner::Runners;
use crate::scenario::Scenario;
use crate::sweep::{self, Precision};

const CANNOT_WRITE: &str = "cannot write the results";

/// A plan to carry out, and the folder for its results.
pub(super) struct Sweep<'a> {
    pub(super) plan: &'a Plan,
    pub(super) precision: Option<Precision>,
    pub(super) resume: bool,
    pub(super) path: PathBuf,
    pub(super) manifest: Manifest,
    pub(super) runners: Runners,
}

/// A sweep whose runs have all been made.
pub(super) struct Measured<'a> {
    scenario: &'a Scenario,
    folder: ResultsFolder,
    manifest: Manifest,
    records: Vec<RunRecord>,
}

/// A sweep whose results are written.
pub(super) struct Written<'a> {
    scenario: &'a Scenario,
    records: Vec<RunRecord>,
    results: report::Written,
}

/// No run of a sweep counts.
#[derive(Debug, thiserror::Error)]
#[error("none of the {runs} runs succeeded; the first failed because: {reason}. {} has all reasons in the column note", rows.display())]
pub(super) struct NoSuccess {
    runs: usize,
    reason: String,
    rows: PathBuf,
}

impl<'a> Sweep<'a> {
    /// Carries out the runs that have no row yet. If the sweep ends early, the folder keeps the rows and the manifest.
    pub(super) fn carry_out(mut self) -> Result<Measured<'a>, Failure> {
        let (folder, mut rows, mut records) = self.begin()?;
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
            self.runners.workers,
            &mut records,
            on_record,
        );
        progress.end();
        let mut manifest = self.manifest;
        manifest.finish(begin.elapsed(), planned, &records);
        if outcome.is_err() {
            folder.write_manifest(&manifest).context(CANNOT_WRITE)?;
        }
        outcome?;
        Ok(Measured {
            scenario: &self.plan.scenario,
            folder,
            manifest,
            records,
        })
    }

    /// Opens the folder and writes the manifest before anything is measured.
    fn begin(&mut self) -> Result<(ResultsFolder, CsvFile, Vec<RunRecord>), Failure> {
        let folder = ResultsFolder::open(&self.path).context(CANNOT_WRITE)?;
        let (rows, earlier) = if self.resume {
            let earlier = folder.earlier_rows(&mut self.manifest);
            let earlier = earlier.context("cannot resume").map_err(Failure::Usage)?;
            let rows = folder.runs_after(&earlier).context(CANNOT_WRITE)?;
            (rows, earlier)
        } else {
            (folder.runs().context(CANNOT_WRITE)?, Rows::default())
        };
        folder
            .write_manifest(&self.manifest)
            .context(CANNOT_WRITE)?;
        if self.resume {
            note(format!("resuming after {} runs", earlier.records.len()));
        }
        Ok((folder, rows, earlier.records))
    }
}

impl<'a> Measured<'a> {
    /// Writes the summary, charts, manifest and report.
    pub(super) fn write(mut self) -> anyhow::Result<Written<'a>> {
        let results = report::write(
            &self.folder,
            self.scenario,
            &self.records,
            &mut self.manifest,
        )
        .context(CANNOT_WRITE)?;
        Ok(Written {
            scenario: self.scenario,
            records: self.records,
            results,
        })
    }
}

impl Written<'_> {
    /// Whether a run counts.
    pub(super) fn has_success(&self) -> bool {
        self.records.iter().any(RunRecord::counts)
    }

    /// Prints tables, remarks and the names of the files, which are in `folder`.
    pub(super) fn show(&self, folder: &Path) {
        let (scenario, cells) = (self.scenario, &self.results.cells);
        let mut text = String::new();
        for (heading, table) in table::tables(scenario, cells) {
            text += &format!("{heading}\n{}\n\n", table.trim_fmt());
        }
        if let Some(table) = table::references(scenario, cells) {
            text += &format!("{}\n\n", table.trim_fmt());
        }
        for line in table::remarks(cells) {
            text += &format!("{line}\n\n");
        }
        self.results.charts.missing.iter().for_each(note);
        let files = self.results.charts.files.iter().map(String::as_str);
        let printed = print(&text).and_then(|()| print_paths(folder, files.chain([RUNS, REPORT])));
        // The results are in the folder, so the sweep has not failed.
        if let Err(error) = printed {
            note(format!(
                "warning: {error}; the results are in {}",
                folder.display()
            ));
        }
    }
}

impl NoSuccess {
    /// That of a sweep whose results are in `folder`.
    pub(super) fn of(written: &Written<'_>, folder: &Path) -> Self {
        let first = written.records.first();
        Self {
            runs: written.records.len(),
            reason: first.map(|record| record.note.clone()).unwrap_or_default(),
            rows: folder.join(RUNS),
        }
    }
}
