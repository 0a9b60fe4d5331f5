//! The calls of tools in two answers of language models.
//!
//! Calls that are made at once have no order, and arguments are JSON: neither the order of calls nor that of members
//! makes a difference, and numbers are equal when their values are.

use serde::Deserialize;
use serde::Serialize;
use serde_json::Value;
use serde_json::json;

use crate::compare::BOUND;
use crate::compare::Closeness;
use crate::compare::Difference;
use crate::compare::DifferenceKind;
use crate::compare::Differences;
use crate::compare::Pointer;
use crate::compare::Tree;
use crate::compare::rule::Finding;
use crate::compare::said::below;
use crate::protocol::ToolCall;

const PART: &str = "tool_calls/*";

/// What comparing the calls of two answers said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CallAgreement {
    /// The same tools with the same arguments.
    Agree,
    /// The same tools, each as often, with other arguments.
    ArgumentsDiffer,
    /// Other tools, or not as often; or one answer calls some and the other none.
    ToolsDiffer,
}

impl CallAgreement {
    /// The word for it in metrics and records.
    pub fn as_str(self) -> &'static str {
        match self {
            CallAgreement::Agree => "agree",
            CallAgreement::ArgumentsDiffer => "arguments_differ",
            CallAgreement::ToolsDiffer => "tools_differ",
        }
    }

    /// Compares the calls of two answers; `None`: neither calls a tool.
    pub fn of(left: &[ToolCall], right: &[ToolCall]) -> Option<Self> {
        if left.is_empty() && right.is_empty() {
            return None;
        }
        let name = |call: &ToolCall| Value::from(call.name.as_str());
        let whole = |call: &ToolCall| Value::from_iter([name(call), call.arguments()]);
        Some(if !are_alike(left, right, name) {
            CallAgreement::ToolsDiffer
        } else if !are_alike(left, right, whole) {
            CallAgreement::ArgumentsDiffer
        } else {
            CallAgreement::Agree
        })
    }
}

/// Whether what is seen of two lists of calls is the same, in whatever order.
fn are_alike(left: &[ToolCall], right: &[ToolCall], seen: impl Fn(&ToolCall) -> Value) -> bool {
    let bag = |calls: &[ToolCall]| Value::from_iter(calls.iter().map(&seen));
    let tree = Tree::new(Closeness::EXACT, &[], &[Pointer::ROOT]);
    tree.differences(&bag(left), &bag(right), BOUND).is_empty()
}

/// Holds calls against legacy's. Those that have no equal are held against each other: two of one tool by their arguments,
/// others by their names. The score is twice the calls that both have, as a share of all; no calls on both sides are nothing
/// to compare.
pub(super) fn compare(tree: &Tree, legacy: &[ToolCall], other: &[ToolCall]) -> Finding {
    let all = legacy.len() + other.len();
    if all == 0 {
        return Finding::MISSING;
    }
    let (legacy, other) = (values(legacy), values(other));
    let is_same = |one: &Value, two: &Value| tree.differences(one, two, BOUND).is_empty();
    let (legacy, other, both) = unmatched(legacy, other, is_same);
    let is_of_one_tool = |one: &Value, two: &Value| one.get("name") == two.get("name");
    let mut differences = Differences::default();
    let mut look = |one: &Value, two: &Value| {
        let is_one = is_of_one_tool(one, two);
        if is_one {
            differences.add(below(PART, |bound| tree.differences(one, two, bound)), BOUND);
        }
        is_one
    };
    let (legacy, other, _) = unmatched(legacy, other, &mut look);
    let of_other_tools = legacy.len().min(other.len());
    let kinds = [
        (of_other_tools > 0, "/name", DifferenceKind::Value),
        (legacy.len() > of_other_tools, "", DifferenceKind::Missing),
        (other.len() > of_other_tools, "", DifferenceKind::Extra),
    ];
    for (_, path, kind) in kinds.into_iter().filter(|(is_so, ..)| *is_so) {
        let found = [Difference { path: path.to_owned(), kind }].into();
        differences.add(below(PART, |_| Differences { found, truncated: false }), BOUND);
    }
    Finding { score: Some(2.0 * both as f64 / all as f64), ..Finding::of_differences(differences) }
}

/// The calls on either side that have no counterpart, and how many have one.
fn unmatched(
    legacy: Vec<Value>,
    mut other: Vec<Value>,
    mut is_counterpart: impl FnMut(&Value, &Value) -> bool,
) -> (Vec<Value>, Vec<Value>, usize) {
    let mut left = Vec::new();
    let mut matched = 0;
    for one in legacy {
        match other.iter().position(|two| is_counterpart(&one, two)) {
            Some(place) => {
                other.remove(place);
                matched += 1;
            }
            None => left.push(one),
        }
    }
    (left, other, matched)
}

fn values(calls: &[ToolCall]) -> Vec<Value> {
    calls.iter().map(|call| json!({"name": call.name, "arguments": call.arguments()})).collect()
}
