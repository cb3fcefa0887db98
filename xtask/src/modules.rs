//! Reads the modules of one target (a library, a program, a test) from its files.

use std::collections::{BTreeSet, HashMap};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use proc_macro2::{Delimiter, TokenStream, TokenTree};
use quote::ToTokens;
use syn::{Attribute, Item, ItemMod, UseTree, Visibility};

/// The segments of a path such as `crate::link::Link`.
pub(crate) type ModulePath = Vec<String>;

/// The modules of a target; the first one is its root.
#[derive(Default)]
pub(crate) struct Target {
    pub(crate) files: Vec<PathBuf>,
    pub(crate) modules: Vec<Module>,
}

/// A module, which is a file or part of one.
#[derive(Default)]
pub(crate) struct Module {
    /// Its place in [`Target::files`].
    pub(crate) file: usize,
    /// Its place in [`Target::modules`].
    pub(crate) parent: Option<usize>,
    pub(crate) children: HashMap<String, usize>,
    /// The names of types, functions, constants and macros that are defined here.
    pub(crate) items: BTreeSet<String>,
    pub(crate) imports: Vec<Import>,
    /// Every path in the code, without those of `use` items.
    pub(crate) paths: BTreeSet<ModulePath>,
}

/// One name of a `use` item.
pub(crate) struct Import {
    pub(crate) path: ModulePath,
    /// The name that it gets here; `None` for `*`.
    pub(crate) name: Option<String>,
    /// Is it visible outside of this module?
    pub(crate) is_reexport: bool,
}

impl Target {
    /// Reads a target from its root file and the files of all its modules.
    pub(crate) fn read(root: &Path) -> Result<Self> {
        let mut target = Self::default();
        let folder = root.parent().context("a source file has no folder")?;
        target.add_file(root, folder, None)?;
        Ok(target)
    }

    /// The module that contains this one, the next one outwards, and so on.
    pub(crate) fn parents(&self, module: usize) -> impl Iterator<Item = usize> {
        std::iter::successors(self.modules[module].parent, |&parent| {
            self.modules[parent].parent
        })
    }

    /// Adds the module in `file`, whose child modules lie in `folder`.
    fn add_file(&mut self, file: &Path, folder: &Path, parent: Option<usize>) -> Result<usize> {
        let name = || file.display().to_string();
        let text = fs::read_to_string(file).with_context(name)?;
        let items = syn::parse_file(&text).with_context(name)?.items;
        self.files.push(file.to_owned());
        self.add_module(items, self.files.len() - 1, folder, parent)
    }

    fn add_module(
        &mut self,
        items: Vec<Item>,
        file: usize,
        folder: &Path,
        parent: Option<usize>,
    ) -> Result<usize> {
        let module = self.modules.len();
        self.modules.push(Module {
            file,
            parent,
            ..Module::default()
        });
        for item in items {
            match item {
                // Unit tests of different files may share helpers.
                Item::Mod(child) if is_for_tests(&child.attrs) => {}
                Item::Mod(child) => self.add_child(child, module, folder)?,
                Item::Use(item) => {
                    let is_reexport = !matches!(item.vis, Visibility::Inherited);
                    let imports = &mut self.modules[module].imports;
                    add_imports(&item.tree, &mut Vec::new(), is_reexport, imports);
                }
                item => {
                    let module = &mut self.modules[module];
                    module.items.extend(defined_name(&item));
                    add_paths(item.into_token_stream(), &[], &mut module.paths);
                }
            }
        }
        Ok(module)
    }

    fn add_child(&mut self, child: ItemMod, parent: usize, folder: &Path) -> Result<()> {
        let name = child.ident.to_string();
        let own_folder = folder.join(&name);
        let file = self.modules[parent].file;
        let module = if let Some((_, items)) = child.content {
            self.add_module(items, file, &own_folder, Some(parent))?
        } else if let Some(path) = path_attribute(&child.attrs) {
            let path = self.files[file].with_file_name(path);
            let folder = path.parent().unwrap_or(folder).to_owned();
            self.add_file(&path, &folder, Some(parent))?
        } else {
            let beside = folder.join(format!("{name}.rs"));
            let inside = own_folder.join("mod.rs");
            let path = if beside.is_file() { beside } else { inside };
            self.add_file(&path, &own_folder, Some(parent))?
        };
        self.modules[parent].children.insert(name, module);
        Ok(())
    }
}

