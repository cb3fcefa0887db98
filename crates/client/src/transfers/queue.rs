//! The files that are to be sent: which may start, and which wait for earlier ones to end.

use std::collections::{HashMap, HashSet, VecDeque};
use std::path::PathBuf;

use backroom_protocol::{Cast, MemberId, TransferId, strip_terminal_controls};

use super::cancellation::Cancellation;
use super::recipient::Recipient;
use crate::settings::Settings;

/// How many files one receiver is sent at the same time: as many as it receives by default.
const MAX_FILES_PER_RECEIVER: usize = 32;

/// How many receivers all files under way may have together, unless there is only one file.
const MAX_RECEIVERS: usize = 8_192;

/// How many receivers the waiting files may have together before no further commands are read.
const MAX_WAITING_RECEIVERS: usize = 4_096;

/// A file that is to be sent.
#[derive(Debug)]
pub(super) struct QueuedFile {
    pub(super) id: u64,
    pub(super) transfer: TransferId,
    pub(super) path: PathBuf,
    pub(super) cast: Cast,
    pub(super) settings: Settings,
    pub(super) recipients: Vec<Recipient>,
    pub(super) cancellation: Cancellation,
}

impl QueuedFile {
    /// The path for the user, without control characters.
    pub(super) fn shown_path(&self) -> String {
        strip_terminal_controls(&self.path.display().to_string()).into_owned()
    }
}

/// The files that wait, and the receivers of those under way. Each receiver gets its files in the order of the commands.
#[derive(Debug)]
pub(super) struct Queue {
    waiting: VecDeque<QueuedFile>,
    /// The receivers of each file under way.
    under_way: HashMap<u64, Vec<MemberId>>,
    files_per_receiver: HashMap<MemberId, usize>,
    /// The number of files under way at the same time.
    max_files: usize,
}

impl Queue {
    pub(super) fn new(max_files: usize) -> Self {
        Self {
            waiting: VecDeque::new(),
            under_way: HashMap::new(),
            files_per_receiver: HashMap::new(),
            max_files,
        }
    }

    pub(super) fn push(&mut self, file: QueuedFile) {
        self.waiting.push_back(file);
    }

    /// Takes the oldest file that may start, and counts it as under way.
    pub(super) fn start_next(&mut self) -> Option<QueuedFile> {
        let receivers_under_way: usize = self.under_way.values().map(Vec::len).sum();
        if self.under_way.len() >= self.max_files {
            return None;
        }
        let mut have_earlier_files = HashSet::new();
        let at = self.waiting.iter().position(|file| {
            let receivers = file.recipients.iter().map(|recipient| recipient.member.id);
            let may_start = receivers.clone().all(|receiver| {
                self.files_to(receiver) < MAX_FILES_PER_RECEIVER
                    && !have_earlier_files.contains(&receiver)
            });
            if !may_start {
                have_earlier_files.extend(receivers);
            }
            may_start
        })?;
        let receivers = self.waiting[at].recipients.len();
        if !self.under_way.is_empty() && receivers_under_way + receivers > MAX_RECEIVERS {
            return None;
        }
        let file = self.waiting.remove(at)?;
        let receivers = file.recipients.iter().map(|recipient| recipient.member.id);
        let receivers: Vec<MemberId> = receivers.collect();
        for receiver in &receivers {
            *self.files_per_receiver.entry(*receiver).or_default() += 1;
        }
        self.under_way.insert(file.id, receivers);
        Some(file)
    }

    /// A transfer has ended, perhaps one of these files.
    pub(super) fn ended(&mut self, id: u64) {
        for receiver in self.under_way.remove(&id).unwrap_or_default() {
            if let Some(files) = self.files_per_receiver.get_mut(&receiver) {
                *files -= 1;
                if *files == 0 {
                    self.files_per_receiver.remove(&receiver);
                }
            }
        }
    }

    /// Takes a waiting file out of the queue.
    pub(super) fn remove(&mut self, id: u64) -> Option<QueuedFile> {
        let at = self.waiting.iter().position(|file| file.id == id)?;
        self.waiting.remove(at)
    }

