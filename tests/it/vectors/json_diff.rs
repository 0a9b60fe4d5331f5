//! The vectors of the family `json_diff`.

use crossfade::compare::Bound;
use crossfade::compare::Closeness;
use crossfade::compare::Difference;
use crossfade::compare::Differences;
use crossfade::compare::Pointer;
use crossfade::compare::Tree;
use serde_json::Value;
use serde_json::json;

use crate::vectors::Case;
use crate::vectors::Computed;

const UNBOUNDED: Bound = Bound { differences: usize::MAX, path_bytes: usize::MAX };

pub(super) fn compute(case: &Case) -> Option<Computed> {
    match case.metric.as_str() {
        "json_diff" => Some(json_diff(case)),
        _ => None,
    }
}

fn json_diff(case: &Case) -> Computed {
    let side = |key| serde_json::from_str::<Value>(case.input(key).as_str().unwrap());
    let (Ok(left), Ok(right)) = (side("left"), side("right")) else { return Computed::Refused };
    let tolerance = |key: &str| case.params.get(key).map(|tolerance| tolerance.as_f64().unwrap());
    let closeness = match (tolerance("abs"), tolerance("rel")) {
        (None, None) => Closeness::EXACT,
        (absolute, relative) => Closeness::within(absolute.unwrap_or(0.0), relative.unwrap_or(0.0)),
    };
    let tree = Tree::new(closeness, &pointers(case, "ignore"), &pointers(case, "unordered"));
    let differences = tree.differences(&left, &right, UNBOUNDED);
    Computed::Value(json!({ "equal": differences.is_empty(), "differences": told(&differences) }))
}

fn pointers(case: &Case, key: &str) -> Vec<Pointer> {
    let given = case.params.get(key).and_then(Value::as_array);
    given.into_iter().flatten().map(|pointer| pointer.as_str().unwrap().parse().unwrap()).collect()
}

fn told(differences: &Differences) -> Vec<Value> {
    let told =
        differences.found.iter().map(|Difference { path, kind }| json!({ "path": path, "kind": kind }));
    told.collect()
}
