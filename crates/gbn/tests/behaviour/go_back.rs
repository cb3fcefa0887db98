//! Going back: at timeouts, and exactly once for each reported loss.

use backroom_gbn::{
    GoBackCause, Received, ReceiverId, Recovery, Sender, SenderConfig, SenderEvent, Timeout, Window,
};
use backroom_link::{LinkConfig, Loss};

use crate::harness::{Event, Outcome, Scenario, ack, at, events, gap, ms, sent_now, transmit_all};

const RECEIVER: ReceiverId = ReceiverId(0);

fn sender(recovery: Recovery) -> Sender {
    let window = Window::try_from(6_u16).unwrap();
    let config = SenderConfig {
        window: window.into(),
        recovery,
        ..SenderConfig::default()
    };
    let mut sender = Sender::new(config, [RECEIVER]);
    sender.make_available(1000);
    sender
}

/// 100 segments over 10 Mbit/s and 10 ms in each direction, with these packets lost. Each segment takes 1 ms.
fn over_a_path_that_drops(recovery: Recovery, drops: &str, window: u16) -> Outcome {
    let path = LinkConfig {
        delay: ms(10),
        ..LinkConfig::default()
    };
    let scenario = Scenario {
        sender: SenderConfig {
            window: Window::try_from(window).unwrap().into(),
            recovery,
            timeout: Timeout::Fixed(ms(200)),
            ..Scenario::default().sender
        },
        data: LinkConfig {
            rate: Some("10mbit".parse().unwrap()),
            loss: drops.parse::<Loss>().unwrap(),
            ..path.clone()
        },
        ack: path,
        ..Scenario::default()
    };
    scenario.run().unwrap()
}

fn go_backs(outcome: &Outcome) -> Vec<(u64, u64, GoBackCause)> {
    let go_back = |entry: &crate::harness::TraceEntry| match entry.event {
        Event::Reported(SenderEvent::GoBack { to, cause }) => {
            Some((entry.at.as_millis() as u64, to, cause))
        }
        _ => None,
    };
    outcome.trace.iter().filter_map(go_back).collect()
}

#[test]
fn a_timeout_resends_everything_outstanding() {
    let mut sender = sender(Recovery::Timeout);
    transmit_all(&mut sender, at(0));
    sender.handle_ack(at(5), RECEIVER, gap(2, 0));
    assert_eq!(
        sent_now(&mut sender, at(5)),
        [6, 7],
        "a gap is nothing to the textbook's sender"
    );
    let timer = sender.poll_timeout().unwrap();
    sender.handle_timeout(timer);
    let again = transmit_all(&mut sender, timer);
    assert_eq!(again.len(), 1);
    assert_eq!(again[0].segments(), 2..8);
    assert!(again[0].retransmission);
    assert_eq!(again[0].round, 1);
    assert_eq!((sender.stats().timeouts, sender.stats().go_backs), (1, 1));
    assert_eq!(sender.stats().segments_retransmitted, 6);
}

#[test]
fn repeated_reports_of_a_gap_cause_one_go_back() {
    let mut sender = sender(Recovery::Fast);
    transmit_all(&mut sender, at(0));
    sender.handle_ack(at(5), RECEIVER, gap(2, 0));
    let expected = SenderEvent::GoBack {
        to: 2,
        cause: GoBackCause::Gap,
    };
    assert!(events(&mut sender).contains(&expected));
    let runs = transmit_all(&mut sender, at(5));
    let runs: Vec<_> = runs
        .iter()
        .map(|run| (run.segments(), run.round, run.retransmission))
        .collect();
    assert_eq!(
        runs,
        [(2..6, 1, true), (6..8, 1, false)],
        "new and old segments don't mix in a run"
    );
    for _ in 0..3 {
        sender.handle_ack(at(6), RECEIVER, gap(2, 0));
    }
    assert_eq!(sent_now(&mut sender, at(6)), []);
    assert_eq!((sender.stats().go_backs, sender.stats().timeouts), (1, 0));
}

#[test]
fn a_gap_that_is_about_to_be_resent_causes_no_go_back() {
    let mut sender = sender(Recovery::Fast);
    transmit_all(&mut sender, at(0));
    sender.handle_ack(at(5), RECEIVER, gap(1, 0));
    assert_eq!(sender.poll_transmit(at(5), 2).unwrap().segments(), 1..3);
    sender.handle_ack(at(6), RECEIVER, gap(3, 0));
    assert_eq!(sent_now(&mut sender, at(6)), [3, 4, 5, 6, 7, 8]);
    assert_eq!(sender.stats().go_backs, 1);
}

#[test]
fn fast_recovery_repairs_one_loss_with_one_go_back_and_no_timeout() {
    let outcome = over_a_path_that_drops(Recovery::Fast, "drop 30", 40);
    // The link carries a segment per millisecond. 31 arrives at 41 (30 took no time), and its ACK at 51.
    assert_eq!(go_backs(&outcome), [(51, 30, GoBackCause::Gap)]);
    assert_eq!(outcome.stats.timeouts, 0);
}

