use std::sync::Arc;

use bytes::Bytes;

use crate::record::Captured;
use crate::record::MemoryBudget;
use crate::record::Want;
use crate::telemetry::Metrics;

#[test]
fn copies_go_before_bodies_and_bodies_before_connections() {
    let metrics = Arc::new(Metrics::new());
    let budget = MemoryBudget::new(10_000, &metrics);
    let cases = [
        (0, [true, true, true]),
        (6_999, [true, true, true]),
        (7_000, [false, true, true]),
        (8_499, [false, true, true]),
        (8_500, [false, false, true]),
        (9_999, [false, false, true]),
        (10_000, [false, false, false]),
        (20_000, [false, false, false]),
    ];
    for (bytes, expected) in cases {
        let mut hold = budget.hold();
        hold.add(bytes);
        assert_eq!(metrics.memory_held.get(), bytes as i64);
        assert_eq!(
            [Want::Copy, Want::Capture, Want::Connection].map(|it| budget.allows(it)),
            expected,
            "{bytes}"
        );
        drop(hold);
        assert_eq!(metrics.memory_held.get(), 0, "given back");
    }
    let endless = MemoryBudget::new(u64::MAX, &metrics);
    assert!(endless.allows(Want::Copy));
}

#[test]
fn a_body_is_captured_up_to_the_cap_and_while_there_is_memory() {
    let metrics = Arc::new(Metrics::new());
    let frame = Bytes::from(vec![b'x'; 1_000]);
    // Budget, cap, and what is kept of four frames.
    let cases =
        [(u64::MAX, usize::MAX, 4_000), (u64::MAX, 2_500, 2_500), (2_500, usize::MAX, 2_000), (100, 9, 9)];
    for (bytes, cap, kept) in cases {
        let budget = MemoryBudget::new(bytes, &metrics);
        let mut captured = Captured::within(&budget);
        (0..4).for_each(|_| captured.push(&frame, cap));
        assert_eq!((captured.joined().len(), captured.total_bytes), (kept, 4_000), "{bytes} {cap}");
        assert_eq!(captured.truncated, kept < 4_000);
        let frames: usize = captured.frames.iter().map(Captured::frame_bytes).sum();
        assert_eq!(metrics.memory_held.get(), frames as i64);
        drop(captured);
        assert_eq!(metrics.memory_held.get(), 0);
    }
    assert_eq!(metrics.bodies_shed.get(), 1, "the one that memory was too short for");
}
