//! People as judges: which pair a reviewer sees, blind and in random order, and what becomes of their word.
//!
//! Nothing that is shown tells which model gave an answer: no name, no id of the request, and the side is drawn by lot.

use std::fmt::Write;
use std::sync::Arc;
use std::time::SystemTime;

use serde::Deserialize;
use serde::Serialize;
use serde_json::Value;
use tokio::time::Instant;

use crate::analysis::PanelSummary;
use crate::assign::bucket;
use crate::judge::Case;
use crate::judge::Human;
use crate::judge::Judges;
use crate::judge::Said;
use crate::judge::Settings;
use crate::judge::board::Board;
use crate::judge::board::Opinion;
use crate::judge::board::Post;
use crate::judge::board::Side;
use crate::judge::board::Text;
use crate::judge::desk::Judge;
use crate::judge::work::Entry;
use crate::judge::work::blank;
use crate::judge::work::without_asking;
use crate::record::JudgementRecord;
use crate::vocab::Timestamp;

/// The longest name of a reviewer, in characters.
const LONGEST_NAME: usize = 64;
/// The longest note, in bytes.
const LONGEST_NOTE: usize = 4 * 1024;
/// What tells of a model in an answer that is shown whole.
const TELLTALES: [&str; 7] =
    ["model", "model_name", "model_version", "id", "created", "system_fingerprint", "service_tier"];

/// A judge of people, as the list of them shows it.
#[derive(Debug, Clone, Serialize)]
pub struct Review {
    /// The experiment.
    pub experiment: String,
    /// The judge.
    pub judge: String,
    /// What people are asked.
    pub question: String,
    /// Pairs that wait.
    pub waiting: usize,
    /// The experiment's verdict is reached, and nothing more is to be judged.
    pub decided: bool,
    /// What was judged, and how far people agree; `None`: nobody has judged yet.
    pub people: Option<PanelSummary>,
}

/// What a reviewer is shown.
#[derive(Debug, Clone, Serialize)]
pub struct Sheet {
    /// What they are asked.
    pub question: String,
    /// What they may pick as their reasons.
    pub reasons: Vec<String>,
    /// The pair; `None`: none waits for this reviewer.
    pub pair: Option<Shown>,
    /// How many this reviewer has judged since the gateway started.
    pub judged: u64,
    /// How many wait for this reviewer, the one that is shown among them.
    pub waiting: usize,
    /// Whether the last verdict can be taken back.
    pub undo: bool,
    /// The experiment's verdict is reached, and no more pairs come.
    pub decided: bool,
}

/// A pair as it is shown.
#[derive(Debug, Clone, Serialize)]
pub struct Shown {
    /// Random; a verdict names it.
    pub id: String,
    /// The request.
    pub request: Passage,
    /// The answer on the left.
    pub left: Passage,
    /// The answer on the right.
    pub right: Passage,
}

/// A text as it is shown.
#[derive(Debug, Clone, Serialize)]
pub struct Passage {
    /// The text; what would turn or hide other text is spelled out.
    pub text: String,
    /// It is JSON, set out in lines.
    pub json: bool,
}

/// A reviewer's word on a pair.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Word {
    /// Who judges.
    pub reviewer: String,
    /// The pair.
    pub id: String,
    /// What they say.
    pub verdict: Saying,
    /// Reasons of those that are on offer.
    #[serde(default)]
    pub reasons: Vec<String>,
    /// Why, in their own words, of at most 4 KiB.
    #[serde(default)]
    pub note: String,
}

/// What a reviewer says of a pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Saying {
    /// The left answer is better.
    Left,
    /// The right one is.
    Right,
    /// Neither is.
    Tie,
    /// Nothing: somebody else may.
    Skip,
}

/// Why a review does not go on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReviewError {
    /// There is no such judge.
    #[error("experiment `{experiment}` has no judge `{judge}` of people")]
    NoJudge {
        /// The experiment.
        experiment: String,
        /// The judge.
        judge: String,
    },
    /// The reviewer's name cannot be one.
    #[error("a reviewer's name has 1 to {LONGEST_NAME} characters in one line, and no space around them")]
    Name,
    /// The policy names who may judge.
    #[error("`{0}` is not invited to judge here; whoever runs the test says in `reviewers` who is")]
    Uninvited(String),
    /// The pair is not there any more.
    #[error("the pair was let go, or others judged it meanwhile; go on with the next")]
    Gone,
    /// The reviewer has judged this pair.
    #[error("you have judged this pair; take it back first")]
    Again,
    /// There is nothing to take back.
    #[error("there is nothing to take back: a verdict is settled by the next one, or after a minute")]
    NothingToUndo,
    /// A reason that is not on offer.
    #[error("`{0}` is none of the judge's `reasons`")]
    Reason(String),
    /// The note is too long.
    #[error("the note has more than {LONGEST_NOTE} bytes")]
    Note,
}

