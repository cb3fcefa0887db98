use backroom_protocol::Cast;
use proptest::prelude::*;

use super::types::CommandError;
use super::*;

fn message(to: Recipients, text: &str) -> Command {
    Command::Message {
        to,
        text: text.to_owned(),
    }
}

fn file(to: Recipients, path: &str) -> Command {
    Command::File {
        to,
        path: path.into(),
    }
}

impl Recipients {
    pub(crate) fn new(cast: Cast, names: &[&str]) -> Self {
        let names = names.iter().map(|&name| name.to_owned()).collect();
        Self { cast, names }
    }
}

/// Escapes the bars of a field.
fn escape(field: &str) -> String {
    field.replace('|', "\\|")
}

fn parsed(line: &str) -> Command {
    parse(line).unwrap().unwrap()
}

fn refused(line: &str) -> String {
    parse(line).unwrap_err().to_string()
}

#[test]
fn every_command_of_the_menu_parses() {
    assert_eq!(parsed("getusers"), Command::Users);
    assert_eq!(parsed("mbroadcast|hi"), message(Recipients::EVERYONE, "hi"));
    assert_eq!(
        parsed("municast|bob|hi"),
        message(Recipients::new(Cast::Unicast, &["bob"]), "hi")
    );
    assert_eq!(
        parsed("mmulticast|bob|eve|hi"),
        message(Recipients::new(Cast::Multicast, &["bob", "eve"]), "hi")
    );
    assert_eq!(
        parsed("mblockcast|bob|eve|hi"),
        message(Recipients::new(Cast::Blockcast, &["bob", "eve"]), "hi")
    );
    assert_eq!(
        parsed("fbroadcast|a.txt"),
        file(Recipients::EVERYONE, "a.txt")
    );
    assert_eq!(
        parsed("funicast|bob|a.txt"),
        file(Recipients::new(Cast::Unicast, &["bob"]), "a.txt")
    );
    assert_eq!(
        parsed("fmulticast|bob|eve|a.txt"),
        file(Recipients::new(Cast::Multicast, &["bob", "eve"]), "a.txt")
    );
    assert_eq!(
        parsed("fblockcast|bob|a.txt"),
        file(Recipients::new(Cast::Blockcast, &["bob"]), "a.txt")
    );
    assert_eq!(parsed("kick|bob"), Command::Kick { user: "bob".into() });
    assert_eq!(parsed("trust|bob"), Command::Trust { user: "bob".into() });
    assert_eq!(parsed("transfers"), Command::Transfers);
    assert_eq!(parsed("cancel|7"), Command::Cancel { id: 7 });
    assert_eq!(parsed("help"), Command::Help);
    assert_eq!(parsed("exit"), Command::Exit);
    for setting in [
        "window|200",
        "window|auto",
        "recovery|timeout",
        "timeout|200ms",
        "copies|2",
        "delivery|sequential",
        "segment|1400",
    ] {
        assert!(matches!(parsed(setting), Command::Set(_)), "{setting}");
    }
}

#[test]
fn the_documentation_has_every_command() {
    let page = include_str!("../../../../docs/client.md");
    for spec in commands() {
        let word = spec.name();
        let described = [format!("`{word}`"), format!("`{word}\\|")];
        assert!(
            described.iter().any(|text| page.contains(text)),
            "docs/client.md: {word}"
        );
    }
}

#[test]
fn a_line_without_a_command_is_a_broadcast() {
    for line in [
        "hello",
        "  hello there  ",
        "help me",
        "Exit",
        "window seat?",
        "getusers please",
        "a \\ b",
        "ключ",
    ] {
        assert_eq!(parsed(line), message(Recipients::EVERYONE, line));
    }
    assert_eq!(
        parsed("ls \\| wc"),
        message(Recipients::EVERYONE, "ls | wc")
    );
}

#[test]
fn a_blank_line_is_no_command() {
    for line in ["", "\n", "\r\n", "   ", "\t"] {
        assert_eq!(parse(line), Ok(None));
    }
}

#[test]
fn an_unknown_command_suggests_the_nearest() {
    for (line, nearest) in [
        ("mbrodcast|hi", "`mbroadcast`"),
        ("MUNICAST|bob|hi", "`municast`"),
        ("fmulticat|bob|eve|x", "`fmulticast`"),
        ("kik|bob", "`kick`"),
        ("hello | world", "did you mean"),
        ("|hello", "did you mean"),
    ] {
        let error = refused(line);
        assert!(
            error.contains(nearest) && error.contains("not sent"),
            "{line}: {error}"
        );
    }
}

#[test]
fn the_last_of_a_fixed_number_of_fields_may_contain_bars() {
    assert_eq!(
        parsed("mbroadcast|a|b"),
        message(Recipients::EVERYONE, "a|b")
    );
    assert_eq!(
        parsed("municast|bob|a|b|c"),
        message(Recipients::new(Cast::Unicast, &["bob"]), "a|b|c")
    );
    assert_eq!(
        parsed("fbroadcast|a|b.txt"),
        file(Recipients::EVERYONE, "a|b.txt")
    );
    assert_eq!(
        parsed("mmulticast|bob|a\\|b"),
        message(Recipients::new(Cast::Multicast, &["bob"]), "a|b")
    );
    assert_eq!(
        parsed("fblockcast|bob|x\\|y\\|z"),
        file(Recipients::new(Cast::Blockcast, &["bob"]), "x|y|z")
    );
}

