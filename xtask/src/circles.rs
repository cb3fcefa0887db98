//! Reports circles of imports: between the files of a target, and between the crates of the workspace.

use std::collections::{BTreeSet, HashMap};
use std::path::Path;

use anyhow::Result;
use serde_json::Value;

use crate::graph::Graph;
use crate::imports;
use crate::metadata::{array, read, text};
use crate::modules::Target;

/// One text for each circle, with the names that tie it.
pub(crate) fn check() -> Result<Vec<String>> {
    let metadata = read(&["--no-deps"])?;
    let root = Path::new(text(&metadata, "workspace_root")?);
    let mut circles = between_crates(&metadata)?;
    let mut files = 0;
    for package in array(&metadata, "packages") {
        for target in array(package, "targets") {
            let target = Target::read(Path::new(text(target, "src_path")?))?;
            files += target.files.len();
            circles.extend(between_files(&target, root));
        }
    }
    println!("{files} files, {} circles", circles.len());
    Ok(circles)
}

fn between_files(target: &Target, root: &Path) -> Vec<String> {
    let names: Vec<String> = target
        .files
        .iter()
        .map(|file| {
            file.strip_prefix(root)
                .unwrap_or(file)
                .display()
                .to_string()
        })
        .collect();
    describe(&imports::graph(target), &names, "files")
}

/// Cargo refuses circles of dependencies, but not those through a development dependency.
fn between_crates(metadata: &Value) -> Result<Vec<String>> {
    let packages = array(metadata, "packages");
    let names: Vec<String> = packages
        .iter()
        .map(|package| Ok(text(package, "name")?.to_owned()))
        .collect::<Result<_>>()?;
    let places: HashMap<&str, usize> = names
        .iter()
        .enumerate()
        .map(|(place, name)| (name.as_str(), place))
        .collect();
    let mut graph = Graph::default();
    for (from, package) in packages.iter().enumerate() {
        for dependency in array(package, "dependencies") {
            if let Some(&to) = places.get(text(dependency, "name")?) {
                let kind = dependency["kind"].as_str().unwrap_or("normal");
                graph.add(from, to, format!("{kind} dependency"));
            }
        }
    }
    Ok(describe(&graph, &names, "crates"))
}

fn describe(graph: &Graph, names: &[String], kind: &str) -> Vec<String> {
    let describe_one = |circle: Vec<usize>| {
        let arrows = graph.arrows_within(&circle).map(|(from, to, labels)| {
            format!("\n  {} -> {}: {}", names[from], names[to], join(labels))
        });
        format!(
            "circle of {} {kind}:{}",
            circle.len(),
            arrows.collect::<String>()
        )
    };
    graph.circles().into_iter().map(describe_one).collect()
}

fn join(labels: &BTreeSet<String>) -> String {
    labels
        .iter()
        .map(String::as_str)
        .collect::<Vec<_>>()
        .join(", ")
}

#[cfg(test)]
mod tests {
    use std::fs;

    use serde_json::json;

    use super::*;