impl Judges {
    /// The judges that are people.
    pub fn reviews(&self) -> Vec<Review> {
        let panel = self.0.panel.load();
        let analysis = self.analysis();
        let review = |judge: &Arc<Judge>| {
            let Settings { experiment, name, .. } = &judge.settings;
            let human = judge.settings.human()?;
            Some(Review {
                decided: judge.is_decided(),
                people: analysis.people(experiment.as_str(), name, &judge.settings.version()),
                experiment: experiment.to_string(),
                judge: name.to_string(),
                question: human.question.clone(),
                waiting: judge.board().waiting(),
            })
        };
        panel.iter().filter_map(review).collect()
    }

    /// The next pair for a reviewer, who holds it for a quarter of an hour.
    ///
    /// # Errors
    /// Where there is no such judge, or the reviewer is none of its own.
    pub fn next_review(&self, experiment: &str, judge: &str, reviewer: &str) -> Result<Sheet, ReviewError> {
        self.with(experiment, judge, reviewer, |_, _| Ok(Vec::new()))
    }

    /// Takes in a reviewer's word. It goes on record with the next one, or after a minute.
    ///
    /// # Errors
    /// Where the pair is gone, or the word is none.
    pub fn take_review(&self, experiment: &str, judge: &str, word: Word) -> Result<Sheet, ReviewError> {
        let Word { reviewer, id, verdict, reasons, note } = word;
        self.with(experiment, judge, &reviewer, |human, board| {
            if let Some(unknown) = reasons.iter().find(|reason| !human.reasons.contains(reason)) {
                return Err(ReviewError::Reason(unknown.clone()));
            }
            if note.len() > LONGEST_NOTE {
                return Err(ReviewError::Note);
            }
            let better = match verdict {
                Saying::Left => Some(Side::Left),
                Saying::Right => Some(Side::Right),
                Saying::Tie => Some(Side::Neither),
                Saying::Skip => None,
            };
            let note = Some(note.trim().to_owned()).filter(|note| !note.is_empty());
            board.give(&reviewer, &id, Opinion { better, reasons, note }, Instant::now())
        })
    }

    /// Takes a reviewer's last word back, and shows its pair again.
    ///
    /// # Errors
    /// Where there is nothing to take back.
    pub fn undo_review(&self, experiment: &str, judge: &str, reviewer: &str) -> Result<Sheet, ReviewError> {
        self.with(experiment, judge, reviewer, |_, board| {
            board.undo(reviewer, Instant::now()).map(|_| Vec::new())
        })
    }

    /// Looks what nobody will take back any more, and tells how many pairs wait.
    pub(super) fn look_at_boards(&self) {
        for judge in self.0.panel.load().iter() {
            if judge.settings.human().is_none() {
                continue;
            }
            let mut board = judge.board();
            let settled = board.ripe(Instant::now());
            if judge.is_decided() {
                self.count_decided(judge, board.retire(Instant::now()));
            }
            self.settle(judge, &mut board, settled);
        }
    }

    /// Posts a case on the board, or judges it where nobody need be asked.
    pub(super) fn post(&self, judge: &Judge, case: &Case) {
        match weighed(&judge.settings, case) {
            Weighed::Nothing => {}
            Weighed::Settled(judgement) => self.conclude(judge, *judgement),
            Weighed::Open(post) => {
                let mut board = judge.board();
                // Looked at while the board is held, so that of two the second sees what the first has taken.
                if !judge.means.ledger.allows(&judge.settings.budget) {
                    return self.count_over_budget(judge);
                }
                judge.means.ledger.count_call();
                let gone = board.put(*post, Instant::now());
                self.tell_waiting(judge, board.waiting());
                self.count_full(judge, gone);
            }
        }
    }

    fn with(
        &self,
        experiment: &str,
        judge: &str,
        reviewer: &str,
        act: impl FnOnce(&Human, &mut Board) -> Result<Vec<JudgementRecord>, ReviewError>,
    ) -> Result<Sheet, ReviewError> {
        let panel = self.0.panel.load();
        let is_asked = |known: &&Arc<Judge>| {
            known.settings.experiment.as_str() == experiment && known.settings.name.as_str() == judge
        };
        let found = panel.iter().find(is_asked);
        let found = found.and_then(|judge| Some((judge, judge.settings.human()?)));
        let no_judge = || ReviewError::NoJudge { experiment: experiment.to_owned(), judge: judge.to_owned() };
        let (judge, human) = found.ok_or_else(no_judge)?;
        let length = reviewer.chars().count();
        if !(1..=LONGEST_NAME).contains(&length)
            || reviewer.trim() != reviewer
            || reviewer.chars().any(char::is_control)
        {
            return Err(ReviewError::Name);
        }
        if !human.reviewers.is_empty() && !human.reviewers.iter().any(|known| known == reviewer) {
            return Err(ReviewError::Uninvited(reviewer.to_owned()));
        }
        let mut board = judge.board();
        let settled = act(human, &mut board)?;
        self.settle(judge, &mut board, settled);
        Ok(sheet(human, judge.is_decided(), &mut board, reviewer))
    }

