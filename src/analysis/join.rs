//! Joins requests with their outcomes, whichever comes first.
//!
//! A label can be on record before the pair it belongs to: the user answers at once, the copy takes its time. Most
//! come late. What waits is bounded by number and by bytes; the oldest is let go first.

use std::collections::VecDeque;

use indexmap::IndexMap;
use serde::Deserialize;
use serde::Serialize;
use serde_json::Value;

use crate::record::JudgementRecord;
use crate::record::OutcomeRecord;
use crate::record::OutcomeValue;
use crate::record::PairedRecord;
use crate::record::Reading;
use crate::record::Readings;
use crate::vocab::JudgeName;
use crate::vocab::OutcomeName;
use crate::vocab::RequestId;
use crate::vocab::Role;
use crate::vocab::Timestamp;

/// How many requests wait for their other half.
const MOST: usize = 200_000;

/// What they hold at most, in bytes, roughly.
const MOST_BYTES: usize = 128 * 1024 * 1024;

/// A request as its outcomes need it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Case {
    pub(super) request: RequestId,
    pub(super) time: Timestamp,
    pub(super) unit: Option<String>,
    /// The place of the arm that was drawn.
    pub(super) assigned: usize,
    pub(super) stratum: Option<usize>,
    pub(super) answers: Vec<CaseAnswer>,
    /// What stood in the request.
    pub(super) readings: Readings,
    /// What was reported so far.
    pub(super) outcomes: Vec<(OutcomeName, OutcomeValue)>,
    /// Who judged its answers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) judged_by: Vec<JudgeName>,
    /// What all but the outcomes hold in memory, roughly.
    bytes: usize,
}

/// One call's answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct CaseAnswer {
    pub(super) arm: usize,
    pub(super) role: Role,
    pub(super) readings: Readings,
}

/// Requests of which one half is known.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(super) struct Join {
    #[serde(with = "indexmap::map::serde_seq")]
    waiting: IndexMap<RequestId, Half>,
    order: VecDeque<RequestId>,
    bytes: usize,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Half {
    Case(Box<Case>),
    Outcomes(Vec<(OutcomeName, OutcomeValue)>),
}

impl Case {
    /// A pair that counts; `None`: its record does not know its own arms.
    pub(super) fn of(record: &PairedRecord, stratum: Option<usize>) -> Option<Self> {
        let place = |arm| record.arms.iter().position(|name| name == arm);
        let answers = record.observations.iter().filter_map(|seen| {
            Some(CaseAnswer { arm: place(&seen.arm)?, role: seen.role, readings: seen.readings.clone() })
        });
        let messages =
            record.observations.iter().map(|seen| &seen.readings).chain([&record.request.readings]);
        let bytes: usize = messages.map(|readings| 64 + held_bytes(readings)).sum();
        Some(Self {
            request: record.request_id,
            time: record.time,
            unit: record.unit.clone(),
            assigned: place(&record.assigned)?,
            stratum,
            answers: answers.collect(),
            readings: record.request.readings.clone(),
            outcomes: Vec::new(),
            judged_by: Vec::new(),
            bytes: 256 + record.unit.as_ref().map_or(0, String::len) + bytes,
        })
    }

    /// What was reported under a name.
    pub(super) fn outcome(&self, name: &OutcomeName) -> Option<&OutcomeValue> {
        self.outcomes.iter().find(|(reported, _)| reported == name).map(|(_, value)| value)
    }

    /// An arm's own answer: not that of a second or a substitute call.
    pub(super) fn own(&self, arm: usize) -> Option<usize> {
        self.answers.iter().position(|answer| answer.arm == arm && is_own(answer.role))
    }
}

fn held_bytes(readings: &Readings) -> usize {
    let one = |(path, reading): (&str, &Reading)| 64 + path.len() + reading.value().map_or(0, json_bytes);
    readings.iter().map(one).sum()
}

/// What a value holds in memory, roughly.
pub(super) fn json_bytes(value: &Value) -> usize {
    32 + match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => 0,
        Value::String(text) => text.len(),
        Value::Array(elements) => elements.iter().map(json_bytes).sum(),
        Value::Object(members) => {
            members.iter().map(|(name, value)| 64 + name.len() + json_bytes(value)).sum()
        }
    }
}

/// Whether a call's answer is the arm's own.
pub(super) fn is_own(role: Role) -> bool {
    !matches!(role, Role::Control | Role::Fallback)
}

impl Join {
    /// Takes in a pair and gives it with the outcomes that came before it.
    pub(super) fn pair(&mut self, mut case: Case) -> Case {
        if let Some(Half::Outcomes(outcomes)) = self.take(case.request) {
            case.outcomes = outcomes;
        }
        case
    }