#[test]
fn an_empty_field_is_an_error_with_the_usage() {
    for line in [
        "mbroadcast|",
        "mbroadcast|   ",
        "municast|bob",
        "municast|bob|",
        "municast||hi",
        "mmulticast|hi",
        "mmulticast|bob||hi",
        "mmulticast||hi",
        "mblockcast|hi",
        "mblockcast|bob|",
        "fbroadcast|",
        "funicast|bob|  ",
        "fmulticast|a.txt",
        "fblockcast|a.txt",
        "kick|",
        "kick|  ",
        "cancel|",
        "cancel|x",
        "cancel|-1",
        "getusers|",
        "exit|now",
        "mbroadcast",
        "kick",
        "window",
    ] {
        let error = refused(line);
        let word = line.split('|').next().unwrap();
        assert!(error.contains(&format!("`{word}")), "{line}: {error}");
    }
}

#[test]
fn a_cast_without_bars_is_not_broadcast() {
    assert!(refused("municast bob the safe is open").contains("municast|USER|TEXT"));
    assert!(refused("  fbroadcast secrets.txt").contains("fbroadcast|PATH"));
}

#[test]
fn spaces_are_trimmed_except_in_text() {
    assert_eq!(
        parsed(" municast | bob |  hi "),
        message(Recipients::new(Cast::Unicast, &["bob"]), "  hi ")
    );
    assert_eq!(
        parsed("funicast| bob | my file.txt "),
        file(Recipients::new(Cast::Unicast, &["bob"]), "my file.txt")
    );
    assert_eq!(parsed("exit  \r\n"), Command::Exit);
}

#[test]
fn only_a_path_may_be_other_than_utf_8() {
    use std::os::unix::ffi::OsStringExt;
    let path = std::ffi::OsString::from_vec(b"caf\xe9 |".to_vec());
    assert_eq!(
        parse(b"fmulticast|bob|eve| caf\xe9 \\|\n"),
        Ok(Some(Command::File {
            to: Recipients::new(Cast::Multicast, &["bob", "eve"]),
            path: path.into()
        }))
    );
    for line in [
        &b"caf\xe9"[..],
        b"mbroadcast|caf\xe9",
        b"municast|caf\xe9|hello",
        b"fmulticast|bob|\xe9|file",
        b"\xe9|file",
        b"window|\xe9",
        b"kick|\xe9",
        b"cancel|\xe9",
    ] {
        assert_eq!(parse(line), Err(CommandError::NotText), "{line:?}");
    }
}

#[test]
fn a_quoted_path_is_taken_exactly_and_a_quoted_text_keeps_its_quotes() {
    assert_eq!(
        parsed(r#"funicast|bob| " a\nb " "#),
        file(Recipients::new(Cast::Unicast, &["bob"]), " a\nb ")
    );
    assert_eq!(
        parsed(r#"fmulticast|bob|"a\|b""#),
        file(Recipients::new(Cast::Multicast, &["bob"]), "a|b")
    );
    assert_eq!(
        parsed(r#"municast|bob|"a\nb""#),
        message(Recipients::new(Cast::Unicast, &["bob"]), r#""a\nb""#)
    );
    assert!(refused(r#"fbroadcast|"a\b""#).contains("backslash"));
    assert!(refused(r#"fbroadcast|"""#).contains("missing path"));
}

#[test]
fn the_menu_contains_every_command() {
    let menu = menu();
    for spec in commands() {
        assert!(menu.contains(spec.syntax), "{}", spec.syntax);
    }
}

proptest! {
    #[test]
    fn arbitrary_lines_never_panic(line in ".*") {
        let _ = parse(&line);
    }

    #[test]
    fn lines_of_bars_and_backslashes_never_panic(line in r"(mmulticast|fblockcast|kick|window|\||\\| |é){0,12}") {
        let _ = parse(&line);
    }

    #[test]
    fn escaped_text_round_trips_through_every_cast(text in r"[a-zé |\\]{0,20}[a-zé|]") {
        let escaped = escape(&text);
        for (prefix, cast) in [
            ("mbroadcast|", Cast::Broadcast),
            ("municast|bob|", Cast::Unicast),
            ("mmulticast|bob|eve|", Cast::Multicast),
            ("mblockcast|bob|", Cast::Blockcast),
        ] {
            match parse(format!("{prefix}{escaped}")) {
                Ok(Some(Command::Message { to, text: read })) => {
                    prop_assert_eq!(to.cast, cast);
                    prop_assert_eq!(read, text.clone());
                }
                other => prop_assert!(false, "{other:?}"),
            }
        }
    }

    #[test]
    fn an_escaped_line_without_a_command_round_trips(text in r"[A-Z][A-Za-z |\\]{0,20}") {
        prop_assert_eq!(parse(escape(&text)), Ok(Some(message(Recipients::EVERYONE, &text))));
    }
}
