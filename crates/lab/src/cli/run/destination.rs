//! The folder of a sweep: a new one, the one to resume, or the one to publish.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};
use backroom_output::{Destination, FolderError, Place, note};

use super::{NoSuccess, RunArgs};
use crate::cli::{Failure, usage};
use crate::results::{self, FILES, Manifest, SIM_FOLDER};
use crate::runner::RunnerKind;

/// The folder for the sweep of `manifest`.
///
/// # Errors
/// If the folder has other files, or if there is no sweep to resume.
pub(super) fn choose(
    arguments: &RunArgs,
    manifest: &Manifest,
    kind: RunnerKind,
) -> Result<Destination, Failure> {
    let path = Path::new(&manifest.scenario.name).join(kind.folder());
    let place = Place {
        local: path.clone(),
        published: path,
        files: FILES,
    };
    let output = &arguments.output;
    if !arguments.resume {
        return output.new_destination(&place).map_err(refused);
    }
    if output.publish {
        let destination = output.publishing(&place);
        return match destination.path().is_dir() {
            true => Ok(destination),
            false => Err(nothing_to_resume(destination.path())),
        };
    }
    if let Some(out) = &output.out {
        return Ok(Destination::of(out.clone(), &place));
    }
    let folders = place.local_folders();
    let same = folders
        .iter()
        .find(|folder| is_same_sweep(folder, manifest));
    // That of another sweep is refused later, with the difference.
    match same.or(folders.first()) {
        Some(folder) => Ok(Destination::of(folder.clone(), &place)),
        None => Err(nothing_to_resume(
            &Path::new("results/local").join(&place.local),
        )),
    }
}

fn nothing_to_resume(path: &Path) -> Failure {
    usage(anyhow!(
        "there is no sweep in {}; omit --resume to start one",
        path.display()
    ))
}

fn is_same_sweep(folder: &Path, manifest: &Manifest) -> bool {
    let text = fs::read(folder.join(FILES.manifest)).unwrap_or_default();
    let earlier = serde_json::from_slice::<Manifest>(&text);
    earlier.is_ok_and(|earlier| results::difference(&earlier, manifest).is_none())
}

/// Why a folder is not used, with the remedies that a sweep has.
pub(super) fn refused(error: FolderError) -> Failure {
    usage(match error {
        FolderError::Occupied(_) => anyhow!(
            "{error}, continue the sweep in it with --resume, or replace its results with --publish"
        ),
        FolderError::Unfinished(_) => anyhow!("{error}, or continue its sweep with --resume"),
        _ => error.into(),
    })
}

/// Publishes the results if that is requested, those of the simulator first. Returns the folder in which they are.
pub(super) fn publish<'a>(
    destination: &'a Destination,
    arguments: &RunArgs,
    kind: RunnerKind,
) -> anyhow::Result<&'a Path> {
    let published = || -> anyhow::Result<&Path> {
        if let (Some(replaces), true) = (destination.replaces(), kind != RunnerKind::SIM) {
            let simulated = match &arguments.output.out {
                Some(out) => out.join(SIM_FOLDER),
                None => replaces.with_file_name(RunnerKind::SIM.folder()),
            };
            // In a folder of its own it moves with the other results.
            let moves = arguments.output.out.is_some() && !simulated.exists();
            if !moves && destination.path().join(SIM_FOLDER).exists() {
                destination.inner(SIM_FOLDER, simulated).finish()?;
            }
        }
        Ok(destination.finish()?)
    };
    published().context("the results are complete, but not published; repeat the command with --resume to publish them")
}

/// Says where the rows of a sweep are that did not end, and how to continue it.
pub(super) fn tell_where_rows_are(destination: &Destination, failure: &Failure) {
    let can_continue = match failure {
        Failure::Interrupted => true,
        Failure::Broken(error) => !error.is::<NoSuccess>(),
        Failure::Usage(_) | Failure::Regression => return,
    };
    let path: PathBuf = destination.path().into();
    if can_continue {
        note(format!(
            "the rows so far are in {}; to continue, repeat the command with --resume",
            path.display()
        ));
    }
    if let Some(published) = destination.replaces().filter(|folder| folder.exists()) {
        note(format!(
            "the results in {} are as they were; the new ones are in {}",
            published.display(),
            path.display()
        ));
    }
}
