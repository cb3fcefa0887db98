//! The text of events. Where the original report has a wording for an event, it is kept.

use std::fmt::Write as _;

use backroom_protocol::Cast;
use backroom_vocabulary::account::TransferAccount;
use backroom_vocabulary::event::{
    Direction, Event, IdentityChange, IdentityState, Peer, Server, Settings, Transfer, User,
};

use super::progress::bytes;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Style {
    pub(super) colors: bool,
    /// Whether to show the recipients of a message that is not a broadcast.
    pub(super) audience: bool,
}

impl Style {
    pub(super) const PLAIN: Self = Self {
        colors: false,
        audience: false,
    };

    /// `text` in the colour of an SGR sequence.
    pub(super) fn paint(self, sgr: &str, text: &str) -> String {
        if self.colors {
            format!("\x1b[{sgr}m{text}\x1b[0m")
        } else {
            text.to_owned()
        }
    }

    fn name(self, text: &str) -> String {
        self.paint("1;36", text)
    }

    fn quiet(self, text: &str) -> String {
        self.paint("2", text)
    }

    fn good(self, text: &str) -> String {
        self.paint("32", text)
    }

    fn bad(self, text: &str) -> String {
        self.paint("31", text)
    }
}

/// Formats an event as one or more lines, without the final line ending.
#[expect(clippy::too_many_lines, reason = "one arm for each event")]
pub(super) fn describe(event: &Event, style: Style) -> String {
    match event {
        Event::Authenticated => "Authentication successful:)".into(),
        Event::NameWanted => "Enter Your Name:".into(),
        Event::Joined {
            name,
            members,
            fingerprint,
            identity,
            server,
        } => joined(name, members, (fingerprint, *identity), server, style),
        Event::MemberJoined { name } => style.quiet(&format!("{name} joined")),
        Event::MemberLeft { name } => style.quiet(&format!("{name} left")),
        Event::IdentityChanged(change) => style.bad(&identity_changed(change)),
        Event::Trusted { name, fingerprint } => trusted(name, fingerprint, style),
        Event::Users { users } => users_text(users, style),
        Event::Message { from, cast, text } => {
            // Indented, so that the second line of a message cannot look like a message from another member.
            let text = text.replace('\n', "\n    ");
            format!("***{} : {text}{}", style.name(from), audience(*cast, style))
        }
        Event::Receiving { from, path, .. } => {
            let (from, path) = (style.name(from), path.display());
            format!("***Started receiving file from: {from}\nSaving it as: {path}")
        }
        Event::Received {
            path,
            bytes: size,
            seconds,
            goodput_mbps,
            ..
        } => {
            let done = style.good("Downloaded successfully");
            let (path, size) = (path.display(), bytes(*size as f64));
            let time_taken = time_taken(*seconds, *goodput_mbps);
            format!("{done}: {path} ({size})\n{time_taken}")
        }
        Event::Failed {
            from, file, error, ..
        } => {
            let (failed, from) = (style.bad("Not received:"), style.name(from));
            format!("{failed} {file} from {from}: {error}")
        }
        Event::Queued {
            id,
            file,
            receivers,
        } => style.quiet(&queued_text(*id, file, receivers)),
        Event::Sending {
            id,
            file,
            bytes: size,
            receivers,
            ..
        } => {
            let (size, receivers) = (bytes(*size as f64), receivers.join(", "));
            style.quiet(&format!(
                "Sending {file} ({size}) to {receivers} as transfer #{id}"
            ))
        }
        Event::Sent(sent) => sent_text(sent, style),
        Event::Transfers { transfers } => transfers_text(transfers),
        Event::Settings(settings) => style.quiet(&settings_text(settings)),
        Event::Vote {
            target,
            votes,
            needed,
        } => format!("Votes to kick {}: {votes} of {needed}", style.name(target)),
        Event::Kicked { name } => style.bad(&format!("{name} was kicked out of the chatroom")),
        Event::Help { text } => text.clone(),
        Event::Waiting { transfers } => style.quiet(&format!(
            "Waiting for {transfers} active transfers; press Ctrl-C to leave immediately"
        )),
        Event::Warning { message } => style.bad(&format!("Warning: {message}")),
        Event::Error { message } => style.bad(message),
    }
}

fn audience(cast: Cast, style: Style) -> String {
    let audience = match cast {
        _ if !style.audience => return String::new(),
        Cast::Broadcast => return String::new(),
        Cast::Unicast => "only to you",
        Cast::Multicast => "to you and others",
        Cast::Blockcast => "to all except some",
    };
    style.quiet(&format!("  ({audience})"))
}

