use std::time::Duration;

use serde_json::json;
use tokio::time::Instant;

use crate::judge::board::Board;
use crate::judge::board::HELD;
use crate::judge::board::MOST;
use crate::judge::board::MOST_BYTES;
use crate::judge::board::Opinion;
use crate::judge::board::Post;
use crate::judge::board::SECOND_THOUGHTS;
use crate::judge::board::Side;
use crate::judge::board::Text;
use crate::judge::review::ReviewError;
use crate::record::JudgementRecord;
use crate::record::Preference;
use crate::vocab::ModelName;

const MOMENT: Duration = Duration::from_millis(1);

fn post(id: &str, bytes: usize) -> Post {
    let judgement = json!({
        "request_id": "01890a5d-ac96-774b-bcce-b302099a8057",
        "time": "2026-01-02T03:04:05.000000Z",
        "request_time": "2026-01-02T03:04:05.000000Z",
        "experiment": "e",
        "identity": "i",
        "judge": "people",
        "version": "v",
        "mode": "human",
        "propensity": 1.0,
        "answers": [{"arm": "new", "role": "shadow"}],
    });
    let text = |text: &str| Text { text: text.to_owned(), is_json: false };
    Post {
        id: id.to_owned(),
        judgement: serde_json::from_value(judgement).unwrap(),
        legacy: ModelName::new("old").unwrap(),
        request: text("?"),
        of_legacy: text(&"x".repeat(bytes)),
        of_candidate: text("y"),
        given: Vec::new(),
        skipped: Vec::new(),
        held: Vec::new(),
    }
}

/// A board with so many pairs, `0`, `1` and so on.
fn board(each: usize, pairs: usize, now: Instant) -> Board {
    let mut board = Board::of(each);
    for id in 0..pairs {
        assert_eq!(board.put(post(&id.to_string(), 1), now), 0);
    }
    board
}

fn next(board: &mut Board, reviewer: &str, now: Instant) -> Option<String> {
    board.next(reviewer, now).map(|post| post.id.clone())
}

/// Judges a pair that is at hand: for the candidate, for legacy, or for neither.
fn give(board: &mut Board, reviewer: &str, id: &str, said: Preference, now: Instant) -> Vec<JudgementRecord> {
    let left = board.posts.iter().find(|post| post.id == id).unwrap().candidate_left(reviewer);
    let side = match said {
        Preference::Tie => Side::Neither,
        Preference::Win => {
            if left {
                Side::Left
            } else {
                Side::Right
            }
        }
        Preference::Loss => {
            if left {
                Side::Right
            } else {
                Side::Left
            }
        }
    };
    board.give(reviewer, id, opinion(Some(side)), now).unwrap()
}

fn opinion(better: Option<Side>) -> Opinion {
    Opinion { better, reasons: Vec::new(), note: None }
}

fn words(settled: &[JudgementRecord]) -> Vec<(&str, Preference)> {
    let word = |it: &JudgementRecord| it.answers[0].against_legacy.unwrap();
    settled.iter().map(|it| (it.reviewer.as_deref().unwrap(), word(it))).collect()
}

#[test]
fn two_reviewers_at_once_get_two_pairs_and_both_the_one_that_two_are_to_judge() {
    let now = Instant::now();
    let mut alone = board(1, 2, now);
    assert_eq!(next(&mut alone, "ann", now).as_deref(), Some("0"));
    assert_eq!(next(&mut alone, "ben", now).as_deref(), Some("1"));
    assert_eq!(next(&mut alone, "cid", now), None);
    let mut together = board(2, 1, now);
    assert_eq!(next(&mut together, "ann", now).as_deref(), Some("0"));
    assert_eq!(next(&mut together, "ben", now).as_deref(), Some("0"));
    assert_eq!(next(&mut together, "cid", now), None);
}

