//! Files that change while they are sent, and what can't be sent at all.

use std::fs::{self, File, FileTimes, OpenOptions};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;
use std::time::Duration;

use backroom_gbn::Window;
use backroom_protocol::segment::SegmentBytes;
use backroom_transport::file::{
    ReceiveError, SendError, SourceError, SourceFile, TraceKind, receive_file, send_file,
    trace_channel,
};

use crate::support::{Ended, Transfer, contents, names_in, within_a_minute};

const BYTES: usize = 2_000_000;

fn open(path: &Path) -> File {
    OpenOptions::new().write(true).open(path).unwrap()
}

/// Overwrites the first byte.
fn rewrite(path: &Path) {
    open(path).write_all_at(b"?", 0).unwrap();
}

fn rewrite_and_put_the_time_back(path: &Path) {
    let modified = fs::metadata(path).unwrap().modified().unwrap();
    rewrite(path);
    let times = FileTimes::new().set_modified(modified);
    open(path).set_times(times).unwrap();
    assert_eq!(fs::metadata(path).unwrap().modified().unwrap(), modified);
}

fn truncate(path: &Path) {
    open(path).set_len(10).unwrap();
}

fn grow(path: &Path) {
    let file = open(path);
    file.set_len(file.metadata().unwrap().len() + 1).unwrap();
}

fn replace(path: &Path) {
    let other = path.with_file_name("other");
    fs::copy(path, &other).unwrap();
    fs::rename(other, path).unwrap();
}

/// The path was a link, and now leads to another file. The first file did not change.
fn relink(path: &Path) {
    let other = path.with_file_name("other");
    fs::copy(path, &other).unwrap();
    let link = path.with_file_name("new-link");
    std::os::unix::fs::symlink(other, &link).unwrap();
    fs::rename(link, path).unwrap();
}

const CHANGES: [fn(&Path); 5] = [
    rewrite,
    rewrite_and_put_the_time_back,
    truncate,
    grow,
    replace,
];

/// Stop-and-wait, and so many segments that the transfer is interfered with long before its end.
fn long() -> Transfer {
    let mut transfer = Transfer::of(&contents(BYTES));
    transfer.config.window = Window::MIN.into();
    transfer.segment_bytes = SegmentBytes::try_from(100).unwrap();
    transfer
}

/// Changes the file once something of it has arrived.
async fn run_and_change(transfer: &Transfer, change: fn(&Path)) -> Ended {
    let interfere = async {
        let mut tick = tokio::time::interval(Duration::from_millis(1));
        while transfer.receive_control.progress.bytes() == 0 {
            tick.tick().await;
        }
        change(&transfer.source_path);
    };
    tokio::join!(transfer.run(), interfere).0
}

/// Changes the file once all of it has been read and sent, and before it is received.
async fn send_and_change(transfer: &mut Transfer, change: fn(&Path)) -> Ended {
    let (sink, mut events) = trace_channel(1_000);
    transfer.send_control.trace = Some(sink);
    let transfer = &*transfer;
    let send_request = transfer.send_request(transfer.receiver.address);
    let receive_request = transfer.receive_request();
    let segments = send_request.source.bytes().div_ceil(1_200);
    let (message_sender, messages) = tokio::sync::mpsc::channel(1);
    let send = async {
        let sent = send_file(transfer.sender.take(), send_request, &transfer.send_control).await;
        // A sender that has failed does not say that the file has ended.
        drop(message_sender);
        sent
    };
    let receive = async {
        let mut transmitted = 0;
        while transmitted < segments {
            if let Some(TraceKind::Transmit(run)) = events.receive().await.map(|event| event.kind) {
                transmitted += run.count as u64;
            }
        }
        change(&transfer.source_path);
        let (endpoint, control) = (transfer.receiver.take(), &transfer.receive_control);
        receive_file(endpoint, receive_request, control, messages).await
    };
    let (sent, received) = within_a_minute(async { tokio::join!(send, receive) }).await;
    Ended { sent, received }
}

fn assert_failed(transfer: &Transfer, ended: Ended) {
    let failure = ended.sent.unwrap_err();
    assert!(
        matches!(failure.error, SendError::Source(SourceError::Changed)),
        "{failure}"
    );
    assert!(matches!(ended.received, Err(ReceiveError::SenderLost)));
    assert_eq!(names_in(&transfer.downloads()), [""; 0]);
}

