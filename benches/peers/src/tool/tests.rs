//! Real output of the programs, shortened.

use super::*;

const TASK: Task<'_> = Task {
    path: "/var/tmp/backroom-1000",
    bytes: 1_000,
    folder: "/received",
    sender: "172.18.0.2",
    receiver: "172.18.0.3",
    receivers: 2,
    window: 64,
    atftp_limit_seconds: MAX_SECONDS,
};

const UFTP: &str = "Got COMPLETE from client 0x00000001
RESULT;0x00000001;f50;48828KB;copy;38386.41KB/s
RESULT;0x00000002;f50;48828KB;copy;41521.01KB/s
Transfer status:
Host: 0x00000001       Status: Completed   time:   1.272 seconds
Host: 0x00000002       Status: Completed   time:   1.176 seconds
Total elapsed time: 1.272 seconds
Overall throughput: 38374.55 KB/s
-----------------------------
Finishing group
";

const IPERF3: &str = r#"{"start": {"version": "iperf 3.12"}, "intervals": [], "end": {
    "sum_sent": {"start": 0, "end": 0.013575, "seconds": 0.013575, "bytes": 10092544, "retransmits": 1, "sender": true},
    "sum_received": {"start": 0, "end": 0.013668, "seconds": 0.013668, "bytes": 10092544, "bits_per_second": 5907254316.65},
    "sender_tcp_congestion": "cubic", "receiver_tcp_congestion": "cubic"}}"#;

const IPERF3_ERROR: &str = r#"{"start": {"connected": []}, "intervals": [], "end": {},
    "error": "unable to connect to server: Connection refused"}"#;

fn line(tool: &Tool) -> String {
    tool.command(&TASK).unwrap().1.words.join(" ")
}

#[test]
fn uftp_is_timed_by_its_own_words_where_every_receiver_has_a_copy() {
    let uftp = Tool::Uftp { encrypted: true };
    let seconds = |text: &str| uftp.seconds("", text, &TASK);
    assert_eq!(seconds(UFTP).unwrap(), 1.272);
    let one_failed = UFTP.replace(
        "RESULT;0x00000002;f50;48828KB;copy",
        "RESULT;0x00000002;f50;48828KB;rejected",
    );
    assert!(
        seconds(&one_failed)
            .unwrap_err()
            .to_string()
            .contains("1 of 2")
    );
    assert!(seconds("").is_err());
}

#[test]
fn atftp_is_timed_by_the_shell() {
    let said = "timeout: retrying ...\nseconds 10.206\n";
    let seconds = Tool::Atftp.seconds("Option blksize = 1428\n", said, &TASK);
    assert_eq!(seconds.unwrap(), 10.206);
    assert!(
        Tool::Atftp
            .seconds("", "timeout: retrying ...\n", &TASK)
            .is_err()
    );
}

#[test]
fn iperf3_is_timed_by_what_was_received_and_must_have_used_cubic() {
    let task = Task {
        bytes: 10_000_000,
        ..TASK
    };
    let seconds = |text: &str| Tool::Iperf3.seconds(text, "", &task);
    let expected = 0.013_668 * 10_000_000.0 / 10_092_544.0;
    assert!((seconds(IPERF3).unwrap() - expected).abs() < 1e-12);
    assert!(seconds(&IPERF3.replace("\"cubic\"", "\"bbr\"")).is_err());
    assert!(
        seconds(IPERF3_ERROR)
            .unwrap_err()
            .to_string()
            .contains("refused")
    );
    assert!(seconds("").is_err());
}

#[test]
fn quinn_must_have_sent_all_of_it() {
    let seconds = |text: &str| Tool::Quinn.seconds(text, "", &TASK);
    assert_eq!(
        seconds("{\"bytes\":1000,\"seconds\":1.25}\n").unwrap(),
        1.25
    );
    assert!(seconds("{\"bytes\":999,\"seconds\":1.25}\n").is_err());
    assert!(seconds("").is_err());
}

#[test]
fn uftp_is_encrypted_where_asked_and_names_its_receivers() {
    let encrypted = line(&Tool::Uftp { encrypted: true });
    assert!(encrypted.contains("-Y aes256-gcm") && encrypted.contains("-R -1"));
    assert!(
        encrypted.contains("-H 0x00000001,0x00000002 "),
        "{encrypted}"
    );
    assert!(!encrypted.contains("-M"), "{encrypted}");
    assert!(!line(&Tool::Uftp { encrypted: false }).contains("-Y"));
    let alone = Task {
        receivers: 1,
        ..TASK
    };
    let (_, alone) = Tool::Uftp { encrypted: false }.command(&alone).unwrap();
    assert!(alone.words.join(" ").contains("-M 172.18.0.3"));
}

#[test]
fn the_receiver_gets_from_atftpd_and_the_sender_sends_otherwise() {
    let (side, command) = Tool::Atftp.command(&TASK).unwrap();
    assert_eq!(side, Side::Receiver);
    let line = command.words.join(" ");
    assert!(line.contains("'windowsize 64'") && line.contains("--get -r backroom-1000"));
    assert!(
        line.contains("-l /received/backroom-1000 172.18.0.2 6969"),
        "{line}"
    );
    for tool in [Tool::Iperf3, Tool::Quinn] {
        let (side, command) = tool.command(&TASK).unwrap();
        assert_eq!(side, Side::Sender);
        assert!(
            command.words.join(" ").contains("172.18.0.3"),
            "{command:?}"
        );
    }
}

#[test]
fn only_iperf3_takes_a_privilege() {
    let mut daemons = receiver_daemons(1, "/received");
    daemons.extend(sender_daemons("/var/tmp"));
    let privileged: Vec<_> = daemons.iter().filter(|one| one.privileged).collect();
    assert_eq!(privileged.len(), 1);
    assert!(
        privileged[0]
            .words
            .join(" ")
            .starts_with("iperf3 -p 5201 -s")
    );
    assert_eq!(receiver_daemons(2, "/received").len(), 1);
}
