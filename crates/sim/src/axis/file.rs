//! The file and how it is cut into segments.

use super::Axis;
use super::definition::{Definition, whole};
use crate::values::FileSize;
use crate::wire;

/// The minimum number of file bytes in a segment.
const MIN_SEGMENT_BYTES: u16 = 16;

/// The maximum number of file bytes in a segment: with its headers it has to fit into an Ethernet frame of 1,500 bytes.
const MAX_SEGMENT_BYTES: u16 = 1_500 - wire::DATA_OVERHEAD_BYTES;

impl Axis {
    /// Size of the file.
    pub const FILE: Self = Self(&Definition {
        key: "file",
        description: "size of the file, like 512KiB",
        label: "file",
        unit: "bytes",
        default: Some("512KiB"),
        column: "file_bytes",
        set: |cell, text| {
            cell.file_bytes = text.parse::<FileSize>()?.bytes();
            Ok(())
        },
        setting: |cell| FileSize::from_bytes(cell.file_bytes).to_string(),
        value: |cell| cell.file_bytes.to_string(),
        phrase: |cell| format!("file of {}", FileSize::from_bytes(cell.file_bytes).spaced()),
        ..Definition::PLAIN
    });

    /// File bytes in a segment.
    pub const SEGMENT: Self = Self(&Definition {
        key: "segment",
        description: "file bytes in each segment",
        label: "segment",
        unit: "bytes",
        default: Some("1200"),
        column: "segment_bytes",
        set: |cell, text| {
            cell.segment_bytes = whole(text, MIN_SEGMENT_BYTES, MAX_SEGMENT_BYTES)?;
            Ok(())
        },
        setting: |cell| cell.segment_bytes.to_string(),
        value: |cell| cell.segment_bytes.to_string(),
        phrase: |cell| format!("segments of {} bytes", cell.segment_bytes),
        ..Definition::PLAIN
    });
}
