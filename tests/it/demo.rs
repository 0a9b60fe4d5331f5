//! The whole demo, with smaller numbers: what it finds follows from the models alone, and the log holds all of it.

use std::collections::HashMap;
use std::collections::HashSet;

use crossfade::demo;
use crossfade::demo::Setup;
use crossfade::demo::models::Kind;
use crossfade::demo::policy::experiment;
use crossfade::demo::summary::Summary;
use crossfade::record;
use crossfade::record::Line;

/// Enough for the ranking, the slightest of the four differences: of a thousand users with a preference about six in
/// ten prefer the better ranker, seven standard deviations away from a half.
const ENOUGH: usize = 1_000;
/// Slow enough for the canary to get beyond its first steps, which last a second each.
const PER_SECOND: u32 = 400;

/// Runs the demo with these models as legacy and candidate.
fn played(legacy: Kind, candidate: Kind, requests: usize, look: impl FnOnce(&Summary)) {
    let dir = tempfile::tempdir().unwrap();
    let setup = Setup {
        legacy,
        candidate,
        requests,
        users: requests,
        per_second: Some(PER_SECOND),
        records: dir.path().to_owned(),
        ..Setup::default()
    };
    let summary = demo::run(setup, &mut |_| {}).unwrap();
    look(&summary);
}

fn winners(summary: &Summary) -> Vec<&str> {
    let winner = |chapter: &'_ demo::summary::Chapter| chapter.winner.clone();
    assert_eq!(summary.chapters.iter().filter_map(winner).count(), 4, "{summary}");
    summary.chapters.iter().filter_map(|chapter| chapter.winner.as_deref()).collect()
}

#[test]
fn the_better_candidate_wins_in_every_strategy_and_everything_is_on_record() {
    played(Kind::Softmax, Kind::Neighbours, ENOUGH, |summary| {
        let better = ["digits-candidate", "digits-candidate", "digits-candidate", "ranker-candidate"];
        assert_eq!(winners(summary), better, "{summary}");
        everyone_was_answered_and_heard(summary, ENOUGH);
        everything_is_on_record(summary, ENOUGH);
    });
}

#[test]
fn swapping_the_models_swaps_every_winner() {
    played(Kind::Neighbours, Kind::Softmax, ENOUGH, |summary| {
        let better = ["digits-legacy", "digits-legacy", "digits-legacy", "ranker-legacy"];
        assert_eq!(winners(summary), better, "{summary}");
    });
}

#[test]
fn the_same_model_in_both_arms_wins_nowhere() {
    played(Kind::Softmax, Kind::Softmax, ENOUGH / 2, |summary| {
        assert!(summary.chapters.iter().all(|chapter| chapter.winner.is_none()), "{summary}");
        everyone_was_answered_and_heard(summary, ENOUGH / 2);
    });
}

fn everyone_was_answered_and_heard(summary: &Summary, requests: usize) {
    for chapter in &summary.chapters {
        let strategy = chapter.strategy.as_str();
        assert_eq!(chapter.problem, None, "{strategy}");
        assert_eq!((chapter.answered, chapter.failed), (requests as u64, 0), "{strategy}");
        let labels: u64 = chapter.arms.iter().filter_map(|arm| arm.right).map(|right| right.whole).sum();
        match strategy {
            // Copies are held against the label too.
            "shadow" => assert_eq!((labels, chapter.outcomes), (2 * requests as u64, requests as u64)),
            "interleave" => assert!(chapter.outcomes > 0),
            _ => assert_eq!((labels, chapter.outcomes), (requests as u64, requests as u64), "{strategy}"),
        }
    }
}

/// Reads the log back: one pair a request, one outcome a report, and the request of each outcome.
fn everything_is_on_record(summary: &Summary, requests: usize) {
    let (mut pairs, mut outcomes) = (HashMap::<String, HashSet<String>>::new(), Vec::new());
    for line in record::read(&summary.records).unwrap() {
        match line.unwrap() {
            Line::Pair(pair) => {
                let ids = pairs.entry(pair.experiment.to_string()).or_default();
                assert!(ids.insert(pair.request_id.to_string()), "{} is there twice", pair.request_id);
            }
            Line::Outcome(outcome) => outcomes.push(outcome),
            Line::Design(_) | Line::Answered(_) | Line::Judgement(_) => {}
            Line::Gap(gap) => panic!("{gap:?}"),
        }
    }
    for chapter in &summary.chapters {
        let name = experiment(chapter.strategy);
        assert_eq!(pairs[name].len(), requests, "{name}");
        let own: Vec<_> = outcomes.iter().filter(|outcome| outcome.experiment.as_str() == name).collect();
        assert_eq!(own.len() as u64, chapter.outcomes, "{name}");
        assert!(own.iter().all(|outcome| pairs[name].contains(&outcome.request_id.to_string())), "{name}");
    }
}
