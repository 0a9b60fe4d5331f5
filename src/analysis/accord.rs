//! How judges agree with people about the same pairs, and what their word is worth by that.
//!
//! A judge's word and people's on one request meet here, whichever comes first and however late. Several people on a pair
//! have one word, that of most of them, as have several judges of people. Requests that people were drawn for are
//! remembered until so many others came after them; all else is counts, so that gateways' add up.

use indexmap::IndexMap;
use serde::Deserialize;
use serde::Serialize;

use crate::analysis::judged::JudgeTally;
use crate::analysis::study::Study;
use crate::evaluate::agreement::Kappa;
use crate::evaluate::agreement::cohen_kappa_of;
use crate::evaluate::agreement::ppi_sequence;
use crate::policy::JudgeMode;
use crate::policy::Watched;
use crate::record::JudgementRecord;
use crate::record::Preference;
use crate::stats::Moments;
use crate::vocab::JudgeName;
use crate::vocab::ModelName;
use crate::vocab::RequestId;

/// Over how many pairs a judge is held against people before it is called anything.
const ENOUGH: u64 = 100;

/// Kappa with people below which a judge cannot be trusted.
const LEAST_KAPPA: f64 = 0.4;

/// The share of pairs judged alike in both orders below which a judge cannot be trusted.
const LEAST_CONSISTENCY: f64 = 0.7;

/// The confidence of kappa's interval.
const CONFIDENCE: f64 = 0.95;

/// How many requests are remembered for the other side's word.
const MOST: usize = 20_000;

/// A judge in one version.
pub(super) type Judge = (JudgeName, String);

/// Judges and people on the same pairs.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(super) struct Accord {
    #[serde(with = "indexmap::map::serde_seq")]
    tables: IndexMap<(Judge, ModelName), Table>,
    #[serde(with = "indexmap::map::serde_seq")]
    open: IndexMap<RequestId, Words>,
}

/// What a judge said of one candidate against legacy, and people of the same pairs. Everywhere loss, tie, win.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
struct Table {
    /// What the judge said, whether people judged too or not.
    said: [u64; 3],
    /// By the judge's word and by people's.
    both: [[u64; 3]; 3],
    /// Those of them that needed nobody's eye: a call failed, or both answers are the same.
    plain: [[u64; 3]; 3],
}

/// What was said of one request.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
struct Words {
    judges: Vec<(Judge, ModelName, usize)>,
    people: Vec<(Option<String>, ModelName, usize)>,
}

/// How a judge agrees with people.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AccordSummary {
    /// Pairs that both judged, but for those that needed nobody's eye.
    pub pairs: u64,
    /// The share of those on which both said the same.
    pub agreement: f64,
    /// The same beyond chance (Cohen's kappa over win, tie, loss), with its interval at 95 % for this one look; missing
    /// where both said one thing throughout.
    #[serde(flatten)]
    pub kappa: Option<Kappa>,
    /// What it comes to for each candidate.
    pub candidates: Vec<CorrectedSummary>,
}

/// How often a candidate's answer is better, a tie counted half: as a judge says it, and as people put it right.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CorrectedSummary {
    /// The candidate.
    pub candidate: ModelName,
    /// Pairs that the judge judged.
    pub judged: u64,
    /// The candidate's share of them in the judge's word.
    pub judge_rate: f64,
    /// Pairs that people judged too.
    pub labelled: u64,
    /// The candidate's share of those in people's word.
    pub people_rate: f64,
    /// The share in all pairs: the judge's, put right by how it errs where people judged too (prediction-powered
    /// inference). Missing below 100 pairs that both judged.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub corrected: Option<f64>,
    /// The lower end of its confidence sequence at the experiment's `alpha`, which holds at every look.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lower: Option<f64>,
    /// The upper end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub upper: Option<f64>,
}

impl Accord {
    /// Takes in a judge's word that was not heard before.
    fn hear_judge(&mut self, record: &JudgementRecord, legacy: &ModelName) {
        let judge = (record.judge.clone(), record.version.clone());
        let words: Vec<(ModelName, usize)> = words(record, legacy).collect();
        for (candidate, word) in &words {
            self.tables.entry((judge.clone(), candidate.clone())).or_default().said[*word] += 1;
        }
        if record.people {
            self.hear(record.request_id, |heard| {
                let of_judge = |(candidate, word)| (judge.clone(), candidate, word);
                heard.judges.extend(words.into_iter().map(of_judge));
            });
        }
    }

