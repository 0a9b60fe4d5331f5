use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::task::TaskTracker;

use crate::protocol::http2::Frames;
use crate::protocol::http2::PREFACE;
use crate::proxy::exchange::Exchange;
use crate::proxy::exchange::Streams;
use crate::proxy::frames::Budget;
use crate::proxy::frames::is_control;
use crate::proxy::limits::Limits;
use crate::proxy::watch::Doing;
use crate::proxy::watch::Watchlist;
use crate::telemetry::Metrics;

fn frame(kind: u8, flags: u8, payload: usize) -> Vec<u8> {
    let [_, high, middle, low] = (payload as u32).to_be_bytes();
    let mut frame = vec![high, middle, low, kind, flags, 0, 0, 0, 1];
    frame.resize(frame.len() + payload, b'x');
    frame
}

#[test]
fn frames_that_ask_for_nothing_are_counted_however_the_bytes_are_cut() {
    let frames = [
        (frame(4, 0, 6), 1),      // SETTINGS
        (frame(1, 4, 300), 0),    // HEADERS
        (frame(9, 4, 20), 1),     // CONTINUATION
        (frame(0, 0, 16_384), 0), // DATA
        (frame(0, 0, 0), 1),      // DATA without data
        (frame(0, 1, 0), 0),      // DATA without data, but with the end
        (frame(6, 0, 8), 1),      // PING
        (frame(8, 0, 4), 1),      // WINDOW_UPDATE
        (frame(3, 0, 4), 1),      // RST_STREAM
        (frame(0xfe, 0, 70_000), 1),
    ];
    let expected: u32 = frames.iter().map(|(_, control)| control).sum();
    let bytes: Vec<u8> =
        [PREFACE.to_vec()].into_iter().chain(frames.map(|(bytes, _)| bytes)).flatten().collect();
    for size in [1, 2, 3, 8, 9, 10, 1000, bytes.len()] {
        let mut frames = Frames::of_client();
        let counted: u32 = bytes.chunks(size).map(|piece| frames.count(piece, is_control)).sum();
        assert_eq!(counted, expected, "{size} at a time");
    }
}

#[tokio::test(start_paused = true)]
async fn a_budget_comes_back_with_time_and_with_answers_and_never_beyond_itself() {
    let limits = Limits { control_frames: 100, ..Limits::default() };
    let list = Watchlist::new(&limits, &Arc::new(Metrics::new()));
    let watch = list.watch(Doing::Resting);
    let streams = Streams::new(&watch, TaskTracker::new());
    let mut budget =
        Budget { watch: Rc::clone(&watch), streams: Rc::clone(&streams), left: 100.0, reckoned: list.now() };
    assert!(budget.spend(100).is_ok());
    assert!(budget.spend(1).is_err(), "all of it is spent");

    tokio::time::advance(Duration::from_secs(1)).await;
    list.look();
    assert!(budget.spend(9).is_ok(), "a tenth came back");
    tokio::time::advance(Duration::from_secs(3600)).await;
    list.look();
    assert!(budget.spend(100).is_ok());
    assert!(budget.spend(1).is_err(), "an hour gives no more than all");

    streams.earn(1 << 20);
    drop(Exchange::http2(&streams));
    assert!(budget.spend(100).is_ok(), "a large answer calls for many frames");
    assert_eq!(list.metrics().limited.with_label_values(&["control_frames"]).get(), 2);
}
