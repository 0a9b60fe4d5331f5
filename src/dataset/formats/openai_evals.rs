//! OpenAI evals: a row a request, `input` the messages, `ideal` what is right as far as is known.
//!
//! What was reported as true goes before what legacy answered; `metadata.ideal_from` says which it is.

use serde_json::Value;
use serde_json::json;

use crate::dataset::Manifest;
use crate::dataset::folder::Folder;
use crate::dataset::formats::FormatError;
use crate::dataset::formats::Told;
use crate::dataset::formats::conversation::answered;
use crate::dataset::formats::conversation::messages;
use crate::dataset::formats::conversation::said;
use crate::dataset::formats::each;
use crate::policy::OutcomeKind;

/// The file of the rows.
const ROWS: &str = "evals.jsonl";

pub(super) fn write(folder: &mut Folder, manifest: &Manifest) -> Result<(), FormatError> {
    let mut rows = folder.file(ROWS)?;
    each(folder, manifest, |told| Ok(rows.write(format!("{}\n", row(told)).as_bytes())?))?;
    folder.keep(ROWS, rows)?;
    Ok(())
}

fn row(told: &Told) -> Value {
    let Told { pair, outcomes } = told;
    let is_truth = |kind: OutcomeKind| matches!(kind, OutcomeKind::Label | OutcomeKind::Json);
    let truth = outcomes.iter().rev().find(|outcome| is_truth(outcome.kind) && !outcome.late);
    let (ideal, from) = match (truth, answered(pair)) {
        (Some(outcome), _) => (outcome.value.to_json(), format!("outcome {}", outcome.outcome)),
        (None, Some(seen)) => (Value::from(said(seen)), format!("answer of {}", seen.arm)),
        (None, None) => (Value::Null, "nobody".to_owned()),
    };
    json!({
        "input": messages(pair),
        "ideal": ideal,
        "metadata": {
            "request_id": pair.request_id,
            "time": pair.time,
            "experiment": pair.experiment,
            "path": pair.request.path,
            "ideal_from": from,
        },
    })
}
