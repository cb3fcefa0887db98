//! Suggests a name for a misspelt one.

/// The name most similar to `word`, if any is similar enough.
pub fn nearest<'a>(word: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    names
        .into_iter()
        .map(|name| (name, strsim::jaro_winkler(word, name)))
        .filter(|(_, likeness)| *likeness > 0.75)
        .max_by(|(_, one), (_, other)| one.total_cmp(other))
        .map(|(name, _)| name)
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn a_typo_finds_its_name_and_nonsense_finds_none() {
        let names = ["window", "loss", "receivers"];
        assert_eq!(nearest("windw", names), Some("window"));
        assert_eq!(nearest("receiver", names), Some("receivers"));
        assert_eq!(nearest("zzz", names), None);
    }
}