    /// Takes all waiting files out of the queue.
    pub(super) fn remove_all(&mut self) -> VecDeque<QueuedFile> {
        std::mem::take(&mut self.waiting)
    }

    /// The waiting files, oldest first.
    pub(super) fn waiting(&self) -> impl Iterator<Item = &QueuedFile> {
        self.waiting.iter()
    }

    /// Whether so many files wait that no more should be added.
    pub(super) fn is_full(&self) -> bool {
        let receivers = self.waiting.iter().map(|file| file.recipients.len());
        receivers.sum::<usize>() >= MAX_WAITING_RECEIVERS
    }

    fn files_to(&self, receiver: MemberId) -> usize {
        let files = self.files_per_receiver.get(&receiver);
        files.copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use backroom_protocol::{Features, KeyPair, MemberInfo, Name};
    use backroom_transport::file::Progress;
    use clap::{Args as _, Command, FromArgMatches as _};
    use tokio::sync::mpsc;

    use super::super::channel::{EventSender, PeerChannel};
    use super::*;

    fn settings() -> Settings {
        let matches = Settings::augment_args(Command::new("test")).get_matches_from(["test"]);
        Settings::from_arg_matches(&matches).unwrap()
    }

    fn file(id: u64, receivers: &[u32]) -> QueuedFile {
        let transfer = TransferId(id);
        let (events, _) = mpsc::channel(1);
        let recipients = receivers.iter().map(|&receiver| Recipient {
            member: MemberInfo {
                id: MemberId(receiver),
                name: Name::new(&format!("member {receiver}")).unwrap(),
                address: ([127, 0, 0, 1], 4000).into(),
                public_key: KeyPair::generate().unwrap().public_key(),
                features: Features::NONE,
                credential: None,
            },
            channel: PeerChannel::new((MemberId(receiver), transfer), EventSender(events.clone()))
                .0,
            progress: Progress::default(),
        });
        QueuedFile {
            id,
            transfer,
            path: PathBuf::from("a.txt"),
            cast: Cast::Multicast,
            settings: settings(),
            recipients: recipients.collect(),
            cancellation: Cancellation::default(),
        }
    }

    fn started(queue: &mut Queue) -> Vec<u64> {
        std::iter::from_fn(|| queue.start_next().map(|file| file.id)).collect()
    }

    #[test]
    fn a_receiver_with_too_many_files_delays_only_its_own() {
        let most = MAX_FILES_PER_RECEIVER as u64;
        let mut queue = Queue::new(1_000);
        for id in 0..most + 2 {
            queue.push(file(id, &[1]));
        }
        queue.push(file(100, &[2]));
        queue.push(file(101, &[2, 1]));
        // Not before file 101, although its receiver has no other.
        queue.push(file(102, &[2]));
        let first: Vec<u64> = (0..most).chain([100]).collect();
        assert_eq!(started(&mut queue), first);
        queue.ended(3);
        assert_eq!(started(&mut queue), [most]);
        queue.ended(4);
        queue.ended(5);
        assert_eq!(started(&mut queue), [most + 1, 101, 102]);
        assert_eq!(queue.waiting().count(), 0);
    }

    #[test]
    fn all_files_together_are_limited_and_a_waiting_one_can_be_removed() {
        let mut queue = Queue::new(2);
        for id in 0..4 {
            queue.push(file(id, &[id as u32]));
        }
        assert_eq!(started(&mut queue), [0, 1]);
        assert!(queue.remove(1).is_none(), "it is under way");
        assert_eq!(queue.remove(2).unwrap().id, 2);
        queue.ended(0);
        assert_eq!(started(&mut queue), [3]);
        queue.ended(77);
        assert!(started(&mut queue).is_empty());
    }

    #[test]
    fn the_queue_is_full_by_receivers() {
        let mut queue = Queue::new(0);
        let everyone: Vec<u32> = (0..1_023).collect();
        let mut added = 0;
        while !queue.is_full() {
            queue.push(file(added, &everyone));
            added += 1;
        }
        assert_eq!(added, 5);
    }
}
