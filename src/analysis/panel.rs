//! People who judge the same pairs: what each of them said, and how far they agree beyond chance.
//!
//! It counts and keeps no pair: of a pair that several judged the last line has the words of all.

use indexmap::IndexMap;
use serde::Deserialize;
use serde::Serialize;

use crate::evaluate::agreement::KappaWeights;
use crate::evaluate::agreement::Level;
use crate::evaluate::agreement::cohen_kappa;
use crate::evaluate::agreement::krippendorff_alpha;
use crate::record::JudgementRecord;
use crate::record::Preference;
use crate::record::Vote;

/// How many reviewers of one judge are told apart; the words of more count for all of them together alone.
const MOST_REVIEWERS: usize = 64;

/// What the people of one judge said.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Panel {
    /// Pairs that several judged, by how many of them said win, loss and tie.
    #[serde(with = "indexmap::map::serde_seq")]
    pairs: IndexMap<[u64; 3], u64>,
    /// By two reviewers in the order of their names: pairs, by what the one said and what the other.
    #[serde(with = "indexmap::map::serde_seq")]
    twos: IndexMap<(String, String), [[u64; 3]; 3]>,
    reviewers: IndexMap<String, Sides>,
}

/// Which answers a reviewer held to be better.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Sides {
    left: u64,
    right: u64,
    neither: u64,
}

/// How far the people of one judge agree. Words are win, loss and tie, and two of them are the same or not.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PanelSummary {
    /// Pairs of which more than one said something.
    pub pairs: u64,
    /// Of every two words on one pair, the share that are the same. Missing without any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agreement: Option<f64>,
    /// Krippendorff's alpha of nominal ratings: 1 where all agree, 0 as by chance. Missing where there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alpha: Option<f64>,
    /// Cohen's kappa, where all pairs were judged by the same two people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kappa: Option<f64>,
    /// Who judged.
    pub reviewers: Vec<ReviewerSummary>,
}

/// What one reviewer said, and how far the others agree.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ReviewerSummary {
    /// The name, as given.
    pub reviewer: String,
    /// Verdicts for the answer on the left, for that on the right, and for neither. Sides are drawn by lot, so that left and
    /// right differ by chance alone unless the reviewer likes a side.
    pub left: u64,
    /// See `left`.
    pub right: u64,
    /// See `left`.
    pub neither: u64,
    /// Words of others on the same pairs.
    pub compared: u64,
    /// The share of these that are the same as the reviewer's. Missing without any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agreement: Option<f64>,
}

impl Panel {
    /// Takes in what a person said.
    pub(super) fn count(&mut self, record: &JudgementRecord) {
        let Some(reviewer) = &record.reviewer else { return };
        let answer = record.answers.first();
        let said =
            answer.and_then(|answer| Some((answer.against_legacy?, record.left.as_ref()? == &answer.arm)));
        if let (Some((said, candidate_left)), Some(sides)) = (said, self.sides(reviewer)) {
            *match (said, candidate_left) {
                (Preference::Tie, _) => &mut sides.neither,
                (Preference::Win, true) | (Preference::Loss, false) => &mut sides.left,
                (Preference::Win, false) | (Preference::Loss, true) => &mut sides.right,
            } += 1;
        }
        if record.panel.len() > 1 {
            self.count_pair(&record.panel);
        }
    }

    fn count_pair(&mut self, votes: &[Vote]) {
        let mut words = [0; 3];
        for (place, one) in votes.iter().enumerate() {
            words[word(one.said)] += 1;
            for other in &votes[place + 1..] {
                let (one, other) = if one.reviewer <= other.reviewer { (one, other) } else { (other, one) };
                if [one, other].iter().all(|vote| self.reviewers.contains_key(&vote.reviewer)) {
                    let names = (one.reviewer.clone(), other.reviewer.clone());
                    self.twos.entry(names).or_default()[word(one.said)][word(other.said)] += 1;
                }
            }
        }
        *self.pairs.entry(words).or_default() += 1;
    }

