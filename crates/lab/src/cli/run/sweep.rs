//! Carries out a plan and writes the results to a folder.

use std::io::{self, Write};
use std::path::PathBuf;
use std::time::Instant;

use anyhow::Context;

use super::{RunArgs, failure};
use crate::charts;
use crate::cli::progress::Progress;
use crate::cli::{Failure, ignore_broken_pipe, table};
use crate::plan::Plan;
use crate::record::RunRecord;
use crate::report;
use crate::results::{Manifest, ResultsFolder, Rows, RunsFile};
use crate::runner::Runners;
use crate::scenario::Scenario;
use crate::statistics::CellSummary;
use crate::sweep::{self, Precision};

/// A plan to carry out, and the folder for its results.
pub(super) struct Sweep<'a> {
    scenario: &'a Scenario,
    plan: &'a Plan,
    precision: Option<Precision>,
    path: PathBuf,
    resume: bool,
}

/// A completed sweep.
pub(super) struct Measured<'a> {
    scenario: &'a Scenario,
    folder: ResultsFolder,
    manifest: Manifest,
    records: Vec<RunRecord>,
}

impl<'a> Sweep<'a> {
    pub(super) fn new(
        arguments: &RunArgs,
        scenario: &'a Scenario,
        plan: &'a Plan,
        path: PathBuf,
        resume: bool,
    ) -> Self {
        Self {
            scenario,
            plan,
            precision: arguments.until_ci,
            path,
            resume,
        }
    }

    /// Carries out the runs that have no row yet. If the sweep ends early, the folder keeps the rows and the manifest.
    pub(super) fn carry_out(self, runners: Runners) -> Result<Measured<'a>, Failure> {
        let mut manifest = Manifest::new(self.scenario, &runners, self.precision);
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
            folder.write_manifest(&manifest).map_err(broken)?;
        }
        outcome.map_err(failure)?;
        Ok(Measured {
            scenario: self.scenario,
            folder,
            manifest,
            records,
        })
    }

    /// Opens the folder and writes the manifest before anything is measured.
    fn begin(
        &self,
        manifest: &mut Manifest,
    ) -> Result<(ResultsFolder, RunsFile, Vec<RunRecord>), Failure> {
        let (folder, earlier) = if self.resume {
            let folder = ResultsFolder::open(&self.path).map_err(broken)?;
            let earlier = folder
                .earlier_rows(manifest)
                .context("cannot resume")
                .map_err(Failure::Usage)?;
            (folder, earlier)
        } else {
            let folder = ResultsFolder::create(&self.path).map_err(broken)?;
            (folder, Rows::default())
        };
        folder.write_manifest(manifest).map_err(broken)?;
        let rows = folder.runs_after(&earlier).map_err(broken)?;
        if self.resume {
            eprintln!("resuming after {} runs", earlier.records.len());
        }
        Ok((folder, rows, earlier.records))
    }
}

impl Measured<'_> {
    /// Writes the summary, charts and report, and prints tables, remarks and file names.
    pub(super) fn finish(self) -> Result<(), Failure> {
        let scenario = self.scenario;
        let (folder, cells, charts) = self.write()?;
        let print = || -> io::Result<()> {
            let mut out = io::stdout().lock();
            for (heading, table) in table::tables(scenario, &cells) {
                writeln!(out, "{heading}\n{}\n", table.trim_fmt())?;
            }
            if let Some(table) = table::references(scenario, &cells) {
                writeln!(out, "{}\n", table.trim_fmt())?;
            }
            for line in table::remarks(&cells) {
                writeln!(out, "{line}\n")?;
            }
            for file in charts
                .iter()
                .map(String::as_str)
                .chain(["runs.csv", report::FILE])
            {
                writeln!(out, "{}", folder.path().join(file).display())?;
            }
            Ok(())
        };
        ignore_broken_pipe(print()).map_err(|error| Failure::Broken(error.into()))
    }

    /// Writes the summary, charts, manifest and report. Returns the folder, its cells and the names of the charts.
    pub(super) fn write(
        mut self,
    ) -> Result<(ResultsFolder, Vec<CellSummary>, Vec<String>), Failure> {
        let cells = self.folder.summarise(&self.records);
        self.folder.write_summary(&cells).map_err(broken)?;
        self.manifest.charts = charts::draw_all(&self.scenario.charts, &cells, self.folder.path())
            .map_err(|error| Failure::Broken(error.into()))?;
        self.folder.write_manifest(&self.manifest).map_err(broken)?;
        let charts = &self.manifest.charts;
        report::write(
            self.folder.path(),
            self.scenario,
            &self.records,
            &cells,
            charts,
        )
        .map_err(|error| Failure::Broken(error.into()))?;
        Ok((self.folder, cells, self.manifest.charts))
    }
}

fn broken(error: crate::results::ResultsError) -> Failure {
    Failure::Broken(anyhow::Error::new(error).context("cannot write the results"))
}
