//! Input from a terminal.

use std::fs::{File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::process::Stdio;

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

use crate::harness::Room;

/// The two ends of a pseudo-terminal.
pub(crate) fn terminal() -> (File, File) {
    let keyboard = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&keyboard).unwrap();
    unlockpt(&keyboard).unwrap();
    let size = Winsize {
        ws_row: 24,
        ws_col: 80,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    tcsetwinsize(&keyboard, size).unwrap();
    let name = ptsname(&keyboard, Vec::new()).unwrap();
    let program = OpenOptions::new()
        .read(true)
        .write(true)
        .open(name.to_str().unwrap())
        .unwrap();
    (File::from(keyboard), program)
}

#[tokio::test]
async fn pasted_lines_are_all_executed() {
    let room = Room::open().await;
    let mut bob = room.join("bob").await;
    let downloads = tempfile::tempdir().unwrap();
    let (mut keyboard, program) = terminal();
    // A screen that nobody reads would fill up.
    let mut output_thread = keyboard.try_clone().unwrap();
    let reading = std::thread::spawn(move || {
        let mut drawn = [0; 1_024];
        while output_thread.read(&mut drawn).is_ok_and(|bytes| bytes > 0) {}
    });
    let mut command = room.client(downloads.path());
    command
        .args(["--name", "ada"])
        .env("TERM", "xterm")
        .stdin(OwnedFd::from(program.try_clone().unwrap()))
        .stdout(OwnedFd::from(program))
        .stderr(Stdio::null());
    let mut ada = command.spawn().unwrap();
    drop(command);
    bob.event("member_joined").await;

    keyboard.write_all(b"one\rtwo\rthree\rexit\r").unwrap();
    for text in ["one", "two", "three"] {
        assert_eq!(bob.event("message").await["text"], text);
    }
    bob.event("member_left").await;
    assert!(ada.wait().await.unwrap().success());
    // Nobody has the terminal open any more, which ends the reading.
    reading.join().unwrap();
}
