//! The file and how it is cut into segments.

use bytesize::ByteSize;

use super::Axis;
use super::definition::{Definition, whole};
use crate::wire;

/// The largest file that a run may send.
const MAX_FILE_BYTES: u64 = 1 << 30;

/// The units of file sizes, from which the first that leaves a whole number is taken.
const UNITS: [(&str, u64); 6] = [
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("KB", 1_000),
];

/// The minimum number of file bytes in a segment.
const MIN_SEGMENT_BYTES: u16 = 16;

/// The maximum number of file bytes in a segment: with its headers it has to fit into an Ethernet frame of 1,500 bytes.
const MAX_SEGMENT_BYTES: u16 = 1_500 - wire::DATA_OVERHEAD_BYTES;

impl Axis {
    /// Size of the file.
    pub const FILE: Self = Self(&Definition {
        key: "file",
        description: "size of the file, like 512KiB",
        example: "3MiB",
        unit: "bytes",
        default: Some("512KiB"),
        column: "file_bytes",
        set: |cell, text| file_size(text).map(|bytes| cell.file_bytes = bytes),
        setting: |cell| match in_largest_unit(cell.file_bytes) {
            Some((number, unit)) => format!("{number}{unit}"),
            None => cell.file_bytes.to_string(),
        },
        value: Some(|cell| cell.file_bytes.to_string()),
        phrase: |cell| match in_largest_unit(cell.file_bytes) {
            Some((number, unit)) => format!("file of {number} {unit}"),
            None => format!("file of {} bytes", cell.file_bytes),
        },
        ..Definition::PLAIN
    });

    /// File bytes in a segment.
    pub const SEGMENT: Self = Self(&Definition {
        key: "segment",
        description: "file bytes in each segment",
        example: "600",
        unit: "bytes",
        default: Some("1200"),
        column: "segment_bytes",
        set: |cell, text| {
            whole(text, MIN_SEGMENT_BYTES, MAX_SEGMENT_BYTES)
                .map(|bytes| cell.segment_bytes = bytes)
        },
        setting: |cell| cell.segment_bytes.to_string(),
        phrase: |cell| format!("segments of {} bytes", cell.segment_bytes),
        ..Definition::PLAIN
    });
}

/// Reads a size in bytes, such as `4MiB`, `500KB` or `1200`.
fn file_size(text: &str) -> Result<u64, String> {
    text.parse()
        .map(|size: ByteSize| size.as_u64())
        .ok()
        .filter(|bytes| *bytes <= MAX_FILE_BYTES)
        .ok_or_else(|| "a size like 4MiB, 500KB or 1200, at most 1GiB".to_owned())
}

fn in_largest_unit(bytes: u64) -> Option<(u64, &'static str)> {
    let divides = |(_, size): &(&str, u64)| bytes >= *size && bytes.is_multiple_of(*size);
    let (unit, size) = UNITS.into_iter().find(divides)?;
    Some((bytes / size, unit))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cell::Cell;

    #[test]
    fn a_file_size_reads_back_as_it_is_written() {
        let mut cell = Cell::default();
        for text in ["4MiB", "500KB", "1200", "0", "1GiB", "3KiB"] {
            Axis::FILE.set(&mut cell, text).unwrap();
            assert_eq!(Axis::FILE.setting(&cell), text);
        }
        assert_eq!(file_size("4MiB"), Ok(4 << 20));
    }

    #[test]
    fn a_wrong_size_says_what_is_allowed() {
        for text in [
            "",
            "MiB",
            "-1",
            "2GiB",
            "4 elephants",
            "99999999999999999999GB",
        ] {
            let allowed = file_size(text).unwrap_err();
            assert!(allowed.contains("4MiB"), "{text}: {allowed}");
        }
    }
}
