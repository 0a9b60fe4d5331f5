//! Whether two answers of language models call the same tools with the same arguments.
//!
//! Calls that are made at once have no order, and arguments are JSON: neither the order of calls nor that of members
//! makes a difference, and numbers are equal when their values are.

use serde::Deserialize;
use serde::Serialize;
use serde_json::Value;

use crate::compare::BOUND;
use crate::compare::Closeness;
use crate::compare::Pointer;
use crate::compare::Tree;
use crate::protocol::ToolCall;

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