#[tokio::test]
async fn a_file_that_changes_while_it_is_read_is_an_error() {
    for (with_hash, change) in CHANGES
        .into_iter()
        .flat_map(|change| [(true, change), (false, change)])
    {
        let mut transfer = long();
        transfer.with_hash = with_hash;
        let ended = run_and_change(&transfer, change).await;
        assert_failed(&transfer, ended);
    }
}

#[tokio::test]
async fn a_file_that_changes_after_the_last_read_is_an_error() {
    for change in CHANGES {
        let mut transfer = Transfer::of(&contents(30_000));
        let ended = send_and_change(&mut transfer, change).await;
        assert_failed(&transfer, ended);
    }
}

#[tokio::test]
async fn a_link_that_leads_to_another_file_in_the_end_is_an_error() {
    let mut transfer = Transfer::of(&contents(30_000));
    let target = transfer.source_path.with_file_name("target");
    fs::rename(&transfer.source_path, &target).unwrap();
    std::os::unix::fs::symlink(&target, &transfer.source_path).unwrap();
    let ended = send_and_change(&mut transfer, relink).await;
    assert_failed(&transfer, ended);
}

/// Even if the kernel's clock for files has not moved on since the file was written.
#[tokio::test]
async fn a_file_that_changes_as_soon_as_it_is_open_is_an_error() {
    for bytes in [0, 1_000] {
        let transfer = Transfer::of(&contents(bytes));
        let request = transfer.send_request(transfer.receiver.address);
        let receive_request = transfer.receive_request();
        rewrite(&transfer.source_path);
        let (message_sender, messages) = tokio::sync::mpsc::channel(1);
        let (endpoint, control) = (transfer.receiver.take(), &transfer.receive_control);
        let receive = receive_file(endpoint, receive_request, control, messages);
        let send = async {
            let sent = send_file(transfer.sender.take(), request, &transfer.send_control).await;
            drop(message_sender);
            sent
        };
        let (sent, received) = within_a_minute(async { tokio::join!(send, receive) }).await;
        assert_failed(&transfer, Ended { sent, received });
    }
}

#[tokio::test]
async fn a_file_that_is_only_read_by_others_arrives() {
    fn read(path: &Path) {
        fs::read(path).unwrap();
        open(path);
    }
    let transfer = Transfer::of(&contents(BYTES));
    let ended = run_and_change(&transfer, read).await;
    let arrived = fs::read(ended.received.unwrap().path).unwrap();
    assert!(ended.sent.is_ok() && arrived == contents(BYTES));
}

#[test]
fn what_is_no_ordinary_file_is_refused_with_a_reason() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("pipe");
    rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, rustix::fs::Mode::RUSR).unwrap();
    let folder_error = SourceFile::open(folder.path());
    assert!(matches!(folder_error, Err(SourceError::Folder(_))));
    let missing = SourceFile::open(&folder.path().join("missing"));
    assert!(matches!(missing, Err(SourceError::Open(..))));
    for path in [Path::new("/dev/null"), Path::new("/dev/zero"), &pipe] {
        let error = SourceFile::open(path).unwrap_err();
        assert!(matches!(error, SourceError::NotAFile(_)), "{error}");
    }
    // The first two claim to be empty. The others claim 4096 bytes.
    for path in [
        "/proc/self/status",
        "/proc/cpuinfo",
        "/sys/kernel/mm/transparent_hugepage/enabled",
        "/sys/devices/system/cpu/online",
    ] {
        if Path::new(path).exists() {
            let error = SourceFile::open(Path::new(path)).unwrap_err();
            assert!(matches!(error, SourceError::NoSize(_)), "{path}: {error}");
        }
    }
}

#[test]
fn an_offer_has_the_permissions_and_the_time_of_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    fs::write(&path, "").unwrap();
    let mode = rustix::fs::Mode::from_raw_mode(0o4750);
    rustix::fs::chmod(&path, mode).unwrap();
    let modified = std::time::UNIX_EPOCH + Duration::new(1_234_567_890, 123_456_789);
    open(&path)
        .set_times(FileTimes::new().set_modified(modified))
        .unwrap();
    assert_eq!(fs::metadata(&path).unwrap().mode() & 0o7777, 0o4750);
    let attributes = SourceFile::open(&path).unwrap().attributes();
    assert_eq!(attributes.permissions.mode(), 0o750);
    let time = attributes.modified;
    assert_eq!(
        (time.seconds(), time.nanoseconds()),
        (1_234_567_890, 123_456_789)
    );
}