#[test]
fn timeout_recovery_repairs_a_loss_by_the_timer() {
    let outcome = over_a_path_that_drops(Recovery::Timeout, "drop 30", 10);
    let went_back = go_backs(&outcome);
    assert_eq!(went_back.len(), 1);
    let (when, to, cause) = went_back[0];
    assert_eq!((to, cause), (30, GoBackCause::Timeout));
    let base_advanced = outcome
        .trace
        .iter()
        .find(|entry| entry.event == Event::Reported(SenderEvent::BaseAdvanced { base: 30 }));
    let base_advanced = base_advanced.unwrap().at.as_millis() as u64;
    assert_eq!(
        when,
        base_advanced + 200,
        "the timer restarts where the base last advanced"
    );
}

#[test]
fn a_lost_retransmission_is_detected_one_round_trip_later() {
    // With a window of 10 the link is idle between rounds: 21 ms for each. Packet 10 is segment 10; of the go-back that
    // follows the packets 20 to 29 (10 to 19 again), 20 is segment 10 again.
    let outcome = over_a_path_that_drops(Recovery::Fast, "drop 10 20 30", 10);
    let went_back = go_backs(&outcome);
    let targets: Vec<_> = went_back
        .iter()
        .map(|(_, to, cause)| (*to, *cause))
        .collect();
    assert_eq!(targets, [(10, GoBackCause::Gap); 3]);
    let times: Vec<u64> = went_back.iter().map(|(when, ..)| *when).collect();
    assert!(
        times[1] - times[0] <= 23 && times[2] - times[1] <= 23,
        "{times:?}"
    );
    assert_eq!(outcome.stats.timeouts, 0);
}

#[test]
fn each_of_several_losses_in_one_round_causes_one_go_back() {
    // 30, 33 and 36 lost in round 0. Going back to 30 sends the others again, before they are reported.
    let outcome = over_a_path_that_drops(Recovery::Fast, "drop 30 33 36", 40);
    assert_eq!(
        go_backs(&outcome)
            .iter()
            .map(|(_, to, _)| *to)
            .collect::<Vec<_>>(),
        [30]
    );
    assert_eq!(outcome.stats.timeouts, 0);
}

#[test]
fn a_loss_behind_a_repaired_one_is_repaired_in_its_own_round() {
    let mut sender = sender(Recovery::Fast);
    transmit_all(&mut sender, at(0));
    sender.handle_ack(at(5), RECEIVER, gap(1, 0));
    assert_eq!(sent_now(&mut sender, at(5)), [1, 2, 3, 4, 5, 6]);
    // Round 1: 1 and 2 arrive, 3 is lost, 4 shows it.
    sender.handle_ack(at(10), RECEIVER, gap(3, 0));
    assert_eq!(
        sent_now(&mut sender, at(10)),
        [7, 8],
        "round 0 says nothing of segment 3's second transmission"
    );
    sender.handle_ack(at(11), RECEIVER, gap(3, 1));
    assert_eq!(sent_now(&mut sender, at(11)), [3, 4, 5, 6, 7, 8]);
    assert_eq!(sender.round(), 2);
}

#[test]
fn one_swapped_pair_causes_at_most_one_go_back() {
    // Every possible report when 5 overtakes 4 in a window of 6.
    let mut sender = sender(Recovery::Fast);
    transmit_all(&mut sender, at(0));
    sender.handle_ack(at(5), RECEIVER, ack(4));
    sender.handle_ack(at(5), RECEIVER, gap(4, 0));
    transmit_all(&mut sender, at(5));
    // 4 arrives late; then 6 to 9 of round 0 all show that 5 was dropped.
    sender.handle_ack(at(6), RECEIVER, ack(5));
    for _ in 6..10 {
        sender.handle_ack(at(6), RECEIVER, gap(5, 0));
        transmit_all(&mut sender, at(6));
    }
    assert_eq!(sender.stats().go_backs, 1);
}

#[test]
fn each_reordered_segment_causes_at_most_one_go_back() {
    let scenario = Scenario {
        sender: SenderConfig {
            window: Window::try_from(2000_u16).unwrap().into(),
            ..Scenario::default().sender
        },
        segments: 4000,
        data: LinkConfig {
            rate: Some("100mbit".parse().unwrap()),
            delay: ms(5),
            reorder: 0.002,
            ..LinkConfig::default()
        },
        ..Scenario::default()
    };
    let outcome = scenario.run().unwrap();
    let overtakings = outcome.data_link.reordered;
    assert!(overtakings > 0);
    assert!(
        outcome.stats.go_backs <= overtakings,
        "{} of {overtakings}",
        outcome.stats.go_backs
    );
    assert_eq!(outcome.stats.timeouts, 0);
}

#[test]
fn a_gap_report_from_a_future_round_is_ignored() {
    let mut sender = sender(Recovery::Fast);
    transmit_all(&mut sender, at(0));
    sender.handle_ack(at(5), RECEIVER, gap(2, 1));
    assert_eq!(sender.stats().go_backs, 0);
}

#[test]
fn segments_dropped_out_of_order_are_sent_again() {
    let outcome = over_a_path_that_drops(Recovery::Fast, "drop 30", 40);
    let dropped = outcome.trace.iter().filter(|entry| {
        matches!(
            entry.event,
            Event::Arrived {
                received: Received::OutOfOrder,
                ..
            }
        )
    });
    assert!(dropped.count() > 0);
    assert_eq!(outcome.finished, [0]);
}
