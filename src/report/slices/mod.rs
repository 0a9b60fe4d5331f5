//! Slices: the figures of parts of the traffic, each part by itself.
//!
//! Whoever looks at many slices finds differences that are none: one in twenty seems to differ at a level of 5 %. So
//! the evidence of all slices of a field is judged together, which keeps the share of false ones among those that are
//! said to differ (e-BH: Wang and Ramdas 2022, which holds though slices are not independent).

mod field;
mod partial;
mod routes;

pub use field::SliceField;
pub use field::SliceFieldError;
pub(super) use partial::SlicerState;

use std::cmp::Reverse;

use indexmap::IndexMap;
use serde::Deserialize;
use serde::Serialize;

use crate::analysis::Analysis;
use crate::analysis::EffectSummary;
use crate::analysis::ExperimentSummary;
use crate::record::DesignRecord;
use crate::record::JudgementRecord;
use crate::record::Line;
use crate::record::OutcomeRecord;
use crate::record::PairedRecord;
use crate::report::slices::routes::Route;
use crate::report::slices::routes::Routes;
use crate::stats::e_discoveries;
use crate::vocab::ExperimentName;
use crate::vocab::ModelName;

/// How many values of a field are told apart: the first that the log has.
const MOST: usize = 50;

/// The share of false ones that is allowed among the slices that are said to differ.
const ALPHA: f64 = 0.05;

/// How many designs of an experiment are kept for slices that begin later.
const DESIGNS: usize = 16;

/// The slices by one field.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Slices {
    /// The field, as it was named.
    pub field: String,
    /// What to know about them.
    pub caution: &'static str,
    /// The slices, the largest first; stages and hours in their order.
    pub slices: Vec<SliceSummary>,
}

/// What must be said of slices.
const CAUTION: &str = "Confidence sequences of slices are not corrected for how many there are; `differs` is: at most \
                       5 % of those that are said to differ do not, on average.";

/// One slice.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SliceSummary {
    /// Which requests it holds.
    pub slice: Slice,
    /// How far each candidate is from legacy on what decides the experiment.
    pub differences: Vec<SliceDifference>,
    /// Its figures; without verdicts, tracks and bars, which are of the whole alone.
    pub summary: ExperimentSummary,
}

/// Which requests a slice holds.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Slice {
    /// Those with this value.
    Value(String),
    /// Those without a value.
    Absent,
    /// Those with values that came after the first fifty.
    Other,
}

/// How far one candidate is from legacy in a slice.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SliceDifference {
    /// The effect on the figure that decides the experiment.
    #[serde(flatten)]
    pub effect: EffectSummary,
    /// The natural logarithm of the e-value that there is a difference either way.
    pub log_e_differs: Option<f64>,
    /// Whether it is told apart from no difference, with all slices of the field taken together; missing where there is
    /// no e-value.
    pub differs: Option<bool>,
}

/// Folds a log slice by slice.
#[derive(Debug)]
pub(super) struct Slicer {
    fields: Vec<SliceField>,
    experiments: IndexMap<ExperimentName, Sliced>,
    routes: Routes,
}

/// One experiment's slices, by field.
#[derive(Debug)]
struct Sliced {
    designs: Vec<DesignRecord>,
    fields: Vec<IndexMap<Slice, Analysis>>,
}

impl Slice {
    /// The value's place where values are numbers; what has none stands last.
    fn number(&self) -> u32 {
        match self {
            Slice::Value(value) => value.parse().unwrap_or(u32::MAX),
            Slice::Absent | Slice::Other => u32::MAX,
        }
    }
}

impl Slicer {
    /// Slices by these fields; there may be none.
    pub(super) fn by(fields: &[SliceField]) -> Self {
        Self { fields: fields.to_vec(), experiments: IndexMap::new(), routes: Routes::default() }
    }

    /// Takes in one line.
    pub(super) fn fold(&mut self, line: &Line) {
        if self.fields.is_empty() {
            return;
        }
        match line {
            Line::Design(record) => self.of(&record.experiment).fold_design(record),
            Line::Pair(record) => self.fold_pair(record, line),
            Line::Outcome(record) => self.fold_outcome(record, line),
            Line::Judgement(record) => self.fold_judgement(record, line),
            // What is missing belongs to no slice.
            Line::Answered(_) | Line::Gap(_) => {}
        }
    }

    fn of(&mut self, experiment: &ExperimentName) -> &mut Sliced {
        if !self.experiments.contains_key(experiment) {
            let fields = self.fields.iter().map(|_| IndexMap::new()).collect();
            self.experiments.insert(experiment.clone(), Sliced { designs: Vec::new(), fields });
        }
        &mut self.experiments[experiment]
    }

    fn fold_pair(&mut self, record: &PairedRecord, line: &Line) {
        let values: Vec<Option<String>> = self.fields.iter().map(|field| field.value(record)).collect();
        let sliced = self.of(&record.experiment);
        let places = values.into_iter().enumerate().map(|(field, value)| sliced.place(field, value));
        let route = Route { experiment: record.experiment.clone(), places: places.collect() };
        sliced.tell(&route, line);
        let (early, forgotten) = self.routes.remember(record.request_id, route.clone());
        for outcome in early {
            self.of(&record.experiment).tell(&route, &Line::Outcome(Box::new(outcome)));
        }
        if let Some((request, route)) = forgotten {
            let experiment = route.experiment.clone();
            self.of(&experiment).each(&route, |analysis| analysis.forget(&experiment, request));
        }
    }