    fn settle(&self, judge: &Judge, board: &mut Board, settled: Vec<JudgementRecord>) {
        for judgement in settled {
            let time = Timestamp::from(SystemTime::now());
            self.conclude(judge, JudgementRecord { time, ..judgement });
        }
        board.tidy();
        self.tell_waiting(judge, board.waiting());
    }
}

/// What a reviewer is shown next.
fn sheet(human: &Human, decided: bool, board: &mut Board, reviewer: &str) -> Sheet {
    let pair = board.next(reviewer, Instant::now()).map(|post| shown(post, reviewer));
    let progress = board.progress(reviewer);
    Sheet {
        question: human.question.clone(),
        reasons: human.reasons.clone(),
        pair,
        judged: progress.judged,
        waiting: progress.waiting,
        undo: progress.undo,
        decided,
    }
}

fn shown(post: &Post, reviewer: &str) -> Shown {
    let passage = |text: &Text| Passage { text: text.text.clone(), json: text.is_json };
    let (mut left, mut right) = (&post.of_legacy, &post.of_candidate);
    if post.candidate_left(reviewer) {
        std::mem::swap(&mut left, &mut right);
    }
    Shown { id: post.id.clone(), request: passage(&post.request), left: passage(left), right: passage(right) }
}

/// What a case is to people.
enum Weighed {
    /// The request was sent to one model only.
    Nothing,
    /// Nobody need be asked, or can be.
    Settled(Box<JudgementRecord>),
    /// They are to say.
    Open(Box<Post>),
}

/// Legacy's answer and that of one candidate, which is drawn by lot where there are several.
fn weighed(settings: &Settings, case: &Case) -> Weighed {
    let mut judgement = blank(settings, case);
    let entries: Vec<Entry<'_>> = case.answers().map(|seen| Entry::of(settings, seen)).collect();
    let is_legacy = |entry: &&Entry<'_>| case.record.arms.first() == Some(&entry.seen.arm);
    let legacy = entries.iter().find(is_legacy);
    let candidates: Vec<&Entry<'_>> = entries.iter().filter(|entry| !is_legacy(entry)).collect();
    let lot = bucket(&format!("{}/candidate", settings.salt), case.record.request_id.as_bytes()).0;
    let place = usize::try_from(lot % candidates.len().max(1) as u64).unwrap_or_default();
    let (Some(legacy), Some(candidate)) = (legacy, candidates.get(place)) else { return Weighed::Nothing };
    judgement.propensity /= candidates.len() as f64;
    let settled = without_asking(legacy, candidate);
    judgement.answers = vec![settled.clone().unwrap_or_else(|| candidate.blank())];
    let (None, Ok(of_legacy), Ok(of_candidate)) = (settled, &legacy.said, &candidate.said) else {
        return Weighed::Settled(Box::new(judgement));
    };
    Weighed::Open(Box::new(Post {
        id: format!("{:032x}", rand::random::<u128>()),
        legacy: legacy.seen.arm.clone(),
        judgement,
        request: readable(&Said::of_text(case.request())),
        of_legacy: readable(of_legacy),
        of_candidate: readable(of_candidate),
        given: Vec::new(),
        skipped: Vec::new(),
        held: Vec::new(),
    }))
}

/// A text as people read it: JSON set out in lines and without what tells of a model.
fn readable(said: &Said) -> Text {
    let json = said.json().filter(|json| json.is_object() || json.is_array());
    let Some(json) = json else { return Text { text: visible(&said.text), is_json: false } };
    let mut json = json.into_owned();
    if let Value::Object(members) = &mut json {
        members.retain(|name, _| !TELLTALES.contains(&name.as_str()));
    }
    let text = serde_json::to_string_pretty(&json).unwrap_or_else(|_| said.text.clone());
    Text { text: visible(&text), is_json: true }
}

/// Spells out what would turn other text around, hide it or ring the bell.
fn visible(text: &str) -> String {
    let mut seen = String::with_capacity(text.len());
    for letter in text.chars() {
        let is_odd = match letter {
            '\n' | '\t' => false,
            '\r' => continue,
            letter if letter.is_control() => true,
            '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{61c}' | '\u{feff}' => true,
            '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' => true,
            _ => false,
        };
        match is_odd {
            true => write!(seen, "[U+{:04X}]", u32::from(letter)).expect("a string takes all"),
            false => seen.push(letter),
        }
    }
    seen
}
