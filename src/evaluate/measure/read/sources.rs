//! Retrieved sources, claims and made-up questions, as whoever judged them reports.

use serde_json::Value;

use crate::evaluate::NoValue;
use crate::evaluate::measure::Example;
use crate::evaluate::measure::Inputs;
use crate::evaluate::measure::Measure;
use crate::evaluate::measure::json;
use crate::evaluate::measure::read;
use crate::evaluate::measure::read::rankings::ids_once;

const CONTEXT: &str = "the context must be the list of retrieved ids, as the truth lists ids";
const TRUTH: &str = "the truth must be a list of relevant ids, or a list of 1 and 0";

/// By retrieved source, from the top, whether it is relevant.
pub(super) fn ranked(measure: &Measure, inputs: Inputs<'_>) -> Result<Example, NoValue> {
    let (context, truth) = (read::context(inputs)?, read::truth(inputs)?);
    let retrieved = json::items(context);
    let mut relevant = match verdicts(context, truth) {
        Some(flags) if flags.len() == retrieved.len() => flags,
        Some(_) => {
            return Err(NoValue::Invalid(
                "the truth must have a 1 or 0 for each source that the context lists",
            ));
        }
        None => {
            let relevant = ids_once(truth, TRUTH)?;
            ids_once(context, CONTEXT)?.iter().map(|id| relevant.contains(id)).collect()
        }
    };
    relevant.truncate(measure.k.unwrap_or(usize::MAX));
    Ok(Example::Flags(relevant))
}

/// By source, or by claim, that is wanted, whether it was found.
pub(super) fn wanted(inputs: Inputs<'_>) -> Result<Example, NoValue> {
    let (context, truth) = (read::context(inputs)?, read::truth(inputs)?);
    if let Some(flags) = verdicts(context, truth) {
        return Ok(Example::Flags(flags));
    }
    let retrieved = ids_once(context, CONTEXT)?;
    let found = ids_once(truth, TRUTH)?.iter().map(|id| retrieved.contains(id)).collect();
    Ok(Example::Flags(found))
}

/// By claim of the answer, whether its sources support it.
pub(super) fn claims(inputs: Inputs<'_>) -> Result<Example, NoValue> {
    const EXPECTED: &str = "the truth must be a list of 1 and 0, one for each claim of the answer";
    json::flags(read::truth(inputs)?, EXPECTED).map(Example::Flags)
}

pub(super) fn similarities(inputs: Inputs<'_>) -> Result<Example, NoValue> {
    const EXPECTED: &str = "the truth must be a list of similarities from -1 to 1, or {\"similarities\": [...], \"noncommittal\": [...]}";
    const ROUNDING: f64 = 1e-3;
    let truth = read::truth(inputs)?;
    let (list, noncommittal) = match truth {
        Value::Object(members) => {
            let list = members.get("similarities").ok_or(NoValue::Invalid(EXPECTED))?;
            (list, members.get("noncommittal").map(|list| json::flags(list, EXPECTED)).transpose()?)
        }
        list => (list, None),
    };
    let mut similarities = json::numbers(list, EXPECTED)?;
    let noncommittal = noncommittal.unwrap_or_else(|| vec![false; similarities.len()]);
    let outside = similarities.iter().any(|cosine| cosine.abs() > 1.0 + ROUNDING);
    if outside || noncommittal.len() != similarities.len() {
        return Err(NoValue::Invalid(EXPECTED));
    }
    for cosine in &mut similarities {
        *cosine = cosine.clamp(-1.0, 1.0);
    }
    Ok(Example::Similarities { similarities, noncommittal })
}

/// The truth as verdicts in their order; `None`: it lists ids. Numbers 1 and 0 may be either: they are ids where the
/// context lists one of them.
fn verdicts(context: &Value, truth: &Value) -> Option<Vec<bool>> {
    let items = json::items(truth);
    let flags = items.iter().map(json::flag).collect::<Option<Vec<bool>>>()?;
    let retrieved: Vec<String> = json::items(context).iter().filter_map(json::id).collect();
    let names_one = items.iter().filter_map(json::id).any(|id| retrieved.contains(&id));
    let is_flag = items.iter().any(Value::is_boolean) || !names_one;
    is_flag.then_some(flags)
}
