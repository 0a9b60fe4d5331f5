//! What a judge said of a request's answers; a record of its own in the same log.

use serde::Deserialize;
use serde::Serialize;

use crate::policy::JudgeMode;
use crate::protocol::Usage;
use crate::record::CostRecord;
use crate::record::Guard;
use crate::vocab::ExperimentName;
use crate::vocab::JudgeName;
use crate::vocab::ModelName;
use crate::vocab::RequestId;
use crate::vocab::Role;
use crate::vocab::Timestamp;

/// What one judge said of one request's answers. The log's line of kind `judgement`.
///
/// However many calls it took, it is one judgement: the unit of every test is the request.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct JudgementRecord {
    /// The request whose answers were judged.
    pub request_id: RequestId,
    /// When the judgement was made.
    pub time: Timestamp,
    /// When the request was served.
    pub request_time: Timestamp,
    /// The experiment.
    pub experiment: ExperimentName,
    /// What makes evidence comparable, as the pair's record has it.
    pub identity: String,
    /// The canary's stage in which the request was served.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stage: Option<u32>,
    /// The unit, as the pair's record shows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    /// The judge.
    pub judge: JudgeName,
    /// A digest of what makes judgements comparable: the judge's model, prompt, rubric, rules. Judgements whose version
    /// differs are never counted together.
    pub version: String,
    /// How it judges.
    pub mode: JudgeMode,
    /// The probability with which the request was drawn for this judge.
    pub propensity: f64,
    /// What it said, by answer: where it scores, of each arm; where it prefers, of each candidate held against legacy.
    pub answers: Vec<JudgedAnswer>,
    /// The model that judged, as it calls itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// Calls that it took; 0 where none was needed.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub calls: u32,
    /// What those calls used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens: Option<Usage>,
    /// What those calls cost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<CostRecord>,
    /// The same answers were judged before, and nobody was asked again.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub cached: bool,
    /// Who judged, as they call themselves, where people judge and needed to be asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reviewer: Option<String>,
    /// The reasons that the reviewer picked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reasons: Vec<String>,
    /// The arm whose answer the reviewer was shown on the left.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left: Option<ModelName>,
    /// By how many people the pair is judged, where by more than one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub each: Option<u32>,
    /// What all of these said, on the last of their lines: of several lines on one pair it alone counts in figures.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub panel: Vec<Vote>,
    /// People were drawn for the same request: their words and this one will be held against each other.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub people: bool,
}

/// What one of several people said of a candidate's answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Vote {
    /// Who, as they call themselves.
    pub reviewer: String,
    /// How it does against legacy's.
    pub said: Preference,
}

/// What a judge said of one arm's answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct JudgedAnswer {
    /// The arm.
    pub arm: ModelName,
    /// What the call was for whose answer it is.
    pub role: Role,
    /// How good it is, from 0 to 1; of rules 1 where all hold and 0 where one does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub score: Option<f64>,
    /// How it does against legacy's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub against_legacy: Option<Preference>,
    /// Whether both orders of the two answers led to the same; missing where only one was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub consistent: Option<bool>,
    /// Why nothing is known of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub missing: Option<Missing>,
    /// The rules that it breaks.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub broken: Vec<String>,
    /// The word that the judge put on it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// Why, in the judge's words, of which at most 4 KiB are kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub explanation: Option<String>,
    /// What the judge answered, call by call, of which at most 4 KiB each are kept.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub raw: Vec<String>,
}

/// How a candidate's answer does against legacy's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Preference {
    /// The candidate's is better.
    Win,
    /// Legacy's is better.
    Loss,
    /// Neither is; or the judge said one thing in one order and another in the other.
    Tie,
}

