use std::ops::Range;
use std::sync::Arc;

use crate::demo::chat::fences;
use crate::demo::chat::fences::Case;
use crate::demo::chat::glossary::Glossary;
use crate::demo::chat::judge::Judge;
use crate::demo::chat::judge::Winner;
use crate::demo::chat::models::Kind;
use crate::demo::chat::users::Campaign;
use crate::demo::chat::users::Conversation;
use crate::demo::chat::users::TURNS;
use crate::demo::chat::users::conversations;
use crate::demo::chat::words::stem;
use crate::demo::chat::words::tokens;
use crate::demo::chat::words::words;
use crate::vocab::StrategyKind;

fn campaign(seed: u64) -> Campaign {
    let nowhere = std::net::SocketAddr::from(([127, 0, 0, 1], 0));
    Campaign {
        strategy: StrategyKind::Ab,
        data: nowhere,
        admin: nowhere,
        conversations: 300,
        connections: 1,
        per_second: None,
        seed,
    }
}

/// How many of these turns an answerer gets right.
fn share_right(glossary: &Glossary, held: &[Conversation], turn: usize, find: impl Fn(&str) -> Option<String>) -> f64 {
    let right = |conversation: &&Conversation| {
        let asked = conversation.turns[..=turn].join(" ");
        find(&asked).is_some_and(|term| term == glossary.entries[conversation.entry].term)
    };
    held.iter().filter(right).count() as f64 / held.len() as f64
}

#[test]
fn the_new_model_finds_more_terms_than_the_old_one_and_the_judge_finds_most() {
    let glossary = Arc::new(Glossary::load().unwrap());
    let held = conversations(&campaign(7), &glossary);
    let check = |name: &str, find: &dyn Fn(&str) -> Option<String>, expected: [Range<f64>; TURNS]| {
        for (turn, expected) in expected.into_iter().enumerate() {
            let right = share_right(&glossary, &held, turn, find);
            eprintln!("{name} {turn} {right}");
            assert!(expected.contains(&right), "{name}, turn {turn}: {right}");
        }
    };
    let old = Kind::Overlap.read(glossary.clone());
    let new = Kind::Bm25.read(glossary.clone());
    let judge = Judge::read(glossary.clone());
    check("overlap", &|asked| old.find(asked).map(|entry| entry.term.clone()), [0.0..1.0, 0.0..1.0, 0.0..1.0]);
    check("bm25", &|asked| new.find(asked).map(|entry| entry.term.clone()), [0.0..1.0, 0.0..1.0, 0.0..1.0]);
    check("judge", &|asked| judge.find(asked).map(|entry| entry.term.clone()), [0.0..1.0, 0.0..1.0, 0.0..1.0]);
    for c in held.iter().take(6) { eprintln!("{} {:?}", glossary.entries[c.entry].term, c.turns); }
}
