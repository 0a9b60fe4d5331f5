//! Ranked lists, what their items are worth, and lists to hold them against.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use serde_json::Value;

use crate::evaluate::NoValue;
use crate::evaluate::measure::Example;
use crate::evaluate::measure::Inputs;
use crate::evaluate::measure::json;
use crate::evaluate::measure::read;

const RANKING: &str = "the prediction must be a list of ids, best first";

pub(super) fn judged(inputs: Inputs<'_>) -> Result<Example, NoValue> {
    let ranking = ids_once(read::prediction(inputs)?, RANKING)?;
    Ok(Example::Judged { ranking, gains: gains(read::truth(inputs)?)? })
}

pub(super) fn both(inputs: Inputs<'_>) -> Result<Example, NoValue> {
    const REFERENCE: &str = "the truth must be a list of ids, best first";
    let ranking = ids_once(read::prediction(inputs)?, RANKING)?;
    Ok(Example::Rankings { ranking, reference: ids_once(read::truth(inputs)?, REFERENCE)? })
}

/// The ids of a list; one that stands twice keeps its better place, as where lists are mixed.
pub(super) fn ids_once(list: &Value, expected: &'static str) -> Result<Vec<String>, NoValue> {
    let mut seen = BTreeSet::new();
    let mut ids = Vec::new();
    for item in json::items(list) {
        let id = json::id(item).ok_or(NoValue::Invalid(expected))?;
        if seen.insert(id.clone()) {
            ids.push(id);
        }
    }
    Ok(ids)
}

/// What items are worth: by id, or 1 for each that is listed; a click is a list of one.
fn gains(truth: &Value) -> Result<BTreeMap<String, f64>, NoValue> {
    const EXPECTED: &str =
        "the truth must be what items are worth by their ids, a list of relevant ids, or one id";
    let worth = |gain: &Value| match gain {
        Value::Bool(relevant) => Ok(f64::from(*relevant)),
        gain => json::number(gain).ok_or(NoValue::Invalid(EXPECTED)),
    };
    match truth {
        Value::Object(by_id) if !by_id.contains_key("id") => {
            by_id.iter().map(|(id, gain)| Ok((id.clone(), worth(gain)?))).collect()
        }
        list => json::items(list)
            .iter()
            .map(|item| {
                let id = json::id(item).ok_or(NoValue::Invalid(EXPECTED))?;
                Ok((id, item.get("gain").map_or(Ok(1.0), worth)?))
            })
            .collect(),
    }
}
