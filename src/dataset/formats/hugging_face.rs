//! Hugging Face `datasets`: a card that says where the rows are, and one row a request with the same columns in each.
//!
//! Bodies and values are text, JSON where they were JSON, so that no loader has to guess a type from the first rows.

use serde_json::Value;
use serde_json::json;

use crate::dataset::Manifest;
use crate::dataset::folder::Folder;
use crate::dataset::formats::FormatError;
use crate::dataset::formats::Told;
use crate::dataset::formats::conversation::text;
use crate::dataset::formats::each;
use crate::record::OutcomeRecord;

const CARD: &str = "README.md";
const ROWS: &str = "data/train-00000-of-00001.jsonl";

pub(super) fn write(folder: &mut Folder, manifest: &Manifest) -> Result<(), FormatError> {
    let mut rows = folder.file(ROWS)?;
    each(folder, manifest, |told| Ok(rows.write(format!("{}\n", row(told)).as_bytes())?))?;
    folder.keep(ROWS, rows)?;
    let mut text = folder.file(CARD)?;
    text.write(card(manifest).as_bytes())?;
    folder.keep(CARD, text)?;
    Ok(())
}

fn row(told: &Told) -> Value {
    let Told { pair, outcomes } = told;
    let request = &pair.request;
    let answers = pair.observations.iter().map(|seen| {
        json!({
            "model": seen.arm,
            "role": seen.role,
            "fate": seen.fate,
            "status": seen.status.unwrap_or(0),
            "total_ms": seen.total_ms,
            "body": seen.body.as_ref().map(text).unwrap_or_default(),
        })
    });
    let reported = |outcome: &OutcomeRecord| match outcome.value.to_json() {
        Value::String(text) => text,
        other => other.to_string(),
    };
    let outcomes =
        outcomes.iter().map(|outcome| json!({"name": outcome.outcome, "value": reported(outcome)}));
    json!({
        "request_id": pair.request_id,
        "time": pair.time,
        "experiment": pair.experiment,
        "strategy": pair.strategy,
        "method": request.method,
        "path": request.path,
        "query": request.query.clone().unwrap_or_default(),
        "request": request.body.as_ref().map(text).unwrap_or_default(),
        "answers": answers.collect::<Vec<_>>(),
        "outcomes": outcomes.collect::<Vec<_>>(),
    })
}

fn card(manifest: &Manifest) -> String {
    let Manifest { set, content, created, counts, .. } = manifest;
    format!(
        "---\nconfigs:\n- config_name: default\n  data_files:\n  - split: train\n    path: {ROWS}\n---\n\n# {set}\n\n{} \
         requests with the answers that models gave and what was reported of them, exported by Crossfade at {created}. \
         The record lines are in `{}`, how they were chosen is in `manifest.json`.\n\nContent: `{content}`\n",
        counts.kept, manifest.records
    )
}
