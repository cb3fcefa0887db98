//! Tab completion of commands, names, paths and values.

use std::fs;
use std::os::unix::ffi::OsStringExt;
use std::path::Path;

use rustyline::completion::Pair;

use crate::command::{CommandSpec, bar_positions, commands, write_path};
use crate::paths::expand_home;

/// Returns the candidates for the last part of `line`, and where that part starts.
pub(super) fn complete(line: &str, names: &[String]) -> (usize, Vec<Pair>) {
    let bars: Vec<usize> = bar_positions(line.as_bytes()).collect();
    let (Some(&first), Some(&last)) = (bars.first(), bars.last()) else {
        return complete_without_bar(line, names);
    };
    let start = last + 1;
    let typed = &line[start..];
    let field = bars.len() - 1;
    let mut candidates = Vec::new();
    if let Some(spec) = CommandSpec::find(line[..first].trim())
        && let Some(fields) = spec.fields()
    {
        if spec.takes_users() && (field == 0 || fields.contains("...")) {
            let after = if fields == "USER" { "" } else { "|" };
            candidates.extend(
                matching_names(typed, names).map(|name| pair(name, format!("{name}{after}"))),
            );
        }
        if spec.takes_path() && (field > 0 || !spec.takes_users()) {
            candidates.extend(matching_paths(typed));
        }
        if fields.contains(" or ") {
            let values = fields.split(" or ");
            let values = values.flat_map(|values| values.split(", "));
            let matching = values.filter(|value| value.starts_with(typed));
            candidates.extend(matching.map(|value| pair(value, value.to_owned())));
        }
    }
    (start, candidates)
}

fn complete_without_bar(line: &str, names: &[String]) -> (usize, Vec<Pair>) {
    if let Some((before, typed)) = line.rsplit_once(' ') {
        let matching = matching_names(typed, names).filter(|_| !typed.is_empty());
        let candidates = matching.map(|name| pair(name, format!("{name} ")));
        return (before.len() + 1, candidates.collect());
    }
    let mut candidates: Vec<Pair> = commands()
        .filter(|spec| spec.name().starts_with(line))
        .map(|spec| {
            let after = spec.fields().map_or("", |_| "|");
            pair(spec.syntax, format!("{}{after}", spec.name()))
        })
        .collect();
    if !line.is_empty() {
        candidates.extend(matching_names(line, names).map(|name| pair(name, format!("{name}: "))));
    }
    (0, candidates)
}

fn pair(display: &str, replacement: String) -> Pair {
    Pair {
        display: display.to_owned(),
        replacement,
    }
}

fn matching_names<'a>(typed: &str, names: &'a [String]) -> impl Iterator<Item = &'a String> {
    let typed = typed.trim_start().to_lowercase();
    names
        .iter()
        .filter(move |name| name.to_lowercase().starts_with(&typed))
}

fn matching_paths(typed: &str) -> Vec<Pair> {
    let typed = typed.replace("\\|", "|");
    let (folder, prefix) = typed
        .rfind('/')
        .map_or(("", typed.as_str()), |at| typed.split_at(at + 1));
    let listed = if folder.is_empty() {
        Path::new(".").to_path_buf()
    } else {
        expand_home(Path::new(folder))
    };
    let Ok(entries) = fs::read_dir(listed) else {
        return Vec::new();
    };
    let mut candidates: Vec<Pair> = entries
        .flatten()
        .filter_map(|entry| {
            let name = entry.file_name().into_vec();
            let is_hidden = name.starts_with(b".") && !prefix.starts_with('.');
            if is_hidden || !name.starts_with(prefix.as_bytes()) {
                return None;
            }
            let slash = if entry.path().is_dir() { "/" } else { "" };
            let name = [&name, slash.as_bytes()].concat();
            let path = [folder.as_bytes(), &name].concat();
            Some(pair(&write_path(&name), write_path(&path)))
        })
        .collect();
    candidates.sort_by(|a, b| a.display.cmp(&b.display));
    candidates
}

#[cfg(test)]
mod tests {
    use super::*;

    fn completions(line: &str) -> Vec<String> {
        let names = ["Ada".to_owned(), "bob".to_owned(), "adam".to_owned()];
        let (start, candidates) = complete(line, &names);
        candidates
            .into_iter()
            .map(|pair| format!("{}{}", &line[..start], pair.replacement))
            .collect()
    }

    #[test]
    fn commands_complete_with_their_bar() {
        assert_eq!(completions("mb"), ["mbroadcast|", "mblockcast|"]);
        assert_eq!(completions("get"), ["getusers"]);
        assert_eq!(completions("").len(), commands().count());
    }

    #[test]
    fn names_complete_in_user_fields_ignoring_case() {
        assert_eq!(
            completions("municast|a"),
            ["municast|Ada|", "municast|adam|"]
        );
        assert_eq!(
            completions("mmulticast|bob|AD"),
            ["mmulticast|bob|Ada|", "mmulticast|bob|adam|"]
        );
        assert_eq!(completions("kick|b"), ["kick|bob"]);
        assert_eq!(completions("municast|bob|a"), Vec::<String>::new());
    }

    #[test]
    fn names_complete_inside_a_message() {
        assert_eq!(completions("bo"), ["bob: "]);
        assert_eq!(completions("ask ad"), ["ask Ada ", "ask adam "]);
        assert_eq!(completions("ask "), Vec::<String>::new());
    }

    #[test]
    fn values_of_settings_complete() {
        assert_eq!(
            completions("recovery|"),
            ["recovery|timeout", "recovery|fast"]
        );
        assert_eq!(
            completions("copies|"),
            ["copies|1", "copies|2", "copies|3", "copies|4"]
        );
        assert_eq!(completions("delivery|a"), ["delivery|auto"]);
        assert_eq!(completions("delivery|s"), ["delivery|sequential"]);
        assert_eq!(completions("window|"), ["window|auto", "window|128"]);
    }

    #[test]
    fn paths_complete_with_escaped_bars() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("a|b.txt"), "").unwrap();
        fs::write(folder.path().join(".hidden"), "").unwrap();
        fs::write(folder.path().join("c\n "), "").unwrap();
        fs::create_dir(folder.path().join("sub")).unwrap();
        let root = folder.path().to_str().unwrap();
        assert_eq!(
            completions(&format!("fbroadcast|{root}/")),
            [
                format!("fbroadcast|\"{root}/c\\n \""),
                format!("fbroadcast|{root}/a\\|b.txt"),
                format!("fbroadcast|{root}/sub/")
            ]
        );
        assert_eq!(
            completions(&format!("funicast|bob|{root}/a\\|")),
            [format!("funicast|bob|{root}/a\\|b.txt")]
        );
    }
}