    /// The circles of a library with these files.
    fn circles(files: &[(&str, &str)]) -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let target = Target::read(&folder.path().join("lib.rs")).unwrap();
        between_files(&target, folder.path())
    }

    #[test]
    fn two_files_that_import_each_other_are_a_circle() {
        let found = circles(&[
            ("lib.rs", "mod a; mod b;"),
            ("a.rs", "use crate::b::B; pub struct A(B);"),
            ("b.rs", "pub struct B; fn f() { let _ = super::a::A; }"),
        ]);
        assert_eq!(
            found,
            ["circle of 2 files:\n  a.rs -> b.rs: B\n  b.rs -> a.rs: A"]
        );
    }

    #[test]
    fn declaring_and_reexporting_a_module_is_no_import() {
        let found = circles(&[
            ("lib.rs", "mod a; pub use a::A; pub const LIMIT: u32 = 1;"),
            ("a.rs", "pub struct A([u8; crate::LIMIT as usize]);"),
        ]);
        assert!(found.is_empty(), "{found:?}");
    }

    #[test]
    fn a_reexport_leads_to_the_file_that_defines_the_name() {
        let found = circles(&[
            ("lib.rs", "mod group; mod user;"),
            (
                "group/mod.rs",
                "mod one; mod two; pub use one::One; pub use two::*;",
            ),
            ("group/one.rs", "use super::Two; pub struct One(Two);"),
            ("group/two.rs", "pub struct Two(Box<crate::group::One>);"),
            (
                "user.rs",
                "use crate::group::{One, Two}; fn f(_: One, _: Two) { }",
            ),
        ]);
        let arrows = "\n  group/one.rs -> group/two.rs: Two\n  group/two.rs -> group/one.rs: One";
        assert_eq!(found, [format!("circle of 2 files:{arrows}")]);
    }

    #[test]
    fn a_module_may_use_what_its_parent_defines_but_not_what_a_sibling_does() {
        let parent = "mod one; mod two; pub use two::Two; pub struct A; fn f() { one::run(); }";
        let one = "pub(super) fn run() { let _ = super::A; }";
        let found = circles(&[
            ("lib.rs", "mod a;"),
            ("a.rs", parent),
            ("a/one.rs", one),
            ("a/two.rs", "pub struct Two;"),
        ]);
        assert!(found.is_empty(), "{found:?}");

        let found = circles(&[
            ("lib.rs", "mod a;"),
            ("a.rs", parent),
            ("a/one.rs", "pub(super) fn run() { let _ = super::Two; }"),
            ("a/two.rs", "pub struct Two; fn g() { super::one::run(); }"),
        ]);
        let arrows = "\n  a/one.rs -> a/two.rs: Two\n  a/two.rs -> a/one.rs: run";
        assert_eq!(found, [format!("circle of 2 files:{arrows}")]);
    }

    #[test]
    fn names_are_found_inside_macros_local_imports_and_globs() {
        let found = circles(&[
            ("lib.rs", "mod a; mod b; mod c;"),
            ("a.rs", "pub fn a() { println!(\"{}\", crate::b::b()); }"),
            ("b.rs", "use crate::c::*; pub fn b() -> u32 { c() }"),
            (
                "c.rs",
                "pub fn c() -> u32 { use crate::{a::{a as other}, b}; other(); 1 }",
            ),
        ]);
        let arrows = "\n  a.rs -> b.rs: b\n  b.rs -> c.rs: c\n  c.rs -> a.rs: a";
        assert_eq!(found, [format!("circle of 3 files:{arrows}")]);
    }

    #[test]
    fn fields_methods_and_inline_tests_tie_nothing() {
        let found = circles(&[
            ("lib.rs", "mod a; mod b;"),
            (
                "a.rs",
                "pub use crate::b::size; pub struct A { size: u32 }
                 impl A { pub fn size(&self) -> u32 { self.size } }
                 fn f(a: &A) -> u32 { a.size() }
                 #[cfg(test)] mod tests { use super::*; use crate::b::size; fn g(_: A) { } }",
            ),
            (
                "b.rs",
                "use crate::a::A; pub fn size(a: &A) -> u32 { a.size() }",
            ),
        ]);
        assert!(found.is_empty(), "{found:?}");
    }

    #[test]
    fn a_function_named_like_its_module_is_told_from_it() {
        let found = circles(&[
            (
                "lib.rs",
                "mod parse; mod user; pub use parse::parse; pub struct Limit;",
            ),
            ("parse.rs", "pub fn parse(_: crate::user::User) { }"),
            ("user.rs", "pub struct User; fn f() { crate::parse(User); }"),
        ]);
        assert_eq!(
            found,
            ["circle of 2 files:\n  parse.rs -> user.rs: User\n  user.rs -> parse.rs: parse"]
        );
    }

    #[test]
    fn renamed_imports_and_paths_by_attribute_are_followed() {
        let found = circles(&[
            ("lib.rs", "mod a; #[path = \"elsewhere/c.rs\"] mod b;"),
            ("a.rs", "use crate::b as other; pub struct A(other::B);"),
            (
                "elsewhere/c.rs",
                "use crate::a::A as Other; pub struct B(Option<Box<Other>>);",
            ),
        ]);
        let arrows = "\n  a.rs -> elsewhere/c.rs: B\n  elsewhere/c.rs -> a.rs: A";
        assert_eq!(found, [format!("circle of 2 files:{arrows}")]);
    }

    #[test]
    fn reexports_of_each_other_end() {
        let found = circles(&[
            ("lib.rs", "mod a; mod b;"),
            ("a.rs", "pub use crate::b::Thing; pub use crate::b::*;"),
            (
                "b.rs",
                "pub use crate::a::Thing; pub use crate::a::*; fn f(_: Thing) { }",
            ),
        ]);
        assert!(found.is_empty(), "{found:?}");
    }

    #[test]
    fn crates_tied_by_a_development_dependency_are_a_circle() {
        let metadata = json!({"packages": [
            {"name": "core", "dependencies": [{"name": "helper", "kind": "dev"}]},
            {"name": "helper", "dependencies": [{"name": "core", "kind": null}, {"name": "anyhow", "kind": null}]},
            {"name": "program", "dependencies": [{"name": "core", "kind": null}]},
        ]});
        let arrows = "\n  core -> helper: dev dependency\n  helper -> core: normal dependency";
        assert_eq!(
            between_crates(&metadata).unwrap(),
            [format!("circle of 2 crates:{arrows}")]
        );
    }
}
