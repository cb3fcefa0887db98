//! A file that is being sent.

use std::sync::Arc;

use backroom_gbn::Window;
use backroom_protocol::{Cast, FileName, TransferId};
use backroom_transport::file::{Control, SourceFile};
use backroom_vocabulary::trace::{Begin, Side};

use super::cancellation::Cancellation;
use super::shared::Shared;
use crate::settings::Settings;

/// A file that is being sent, for the tasks that serve its receivers.
#[derive(Debug)]
pub(super) struct OutgoingFile {
    pub(super) id: u64,
    pub(super) transfer: TransferId,
    pub(super) cast: Cast,
    pub(super) source: SourceFile,
    pub(super) name: FileName,
    pub(super) settings: Settings,
    pub(super) cancellation: Cancellation,
    pub(super) shared: Arc<Shared>,
}

impl OutgoingFile {
    /// Controls and records one of the streams.
    pub(super) fn control(&self, lane: u16) -> Control {
        let begin = Begin {
            transfer: self.transfer.0,
            stream: lane,
            receiver: lane,
            window: self.settings.window.fixed().map(Window::segments),
            side: Side::Sender,
            // The first step sets it.
            unix_us: 0,
            bytes: self.source.bytes(),
            segment_bytes: self.settings.segment.value(),
        };
        self.shared.control(&self.cancellation, begin)
    }
}
