//! Identities of members and of servers: how long they last, and what happens when one changes.

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;
use std::process::Stdio;

use rustix::process::Signal;
use serde_json::Value;
use tempfile::TempDir;

use crate::harness::{Member, Room, soon};
use crate::terminal::terminal;

fn state() -> TempDir {
    tempfile::tempdir().unwrap()
}

async fn join(room: &Room, state: &Path, options: &[&str]) -> (Member, Value) {
    let mut member = room.start_in(state, options);
    let joined = member.event("joined").await;
    (member, joined)
}

/// Joins, leaves, and returns the event of the join.
async fn visit(room: &Room, state: &Path, options: &[&str]) -> Value {
    let (mut member, joined) = join(room, state, options).await;
    member.type_line("exit").await;
    assert_eq!(member.end().await.code(), Some(0));
    joined
}

async fn user(member: &mut Member, name: &str) -> Value {
    member.type_line("getusers").await;
    let users = member.event("users").await["users"].clone();
    let users = users.as_array().unwrap();
    users
        .iter()
        .find(|user| user["name"] == name)
        .unwrap()
        .clone()
}

#[tokio::test]
async fn each_name_of_a_machine_has_an_identity_that_lasts() {
    let room = Room::open().await;
    let state = state();
    let first = visit(&room, state.path(), &["--name", "Ada"]).await;
    assert_eq!(first["identity"], "known");
    let again = visit(&room, state.path(), &["--name", "ada"]).await;
    assert_eq!(again["fingerprint"], first["fingerprint"]);
    let bob = visit(&room, state.path(), &["--name", "bob"]).await;
    assert_ne!(bob["fingerprint"], first["fingerprint"]);

    let folder = state.path().join("backroom/identities");
    assert_eq!(fs::metadata(&folder).unwrap().mode() & 0o777, 0o700);
    let mut names = Vec::new();
    for entry in fs::read_dir(&folder).unwrap() {
        let entry = entry.unwrap();
        assert_eq!(entry.metadata().unwrap().mode() & 0o777, 0o600);
        names.push(entry.file_name().into_string().unwrap());
    }
    names.sort();
    assert_eq!(names, ["ada", "bob"]);
}

#[tokio::test]
async fn a_given_file_holds_the_identity_of_any_name() {
    let room = Room::open().await;
    let state = state();
    let file = state.path().join("my identity");
    let options = |name| ["--identity", file.to_str().unwrap(), "--name", name];
    let ada = visit(&room, state.path(), &options("ada")).await;
    let bob = visit(&room, state.path(), &options("bob")).await;
    assert_eq!(ada["fingerprint"], bob["fingerprint"]);
    assert!(!state.path().join("backroom/identities").exists());

    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    let mut member = room.start_in(state.path(), &options("ada"));
    let error = member.event("error").await;
    let message = error["message"].as_str().unwrap();
    assert!(message.contains("chmod 600"), "{message}");
    assert_eq!(member.end().await.code(), Some(2));
}