#[test]
fn a_pair_that_is_held_for_too_long_goes_to_somebody_else_and_comes_back_if_nobody_took_it() {
    let now = Instant::now();
    let mut board = board(1, 1, now);
    next(&mut board, "ann", now);
    assert_eq!(next(&mut board, "ben", now + HELD - MOMENT), None);
    let later = now + HELD;
    assert_eq!(next(&mut board, "ben", later).as_deref(), Some("0"));
    assert_eq!(board.give("ann", "0", opinion(Some(Side::Left)), later), Err(ReviewError::Gone));
    assert_eq!(next(&mut board, "ann", later + HELD).as_deref(), Some("0"));
    assert_eq!(words(&give(&mut board, "ann", "0", Preference::Win, later + HELD)), []);
    assert_eq!(words(&board.close().0), [("ann", Preference::Win)]);
}

#[test]
fn nobody_judges_a_pair_twice() {
    let now = Instant::now();
    let mut board = board(2, 1, now);
    next(&mut board, "ann", now);
    give(&mut board, "ann", "0", Preference::Win, now);
    assert_eq!(board.give("ann", "0", opinion(Some(Side::Left)), now), Err(ReviewError::Again));
    assert_eq!(next(&mut board, "ann", now), None);
    next(&mut board, "ben", now);
    assert!(board.give("ben", "0", opinion(None), now).unwrap().is_empty());
    assert_eq!(next(&mut board, "ben", now), None);
    assert_eq!((board.progress("ann").judged, board.progress("ben").judged), (1, 0));
    assert_eq!(next(&mut board, "cid", now).as_deref(), Some("0"));
}

#[test]
fn a_verdict_settles_with_the_next_or_after_a_minute_and_then_stays() {
    let now = Instant::now();
    let mut board = board(1, 2, now);
    next(&mut board, "ann", now);
    give(&mut board, "ann", "0", Preference::Win, now);
    assert_eq!(board.undo("ann", now).unwrap().id, "0");
    assert_eq!(give(&mut board, "ann", "0", Preference::Loss, now), []);
    next(&mut board, "ann", now);
    assert_eq!(words(&give(&mut board, "ann", "1", Preference::Tie, now)), [("ann", Preference::Loss)]);
    assert_eq!(board.ripe(now + SECOND_THOUGHTS - MOMENT), []);
    assert!(board.progress("ann").undo);
    assert_eq!(words(&board.ripe(now + SECOND_THOUGHTS)), [("ann", Preference::Tie)]);
    assert!(!board.progress("ann").undo);
    assert_eq!(board.undo("ann", now).unwrap_err(), ReviewError::NothingToUndo);
    board.tidy();
    assert_eq!((board.posts.len(), board.bytes), (0, 0));
}

#[test]
fn the_last_of_several_verdicts_has_the_word_of_all() {
    const WIN: Preference = Preference::Win;
    const LOSS: Preference = Preference::Loss;
    const TIE: Preference = Preference::Tie;
    let cases = [
        ([WIN, WIN, LOSS], WIN),
        ([LOSS, TIE, LOSS], LOSS),
        ([WIN, LOSS, TIE], TIE),
        ([TIE, WIN, TIE], TIE),
        ([WIN, WIN, WIN], WIN),
    ];
    for (said, majority) in cases {
        let now = Instant::now();
        let mut board = board(3, 1, now);
        for (reviewer, said) in ["ann", "ben", "cid"].into_iter().zip(said) {
            next(&mut board, reviewer, now);
            give(&mut board, reviewer, "0", said, now);
        }
        let settled = board.ripe(now + SECOND_THOUGHTS);
        let counts: Vec<bool> = settled.iter().map(JudgementRecord::counts).collect();
        assert_eq!((settled.len(), counts), (3, vec![false, false, true]), "{said:?}");
        assert!(settled.iter().all(|it| it.each == Some(3)));
        let last = &settled[2];
        assert_eq!(last.panel.iter().map(|vote| vote.said).collect::<Vec<_>>(), said);
        assert_eq!(last.preference(&last.answers[0]), Some(majority), "{said:?}");
    }
    let now = Instant::now();
    let mut alone = board(1, 1, now);
    next(&mut alone, "ann", now);
    give(&mut alone, "ann", "0", WIN, now);
    let settled = alone.ripe(now + SECOND_THOUGHTS);
    assert_eq!((settled[0].each, settled[0].counts()), (None, true));
    assert_eq!(settled[0].preference(&settled[0].answers[0]), Some(WIN));
}