/// Whether `#[cfg(test)]` is among `attributes`.
fn is_for_tests(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        let condition = attribute
            .meta
            .require_list()
            .map(|list| list.tokens.to_string());
        attribute.path().is_ident("cfg") && condition.is_ok_and(|condition| condition == "test")
    })
}

/// The value of `#[path = "..."]`.
fn path_attribute(attributes: &[Attribute]) -> Option<String> {
    let attribute = attributes
        .iter()
        .find(|attribute| attribute.path().is_ident("path"))?;
    let value = &attribute.meta.require_name_value().ok()?.value;
    let literal: syn::LitStr = syn::parse2(value.to_token_stream()).ok()?;
    Some(literal.value())
}

fn defined_name(item: &Item) -> Option<String> {
    let name = match item {
        Item::Const(item) => &item.ident,
        Item::Enum(item) => &item.ident,
        Item::Fn(item) => &item.sig.ident,
        Item::Macro(item) => item.ident.as_ref()?,
        Item::Static(item) => &item.ident,
        Item::Struct(item) => &item.ident,
        Item::Trait(item) => &item.ident,
        Item::TraitAlias(item) => &item.ident,
        Item::Type(item) => &item.ident,
        Item::Union(item) => &item.ident,
        _ => return None,
    };
    Some(name.to_string())
}

/// Adds each name of a `use` item. `prefix` is the path to `tree`, and the same again afterwards.
fn add_imports(
    tree: &UseTree,
    prefix: &mut ModulePath,
    is_reexport: bool,
    imports: &mut Vec<Import>,
) {
    let mut add = |path: ModulePath, name| {
        imports.push(Import {
            path,
            name,
            is_reexport,
        })
    };
    let with = |last: &syn::Ident| match last.to_string() {
        // `use a::{self}` names `a` itself.
        last if last == "self" && !prefix.is_empty() => prefix.clone(),
        last => [prefix.as_slice(), &[last]].concat(),
    };
    match tree {
        UseTree::Path(tree) => {
            prefix.push(tree.ident.to_string());
            add_imports(&tree.tree, prefix, is_reexport, imports);
            prefix.pop();
        }
        UseTree::Name(tree) => {
            let path = with(&tree.ident);
            let name = path.last().cloned();
            add(path, name);
        }
        UseTree::Rename(tree) => add(with(&tree.ident), Some(tree.rename.to_string())),
        UseTree::Glob(_) => add(prefix.clone(), None),
        UseTree::Group(tree) => {
            for tree in &tree.items {
                add_imports(tree, prefix, is_reexport, imports);
            }
        }
    }
}

/// Adds every path in these tokens, also inside macro calls, which `syn` leaves as tokens.
///
/// Names of fields, methods and functions being defined are left out: what follows a dot or `fn`, or stands before a
/// single colon.
fn add_paths(tokens: TokenStream, prefix: &[String], paths: &mut BTreeSet<ModulePath>) {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    let is_punct = |at: usize, wanted| matches!(tokens.get(at), Some(TokenTree::Punct(punct)) if punct.as_char() == wanted);
    let is_separator = |at| is_punct(at, ':') && is_punct(at + 1, ':');
    let mut at = 0;
    while at < tokens.len() {
        match &tokens[at] {
            TokenTree::Ident(first) => {
                let is_member =
                    at > 0 && is_punct(at - 1, '.') && !(at > 1 && is_punct(at - 2, '.'));
                let is_definition =
                    at > 0 && matches!(&tokens[at - 1], TokenTree::Ident(word) if word == "fn");
                let mut path = [prefix, &[first.to_string()]].concat();
                at += 1;
                while is_separator(at)
                    && let Some(TokenTree::Ident(next)) = tokens.get(at + 2)
                {
                    path.push(next.to_string());
                    at += 3;
                }
                match tokens.get(at + 2) {
                    // `use a::{b, c}` within a function.
                    Some(TokenTree::Group(group))
                        if is_separator(at) && group.delimiter() == Delimiter::Brace =>
                    {
                        add_paths(group.stream(), &path, paths);
                        at += 3;
                    }
                    _ => {
                        let is_field = path.len() == 1 && is_punct(at, ':') && !is_separator(at);
                        if !is_member && !is_definition && !is_field {
                            paths.insert(path);
                        }
                    }
                }
            }
            TokenTree::Group(group) => {
                add_paths(group.stream(), &[], paths);
                at += 1;
            }
            TokenTree::Punct(_) | TokenTree::Literal(_) => at += 1,
        }
    }
}