    /// Keeps a new pair for outcomes that may yet come.
    pub(super) fn wait(&mut self, case: Case) {
        self.insert(case.request, Half::Case(Box::new(case)));
    }

    /// Keeps a pair on that an outcome came for.
    pub(super) fn put_back(&mut self, case: Case) {
        self.put(case.request, Half::Case(Box::new(case)));
    }

    /// Takes in an outcome; gives its pair with the outcome among the others, to be handed back by
    /// [`Join::put_back`]. `None`: the pair is not known yet, or the outcome was reported before.
    pub(super) fn outcome(&mut self, record: &OutcomeRecord) -> Option<Case> {
        let (id, told) = (record.request_id, (record.outcome.clone(), record.value.clone()));
        match self.take(id) {
            Some(Half::Case(mut case)) if case.outcome(&record.outcome).is_none() => {
                case.outcomes.push(told);
                return Some(*case);
            }
            Some(Half::Outcomes(mut outcomes)) => {
                if !outcomes.iter().any(|(name, _)| *name == record.outcome) {
                    outcomes.push(told);
                }
                self.put(id, Half::Outcomes(outcomes));
            }
            Some(case) => self.put(id, case),
            None => self.insert(id, Half::Outcomes(vec![told])),
        }
        None
    }

    /// Takes in that a judge spoke, and gives its pair, to be handed back by [`Join::put_back`]. `None`: the pair is not
    /// known, which it is before anybody judges it, or this judge has spoken.
    pub(super) fn judgement(&mut self, record: &JudgementRecord) -> Option<Case> {
        match self.take(record.request_id) {
            Some(Half::Case(mut case)) if !case.judged_by.contains(&record.judge) => {
                case.judged_by.push(record.judge.clone());
                Some(*case)
            }
            other => {
                if let Some(half) = other {
                    self.put(record.request_id, half);
                }
                None
            }
        }
    }

    /// Keeps an outcome for a pair that may yet come. A pair that waits already is of another identity, which only a
    /// damaged log has, and goes on waiting.
    pub(super) fn keep(&mut self, record: &OutcomeRecord) {
        if !matches!(self.waiting.get(&record.request_id), Some(Half::Case(_))) {
            self.outcome(record);
        }
    }

    /// Moves cases to where their strata are now.
    pub(super) fn move_to(&mut self, places: &[Option<usize>]) {
        for half in self.waiting.values_mut() {
            if let Half::Case(case) = half {
                case.stratum = case.stratum.and_then(|stratum| places.get(stratum).copied().flatten());
            }
        }
    }

    /// Takes in what waits elsewhere; gives each pair that meets outcomes, and these.
    pub(super) fn merge(&mut self, mut other: Join) -> Vec<(Case, Vec<(OutcomeName, OutcomeValue)>)> {
        let mut met = Vec::new();
        for id in std::mem::take(&mut other.order) {
            let Some(theirs) = other.take(id) else { continue };
            match (self.take(id), theirs) {
                (None, half) => self.insert(id, half),
                (Some(Half::Case(case)), Half::Outcomes(told))
                | (Some(Half::Outcomes(told)), Half::Case(case)) => {
                    met.push((*case, told));
                }
                (Some(own), _) => self.put(id, own),
            }
        }
        met
    }

    /// Forgets one request.
    pub(super) fn forget(&mut self, id: RequestId) {
        self.take(id);
        while self.order.front().is_some_and(|oldest| !self.waiting.contains_key(oldest)) {
            self.order.pop_front();
        }
    }

    /// Forgets all pairs and keeps the outcomes that came before theirs.
    pub(super) fn of_unknown_requests(mut self) -> Self {
        self.waiting.retain(|_, half| matches!(half, Half::Outcomes(_)));
        self.bytes = self.waiting.values().map(Half::held_bytes).sum();
        self
    }

    fn take(&mut self, id: RequestId) -> Option<Half> {
        let half = self.waiting.swap_remove(&id)?;
        self.bytes -= half.held_bytes();
        Some(half)
    }

    fn insert(&mut self, id: RequestId, half: Half) {
        self.put(id, half);
        self.order.push_back(id);
        while self.order.len() > MOST || self.bytes > MOST_BYTES {
            // It may have met its other half long ago.
            let Some(oldest) = self.order.pop_front() else { return };
            self.take(oldest);
        }
    }

    /// What waits keeps its place in the order.
    fn put(&mut self, id: RequestId, half: Half) {
        self.bytes += half.held_bytes();
        self.waiting.insert(id, half);
    }
}

impl Half {
    fn held_bytes(&self) -> usize {
        match self {
            Half::Case(case) => case.bytes,
            Half::Outcomes(outcomes) => outcomes.iter().map(|(_, value)| 64 + value.held_bytes()).sum(),
        }
    }
}