#[test]
fn a_full_board_lets_go_of_what_nobody_judged_first_and_never_of_what_is_held_or_not_yet_on_record() {
    let now = Instant::now();
    let mut board = board(2, MOST, now);
    next(&mut board, "ann", now);
    give(&mut board, "ann", "0", Preference::Win, now);
    next(&mut board, "ann", now);
    assert_eq!(board.put(post("more", 1), now), 1);
    let has = |board: &Board, id: &str| board.posts.iter().any(|post| post.id == id);
    assert_eq!(["0", "1", "2", "more"].map(|id| has(&board, id)), [true, true, false, true]);
    // All the others are judged by one of two, and that is on record: of these the oldest goes.
    let later = now + HELD;
    let ids: Vec<String> = board.posts.iter().map(|post| post.id.clone()).collect();
    for id in &ids[1..] {
        board.posts.iter_mut().find(|post| post.id == *id).unwrap().held.push(("ben".to_owned(), later));
        give(&mut board, "ben", id, Preference::Loss, later);
    }
    board.ripe(later + SECOND_THOUGHTS);
    let late = later + SECOND_THOUGHTS;
    board.posts[1].held.push(("cid".to_owned(), late));
    board.posts.push_back(post("newest", 1));
    board.posts.back_mut().unwrap().held.push(("cid".to_owned(), late));
    board.bytes += board.posts.back().unwrap().held_bytes();
    assert_eq!(board.put(post("last", 1), late), 2);
    assert_eq!(["0", "1", "newest", "last"].map(|id| has(&board, id)), [false, true, true, true]);
}

#[test]
fn what_waits_is_bounded_by_bytes() {
    let now = Instant::now();
    let mut board = Board::of(1);
    let big = MOST_BYTES / 4;
    let gone: Vec<u64> = (0..5).map(|id| board.put(post(&id.to_string(), big), now)).collect();
    assert_eq!(gone, [0, 0, 0, 1, 1]);
    assert!(board.bytes <= MOST_BYTES);
    assert_eq!(board.put(post("too big", MOST_BYTES), now), 4);
    assert_eq!((board.posts.len(), board.bytes), (0, 0));
}

#[test]
fn a_stop_puts_on_record_what_was_said_and_counts_the_pairs_that_lack_a_verdict() {
    let now = Instant::now();
    let mut board = board(2, 3, now);
    for reviewer in ["ann", "ben"] {
        next(&mut board, reviewer, now);
        give(&mut board, reviewer, "0", Preference::Win, now);
    }
    next(&mut board, "ann", now);
    give(&mut board, "ann", "1", Preference::Loss, now);
    let (settled, unjudged) = board.close();
    assert_eq!(words(&settled), [("ben", Preference::Win), ("ann", Preference::Loss)]);
    assert_eq!((settled[0].panel.len(), settled[1].panel.len(), unjudged), (2, 0, 2));
    assert_eq!((next(&mut board, "cid", now), board.bytes), (None, 0));
}

#[test]
fn once_it_is_decided_only_pairs_that_somebody_judged_or_holds_stay() {
    let now = Instant::now();
    let mut board = board(2, 4, now);
    next(&mut board, "ann", now);
    give(&mut board, "ann", "0", Preference::Win, now);
    next(&mut board, "ann", now);
    assert_eq!(board.retire(now), 2);
    assert_eq!(board.posts.iter().map(|post| post.id.as_str()).collect::<Vec<_>>(), ["0", "1"]);
    assert_eq!(board.retire(now + HELD), 1);
    assert_eq!(next(&mut board, "ben", now).as_deref(), Some("0"));
}