    /// Takes in what people said.
    fn hear_people(&mut self, record: &JudgementRecord, legacy: &ModelName) {
        self.hear(record.request_id, |heard| {
            for (candidate, word) in words(record, legacy) {
                let is_heard = |(reviewer, arm, _): &(Option<String>, ModelName, usize)| {
                    *reviewer == record.reviewer && *arm == candidate
                };
                if !heard.people.iter().any(is_heard) {
                    heard.people.push((record.reviewer.clone(), candidate, word));
                }
            }
        });
    }

    /// How a judge agrees with people; `None` where they have no pair in common.
    pub(super) fn summary(&self, judge: &Judge, alpha: f64) -> Option<AccordSummary> {
        let tables = || self.tables.iter().filter(move |((of, _), _)| of == judge);
        let seen = tables().fold([[0; 3]; 3], |sum, (_, table)| plus(sum, table.seen()));
        let (pairs, alike) = (total(&seen), (0..3).map(|word| seen[word][word]).sum::<u64>());
        let corrected =
            |((_, candidate), table): (&(Judge, ModelName), &Table)| table.corrected(candidate, alpha);
        (pairs > 0).then(|| AccordSummary {
            pairs,
            agreement: alike as f64 / pairs as f64,
            kappa: cohen_kappa_of(&seen, CONFIDENCE).ok(),
            candidates: tables().filter_map(corrected).collect(),
        })
    }

    /// Takes in another gateway's.
    pub(super) fn merge(&mut self, other: &Accord) {
        for (of, theirs) in &other.tables {
            let own = self.tables.entry(of.clone()).or_default();
            own.said.iter_mut().zip(theirs.said).for_each(|(own, theirs)| *own += theirs);
            own.both = plus(own.both, theirs.both);
            own.plain = plus(own.plain, theirs.plain);
        }
        for (request, theirs) in &other.open {
            theirs.enter(&mut self.tables, less);
            self.hear(*request, |heard| {
                heard.judges.extend(theirs.judges.iter().cloned());
                heard.people.extend(theirs.people.iter().cloned());
            });
        }
    }

    /// Changes what is known of a request, and the counts with it.
    fn hear(&mut self, request: RequestId, change: impl FnOnce(&mut Words)) {
        let heard = self.open.entry(request).or_default();
        heard.enter(&mut self.tables, less);
        change(heard);
        heard.enter(&mut self.tables, |cell| *cell += 1);
        if self.open.len() > MOST {
            self.open.shift_remove_index(0);
        }
    }
}

impl Words {
    /// Counts what both sides said of each candidate.
    fn enter(&self, tables: &mut IndexMap<(Judge, ModelName), Table>, count: impl Fn(&mut u64)) {
        for (judge, candidate, word) in &self.judges {
            let Some(people) = self.of_people(candidate) else { continue };
            let table = tables.entry((judge.clone(), candidate.clone())).or_default();
            count(&mut table.both[*word][people]);
            if self.people.iter().all(|(reviewer, _, _)| reviewer.is_none()) {
                count(&mut table.plain[*word][people]);
            }
        }
    }

    /// What most people said of a candidate; a tie where none is said by more than half.
    fn of_people(&self, candidate: &ModelName) -> Option<usize> {
        let mut said = [0_usize; 3];
        let of = self.people.iter().filter(|(_, arm, _)| arm == candidate);
        of.for_each(|(_, _, word)| said[*word] += 1);
        let all: usize = said.iter().sum();
        (all > 0).then(|| said.iter().position(|count| count * 2 > all).unwrap_or(TIE))
    }
}

impl Table {
    /// Pairs that both judged by looking at them.
    fn seen(&self) -> [[u64; 3]; 3] {
        std::array::from_fn(|judge| {
            std::array::from_fn(|people| self.both[judge][people].saturating_sub(self.plain[judge][people]))
        })
    }

    fn corrected(&self, candidate: &ModelName, alpha: f64) -> Option<CorrectedSummary> {
        let labelled = total(&self.both);
        let by_people: [u64; 3] = std::array::from_fn(|people| self.both.iter().map(|row| row[people]).sum());
        let rest: [u64; 3] =
            std::array::from_fn(|word| self.said[word].saturating_sub(self.both[word].iter().sum()));
        let differences = (0..3).flat_map(|judge| (0..3).map(move |people| (judge, people)));
        let differences =
            differences.map(|(judge, people)| (VALUES[people] - VALUES[judge], self.both[judge][people]));
        let put_right = (total(&self.seen()) >= ENOUGH)
            .then(|| ppi_sequence(&moments(VALUES.into_iter().zip(rest)), &moments(differences), alpha).ok())
            .flatten();
        Some(CorrectedSummary {
            candidate: candidate.clone(),
            judged: self.said.iter().sum(),
            judge_rate: rate(&self.said)?,
            labelled,
            people_rate: rate(&by_people)?,
            corrected: put_right.map(|(estimate, _)| estimate.clamp(0.0, 1.0)),
            lower: put_right.map(|(_, interval)| interval.lower.max(0.0)),
            upper: put_right.map(|(_, interval)| interval.upper.min(1.0)),
        })
    }
}

