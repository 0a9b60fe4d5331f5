//! Judgements and outcomes as events of the traces whose answers they speak of.
//!
//! The latest traced requests are remembered by id, so that what is said later finds the call it speaks of; of older
//! ones the event names the request alone.

#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::collections::HashMap;
use std::collections::VecDeque;
use std::time::Duration;
use std::time::SystemTime;

use crate::record::JudgedAnswer;
use crate::record::JudgementRecord;
use crate::record::OutcomeRecord;
use crate::record::OutcomeValue;
use crate::record::Preference;
use crate::record::traced::TracedCall;
use crate::telemetry::Evaluation;
use crate::telemetry::Evaluations;
use crate::vocab::RequestId;
use crate::vocab::Role;
use crate::vocab::Timestamp;

/// How many traced requests are remembered: some 500 bytes each.
const MOST: usize = 16_384;

/// The longest label that goes into an event, in characters.
const LONGEST: usize = 256;

/// Tells judgements and outcomes, where somebody collects them.
#[derive(Debug, Default)]
pub(super) struct Evaluated {
    events: Evaluations,
    calls: HashMap<RequestId, Vec<TracedCall>>,
    /// The requests that are remembered, oldest first.
    order: VecDeque<RequestId>,
}

impl Evaluated {
    pub(super) fn through(events: Evaluations) -> Self {
        Self { events, ..Self::default() }
    }

    /// Remembers the calls of a request.
    pub(super) fn remember(&mut self, id: RequestId, calls: Vec<TracedCall>) {
        if calls.is_empty() || !self.events.enabled() {
            return;
        }
        if self.order.len() >= MOST
            && let Some(oldest) = self.order.pop_front()
        {
            self.calls.remove(&oldest);
        }
        self.order.push_back(id);
        self.calls.insert(id, calls);
    }

    /// Tells what a judge said, answer by answer.
    pub(super) fn judgement(&self, record: &JudgementRecord) {
        if !self.events.enabled() {
            return;
        }
        for answer in &record.answers {
            let JudgedAnswer { arm, role, missing, .. } = answer;
            let call = self.call(record.request_id, |call| call.arm == *arm && call.role == *role);
            let (score, label) = judged(answer);
            self.events.tell(&Evaluation {
                name: record.judge.as_str(),
                score,
                label,
                error: missing.map(|missing| missing.as_str()),
                call: call.map(|call| &call.span),
                response_id: call.and_then(|call| call.response_id.as_deref()),
                time: moment(record.time),
                experiment: &record.experiment,
                arm,
                role: Some(*role),
                request_id: record.request_id,
            });
        }
    }

    /// Tells what was reported of a request: it speaks of the answer that the user got.
    pub(super) fn outcome(&self, record: &OutcomeRecord) {
        if !self.events.enabled() {
            return;
        }
        let call = self.call(record.request_id, |call| {
            call.arm == record.arm && matches!(call.role, Role::Answer | Role::Interleaved)
        });
        let (score, label) = reported(&record.value);
        self.events.tell(&Evaluation {
            name: record.outcome.as_str(),
            score,
            label,
            error: None,
            call: call.map(|call| &call.span),
            response_id: call.and_then(|call| call.response_id.as_deref()),
            time: moment(record.time),
            experiment: &record.experiment,
            arm: &record.arm,
            role: call.map(|call| call.role),
            request_id: record.request_id,
        });
    }

    fn call(&self, id: RequestId, is: impl Fn(&TracedCall) -> bool) -> Option<&TracedCall> {
        self.calls.get(&id)?.iter().find(|call| is(call))
    }
}

fn moment(time: Timestamp) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_micros(u64::try_from(time.as_micros()).unwrap_or(0))
}

/// A score as it is, a preference as the candidate's part of a win.
fn judged(answer: &JudgedAnswer) -> (Option<f64>, Option<Cow<'_, str>>) {
    let preferred = answer.against_legacy.map(|preference| match preference {
        Preference::Win => (1.0, "win"),
        Preference::Tie => (0.5, "tie"),
        Preference::Loss => (0.0, "loss"),
    });
    let label = answer.label.as_deref().map(bounded);
    let label = label.or(preferred.map(|(_, word)| word.into()));
    (answer.score.or(preferred.map(|(part, _)| part)), label)
}

/// What of a report is a score or a label. Items and JSON may be anything and are neither.
fn reported(value: &OutcomeValue) -> (Option<f64>, Option<Cow<'_, str>>) {
    match value {
        OutcomeValue::Click { .. } => (Some(1.0), Some("click".into())),
        OutcomeValue::Binary(true) => (Some(1.0), Some("true".into())),
        OutcomeValue::Binary(false) => (Some(0.0), Some("false".into())),
        OutcomeValue::Number(number) => (Some(*number), None),
        OutcomeValue::Label(label) => (None, Some(bounded(label))),
        OutcomeValue::Json(_) => (None, None),
    }
}

fn bounded(label: &str) -> Cow<'_, str> {
    match label.char_indices().nth(LONGEST) {
        Some((end, _)) => label[..end].into(),
        None => label.into(),
    }
}