    fn sides(&mut self, reviewer: &str) -> Option<&mut Sides> {
        if self.reviewers.len() >= MOST_REVIEWERS && !self.reviewers.contains_key(reviewer) {
            return None;
        }
        Some(self.reviewers.entry(reviewer.to_owned()).or_default())
    }

    /// Takes in another gateway's.
    pub(super) fn merge(&mut self, other: &Panel) {
        for (words, pairs) in &other.pairs {
            *self.pairs.entry(*words).or_default() += pairs;
        }
        for (reviewer, theirs) in &other.reviewers {
            if let Some(Sides { left, right, neither }) = self.sides(reviewer) {
                *left += theirs.left;
                *right += theirs.right;
                *neither += theirs.neither;
            }
        }
        for (names, theirs) in &other.twos {
            let own = self.twos.entry(names.clone()).or_default();
            own.iter_mut().flatten().zip(theirs.iter().flatten()).for_each(|(own, theirs)| *own += theirs);
        }
    }

    /// What can be said of them; `None`: nobody judged yet.
    pub(super) fn summary(&self) -> Option<PanelSummary> {
        if self.reviewers.is_empty() {
            return None;
        }
        let of = |words: &[u64; 3]| words.iter().sum::<u64>();
        let twos = |count: u64| count * count.saturating_sub(1) / 2;
        let all = self.pairs.iter().map(|(words, pairs)| twos(of(words)) * pairs).sum();
        let same = self.pairs.iter().map(|(words, pairs)| words.map(twos).iter().sum::<u64>() * pairs).sum();
        Some(PanelSummary {
            pairs: self.pairs.values().sum(),
            agreement: share(same, all),
            alpha: self.alpha(),
            kappa: self.kappa(),
            reviewers: self.reviewers.iter().map(|(name, sides)| self.reviewer(name, *sides)).collect(),
        })
    }

    fn reviewer(&self, name: &str, Sides { left, right, neither }: Sides) -> ReviewerSummary {
        let own = self.twos.iter().filter(|((one, other), _)| one == name || other == name);
        let (mut compared, mut same) = (0, 0);
        for (_, table) in own {
            compared += table.iter().flatten().sum::<u64>();
            same += (0..3).map(|word| table[word][word]).sum::<u64>();
        }
        let agreement = share(same, compared);
        ReviewerSummary { reviewer: name.to_owned(), left, right, neither, compared, agreement }
    }

    fn alpha(&self) -> Option<f64> {
        let most = self.pairs.keys().map(|words| words.iter().sum::<u64>()).max()?;
        let rows = (0..most).map(|row| {
            let units = self.pairs.iter().flat_map(|(words, pairs)| {
                let [wins, losses, ties] = *words;
                let rating = match row {
                    row if row < wins => Some(0.0),
                    row if row < wins + losses => Some(1.0),
                    row if row < wins + losses + ties => Some(2.0),
                    _ => None,
                };
                (0..*pairs).map(move |_| rating)
            });
            units.collect::<Vec<Option<f64>>>()
        });
        krippendorff_alpha(&rows.collect::<Vec<_>>(), Level::Nominal).ok()
    }

    fn kappa(&self) -> Option<f64> {
        let (_, table) = self.twos.first().filter(|_| self.twos.len() == 1)?;
        // All of their words, or somebody who is not told apart judged with them.
        if table.iter().flatten().sum::<u64>() != self.pairs.values().sum::<u64>() {
            return None;
        }
        let (mut one, mut other) = (Vec::new(), Vec::new());
        for (of_one, row) in table.iter().enumerate() {
            for (of_other, &count) in row.iter().enumerate() {
                one.extend((0..count).map(|_| of_one));
                other.extend((0..count).map(|_| of_other));
            }
        }
        cohen_kappa(&one, &other, KappaWeights::None).ok()
    }
}

fn word(said: Preference) -> usize {
    match said {
        Preference::Win => 0,
        Preference::Loss => 1,
        Preference::Tie => 2,
    }
}

fn share(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}