impl Study {
    /// Takes in what a judge or one of the people said.
    pub(super) fn hear(&mut self, record: &JudgementRecord) {
        let Some(legacy) = self.subject.as_ref().and_then(|subject| subject.arms.first()) else { return };
        match record.mode {
            JudgeMode::Human if record.counts() => self.accord.hear_people(record, legacy),
            // One of several, whose words the last line of the pair has together.
            JudgeMode::Human => {}
            JudgeMode::Rules | JudgeMode::Pointwise | JudgeMode::Pairwise => {
                self.accord.hear_judge(record, legacy);
            }
            // How alike answers are is no word on which is better.
            JudgeMode::Similarity => {}
        }
    }

    /// Why the judge behind a figure cannot be trusted; `None`: it can, it was not tried yet, or there is no judge.
    pub(super) fn distrust_behind(&self, watched: &Watched) -> Option<String> {
        let Watched::Metric(name) = watched else { return None };
        let metrics = self.design.iter().flat_map(|design| &design.metrics);
        let metric = metrics.into_iter().find(|metric| metric.name == *name)?;
        let judge = metric.judge.as_ref().map(|judge| (judge.name.clone(), judge.version.clone()))?;
        self.distrust(&judge)
    }

    /// Why a judge cannot be trusted.
    pub(super) fn distrust(&self, judge: &Judge) -> Option<String> {
        let tried = self.accord.summary(judge, self.decision().alpha).filter(|accord| accord.pairs >= ENOUGH);
        let disagrees = tried.and_then(|AccordSummary { pairs, agreement, kappa, .. }| {
            let kappa = kappa.filter(|kappa| kappa.kappa < LEAST_KAPPA)?.kappa;
            let alike = 100.0 * agreement;
            Some(format!(
                "agrees with people on {alike:.0} % of {pairs} pairs, kappa {kappa:.2}, below {LEAST_KAPPA}"
            ))
        });
        let why = disagrees.or_else(|| self.judges.get(judge).and_then(inconsistent))?;
        Some(format!("the judge `{}` cannot be trusted: it {why}", judge.0))
    }
}

fn inconsistent(tally: &JudgeTally) -> Option<String> {
    let both = tally.consistent + tally.inconsistent;
    let share = tally.consistent as f64 / both as f64;
    (both >= ENOUGH && share < LEAST_CONSISTENCY).then(|| {
        format!(
            "says the same in both orders of only {:.0} % of {both} pairs, below {:.0} %",
            100.0 * share,
            100.0 * LEAST_CONSISTENCY
        )
    })
}

const TIE: usize = 1;
/// What a loss, a tie and a win count.
const VALUES: [f64; 3] = [0.0, 0.5, 1.0];

/// What a judgement says of each candidate against legacy; of scores, whose is higher.
fn words(record: &JudgementRecord, legacy: &ModelName) -> impl Iterator<Item = (ModelName, usize)> {
    let known = || record.answers.iter().filter(|answer| answer.missing.is_none());
    let of_legacy = known().find(|answer| answer.arm == *legacy).and_then(|answer| answer.score);
    known().filter(move |answer| answer.arm != *legacy).filter_map(move |answer| {
        let word = match (record.preference(answer), answer.score.zip(of_legacy)) {
            (Some(Preference::Loss), _) => 0,
            (Some(Preference::Tie), _) => TIE,
            (Some(Preference::Win), _) => 2,
            (None, Some((own, of_legacy))) => usize::from(own >= of_legacy) + usize::from(own > of_legacy),
            (None, None) => return None,
        };
        Some((answer.arm.clone(), word))
    })
}

fn rate(said: &[u64; 3]) -> Option<f64> {
    moments(VALUES.into_iter().zip(*said)).mean().ok()
}

fn moments(counted: impl Iterator<Item = (f64, u64)>) -> Moments {
    let mut moments = Moments::default();
    counted.for_each(|(value, count)| {
        moments.merge(&Moments::from_summary(count, value, 0.0).unwrap_or_default())
    });
    moments
}

fn less(cell: &mut u64) {
    *cell = cell.saturating_sub(1);
}

fn total(counts: &[[u64; 3]; 3]) -> u64 {
    counts.iter().flatten().sum()
}

fn plus(own: [[u64; 3]; 3], theirs: [[u64; 3]; 3]) -> [[u64; 3]; 3] {
    std::array::from_fn(|row| std::array::from_fn(|column| own[row][column] + theirs[row][column]))
}
