//! Joins predictions with labels, whichever comes first.
//!
//! A label can be on record before the pair it belongs to: the user answers at once, the copy takes its time.

use std::collections::HashMap;
use std::collections::VecDeque;

use crate::evaluate::measure::Kind;
use crate::policy::Metric;
use crate::policy::Source;
use crate::protocol::JsonPath;
use crate::protocol::class_text;
use crate::record::DesignRecord;
use crate::record::ObservationRecord;
use crate::record::OutcomeRecord;
use crate::record::OutcomeValue;
use crate::record::PairedRecord;
use crate::record::Reading;
use crate::vocab::ModelName;
use crate::vocab::OutcomeName;
use crate::vocab::RequestId;
use crate::vocab::Role;

/// How many requests wait for their other half; the oldest are let go first.
const MOST: usize = 200_000;

/// Where an answer's class stands, and which outcome tells the true one.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct LabelRule {
    pub(super) prediction: JsonPath,
    pub(super) truth: OutcomeName,
}

/// One answer held against its label.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Judged {
    pub(super) arm: ModelName,
    pub(super) role: Role,
    pub(super) right: bool,
}

/// What one request's answers predicted, and where it counts.
#[derive(Debug, Clone)]
pub(super) struct Predicted {
    pub(super) unit: Option<String>,
    pub(super) assigned: ModelName,
    pub(super) stratum: Option<usize>,
    truth: OutcomeName,
    answers: Vec<(ModelName, Role, Option<String>)>,
}

/// A request whose label is known.
#[derive(Debug)]
pub(super) struct Labelled {
    pub(super) predicted: Predicted,
    pub(super) judged: Vec<Judged>,
}

/// Requests of which one half is known.
#[derive(Debug, Default)]
pub(super) struct Labels {
    waiting: HashMap<RequestId, Half>,
    order: VecDeque<RequestId>,
}

#[derive(Debug)]
enum Half {
    Predicted(Box<Predicted>),
    Labels(Vec<(OutcomeName, String)>),
}

impl LabelRule {
    /// The rule of the first metric that counts right answers; `None`: there is none.
    pub(super) fn of(design: &DesignRecord) -> Option<Self> {
        let rule = |metric: &Metric| match metric {
            Metric {
                measure,
                prediction: Some(Source::Answer(path)),
                truth: Some(Source::Outcome(name)),
                ..
            } if measure.kind == Kind::Accuracy => {
                Some(Self { prediction: path.clone(), truth: name.clone() })
            }
            _ => None,
        };
        design.metrics.iter().find_map(rule)
    }
}

impl Labels {
    /// Takes in a pair that counts; `None`: it has no predictions, or its label is not known yet.
    pub(super) fn pair(
        &mut self,
        record: &PairedRecord,
        rule: &LabelRule,
        stratum: Option<usize>,
    ) -> Option<Labelled> {
        let predicted = Predicted::of(record, rule, stratum);
        match self.waiting.remove(&record.request_id) {
            Some(Half::Labels(labels)) => {
                let label = labels.into_iter().find(|(name, _)| *name == predicted.truth);
                match label {
                    Some((_, label)) => return Some(predicted.judged(&label)),
                    None => self.wait(record.request_id, Half::Predicted(Box::new(predicted))),
                }
            }
            Some(Half::Predicted(_)) | None => {
                self.wait(record.request_id, Half::Predicted(Box::new(predicted)));
            }
        }
        None
    }

    /// Takes in an outcome; `None`: it is no label, or its pair is not known yet, or tells no predictions.
    pub(super) fn outcome(&mut self, record: &OutcomeRecord) -> Option<Labelled> {
        let OutcomeValue::Label(label) = &record.value else { return None };
        match self.waiting.remove(&record.request_id) {
            Some(Half::Predicted(predicted)) if predicted.truth == record.outcome => {
                return Some(predicted.judged(label));
            }
            Some(Half::Labels(mut labels)) => {
                labels.push((record.outcome.clone(), label.clone()));
                self.waiting.insert(record.request_id, Half::Labels(labels));
            }
            Some(predicted) => {
                self.waiting.insert(record.request_id, predicted);
            }
            None => {
                let labels = vec![(record.outcome.clone(), label.clone())];
                self.wait(record.request_id, Half::Labels(labels));
            }
        }
        None
    }

    /// Keeps a label for a pair that may yet come. A pair that waits already is of another identity, which only a
    /// damaged log has, and goes on waiting.
    pub(super) fn keep(&mut self, record: &OutcomeRecord) {
        if !matches!(self.waiting.get(&record.request_id), Some(Half::Predicted(_))) {
            self.outcome(record);
        }
    }

    /// Forgets all predictions and keeps the labels that came before their pair.
    pub(super) fn of_unknown_requests(mut self) -> Self {
        self.waiting.retain(|_, half| matches!(half, Half::Labels(_)));
        self
    }

    fn wait(&mut self, id: RequestId, half: Half) {
        self.waiting.insert(id, half);
        self.order.push_back(id);
        if self.order.len() > MOST {
            // It may have met its other half long ago.
            self.order.pop_front().and_then(|oldest| self.waiting.remove(&oldest));
        }
    }
}

impl Predicted {
    fn of(record: &PairedRecord, rule: &LabelRule, stratum: Option<usize>) -> Self {
        let answer = |seen: &ObservationRecord| {
            let class = match seen.readings.get(rule.prediction.as_str())? {
                Reading::Value(value) => class_text(value),
                Reading::Missing => None,
                Reading::Unreadable => return None,
            };
            Some((seen.arm.clone(), seen.role, class))
        };
        Self {
            unit: record.unit.clone(),
            assigned: record.assigned.clone(),
            stratum,
            truth: rule.truth.clone(),
            answers: record.observations.iter().filter_map(answer).collect(),
        }
    }

    /// Holds every answer against the label. One that the gateway could not read is neither right nor wrong.
    fn judged(self, label: &str) -> Labelled {
        let judge = |(arm, role, class): &(ModelName, Role, Option<String>)| {
            let right = class.as_deref() == Some(label);
            Judged { arm: arm.clone(), role: *role, right }
        };
        let judged = self.answers.iter().map(judge).collect();
        Labelled { predicted: self, judged }
    }
}

impl Labelled {
    /// Whether an arm's own answer to the request was right; not that of a second or a substitute call.
    pub(super) fn verdict(&self, arm: &ModelName) -> Option<bool> {
        let own =
            |judged: &&Judged| judged.arm == *arm && !matches!(judged.role, Role::Control | Role::Fallback);
        self.judged.iter().find(own).map(|judged| judged.right)
    }

    /// Whether what the assigned arm answered the user was right.
    pub(super) fn served(&self) -> Option<bool> {
        let own = |judged: &&Judged| judged.arm == self.predicted.assigned && judged.role == Role::Answer;
        self.judged.iter().find(own).map(|judged| judged.right)
    }
}