fn joined(
    name: &str,
    members: &[String],
    own: (&str, IdentityState),
    server: &Server,
    style: Style,
) -> String {
    let others = members.iter().map(String::as_str);
    let others: Vec<&str> = others.filter(|&member| member != name).collect();
    let others = match others[..] {
        [] => "You are alone in this room".into(),
        _ => format!("Members: {}", others.join(", ")),
    };
    let (fingerprint, identity) = own;
    let only_now = match identity {
        IdentityState::Ephemeral => " (only for this session)",
        _ => "",
    };
    let own = style.quiet(&format!("Your fingerprint: {fingerprint}{only_now}"));
    let state = match server.identity {
        IdentityState::Ephemeral => "only until the server ends",
        IdentityState::New => "new; compare it with the operator's",
        IdentityState::Known => "known",
        IdentityState::Changed => "changed",
    };
    let server = style.quiet(&format!(
        "The server's fingerprint: {} ({state})",
        server.fingerprint
    ));
    let help = style.quiet("Enter `help` for a list of commands");
    format!("Welcome to chatroom!!!\n{others}\n{own}\n{server}\n{help}")
}

fn identity_changed(change: &IdentityChange) -> String {
    let IdentityChange {
        name,
        fingerprint,
        ephemeral,
        known_fingerprint,
    } = change;
    let now = if *ephemeral {
        "no identity"
    } else {
        fingerprint
    };
    format!(
        "WARNING: the identity of {name} has changed. This may be someone else.\n  before: {known_fingerprint}\n  now:    \
         {now}\nAsk {name} for the fingerprint by another way. To accept the new identity, enter: trust|{name}"
    )
}

fn trusted(name: &str, fingerprint: &str, style: Style) -> String {
    style.quiet(&format!("The identity of {name} is now {fingerprint}"))
}

fn users_text(users: &[User], style: Style) -> String {
    let width = |column: fn(&User) -> &str| {
        let widths = users.iter().map(|user| column(user).chars().count());
        widths.max().unwrap_or(0)
    };
    let (name_width, address_width) = (width(|user| &user.name), width(|user| &user.address));
    let line = |user: &User| {
        let User { name, address, .. } = user;
        let fingerprint = style.quiet(&user.fingerprint);
        let state = match user.identity {
            IdentityState::Ephemeral => style.quiet("  (only for this session)"),
            IdentityState::Changed => style.bad("  (changed)"),
            IdentityState::New | IdentityState::Known => String::new(),
        };
        format!("{name:name_width$}  {address:address_width$}  {fingerprint}{state}")
    };
    users.iter().map(line).collect::<Vec<_>>().join("\n")
}

fn queued_text(id: u64, file: &str, receivers: &[String]) -> String {
    let receivers = receivers.join(", ");
    format!("Transfer #{id} waits: {file} to {receivers}")
}

fn sent_text(sent: &TransferAccount, style: Style) -> String {
    let arrived = sent.receivers.iter().filter(|receiver| receiver.ok).count();
    let mut text = match (arrived, sent.receivers.len()) {
        (0, _) => format!("{} {}", style.bad("Not sent:"), sent.file),
        (arrived, all) if arrived == all => {
            format!("{}: {}", style.good("Sent successfully"), sent.file)
        }
        (arrived, all) => format!("{} to {arrived} of {all}: {}", style.bad("Sent"), sent.file),
    };
    for receiver in sent.receivers.iter().filter(|receiver| !receiver.ok) {
        let error = receiver.error.as_deref().unwrap_or("failed");
        let _ = write!(text, "\n  {}: {error}", style.name(&receiver.name));
    }
    if arrived > 0 {
        let _ = write!(text, "\n{}", time_taken(sent.seconds, sent.goodput_mbps));
    }
    let retransmitted = sent.segments_retransmitted;
    if retransmitted > 0 {
        let all = sent.segments_sent.saturating_sub(sent.segments_copied);
        let _ = write!(text, "; {retransmitted} of {all} segments retransmitted");
    }
    text
}

/// Omits a rate that would round to 0, as for a file of one segment.
fn time_taken(seconds: f64, goodput_mbps: f64) -> String {
    if goodput_mbps < 0.05 {
        format!("Time taken: {seconds:.3} s")
    } else {
        format!("Time taken: {seconds:.3} s ({goodput_mbps:.1} Mbit/s)")
    }
}