    fn fold_outcome(&mut self, record: &OutcomeRecord, line: &Line) {
        let Some(route) = self.routes.find(record).cloned() else { return };
        self.of(&record.experiment).tell(&route, line);
    }

    fn fold_judgement(&mut self, record: &JudgementRecord, line: &Line) {
        // It never comes before its pair.
        let Some(route) = self.routes.known(record.request_id).cloned() else { return };
        self.of(&record.experiment).tell(&route, line);
    }

    /// The slices of an experiment; `found` is the whole.
    pub(super) fn of_experiment(&self, found: &ExperimentSummary) -> Vec<Slices> {
        let Some(sliced) = self.experiments.get(&found.experiment) else { return Vec::new() };
        let fields = self.fields.iter().zip(&sliced.fields);
        fields.map(|(field, slices)| summaries(field, slices, found)).collect()
    }
}

impl Sliced {
    fn fold_design(&mut self, design: &DesignRecord) {
        self.designs.retain(|known| known.policy != design.policy);
        if self.designs.len() >= DESIGNS {
            self.designs.remove(0);
        }
        self.designs.push(design.clone());
        let line = Line::Design(Box::new(design.clone()));
        self.fields.iter_mut().flat_map(IndexMap::values_mut).for_each(|analysis| analysis.fold(&line));
    }

    /// The place of a value's slice, which begins with this request if there is none.
    fn place(&mut self, field: usize, value: Option<String>) -> u8 {
        let slices = &mut self.fields[field];
        let told_apart = slices.keys().filter(|slice| matches!(slice, Slice::Value(_))).count();
        let slice = match value.map(Slice::Value) {
            None => Slice::Absent,
            Some(slice) if slices.contains_key(&slice) || told_apart < MOST => slice,
            Some(_) => Slice::Other,
        };
        let entry = slices.entry(slice);
        let place = entry.index();
        entry.or_insert_with(|| {
            let mut analysis = Analysis::new();
            for design in &self.designs {
                analysis.fold(&Line::Design(Box::new(design.clone())));
            }
            analysis
        });
        // There are at most two more than `MOST`.
        place as u8
    }

    fn tell(&mut self, route: &Route, line: &Line) {
        self.each(route, |analysis| analysis.fold(line));
    }

    fn each(&mut self, route: &Route, mut told: impl FnMut(&mut Analysis)) {
        for (slices, place) in self.fields.iter_mut().zip(&route.places) {
            if let Some((_, analysis)) = slices.get_index_mut(usize::from(*place)) {
                told(analysis);
            }
        }
    }
}

fn summaries(field: &SliceField, slices: &IndexMap<Slice, Analysis>, found: &ExperimentSummary) -> Slices {
    let one = |(slice, analysis): (&Slice, &Analysis)| {
        let mut summary = analysis.summary(found.experiment.as_str())?;
        if summary.until < found.since {
            // The figures began anew, and nothing came for this slice since.
            return None;
        }
        let differences = differences(&summary, found);
        summary.verdicts.clear();
        summary.tracks.clear();
        let calls = summary.arms.iter_mut().flat_map(|arm| &mut arm.calls);
        calls.for_each(|call| call.total_bars.clear());
        Some(SliceSummary { slice: slice.clone(), differences, summary })
    };
    let mut slices: Vec<SliceSummary> = slices.iter().filter_map(one).collect();
    match field {
        SliceField::Stage | SliceField::Hour => slices.sort_by_key(|slice| slice.slice.number()),
        _ => slices.sort_by_key(|slice| Reverse(slice.summary.requests)),
    }
    let candidates = found.arms.iter().skip(1).map(|arm| &arm.arm);
    candidates.for_each(|candidate| discover(candidate, &mut slices));
    Slices { field: field.to_string(), caution: CAUTION, slices }
}

/// Each candidate's effect on the figure that decides the whole.
fn differences(slice: &ExperimentSummary, found: &ExperimentSummary) -> Vec<SliceDifference> {
    let leading = found.verdicts.iter().filter_map(|verdict| verdict.primary.as_ref());
    let effects = leading.filter_map(|leading| {
        let same = |effect: &&EffectSummary| {
            effect.candidate == leading.candidate && effect.figure == leading.figure
        };
        let effect = slice.effects.iter().find(same)?.clone();
        let log_e_differs = either(effect.log_e_better, effect.log_e_worse);
        Some(SliceDifference { effect, log_e_differs, differs: None })
    });
    effects.collect()
}

/// The mean of two e-values is one that there is a difference either way.
fn either(better: Option<f64>, worse: Option<f64>) -> Option<f64> {
    let (better, worse) = (better?, worse?);
    let greater = better.max(worse);
    Some(greater + ((better - greater).exp() + (worse - greater).exp()).ln() - 2f64.ln())
}

/// Judges the evidence of all slices together.
fn discover(candidate: &ModelName, slices: &mut [SliceSummary]) {
    let differences = slices.iter_mut().flat_map(|slice| &mut slice.differences);
    let mut tested: Vec<(&mut SliceDifference, f64)> = differences
        .filter(|difference| difference.effect.candidate == *candidate)
        .filter_map(|difference| {
            let log_e = difference.log_e_differs?;
            Some((difference, log_e.exp()))
        })
        .collect();
    let es: Vec<f64> = tested.iter().map(|(_, e)| *e).collect();
    let Ok(found) = e_discoveries(&es, ALPHA) else { return };
    for ((difference, _), found) in tested.iter_mut().zip(found) {
        difference.differs = Some(found);
    }
}