/// Why a judge's word on an answer is missing. It is never a loss.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Missing {
    /// There is no answer to judge: the client left, or both calls failed.
    NoAnswer,
    /// The record does not hold the answer: it is above the cap, withheld, or has nothing at the path.
    NoText,
    /// The record does not hold what the judge is to hold the answer against.
    NoContext,
    /// The judge could not be reached.
    Unreachable,
    /// The judge took too long.
    Timeout,
    /// The judge answered with an error.
    Refused,
    /// What the judge said is no verdict.
    Unparsable,
}

impl Missing {
    /// The word for it in records and events.
    pub fn as_str(self) -> &'static str {
        match self {
            Missing::NoAnswer => "no_answer",
            Missing::NoText => "no_text",
            Missing::NoContext => "no_context",
            Missing::Unreachable => "unreachable",
            Missing::Timeout => "timeout",
            Missing::Refused => "refused",
            Missing::Unparsable => "unparsable",
        }
    }
}

impl JudgementRecord {
    /// Whether it counts in figures: of the lines of several people on one pair only the last does.
    pub fn counts(&self) -> bool {
        self.each.is_none() || !self.panel.is_empty()
    }

    /// How one of its answers does against legacy's: where several people judged it, what most of them said, and a tie
    /// where no word has more than each of the others.
    pub fn preference(&self, answer: &JudgedAnswer) -> Option<Preference> {
        if self.panel.is_empty() {
            return answer.against_legacy;
        }
        let said = |word| self.panel.iter().filter(|vote| vote.said == word).count();
        let [wins, losses, ties] = [Preference::Win, Preference::Loss, Preference::Tie].map(said);
        Some(match () {
            () if wins > losses.max(ties) => Preference::Win,
            () if losses > wins.max(ties) => Preference::Loss,
            () => Preference::Tie,
        })
    }

    /// What the record holds in memory, roughly, for the queue's bound.
    pub fn held_bytes(&self) -> usize {
        let unit = self.unit.as_ref().map_or(0, String::len);
        let reviewer = self.reviewer.iter().chain(&self.reasons).map(String::len).sum::<usize>();
        let panel = self.panel.iter().map(|vote| 48 + vote.reviewer.len()).sum::<usize>();
        512 + unit + reviewer + panel + self.answers.iter().map(JudgedAnswer::held_bytes).sum::<usize>()
    }

    /// Takes out of a judge's own words what redaction seeks in all texts.
    pub(super) fn clean(&mut self, guard: &Guard) {
        if !guard.searches() {
            return;
        }
        for answer in &mut self.answers {
            let JudgedAnswer { label, explanation, raw, .. } = answer;
            for text in label.iter_mut().chain(explanation).chain(raw) {
                *text = guard.text(text).into_owned();
            }
        }
    }
}

impl JudgedAnswer {
    /// Nothing said of an answer yet.
    pub fn of(arm: ModelName, role: Role) -> Self {
        Self {
            arm,
            role,
            score: None,
            against_legacy: None,
            consistent: None,
            missing: None,
            broken: Vec::new(),
            label: None,
            explanation: None,
            raw: Vec::new(),
        }
    }

    fn held_bytes(&self) -> usize {
        let texts = self.label.iter().chain(&self.explanation).chain(&self.raw).chain(&self.broken);
        256 + texts.map(String::len).sum::<usize>()
    }

    /// The word for what was said of it: the label of a metric.
    pub fn result(&self) -> &'static str {
        match (self.against_legacy, self.score) {
            _ if self.missing.is_some() => "missing",
            (Some(Preference::Win), _) => "win",
            (Some(Preference::Loss), _) => "loss",
            (Some(Preference::Tie), _) => "tie",
            (None, Some(_)) => "scored",
            (None, None) => "missing",
        }
    }
}

impl Preference {
    /// As a number: 1 for a win, 0 for a loss, one half for a tie.
    pub fn score(self) -> f64 {
        match self {
            Preference::Win => 1.0,
            Preference::Loss => 0.0,
            Preference::Tie => 0.5,
        }
    }
}

fn is_zero(count: &u32) -> bool {
    *count == 0
}
