//! What a snapshot is to hold.

use std::fmt;
use std::str::FromStr;

use serde::Serialize;
use serde::Serializer;
use serde_json::Value;

use crate::record::OutcomeRecord;
use crate::record::OutcomeValue;
use crate::report::SliceField;
use crate::vocab::ExperimentName;
use crate::vocab::OutcomeName;
use crate::vocab::Timestamp;

/// What a snapshot is to hold; written into its manifest in full.
#[derive(Debug, Clone, Serialize)]
pub struct Wanted {
    /// Which requests.
    pub set: Set,
    /// Only of these experiments; empty: of all.
    pub experiments: Vec<ExperimentName>,
    /// Only requests of this moment or later.
    pub since: Option<Timestamp>,
    /// Only requests before this moment.
    pub until: Option<Timestamp>,
    /// Only requests of which an outcome like this was reported in time.
    pub outcome: Option<OutcomeTest>,
    /// At most so many, or so many of each stratum; `None`: all.
    pub sample: Option<usize>,
    /// The field whose values are the strata.
    #[serde(serialize_with = "spelled")]
    pub stratify: Option<SliceField>,
    /// What the sample is drawn by.
    pub seed: u64,
}

/// The sets that records hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Set {
    /// Real queries, cleaned, each once.
    Prod,
    /// What users rated badly.
    ThumbsDown,
    /// Pairs whose answers differ in a compared field.
    Disagreements,
    /// Requests of which a call failed.
    Errors,
    /// Everything.
    All,
}

/// Which reports of an outcome are meant.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct OutcomeTest {
    /// The outcome.
    pub name: OutcomeName,
    /// Which of its values.
    pub test: Test,
}

/// Which values of an outcome are meant.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Test {
    /// Numbers below this one; `true` is 1, `false` 0.
    Below(f64),
    /// Numbers above this one.
    Above(f64),
    /// Exactly this, as text or JSON.
    Is(String),
}

impl Set {
    /// Every set.
    pub const ALL: [Set; 5] = [Set::Prod, Set::ThumbsDown, Set::Disagreements, Set::Errors, Set::All];

    /// The word that arguments and manifests use.
    pub fn as_str(self) -> &'static str {
        match self {
            Set::Prod => "prod",
            Set::ThumbsDown => "thumbs-down",
            Set::Disagreements => "disagreements",
            Set::Errors => "errors",
            Set::All => "all",
        }
    }
}

impl fmt::Display for Set {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Set {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Set::ALL.into_iter().find(|set| set.as_str() == text).ok_or_else(|| {
            let known = Set::ALL.map(|set| format!("`{set}`")).join(", ");
            format!("`{text}` is no set of records: expected one of {known}; hint: any other name is for `--import`")
        })
    }
}

impl OutcomeTest {
    /// Whether a report is one that is meant.
    pub(super) fn holds(&self, record: &OutcomeRecord) -> bool {
        record.outcome == self.name && !record.late && self.test.holds(&record.value)
    }
}

impl Test {
    fn holds(&self, value: &OutcomeValue) -> bool {
        let number = match value {
            OutcomeValue::Number(number) => Some(*number),
            OutcomeValue::Binary(truth) => Some(f64::from(u8::from(*truth))),
            OutcomeValue::Label(label) => label.parse().ok(),
            OutcomeValue::Json(value) => value.as_f64(),
            OutcomeValue::Click { .. } => None,
        };
        match self {
            Test::Below(bound) => number.is_some_and(|number| number < *bound),
            Test::Above(bound) => number.is_some_and(|number| number > *bound),
            Test::Is(wanted) => {
                let told = match value.to_json() {
                    Value::String(text) => text,
                    other => other.to_string(),
                };
                told == *wanted
            }
        }
    }
}

fn spelled<S: Serializer>(field: &Option<SliceField>, serializer: S) -> Result<S::Ok, S::Error> {
    match field {
        Some(field) => serializer.collect_str(field),
        None => serializer.serialize_none(),
    }
}
