//! The report page: written by `run`, made anew by `report`, whole in itself, and not to be fooled by what it is made of.

use std::fs;
use std::path::Path;

use crate::{output, simulate, stderr, stdout};

const SMALL: [&str; 6] = [
    "--set",
    "window=10,20",
    "--set",
    "loss=0,0.05",
    "--reps",
    "2",
];

fn page(folder: &Path) -> String {
    fs::read_to_string(folder.join("report.html")).unwrap()
}

#[test]
fn the_page_holds_everything_and_asks_for_nothing() {
    let dir = tempfile::tempdir().unwrap();
    simulate("window", dir.path(), &SMALL);
    let page = page(dir.path());
    for part in [
        "Best window for each loss rate",
        "Where going back costs most",
        "<title>Goodput against window:",
        "<title>Goodput by window and loss:",
        "aria-sort",
        "duration_seconds",
    ] {
        assert!(page.contains(part), "no {part:?}");
    }
    // The one address is a namespace's name, which nobody opens.
    let asked = page.replace("http://www.w3.org/2000/svg", "");
    for request in ["http:", "https:", "src=", "@import", "url("] {
        assert!(!asked.contains(request), "{request:?} is on the page");
    }
    assert!(page.len() < 5_000_000);
}

#[test]
fn summaries_count_the_cells_near_the_model_and_the_runs_that_agree() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().to_str().unwrap();
    let cells = ["--set", "cast=unicast", "--set", "window=10,20"];
    let more = ["--set", "loss=0", "--reps", "1"];
    let swept = simulate("window", dir.path(), &[&cells[..], &more].concat());
    let near = "2 of 2 cells are within 10 % of the model, 2 within 5 %";
    assert!(stdout(&swept).contains(near), "{}", stdout(&swept));
    assert!(page(dir.path()).contains(near));
    let compared = output(&["compare", folder, folder]);
    let agree = "Of 2 pairs of runs with the same seed, 2 differ by at most 1 %.";
    assert!(stdout(&compared).contains(agree), "{}", stdout(&compared));
}

#[test]
fn a_report_is_made_anew_from_rows_and_manifest() {
    let dir = tempfile::tempdir().unwrap();
    simulate("window", dir.path(), &SMALL);
    let before = page(dir.path());
    let mut made = vec!["summary.csv".to_owned(), "report.html".to_owned()];
    for entry in fs::read_dir(dir.path()).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if name.ends_with("g") {
            made.push(name);
        }
    }
    for name in &made {
        fs::remove_file(dir.path().join(name)).unwrap();
    }
    let again = output(&["report", dir.path().to_str().unwrap()]);
    assert!(again.status.success(), "{}", stderr(&again));
    for name in &made {
        assert!(dir.path().join(name).is_file(), "no {name}");
    }
    assert!(page(dir.path()) == before);
}

#[test]
fn markup_in_a_row_is_text_on_the_page() {
    let dir = tempfile::tempdir().unwrap();
    simulate("window", dir.path(), &SMALL);
    let rows = fs::read_to_string(dir.path().join("runs.csv")).unwrap();
    let hostile = rows.replace(",true,,", ",false,<img src=x>&,");
    fs::write(dir.path().join("runs.csv"), hostile).unwrap();
    output(&["report", dir.path().to_str().unwrap()]);
    let page = page(dir.path());
    assert!(page.contains("&lt;img src=x&gt;&amp;"));
    assert!(!page.contains("<img"));
}

#[test]
fn a_folder_without_results_is_refused_with_a_reason() {
    let dir = tempfile::tempdir().unwrap();
    let output = output(&["report", dir.path().to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("runs.csv"), "{}", stderr(&output));
}

#[test]
fn a_report_replaces_only_what_the_lab_wrote() {
    let dir = tempfile::tempdir().unwrap();
    simulate("window", dir.path(), &SMALL);
    let path = |name: &str| dir.path().join(name);
    // The lab would take these for its own by their names alone.
    for name in ["my-goodput-against-window.svg", "notes.txt"] {
        fs::write(path(name), "mine").unwrap();
    }
    let report = || output(&["report", dir.path().to_str().unwrap()]);
    let again = report();
    assert!(again.status.success(), "{}", stderr(&again));
    for name in ["my-goodput-against-window.svg", "notes.txt"] {
        assert_eq!(fs::read(path(name)).unwrap(), b"mine", "{name}");
    }
    // A chart that the manifest does not list is not the lab's.
    let manifest = fs::read_to_string(path("manifest.json")).unwrap();
    let mut manifest: serde_json::Value = serde_json::from_str(&manifest).unwrap();
    manifest["charts"] = serde_json::json!([]);
    fs::write(path("manifest.json"), manifest.to_string()).unwrap();
    let chart = path("goodput-against-window.svg");
    fs::write(&chart, "mine").unwrap();
    let refused = report();
    assert_eq!(refused.status.code(), Some(1));
    let message = stderr(&refused);
    assert!(message.contains("did not write it"), "{message}");
    assert_eq!(fs::read(chart).unwrap(), b"mine");
    assert_eq!(
        fs::read_to_string(path("manifest.json")).unwrap(),
        manifest.to_string()
    );
}