fn transfers_text(transfers: &[Transfer]) -> String {
    if transfers.is_empty() {
        return "No active transfers".into();
    }
    let mut lines = Vec::new();
    for Transfer {
        id,
        file,
        direction,
        bytes: size,
        peers,
        queued,
    } in transfers
    {
        let preposition = match direction {
            Direction::Out => "to",
            Direction::In => "from",
        };
        for Peer { name, bytes_done } in peers {
            let percent = (bytes_done * 100).checked_div(*size).unwrap_or(100);
            let state = match queued {
                true => "waits".into(),
                false => format!("{percent} % of {}", bytes(*size as f64)),
            };
            lines.push(format!("#{id} {file} {preposition} {name}: {state}"));
        }
    }
    lines.join("\n")
}

fn settings_text(settings: &Settings) -> String {
    let Settings {
        window,
        recovery,
        timeout,
        copies,
        delivery,
        segment_bytes,
    } = settings;
    format!(
        "Next files: window {window}, recovery {recovery}, timeout {timeout}, copies {copies}, delivery {delivery}, segment {segment_bytes} bytes"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLORED: Style = Style {
        colors: true,
        audience: true,
    };

    fn plain(event: &Event) -> String {
        describe(event, Style::PLAIN)
    }

    #[test]
    fn messages_use_the_format_of_the_report() {
        let event = Event::Message {
            from: "loki".into(),
            cast: Cast::Broadcast,
            text: "Hi everyone".into(),
        };
        assert_eq!(plain(&event), "***loki : Hi everyone");
    }

    #[test]
    fn a_terminal_shows_the_audience_of_a_message() {
        let event = |cast| Event::Message {
            from: "loki".into(),
            cast,
            text: "psst".into(),
        };
        let style = Style {
            colors: false,
            audience: true,
        };
        assert_eq!(
            describe(&event(Cast::Unicast), style),
            "***loki : psst  (only to you)"
        );
        assert_eq!(describe(&event(Cast::Broadcast), style), "***loki : psst");
        assert_eq!(plain(&event(Cast::Unicast)), "***loki : psst");
    }

    #[test]
    fn a_multi_line_message_cannot_look_like_two() {
        let event = Event::Message {
            from: "eve".into(),
            cast: Cast::Broadcast,
            text: "hi\n***bob : I quit".into(),
        };
        assert_eq!(plain(&event), "***eve : hi\n    ***bob : I quit");
    }

    #[test]
    fn files_use_the_format_of_the_report() {
        let receiving = Event::Receiving {
            id: 1,
            from: "unith".into(),
            file: "a.txt".into(),
            bytes: 5,
            path: "down/a.txt".into(),
        };
        assert_eq!(
            plain(&receiving),
            "***Started receiving file from: unith\nSaving it as: down/a.txt"
        );
        let received = Event::Received {
            id: 1,
            from: "unith".into(),
            file: "a.txt".into(),
            path: "down/a.txt".into(),
            bytes: 100_000,
            seconds: 0.5,
            goodput_mbps: 1.6,
        };
        assert_eq!(
            plain(&received),
            "Downloaded successfully: down/a.txt (100 kB)\nTime taken: 0.500 s (1.6 Mbit/s)"
        );
    }

    #[test]
    fn a_rate_of_zero_is_omitted() {
        assert_eq!(time_taken(0.0, 0.0), "Time taken: 0.000 s");
        assert_eq!(time_taken(2.0, 0.1), "Time taken: 2.000 s (0.1 Mbit/s)");
    }

    #[test]
    fn a_changed_identity_shows_both_fingerprints_and_what_to_do() {
        let change = |ephemeral| {
            plain(&Event::IdentityChanged(IdentityChange {
                name: "bob".into(),
                fingerprint: "11111".into(),
                ephemeral,
                known_fingerprint: "22222".into(),
            }))
        };
        for (text, now) in [(change(false), "11111"), (change(true), "no identity")] {
            assert!(text.contains("before: 22222"), "{text}");
            assert!(text.contains(&format!("now:    {now}")), "{text}");
            assert!(text.ends_with("trust|bob"), "{text}");
        }
    }

    #[test]
    fn colours_are_optional() {
        let event = Event::Kicked { name: "bob".into() };
        assert_eq!(plain(&event), "bob was kicked out of the chatroom");
        assert!(describe(&event, COLORED).starts_with("\x1b[31m"));
    }
}
