//! Messages and their recipients.

use crate::harness::{Member, Room};

async fn message_parts(member: &mut Member) -> (String, String, String) {
    let message = member.event("message").await;
    let field = |name: &str| message[name].as_str().unwrap().to_owned();
    (field("from"), field("cast"), field("text"))
}

fn message(from: &str, cast: &str, text: &str) -> (String, String, String) {
    (from.to_owned(), cast.to_owned(), text.to_owned())
}

#[tokio::test]
async fn each_cast_reaches_exactly_its_recipients() {
    let room = Room::open().await;
    let [mut ada, mut bob, mut eve, mut kim] = room.join_all(["ada", "bob", "eve", "kim"]).await;
    for line in [
        "hello everyone",
        "mbroadcast|a|b",
        "municast|BOB|only you",
        "mmulticast|bob|eve|bob|you two",
        "mblockcast|eve|kim|not eve, not kim",
        "mbroadcast|end",
    ] {
        ada.type_line(line).await;
    }
    let everyone = [
        message("ada", "broadcast", "hello everyone"),
        message("ada", "broadcast", "a|b"),
    ];
    let end = [message("ada", "broadcast", "end")];
    let to_bob = [
        message("ada", "unicast", "only you"),
        message("ada", "multicast", "you two"),
        message("ada", "blockcast", "not eve, not kim"),
    ];
    let to_eve = [message("ada", "multicast", "you two")];
    for (member, its_own) in [
        (&mut bob, &to_bob[..]),
        (&mut eve, &to_eve[..]),
        (&mut kim, &[]),
    ] {
        for expected in everyone.iter().chain(its_own).chain(&end) {
            assert_eq!(message_parts(member).await, *expected);
        }
    }
    assert!(!ada.has_passed("message"));
}

#[tokio::test]
async fn invalid_commands_and_recipients_are_errors_and_send_nothing() {
    let room = Room::open().await;
    let [mut ada, mut bob] = room.join_all(["ada", "bob"]).await;
    for (line, error) in [
        ("mbrodcast|secret", "`mbroadcast`"),
        ("hello | world", "did you mean"),
        ("municast|secret", "municast|USER|TEXT"),
        ("municast bob secret", "municast|USER|TEXT"),
        ("municast|bop|secret", "did you mean `bob`?"),
        ("mmulticast|bob|nobody|secret", "no member named `nobody`"),
        ("mblockcast|nobody|secret", "no member named `nobody`"),
        ("mblockcast|bob|secret", "excludes every other member"),
        ("municast|ada|secret", "yourself"),
        ("mbroadcast|", "the message is empty"),
        ("kick|nobody", "no member named `nobody`"),
        ("window|0", "1 to 65535"),
        ("cancel|5", "there is no transfer 5"),
    ] {
        let message = ada.error_of(line).await;
        assert!(message.contains(error), "{line}: {message}");
    }
    ada.type_line("municast|bob|the first thing said").await;
    assert_eq!(
        message_parts(&mut bob).await,
        message("ada", "unicast", "the first thing said")
    );
}

#[tokio::test]
async fn a_message_of_64_kib_arrives_and_a_longer_one_is_rejected() {
    let room = Room::open().await;
    let [mut ada, mut bob] = room.join_all(["ada", "bob"]).await;
    let longest = "x".repeat(64 * 1024);
    let error = ada.error_of(&format!("mbroadcast|{longest}x")).await;
    assert!(error.contains("65537 bytes"), "{error}");
    let error = ada.error_of(&"y".repeat(1 << 20)).await;
    assert!(error.contains("exceeds the limit"), "{error}");
    ada.type_line(&format!("mbroadcast|{longest}")).await;
    assert_eq!(message_parts(&mut bob).await.2, longest);
}

#[tokio::test]
async fn terminal_controls_are_removed() {
    let room = Room::open().await;
    let [mut ada, mut bob] = room.join_all(["ada", "bob"]).await;
    ada.type_line("\u{1b}[2Jred\u{1b}]0;title\u{7} alert").await;
    assert_eq!(message_parts(&mut bob).await.2, "red alert");
}

#[tokio::test]
async fn enough_votes_remove_a_member_which_exits_with_1() {
    let room = Room::open().await;
    let [mut ada, mut bob, mut eve] = room.join_all(["ada", "bob", "eve"]).await;
    let error = ada.error_of("kick|ada").await;
    assert!(!error.is_empty());
    for (voter, votes) in [(&mut ada, 1), (&mut bob, 2)] {
        voter.type_line("kick|eve").await;
        let vote = eve.event("vote").await;
        assert_eq!(
            (
                vote["target"].as_str(),
                vote["votes"].as_i64(),
                vote["needed"].as_i64()
            ),
            (Some("eve"), Some(votes), Some(2))
        );
    }
    assert_eq!(eve.event("kicked").await["name"], "eve");
    assert_eq!(eve.end().await.code(), Some(1));
    assert_eq!(bob.event("kicked").await["name"], "eve");
    assert_eq!(bob.event("member_left").await["name"], "eve");

    let mut again = room.start(&["--name", "eve"]);
    let error = again.event("error").await;
    assert!(
        error["message"]
            .as_str()
            .unwrap()
            .contains("removed by vote"),
        "{error}"
    );
    assert_eq!(again.end().await.code(), Some(1));
}
