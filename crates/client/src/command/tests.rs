use backroom_protocol::Cast;
use proptest::prelude::*;

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

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|&name| name.to_owned()).collect()
}

fn parsed(line: &str) -> Command {
    parse(line).unwrap().unwrap()
}

fn refused(line: &str) -> String {
    parse(line).unwrap_err().to_string()
}

#[test]
fn each_command_of_the_menu_is_understood() {
    assert_eq!(parsed("getusers"), Command::Users);
    assert_eq!(parsed("mbroadcast|hi"), message(Recipients::Everyone, "hi"));
    assert_eq!(
        parsed("municast|bob|hi"),
        message(Recipients::Only("bob".into()), "hi")
    );
    assert_eq!(
        parsed("mmulticast|bob|eve|hi"),
        message(Recipients::Each(names(&["bob", "eve"])), "hi")
    );
    assert_eq!(
        parsed("mblockcast|bob|eve|hi"),
        message(Recipients::AllBut(names(&["bob", "eve"])), "hi")
    );
    assert_eq!(
        parsed("fbroadcast|a.txt"),
        file(Recipients::Everyone, "a.txt")
    );
    assert_eq!(
        parsed("funicast|bob|a.txt"),
        file(Recipients::Only("bob".into()), "a.txt")
    );
    assert_eq!(
        parsed("fmulticast|bob|eve|a.txt"),
        file(Recipients::Each(names(&["bob", "eve"])), "a.txt")
    );
    assert_eq!(
        parsed("fblockcast|bob|a.txt"),
        file(Recipients::AllBut(names(&["bob"])), "a.txt")
    );
    assert_eq!(parsed("kick|bob"), Command::Kick { user: "bob".into() });
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
fn a_line_without_a_command_word_is_said_to_everyone_as_typed() {
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
        assert_eq!(parsed(line), message(Recipients::Everyone, line));
    }
    assert_eq!(
        parsed("ls \\| wc"),
        message(Recipients::Everyone, "ls | wc")
    );
}

#[test]
fn a_blank_line_is_nothing() {
    for line in ["", "\n", "\r\n", "   ", "\t"] {
        assert_eq!(parse(line), Ok(None));
    }
}

#[test]
fn a_word_before_a_bar_that_is_no_command_names_the_nearest() {
    for (line, nearest) in [
        ("mbrodcast|hi", "`mbroadcast`"),
        ("MUNICAST|bob|hi", "`municast`"),
        ("fmulticat|bob|eve|x", "`fmulticast`"),
        ("kik|bob", "`kick`"),
        ("hello | world", "the nearest is"),
        ("|hello", "the nearest is"),
    ] {
        let error = refused(line);
        assert!(
            error.contains(nearest) && error.contains("nothing was sent"),
            "{line}: {error}"
        );
    }
}

#[test]
fn bars_belong_to_the_last_field_where_the_number_of_fields_is_fixed() {
    assert_eq!(
        parsed("mbroadcast|a|b"),
        message(Recipients::Everyone, "a|b")
    );
    assert_eq!(
        parsed("municast|bob|a|b|c"),
        message(Recipients::Only("bob".into()), "a|b|c")
    );
    assert_eq!(
        parsed("fbroadcast|a|b.txt"),
        file(Recipients::Everyone, "a|b.txt")
    );
    assert_eq!(
        parsed("mmulticast|bob|a\\|b"),
        message(Recipients::Each(names(&["bob"])), "a|b")
    );
    assert_eq!(
        parsed("fblockcast|bob|x\\|y\\|z"),
        file(Recipients::AllBut(names(&["bob"])), "x|y|z")
    );
}

#[test]
fn an_empty_field_is_an_error_that_shows_the_form() {
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
fn a_cast_without_its_bars_is_not_said_to_everyone() {
    assert!(refused("municast bob the safe is open").contains("municast|USER|TEXT"));
    assert!(refused("  fbroadcast secrets.txt").contains("fbroadcast|PATH"));
}

#[test]
fn spaces_around_words_names_and_paths_are_not_part_of_them_but_text_is_kept() {
    assert_eq!(
        parsed(" municast | bob |  hi "),
        message(Recipients::Only("bob".into()), "  hi ")
    );
    assert_eq!(
        parsed("funicast| bob | my file.txt "),
        file(Recipients::Only("bob".into()), "my file.txt")
    );
    assert_eq!(parsed("exit  \r\n"), Command::Exit);
}

#[test]
fn the_menu_names_every_command() {
    let menu = menu();
    for word in WORDS {
        assert!(
            menu.contains(&format!("{}{}", word.name, word.fields)),
            "{}",
            word.name
        );
    }
}

proptest! {
    #[test]
    fn no_line_makes_the_parser_panic(line in ".*") {
        let _ = parse(&line);
    }

    #[test]
    fn nor_does_one_of_bars_backslashes_and_words(line in r"(mmulticast|fblockcast|kick|window|\||\\| |é){0,12}") {
        let _ = parse(&line);
    }

    #[test]
    fn an_escaped_text_comes_back_through_every_cast(text in r"[a-zé |\\]{0,20}[a-zé|]") {
        let escaped = escape(&text);
        for (prefix, cast) in [
            ("mbroadcast|", Cast::Broadcast),
            ("municast|bob|", Cast::Unicast),
            ("mmulticast|bob|eve|", Cast::Multicast),
            ("mblockcast|bob|", Cast::Blockcast),
        ] {
            match parse(&format!("{prefix}{escaped}")) {
                Ok(Some(Command::Message { to, text: read })) => {
                    prop_assert_eq!(to.cast(), cast);
                    prop_assert_eq!(read, text.clone());
                }
                other => prop_assert!(false, "{other:?}"),
            }
        }
    }

    #[test]
    fn an_escaped_line_without_a_command_comes_back(text in r"[A-Z][A-Za-z |\\]{0,20}") {
        prop_assert_eq!(parse(&escape(&text)), Ok(Some(message(Recipients::Everyone, &text))));
    }
}