#[tokio::test]
async fn an_ephemeral_member_has_no_identity_and_leaves_no_state() {
    let room = Room::open().await;
    let state = state();
    let options = ["--name", "ada", "--ephemeral"];
    let first = visit(&room, state.path(), &options).await;
    assert_eq!(first["identity"], "ephemeral");
    assert_eq!(first["server"]["identity"], "new");
    let again = visit(&room, state.path(), &options).await;
    assert_ne!(again["fingerprint"], first["fingerprint"]);
    assert_eq!(again["server"]["identity"], "new", "it was not remembered");
    assert_eq!(fs::read_dir(state.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn a_state_folder_that_cannot_be_written_is_no_obstacle() {
    let room = Room::open().await;
    let state = state();
    let file = state.path().join("a file");
    fs::write(&file, "").unwrap();
    let mut member = room.start_in(&file, &["--name", "ada"]);
    let warnings = [
        member.event("warning").await["message"].clone(),
        member.event("warning").await["message"].clone(),
    ];
    let [server, own] = warnings.each_ref().map(|warning| warning.as_str().unwrap());
    assert!(
        server.contains("server's identity is not remembered"),
        "{server}"
    );
    assert!(own.contains("joining without an identity"), "{own}");
    let joined = member.event("joined").await;
    assert_eq!(joined["identity"], "ephemeral");
}

#[tokio::test]
async fn a_changed_identity_is_announced_until_it_is_trusted() {
    let room = Room::open().await;
    let [at_ada, at_bob, at_eve] = [state(), state(), state()];
    let bob = ["--name", "bob"];
    let before = visit(&room, at_bob.path(), &bob).await["fingerprint"].clone();
    let (mut ada, joined) = join(&room, at_ada.path(), &["--name", "ada"]).await;
    // Ada meets Bob.
    visit(&room, at_bob.path(), &bob).await;
    ada.event("member_left").await;
    visit(&room, at_bob.path(), &bob).await;
    ada.event("member_left").await;
    assert!(!ada.has_passed("identity_changed"));

    // Eve takes his name.
    let (mut eve, _) = join(&room, at_eve.path(), &bob).await;
    let changed = ada.event("identity_changed").await;
    let eves = user(&mut eve, "bob").await["fingerprint"].clone();
    assert_eq!(changed["name"], "bob");
    assert_eq!(changed["known_fingerprint"], before);
    assert_eq!(changed["fingerprint"], eves);
    assert_eq!(changed["ephemeral"], false);
    assert_eq!(user(&mut ada, "bob").await["identity"], "changed");
    // Someone who comes later and has met Bob is told when it joins.
    ada.type_line("exit").await;
    ada.end().await;
    let (mut ada, again) = join(&room, at_ada.path(), &["--name", "ada"]).await;
    assert_eq!(again["fingerprint"], joined["fingerprint"]);
    assert_eq!(ada.event("identity_changed").await, changed);

    ada.type_line("trust|bob").await;
    assert_eq!(ada.event("trusted").await["fingerprint"], eves);
    assert_eq!(user(&mut ada, "bob").await["identity"], "known");
    eve.type_line("exit").await;
    ada.event("member_left").await;
    ada.type_line("exit").await;
    ada.end().await;

    let (mut ada, _) = join(&room, at_ada.path(), &["--name", "ada"]).await;
    let _guest = join(&room, at_bob.path(), &["--name", "bob", "--ephemeral"]).await;
    let changed = ada.event("identity_changed").await;
    assert_eq!(changed["known_fingerprint"], eves, "what was trusted lasts");
    assert_eq!(changed["ephemeral"], true);
    let error = ada.error_of("trust|bob").await;
    assert!(error.contains("no identity"), "{error}");
}

#[tokio::test]
async fn a_member_that_does_not_answer_is_replaced_by_its_owner() {
    let room = Room::open().await;
    let state = state();
    let ada = ["--name", "ada"];
    let (first, _) = join(&room, state.path(), &ada).await;
    let mut second = room.start_in(state.path(), &ada);
    let error = second.event("error").await;
    let message = error["message"].as_str().unwrap();
    assert!(message.contains("the name is taken"), "{message}");
    assert_eq!(second.end().await.code(), Some(2));

    // A stopped process looks like a machine that lost its network.
    first.signal(Signal::STOP);
    let (_second, joined) = join(&room, state.path(), &ada).await;
    assert_eq!(joined["members"], serde_json::json!(["ada"]));
}

/// Two servers, one after the other, on the same port.
struct Port {
    port: u16,
    folder: TempDir,
}

impl Port {
    async fn open(&mut self, identity: &str) -> Room {
        let file = self.folder.path().join(identity);
        let options = ["--identity", file.to_str().unwrap()];
        let room = Room::open_at(self.port, &options).await;
        self.port = room.port();
        room
    }
}

#[tokio::test]
async fn a_server_with_another_identity_is_refused_in_a_script() {
    let state = state();
    let mut port = Port {
        port: 0,
        folder: tempfile::tempdir().unwrap(),
    };
    let room = port.open("first").await;
    let ada = ["--name", "ada"];
    let first = visit(&room, state.path(), &ada).await["server"].clone();
    assert_eq!(first["identity"], "new");
    assert_eq!(first["address"], format!("127.0.0.1:{}", room.port()));
    room.kill().await;

    let room = port.open("first").await;
    let again = visit(&room, state.path(), &ada).await["server"].clone();
    assert_eq!(again["identity"], "known");
    assert_eq!(again["fingerprint"], first["fingerprint"]);
    room.kill().await;

    let room = port.open("second").await;
    for options in [&ada[..], &["--name", "ada", "--ephemeral"]] {
        let mut member = room.start_in(state.path(), options);
        let error = member.event("error").await;
        let message = error["message"].as_str().unwrap();
        for part in [
            "the identity of the server at 127.0.0.1",
            "has changed",
            first["fingerprint"].as_str().unwrap(),
            "known_servers",
        ] {
            assert!(message.contains(part), "{message}");
        }
        assert_eq!(member.end().await.code(), Some(5));
        assert!(!member.has_passed("authenticated"));
    }
    room.kill().await;

    // The new identity may also be one that does not last.
    let room = Room::open_at(port.port, &["--ephemeral"]).await;
    let mut member = room.start_in(state.path(), &ada);
    assert_eq!(member.end().await.code(), Some(5));

    // The remedy of the message.
    fs::remove_file(state.path().join("backroom/known_servers")).unwrap();
    let now = visit(&room, state.path(), &ada).await["server"].clone();
    assert_eq!(now["identity"], "ephemeral");
}

/// Joins at a terminal and types this answer. Returns the exit code and the screen.
async fn answer(room: &Room, state: &Path, answer: &str) -> (Option<i32>, String) {
    let downloads = tempfile::tempdir().unwrap();
    let (mut keyboard, program) = terminal();
    let mut screen = keyboard.try_clone().unwrap();
    let (asked, question) = tokio::sync::oneshot::channel();
    let reading = std::thread::spawn(move || read_screen(&mut screen, asked));
    let mut command = room.client(downloads.path());
    command
        .args(["--name", "ada"])
        .env("TERM", "xterm")
        .env("XDG_STATE_HOME", state)
        .stdin(OwnedFd::from(program.try_clone().unwrap()))
        .stdout(OwnedFd::from(program))
        .stderr(Stdio::null());
    let mut ada = command.spawn().unwrap();
    drop(command);
    soon("the question", question).await.unwrap();
    keyboard
        .write_all(format!("{answer}\rexit\r").as_bytes())
        .unwrap();
    let exit = soon("the end", ada.wait()).await.unwrap();
    (exit.code(), reading.join().unwrap())
}

/// Reads until nobody has the terminal open any more.
fn read_screen(screen: &mut File, asked: tokio::sync::oneshot::Sender<()>) -> String {
    let mut drawn = String::new();
    let mut asked = Some(asked);
    let mut buffer = [0; 1_024];
    while let Ok(bytes @ 1..) = screen.read(&mut buffer) {
        drawn.push_str(&String::from_utf8_lossy(&buffer[..bytes]));
        if drawn.contains("Type yes or no")
            && let Some(asked) = asked.take()
        {
            asked.send(()).unwrap();
        }
    }
    drawn
}

#[tokio::test]
async fn a_person_is_asked_about_a_server_with_another_identity() {
    let state = state();
    let mut port = Port {
        port: 0,
        folder: tempfile::tempdir().unwrap(),
    };
    let room = port.open("first").await;
    visit(&room, state.path(), &["--name", "ada"]).await;
    room.kill().await;
    let room = port.open("second").await;
    let (exit, screen) = answer(&room, state.path(), "no").await;
    assert_eq!(exit, Some(5), "{screen}");
    assert!(screen.contains("has changed"), "{screen}");
    assert!(!screen.contains("Welcome"), "{screen}");
    let (exit, screen) = answer(&room, state.path(), "yes").await;
    assert_eq!(exit, Some(0), "{screen}");
    assert!(screen.contains("Welcome"), "{screen}");
    // From now on, it is the known one.
    let joined = visit(&room, state.path(), &["--name", "ada"]).await;
    assert_eq!(joined["server"]["identity"], "known");
}
