//! What users ask: for a term whose meaning they half remember, in words of their own.
//!
//! A few words of the meaning remain, some of them in another form, replaced by a like one or misspelt, amid the
//! small words of which any sentence is made. So a question never quotes, and holds neither the term nor its parts.

use std::collections::HashSet;

use rand::Rng;
use rand::RngExt;
use rand::seq::SliceRandom;

use crate::demo::chat::glossary::Entry;
use crate::demo::chat::words::stem;
use crate::demo::chat::words::words;

/// How many words of the meaning each turn holds.
const REMEMBERED: [usize; 3] = [3, 2, 2];
/// How often a word is remembered in another form, by a like one, or with a wrong letter.
const BENT: f64 = 0.45;
const REPLACED: f64 = 0.5;
const MISSPELT: f64 = 0.08;
/// Shorter words say too little to be remembered.
const LEAST_LETTERS: usize = 4;

const COMMON: &str = "about also been being could does each else even every from have into just like made make many more \
    most much must often only other over same some such than that their them then there these they this those used \
    uses using very was were what when where which while will with without would your said term typically usually";

const LIKE: [(&str, &str); 40] = [
    ("big", "large"),
    ("bug", "error"),
    ("character", "letter"),
    ("code", "source"),
    ("command", "instruction"),
    ("common", "usual"),
    ("computer", "machine"),
    ("data", "bytes"),
    ("deliberately", "on purpose"),
    ("display", "monitor"),
    ("easily", "readily"),
    ("email", "mail"),
    ("error", "fault"),
    ("expensive", "costly"),
    ("fast", "quick"),
    ("file", "document"),
    ("function", "routine"),
    ("hackers", "programmers"),
    ("hardware", "equipment"),
    ("information", "data"),
    ("large", "big"),
    ("machine", "computer"),
    ("memory", "storage"),
    ("message", "note"),
    ("method", "way"),
    ("network", "net"),
    ("number", "figure"),
    ("people", "persons"),
    ("problem", "trouble"),
    ("process", "task"),
    ("program", "software"),
    ("programmer", "coder"),
    ("programs", "applications"),
    ("quickly", "fast"),
    ("simple", "plain"),
    ("small", "little"),
    ("software", "programs"),
    ("system", "machine"),
    ("user", "person"),
    ("written", "composed"),
];

/// What a user says in the turns of a conversation about an entry, each a further clue.
pub fn turns(entry: &Entry, dice: &mut impl Rng) -> [String; 3] {
    let mut clues = clues(entry, dice);
    let mut next = |turn: usize| {
        let taken = clues.split_off(clues.len().saturating_sub(REMEMBERED[turn]));
        let taken: Vec<String> = taken.into_iter().map(|word| remembered(&word, dice)).collect();
        match taken.split_last() {
            Some((last, [])) => last.clone(),
            Some((last, rest)) => format!("{} and the {last}", rest.join(", ")),
            None => "I do not know".to_owned(),
        }
    };
    [
        format!("What do you call it if it is {}?", next(0)),
        format!("It had to do with {}.", next(1)),
        format!("Oh, and it is {} too.", next(2)),
    ]
}

/// Words that may be remembered, each once, in the order in which they come to mind, last first.
fn clues(entry: &Entry, dice: &mut impl Rng) -> Vec<String> {
    let common: HashSet<&str> = COMMON.split_whitespace().collect();
    let term = words(&entry.term);
    let tells = |word: &str| {
        let named = term.iter().any(|part| stem(word) == stem(part) || word.contains(part.as_str()));
        word.len() >= LEAST_LETTERS && !common.contains(word) && !named
    };
    let mut seen = HashSet::new();
    let mut clues = words(&entry.meaning);
    clues.retain(|word| tells(word) && seen.insert(stem(word).to_owned()));
    clues.shuffle(dice);
    clues
}

fn remembered(word: &str, dice: &mut impl Rng) -> String {
    // Always drawn, so that what one word becomes changes nothing for the next.
    let (replaced, bent, misspelt) =
        (dice.random_bool(REPLACED), dice.random_bool(BENT), dice.random_bool(MISSPELT));
    let place: f64 = dice.random();
    if let Some((_, like)) = LIKE.iter().find(|(from, _)| replaced && *from == word) {
        return (*like).to_owned();
    }
    let mut word = if bent { bend(word) } else { word.to_owned() };
    if misspelt && word.is_ascii() {
        // One letter inside is lost.
        word.remove(1 + (place * (word.len() - 2) as f64) as usize);
    }
    word
}

/// The word in another form: one thing for several, several for one, what is done for what does.
fn bend(word: &str) -> String {
    let with = |stem: &str, ending: &str| format!("{stem}{ending}");
    if let Some(stem) = word.strip_suffix("ing") {
        return with(stem, "ed");
    }
    if let Some(stem) = word.strip_suffix("ed") {
        return with(stem, "ing");
    }
    if word.ends_with("ss") {
        return with(word, "es");
    }
    word.strip_suffix('s').map_or_else(|| with(word, "s"), str::to_owned)
}
