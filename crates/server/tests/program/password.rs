//! Sources of the password, its secrecy, and usage errors.

use std::fs;
use std::process::Output;

use rustix::process::Signal;

use crate::harness::{PASSWORD, Server, program, soon};

/// The output and exit status of a program that cannot start, without standard input.
async fn outcome(arguments: &[&str]) -> Output {
    let child = program(arguments).spawn().unwrap();
    soon("the exit", child.wait_with_output()).await.unwrap()
}

#[tokio::test]
async fn a_password_argument_works_with_a_warning() {
    let mut command = program(&["127.0.0.1", "0", PASSWORD]);
    command.env("BACKROOM_PASSWORD", "another");
    let mut child = command.spawn().unwrap();
    let mut stderr = crate::harness::Output::new(child.stderr.take().unwrap());
    let warning = stderr.find("process list").await;
    assert!(
        warning.contains("WARN") && !warning.contains(PASSWORD),
        "{warning}"
    );
    drop(child);
    let mut server = Server::spawn(&mut command, 1).await;
    server.join("Ann").await;
}

#[tokio::test]
async fn a_password_file_works() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("password");
    fs::write(&path, format!("{PASSWORD}\n")).unwrap();
    let mut command = program(&["127.0.0.1", "0", "--password-file"]);
    command.arg(&path).env("BACKROOM_PASSWORD", "another");
    let mut server = Server::spawn(&mut command, 1).await;
    server.join("Ann").await;
}

#[tokio::test]
async fn without_a_password_the_error_lists_the_options() {
    let output = outcome(&["127.0.0.1", "0"]).await;
    assert_eq!(output.status.code(), Some(2));
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(error.contains("BACKROOM_PASSWORD"), "{error}");
    assert!(output.stdout.is_empty());
}

#[tokio::test]
async fn a_usage_error_exits_with_2() {
    for (arguments, word) in [
        (&["127.0.0.1"][..], "PORT"),
        (&["nowhere", "0"], "nowhere"),
        (&["127.0.0.1", "70000"], "70000"),
        (&["127.0.0.1", "9000,9000"], "duplicate"),
        (&["127.0.0.1", "0", "--kick-votes", "1"], "--kick-votes"),
        (&["127.0.0.1", "0", "--kick-ban", "60"], "60s"),
        (&["127.0.0.1", "0", ""], "empty"),
        (
            &["127.0.0.1", "0", "--password-file", "/nowhere"],
            "/nowhere",
        ),
    ] {
        let output = outcome(arguments).await;
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        let error = String::from_utf8(output.stderr).unwrap();
        assert!(error.contains(word), "{arguments:?}: {error}");
        assert!(output.stdout.is_empty());
    }
}

#[tokio::test]
async fn the_error_names_a_port_in_use() {
    let server = Server::start(&[]).await;
    let port = server.addresses[0].port().to_string();
    let output = outcome(&["127.0.0.1", &port, PASSWORD]).await;
    assert_eq!(output.status.code(), Some(1));
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(error.contains(&server.addresses[0].to_string()), "{error}");
    assert!(output.stdout.is_empty(), "it was never online");
}

#[tokio::test]
async fn the_log_contains_neither_the_password_nor_messages() {
    let mut command = program(&["127.0.0.1", "0"]);
    command
        .env("BACKROOM_PASSWORD", PASSWORD)
        .env("RUST_LOG", "trace");
    let mut server = Server::spawn(&mut command, 1).await;
    let mut ann = server.join("Ann").await;
    let mut bob = server.join("Bob").await;
    ann.catches_up().await;
    ann.posts(b"between us", &[bob.id]).await;
    bob.expect_post(&ann, b"between us").await;
    drop((ann, bob));
    server.signal(Signal::TERM);
    let log = server.stderr.rest().await.join("\n");
    assert!(log.contains("Bob"), "the log should tell something");
    let as_numbers = format!("{:?}", b"between us");
    for secret in [PASSWORD, "between us", as_numbers.trim_matches(['[', ']'])] {
        assert!(!log.contains(secret), "{secret} is in the log");
    }
}
