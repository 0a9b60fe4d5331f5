//! Lowers the limits.

use std::num::NonZeroU32;

use crate::config::diagnostic::Report;
use crate::config::field::At;
use crate::config::field::Field;
use crate::config::scalar::Bytes;
use crate::config::scalar::Scalar;
use crate::config::schema;
use crate::proxy::Limits;

/// The largest head that is worth having in memory.
const MAX_HEADER_BYTES: u64 = 16 * 1024 * 1024;
/// The most fields that a head is worth making room for.
const MAX_HEADER_COUNT: u32 = 10_000;
/// The longest target that can be taken in.
const MAX_URI_BYTES: u64 = 65_534;

pub(super) fn limits(raw: Field<schema::Limits>, report: &Report) -> Limits {
    let raw = raw.value().unwrap_or_default();
    let default = Limits::default();
    Limits {
        header_bytes: bytes(raw.header_bytes, default.header_bytes, MAX_HEADER_BYTES, report),
        header_count: count(raw.header_count, default.header_count, report),
        uri_bytes: bytes(raw.uri_bytes, default.uri_bytes, MAX_URI_BYTES, report),
        header_time: raw.header_time.scalar().map_or(default.header_time, |time| time.0),
        body_rate: raw.body_rate.scalar().map_or(default.body_rate, |rate| rate.0),
        body_grace: raw.body_grace.scalar().map_or(default.body_grace, |time| time.0),
        idle: raw.idle.scalar().map_or(default.idle, |time| time.0),
        write_stall: raw.write_stall.scalar().map_or(default.write_stall, |time| time.0),
        streams: raw.streams.scalar().map_or(default.streams, u32::from),
        control_frames: raw.control_frames.scalar().map_or(default.control_frames, u32::from),
        memory_bytes: raw.memory.scalar().map(|bytes| bytes.0),
    }
}

fn bytes(field: Field<Scalar<Bytes>>, default: usize, most: u64, report: &Report) -> usize {
    let Some(At { place, value: Scalar(Bytes(bytes)) }) = field.given() else { return default };
    if bytes > most {
        report.add(&place, format!("{bytes} bytes are more than can be taken in, expected at most {most}"));
    }
    bytes.min(most) as usize
}

fn count(field: Field<Scalar<NonZeroU32>>, default: usize, report: &Report) -> usize {
    let Some(At { place, value: Scalar(count) }) = field.given() else { return default };
    if count.get() > MAX_HEADER_COUNT {
        let text = "fields are more than can be taken in";
        report.add(&place, format!("{count} {text}, expected at most {MAX_HEADER_COUNT}"));
    }
    count.get() as usize
}
