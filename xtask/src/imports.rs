//! Finds out which file of a target takes which names from which other file.

use std::collections::HashSet;

use crate::graph::Graph;
use crate::modules::{ModulePath, Target};

/// What a path leads to.
#[derive(Clone, Copy)]
enum Found<'a> {
    /// A module, by its place in [`Target::modules`].
    Module(usize),
    /// A name that is defined in a module.
    Item(usize, &'a str),
}

/// An arrow for every file that uses a name of another file, labelled with the names.
///
/// - A re-export is followed to the file that defines the name. `pub use` alone imports nothing, and neither does `mod name;`.
/// - A module may use what its parents define: it lies within their scope. So an error type may stand in `mod.rs` beside the
///   functions that call the modules below.
pub(crate) fn graph(target: &Target) -> Graph {
    let mut graph = Graph::default();
    for (at, module) in target.modules.iter().enumerate() {
        let imported = module.imports.iter().filter(|import| !import.is_reexport);
        for path in module
            .paths
            .iter()
            .chain(imported.map(|import| &import.path))
        {
            match resolve(target, at, path, &mut HashSet::new()) {
                Some(Found::Item(from, name))
                    if !target.parents(at).any(|parent| parent == from) =>
                {
                    graph.add(module.file, target.modules[from].file, name.to_owned());
                }
                _ => {}
            }
        }
    }
    graph
}

/// The modules and names under look-up, so that re-exports of each other end.
type Open<'a> = HashSet<(usize, &'a str, bool)>;

/// What `path` means in a module.
fn resolve<'a>(
    target: &'a Target,
    module: usize,
    path: &'a ModulePath,
    open: &mut Open<'a>,
) -> Option<Found<'a>> {
    let mut module = module;
    for (place, segment) in path.iter().enumerate() {
        let is_last = place + 1 == path.len();
        module = match segment.as_str() {
            "self" => module,
            "crate" => 0,
            "super" => target.modules[module].parent?,
            name => match look_up(target, module, name, is_last, open)? {
                Found::Module(module) => module,
                item @ Found::Item(..) => return Some(item),
            },
        };
    }
    Some(Found::Module(module))
}

/// What one name means in a module. A name can be that of a module and of a function: a module is only
/// meant where more of the path follows.
fn look_up<'a>(
    target: &'a Target,
    at: usize,
    name: &'a str,
    is_last: bool,
    open: &mut Open<'a>,
) -> Option<Found<'a>> {
    if !open.insert((at, name, is_last)) {
        return None;
    }
    let module = &target.modules[at];
    let child = module.children.get(name).map(|&child| Found::Module(child));
    let item = module.items.contains(name).then_some(Found::Item(at, name));
    let found = if is_last { item } else { child };
    let found = found
        .or_else(|| imported(target, at, name, is_last, open))
        .or(item)
        .or(child);
    open.remove(&(at, name, is_last));
    found
}

/// What a name means that a `use` item brings into a module.
fn imported<'a>(
    target: &'a Target,
    at: usize,
    name: &'a str,
    is_last: bool,
    open: &mut Open<'a>,
) -> Option<Found<'a>> {
    let imports = &target.modules[at].imports;
    let named = imports
        .iter()
        .filter(|import| import.name.as_deref() == Some(name));
    let mut resolved = named.filter_map(|import| resolve(target, at, &import.path, open));
    if let Some(found) = resolved.next() {
        return Some(found);
    }
    imports
        .iter()
        .filter(|import| import.name.is_none())
        .find_map(|glob| match resolve(target, at, &glob.path, open)? {
            Found::Module(module) => look_up(target, module, name, is_last, open),
            Found::Item(..) => None,
        })
}
