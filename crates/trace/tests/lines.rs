//! Reading traces.

use backroom_trace::{ReadError, Trace, read, write};

const BEGIN: &str = r#"{"event":"begin","transfer":"0a","stream":1,"receiver":1,"side":"SIDE","unix_us":UNIX,"bytes":2000,"segment_bytes":1000}"#;

fn begin(side: &str, unix_us: &str) -> String {
    BEGIN.replace("SIDE", side).replace("UNIX", unix_us)
}

fn lines(lines: &[&str]) -> String {
    lines.iter().map(|line| format!("{line}\n")).collect()
}

fn read_texts(texts: &[String], wanted: Option<u64>) -> Result<Trace, ReadError> {
    read(texts.iter().map(|text| text.as_bytes()), wanted)
}

#[test]
fn the_steps_of_both_sides_are_sorted_by_time() {
    let sender = lines(&[
        &begin("sender", "5000"),
        r#"{"time_ms":0.0,"event":"send","transfer":"0a","stream":1,"receiver":1,"seq":0,"round":0}"#,
        r#"{"time_ms":0.5,"event":"send","transfer":"0a","stream":1,"receiver":1,"seq":1,"round":0}"#,
        r#"{"event":"missing","count":3}"#,
    ]);
    // This side's time begins 200 us later.
    let receiver = lines(&[
        &begin("receiver", "5200"),
        r#"{"time_ms":0.0,"event":"deliver","transfer":"0a","stream":1,"receiver":1,"seq":0,"round":0}"#,
    ]);
    let trace = read_texts(&[receiver, sender], None).unwrap();
    let times: Vec<u64> = trace.steps.iter().map(|step| step.at_ns).collect();
    assert_eq!(times, [0, 200_000, 500_000]);
    assert_eq!((trace.origin_us, trace.missing), (5_000, 3));
    assert!(trace.has_both_sides());

    let mut written = Vec::new();
    write(&trace, &mut written).unwrap();
    assert_eq!(read([written.as_slice()], Some(10)).unwrap(), trace);
}

#[test]
fn one_of_several_transfers_must_be_chosen() {
    let other = begin("sender", "1").replace("0a", "0b");
    let texts = [lines(&[&begin("sender", "1"), &other])];
    let error = read_texts(&texts, None).unwrap_err().to_string();
    assert!(
        error.contains("000000000000000a, 000000000000000b"),
        "{error}"
    );
    assert_eq!(read_texts(&texts, Some(11)).unwrap().transfer, 11);
    assert!(matches!(
        read_texts(&texts, Some(12)),
        Err(ReadError::Nothing(_))
    ));
}

#[test]
fn an_error_names_the_line() {
    let step = r#"{"time_ms":0.0,"event":"timeout","transfer":"0a","stream":1,"receiver":1}"#;
    for (second, why) in [
        ("{", "EOF"),
        (r#"{"event":"send","transfer":"0a"}"#, "no `seq`"),
    ] {
        let text = lines(&[&begin("sender", "1"), second]);
        let error = read_texts(&[text], None).unwrap_err().to_string();
        assert!(error.contains("line 2") && error.contains(why), "{error}");
    }
    let error = read_texts(&[lines(&[step])], None).unwrap_err().to_string();
    assert!(
        error.contains("line 1") && error.contains("`begin`"),
        "{error}"
    );
    let long = format!("{step}{}", " ".repeat(5_000));
    let error = read_texts(&[lines(&[&long])], None)
        .unwrap_err()
        .to_string();
    assert!(error.contains("too long"), "{error}");
}
