//! The whole chat demo, with smaller numbers: which model wins follows from how the models search, and the log holds
//! what both said and used.

use crossfade::demo::chat;
use crossfade::demo::chat::Setup;
use crossfade::demo::chat::models::Kind;
use crossfade::demo::chat::summary::Summary;
use crossfade::demo::chat::users::TURNS;
use crossfade::record;
use crossfade::record::Line;

/// Enough for the thumbs of the A/B test, the noisier of the two differences.
const ENOUGH: usize = 450;

fn played(legacy: Kind, candidate: Kind, look: impl FnOnce(&Summary)) {
    let dir = tempfile::tempdir().unwrap();
    let records = dir.path().to_owned();
    let usual = Setup::default();
    let setup = Setup { legacy, candidate, conversations: ENOUGH, per_second: None, records, ..usual };
    look(&chat::run(setup, &mut |_| {}).unwrap());
}

fn winners(summary: &Summary) -> Vec<&str> {
    summary.chapters.iter().map(|chapter| chapter.winner.as_deref().unwrap_or("unknown")).collect()
}

#[test]
fn the_better_retriever_wins_as_candidate_and_all_that_was_said_is_on_record() {
    played(Kind::Overlap, Kind::Bm25, |summary| {
        assert_eq!(winners(summary), ["chat-candidate", "chat-candidate"], "{summary}");
        let requests = (ENOUGH * TURNS) as u64;
        for chapter in &summary.chapters {
            assert_eq!((chapter.answered, chapter.failed), (requests, 0), "{summary}");
            assert_eq!(chapter.problem, None);
            for arm in &chapter.arms {
                // Each answer tells its usage, streamed or whole, and the price follows from it.
                assert!(arm.tokens.output_tokens > 10 * (arm.answers + arm.copies), "{summary}");
                assert!(arm.cost.is_some() && arm.first_chunk.is_some(), "{summary}");
            }
        }
        assert_eq!(summary.chapters[0].outcomes, requests, "{summary}");
        let judged = summary.chapters[0].judged.unwrap();
        // It is asked until the verdict is reached, however many answers that takes.
        assert!(judged.wins > judged.losses, "{summary}");
        assert_eq!(judged.consistency, Some(1.0), "{summary}");
        assert!(summary.chapters[0].arms.iter().all(|arm| arm.likeness.is_some()), "{summary}");
        assert!(summary.chapters[1].arms.iter().all(|arm| arm.thumbs.is_some()), "{summary}");
        let pairs = record::read(&summary.records).unwrap().filter(|line| matches!(line, Ok(Line::Pair(_))));
        assert_eq!(pairs.count() as u64, 2 * requests);
    });
}

#[test]
fn swapping_the_retrievers_swaps_the_winner() {
    played(Kind::Bm25, Kind::Overlap, |summary| {
        assert_eq!(winners(summary), ["chat-legacy", "chat-legacy"], "{summary}");
        let judged = summary.chapters[0].judged.unwrap();
        assert!(judged.losses > judged.wins, "{summary}");
    });
}
