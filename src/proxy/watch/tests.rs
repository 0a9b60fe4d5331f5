use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Context;
use std::task::Waker;
use std::time::Duration;

use crate::proxy::limits::Limits;
use crate::proxy::watch::Doing;
use crate::proxy::watch::Watch;
use crate::proxy::watch::Watchlist;
use crate::telemetry::Metrics;

const SECOND: Duration = Duration::from_secs(1);

fn list() -> Rc<Watchlist> {
    Watchlist::new(&Limits::default(), &Arc::new(Metrics::new()))
}

/// Lets time pass, with a look every second.
async fn pass(list: &Watchlist, seconds: u64) {
    for _ in 0..seconds {
        tokio::time::advance(SECOND).await;
        list.look();
    }
}

#[tokio::test(start_paused = true)]
async fn whoever_is_waited_for_too_long_is_overdue_and_counted_under_the_limit_it_met() {
    let cases = [
        (Doing::Served, None, ""),
        (Doing::Lingering, Some(1), ""),
        (Doing::Resting, Some(75), "idle"),
        (Doing::Head, Some(10), "header_time"),
        (Doing::Upload, Some(20), "body_rate"),
        (Doing::Taking, Some(60), "write_stall"),
        (Doing::Leaving, Some(10), ""),
    ];
    for (doing, after, limit) in cases {
        let list = list();
        let watch = list.watch(doing);
        let Some(after) = after else {
            pass(&list, 10_000).await;
            assert!(!watch.is_overdue(), "{doing:?}");
            continue;
        };
        pass(&list, after - 1).await;
        assert!(!watch.is_overdue(), "{doing:?} before {after} s");
        pass(&list, 1).await;
        assert!(watch.is_overdue(), "{doing:?} after {after} s");
        pass(&list, 100).await;
        let counted = |limit: &str| list.metrics().limited.with_label_values(&[limit]).get();
        assert_eq!(counted(limit), u64::from(!limit.is_empty()), "{doing:?} is counted once");
        watch.now_doing(doing);
        assert!(!watch.is_overdue(), "a new wait begins");
    }
}

#[tokio::test(start_paused = true)]
async fn the_first_byte_begins_a_head_and_the_next_ones_win_no_time() {
    let list = list();
    let watch = list.watch(Doing::Resting);
    pass(&list, 70).await;
    watch.heard();
    assert_eq!(watch.doing(), Doing::Head);
    pass(&list, 9).await;
    watch.heard();
    pass(&list, 1).await;
    assert!(watch.is_overdue());
}

#[tokio::test(start_paused = true)]
async fn an_upload_may_fall_behind_its_rate_by_the_grace_and_no_more() {
    let context = Context::from_waker(Waker::noop());
    // Bytes a second, and after how many seconds the body is given up: at 500 B/s and 20 s of grace.
    let cases = [(0, Some(20)), (250, Some(40)), (475, Some(400)), (500, None), (1_000_000, None)];
    for (rate, expected) in cases {
        let list = list();
        let watch = list.watch(Doing::Resting);
        watch.request_begins();
        watch.upload_begins();
        // What came fast is no excuse for what comes slowly now.
        watch.body_came(1 << 30);
        assert!(!watch.awaits_body(&context));
        pass(&list, 1).await;
        let given_up = Cell::new(None);
        for second in 1..1000 {
            watch.body_came(rate);
            if watch.awaits_body(&context) {
                given_up.set(Some(second));
                break;
            }
            pass(&list, 1).await;
        }
        let close =
            |expected: u64| given_up.get().is_some_and(|at: u64| at.abs_diff(expected) <= 2 + expected / 10);
        assert!(expected.map_or(given_up.get().is_none(), close), "{rate} B/s: {given_up:?}");
        assert_eq!(watch.gave_up(), expected.is_some());
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_is_not_to_blame_while_nobody_asks_for_its_body() {
    let context = Context::from_waker(Waker::noop());
    let list = list();
    let watch = list.watch(Doing::Resting);
    watch.request_begins();
    watch.upload_begins();
    assert!(!watch.awaits_body(&context));
    assert!(watch.is_starved());
    watch.body_came(10);
    assert!(!watch.is_starved(), "the model is busy with what came");
    pass(&list, 1000).await;
    assert!(!watch.awaits_body(&context));
    watch.answer_begins();
    assert!(!watch.is_starved(), "an answer that has begun may take its body as slowly as it likes");
    pass(&list, 1000).await;
    assert!(!watch.awaits_body(&context));
    assert!(!watch.gave_up());
}

#[tokio::test(start_paused = true)]
async fn a_connection_lingers_only_when_request_and_answer_are_both_over_and_sent() {
    let list = list();
    let steps: [fn(&Watch); 2] = [Watch::answer_ends, Watch::upload_ends];
    for order in [[0, 1], [1, 0]] {
        let watch = list.watch(Doing::Resting);
        watch.request_begins();
        watch.upload_begins();
        watch.set_unsent(true);
        steps[order[0]](&watch);
        pass(&list, 5).await;
        assert!(!watch.may_be_put_to_rest());
        steps[order[1]](&watch);
        assert_eq!(watch.doing(), Doing::Lingering);
        pass(&list, 5).await;
        assert!(!watch.may_be_put_to_rest(), "the socket has not taken all");
        watch.set_unsent(false);
        assert!(watch.may_be_put_to_rest());
    }
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_was_put_to_rest_is_idle_since_its_last_answer() {
    let list = list();
    let watch = list.watch(Doing::Resting);
    watch.request_begins();
    watch.answer_ends();
    pass(&list, 30).await;
    watch.rests();
    pass(&list, 44).await;
    assert!(!watch.is_overdue());
    pass(&list, 1).await;
    assert!(watch.is_overdue());
}

#[tokio::test(start_paused = true)]
async fn who_has_gone_is_forgotten() {
    let list = list();
    for _ in 0..10_000 {
        drop(list.watch(Doing::Served));
    }
    let kept = list.watch(Doing::Served);
    list.look();
    assert_eq!(list.watched.borrow().len(), 1);
    assert!(list.watched.borrow().capacity() <= 256, "a burst leaves nothing behind");
    drop(kept);
}
