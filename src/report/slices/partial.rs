//! Slices of a part of a log, to be taken in by whoever has another part.

use indexmap::IndexMap;
use indexmap::map::Entry;
use serde::Deserialize;
use serde::Serialize;
use serde_json::value::RawValue;

use crate::analysis::Analysis;
use crate::record::DesignRecord;
use crate::report::slices::MOST;
use crate::report::slices::Slice;
use crate::report::slices::Sliced;
use crate::report::slices::Slicer;
use crate::vocab::ExperimentName;

/// What a slicer knows, as it is written.
#[derive(Debug, Serialize, Deserialize)]
pub(in crate::report) struct SlicerState {
    /// The fields, as they were named.
    fields: Vec<String>,
    experiments: IndexMap<ExperimentName, SlicedState>,
}

#[derive(Debug, Serialize, Deserialize)]
struct SlicedState {
    designs: Vec<DesignRecord>,
    /// The slices by each field.
    fields: Vec<Vec<(Slice, Box<RawValue>)>>,
}

impl Slicer {
    /// What is known. An outcome and its request meet only if the same part of the log has both.
    pub(in crate::report) fn state(&self) -> SlicerState {
        let sliced = |sliced: &Sliced| SlicedState {
            designs: sliced.designs.clone(),
            fields: sliced.fields.iter().map(|slices| slices.iter().map(written).collect()).collect(),
        };
        SlicerState {
            fields: self.fields.iter().map(ToString::to_string).collect(),
            experiments: self.experiments.iter().map(|(name, own)| (name.clone(), sliced(own))).collect(),
        }
    }

    /// Takes in what a slicer by the same fields knows of another part.
    pub(in crate::report) fn merge(&mut self, other: SlicerState) -> Result<(), String> {
        let own: Vec<String> = self.fields.iter().map(ToString::to_string).collect();
        if own != other.fields {
            let listed =
                |fields: &[String]| if fields.is_empty() { "none".to_owned() } else { fields.join(", ") };
            let (theirs, own) = (listed(&other.fields), listed(&own));
            return Err(format!(
                "it is sliced by {theirs}, expected {own}; hint: give each part the same `--slice`"
            ));
        }
        for (experiment, theirs) in other.experiments {
            let sliced = self.of(&experiment);
            theirs.designs.iter().for_each(|design| sliced.fold_design(design));
            for (slices, theirs) in sliced.fields.iter_mut().zip(theirs.fields) {
                for (slice, text) in theirs {
                    let analysis = Analysis::from_json(text.get().as_bytes())?;
                    take_in(slices, slice, analysis);
                }
            }
        }
        Ok(())
    }
}

fn written((slice, analysis): (&Slice, &Analysis)) -> (Slice, Box<RawValue>) {
    let text = String::from_utf8(analysis.to_json()).expect("JSON is UTF-8");
    (slice.clone(), RawValue::from_string(text).expect("it was just written as JSON"))
}

fn take_in(slices: &mut IndexMap<Slice, Analysis>, slice: Slice, theirs: Analysis) {
    let told_apart = slices.keys().filter(|slice| matches!(slice, Slice::Value(_))).count();
    let is_one_too_many =
        matches!(slice, Slice::Value(_)) && !slices.contains_key(&slice) && told_apart >= MOST;
    match slices.entry(if is_one_too_many { Slice::Other } else { slice }) {
        Entry::Occupied(mut own) => own.get_mut().merge(&theirs),
        Entry::Vacant(place) => {
            place.insert(theirs);
        }
    }
}
