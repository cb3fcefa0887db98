//! What Tab offers: commands, then whatever the field under the cursor holds.

use std::fs;
use std::path::Path;

use rustyline::completion::Pair;

use crate::command::{WORDS, Word, escape};
use crate::paths::expand_home;

/// The candidates for what ends at `line`'s end, and where in `line` that begins.
pub(super) fn complete(line: &str, names: &[String]) -> (usize, Vec<Pair>) {
    let bars: Vec<usize> = line
        .match_indices('|')
        .map(|(at, _)| at)
        .filter(|&at| !line[..at].ends_with('\\'))
        .collect();
    let Some(&first) = bars.first() else {
        return complete_without_bar(line, names);
    };
    let start = bars.last().map_or(0, |at| at + 1);
    let typed = &line[start..];
    let field = bars.len() - 1;
    let mut candidates = Vec::new();
    if let Some(word) = Word::find(line[..first].trim()) {
        if word.takes_users() && (field == 0 || word.fields.contains("...")) {
            let after = if word.name == "kick" { "" } else { "|" };
            candidates
                .extend(names_like(typed, names).map(|name| pair(name, format!("{name}{after}"))));
        }
        if word.takes_path() && (field > 0 || !word.takes_users()) {
            candidates.extend(paths_like(typed));
        }
        if let Some(values) = word
            .fields
            .strip_prefix('|')
            .filter(|values| values.contains(" or "))
        {
            let values = values
                .split(" or ")
                .flat_map(|values| values.split(", "))
                .filter(|value| value.starts_with(typed));
            candidates.extend(values.map(|value| pair(value, value.to_owned())));
        }
    }
    (start, candidates)
}

fn complete_without_bar(line: &str, names: &[String]) -> (usize, Vec<Pair>) {
    if let Some(space) = line.rfind(' ') {
        let typed = &line[space + 1..];
        let candidates = if typed.is_empty() {
            Vec::new()
        } else {
            names_like(typed, names)
                .map(|name| pair(name, format!("{name} ")))
                .collect()
        };
        return (space + 1, candidates);
    }
    let words = WORDS.iter().filter(|word| word.name.starts_with(line));
    let after = |word: &Word| if word.fields.is_empty() { "" } else { "|" };
    let mut candidates: Vec<Pair> = words
        .map(|word| {
            pair(
                &format!("{}{}", word.name, word.fields),
                format!("{}{}", word.name, after(word)),
            )
        })
        .collect();
    if !line.is_empty() {
        candidates.extend(names_like(line, names).map(|name| pair(name, format!("{name}: "))));
    }
    (0, candidates)
}

fn pair(display: &str, replacement: String) -> Pair {
    Pair {
        display: display.to_owned(),
        replacement,
    }
}

fn names_like<'a>(typed: &str, names: &'a [String]) -> impl Iterator<Item = &'a String> {
    let typed = typed.trim_start().to_lowercase();
    names
        .iter()
        .filter(move |name| name.to_lowercase().starts_with(&typed))
}

fn paths_like(typed: &str) -> Vec<Pair> {
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
            let name = entry.file_name().into_string().ok()?;
            if !name.starts_with(prefix) || (name.starts_with('.') && !prefix.starts_with('.')) {
                return None;
            }
            let slash = if entry.path().is_dir() { "/" } else { "" };
            Some(pair(
                &format!("{name}{slash}"),
                escape(&format!("{folder}{name}{slash}")),
            ))
        })
        .collect();
    candidates.sort_by(|a, b| a.display.cmp(&b.display));
    candidates
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offered(line: &str) -> Vec<String> {
        let names = ["Ada".to_owned(), "bob".to_owned(), "adam".to_owned()];
        let (start, candidates) = complete(line, &names);
        candidates
            .into_iter()
            .map(|pair| format!("{}{}", &line[..start], pair.replacement))
            .collect()
    }

    #[test]
    fn a_command_is_completed_with_its_bar() {
        assert_eq!(offered("mb"), ["mbroadcast|", "mblockcast|"]);
        assert_eq!(offered("get"), ["getusers"]);
        assert_eq!(offered("").len(), WORDS.len());
    }

    #[test]
    fn names_are_completed_where_users_stand_whatever_their_case() {
        assert_eq!(offered("municast|a"), ["municast|Ada|", "municast|adam|"]);
        assert_eq!(
            offered("mmulticast|bob|AD"),
            ["mmulticast|bob|Ada|", "mmulticast|bob|adam|"]
        );
        assert_eq!(offered("kick|b"), ["kick|bob"]);
        assert_eq!(offered("municast|bob|a"), Vec::<String>::new());
    }

    #[test]
    fn names_are_completed_inside_a_message_too() {
        assert_eq!(offered("bo"), ["bob: "]);
        assert_eq!(offered("ask ad"), ["ask Ada ", "ask adam "]);
        assert_eq!(offered("ask "), Vec::<String>::new());
    }

    #[test]
    fn values_of_settings_are_completed() {
        assert_eq!(offered("recovery|"), ["recovery|timeout", "recovery|fast"]);
        assert_eq!(
            offered("copies|"),
            ["copies|1", "copies|2", "copies|3", "copies|4"]
        );
        assert_eq!(offered("delivery|a"), ["delivery|auto"]);
        assert_eq!(offered("delivery|s"), ["delivery|sequential"]);
        assert_eq!(offered("window|"), ["window|auto", "window|128"]);
    }

    #[test]
    fn paths_are_completed_with_their_bars_escaped() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("a|b.txt"), "").unwrap();
        fs::write(folder.path().join(".hidden"), "").unwrap();
        fs::create_dir(folder.path().join("sub")).unwrap();
        let root = folder.path().to_str().unwrap();
        assert_eq!(
            offered(&format!("fbroadcast|{root}/")),
            [
                format!("fbroadcast|{root}/a\\|b.txt"),
                format!("fbroadcast|{root}/sub/")
            ]
        );
        assert_eq!(
            offered(&format!("funicast|bob|{root}/a\\|")),
            [format!("funicast|bob|{root}/a\\|b.txt")]
        );
    }
}
