//! Checks that the workspace's `rust-version` is not below that of any dependency.

use anyhow::{Context, Result};
use serde_json::Value;

use crate::metadata::{array, read, text};

type Version = (u32, u32, u32);

/// One line for each package that needs a newer Rust than a member of the workspace promises.
pub(crate) fn check() -> Result<Vec<String>> {
    let metadata = read(&["--filter-platform", "x86_64-unknown-linux-gnu"])?;
    let (complaints, summary) = compare(&metadata)?;
    println!("{summary}");
    Ok(complaints)
}

fn compare(metadata: &Value) -> Result<(Vec<String>, String)> {
    let mut promised = None;
    let mut needs = Vec::new();
    let mut complaints = Vec::new();
    for package in array(metadata, "packages") {
        let name = text(package, "name")?;
        let rust_version = package["rust_version"].as_str();
        // A path dependency, so a member of the workspace, has no source.
        if !package["source"].is_null() {
            let label = format!("{name} {}", text(package, "version")?);
            needs.extend(rust_version.map(|version| (version, label)));
        } else if let Some(version) = rust_version {
            let lower = promised.map_or(Ok(true), |lowest| {
                anyhow::Ok(parse(version)? < parse(lowest)?)
            })?;
            if lower {
                promised = Some(version);
            }
        } else {
            complaints.push(format!("{name} has no rust-version"));
        }
    }
    let promised = promised.context("no member of the workspace has a rust-version")?;
    let mut highest = (parse("0.0")?, "nothing".to_owned());
    for (version, label) in needs {
        if parse(version)? > parse(promised)? {
            complaints.push(format!(
                "rust-version is {promised}, but {label} needs {version}"
            ));
        }
        highest = highest.max((parse(version)?, format!("{label} needs {version}")));
    }
    let summary = format!(
        "rust-version is {promised}; the most among dependencies: {}",
        highest.1
    );
    Ok((complaints, summary))
}

fn parse(version: &str) -> Result<Version> {
    let mut numbers = [0; 3];
    for (number, part) in numbers.iter_mut().zip(version.split('.')) {
        *number = part
            .parse()
            .with_context(|| format!("'{version}' is not a Rust version"))?;
    }
    Ok(numbers.into())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn workspace(member: Value, dependency: Value) -> Value {
        json!({"packages": [
            {"name": "member", "version": "0.1.0", "source": null, "rust_version": member},
            {"name": "old", "version": "1.0.0", "source": "registry", "rust_version": null},
            {"name": "library", "version": "2.0.0", "source": "registry", "rust_version": dependency},
        ]})
    }

    #[test]
    fn a_dependency_that_needs_a_newer_rust_is_reported() {
        let (complaints, _) = compare(&workspace(json!("1.9"), json!("1.10.1"))).unwrap();
        assert_eq!(
            complaints,
            ["rust-version is 1.9, but library 2.0.0 needs 1.10.1"]
        );
    }

    #[test]
    fn an_equal_version_passes() {
        let (complaints, summary) = compare(&workspace(json!("1.89"), json!("1.89.0"))).unwrap();
        assert!(complaints.is_empty());
        assert_eq!(
            summary,
            "rust-version is 1.89; the most among dependencies: library 2.0.0 needs 1.89.0"
        );
    }

    #[test]
    fn a_member_without_a_rust_version_is_reported() {
        let mut metadata = workspace(json!("1.89"), json!("1.89"));
        metadata["packages"][1]["source"] = Value::Null;
        assert_eq!(compare(&metadata).unwrap().0, ["old has no rust-version"]);
    }
}
