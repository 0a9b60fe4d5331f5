//! The library against published vectors: `tests/vectors/stats/`, whose README defines every metric.
//!
//! Each case drives the library's public functions. A case that nothing here computes fails the test unless it is
//! tagged `optional`. `CROSSFADE_VECTORS` names another folder of vectors.

mod agreement;
mod classification;
mod clustering;
mod experiment;
mod fixed_tests;
mod interleaving;
mod json_diff;
mod llm_metrics;
mod offpolicy_bandit;
mod probabilistic;
mod properties;
mod ranking;
pub(crate) mod rates;
mod regression;
mod sequential;
mod streaming;
mod survival;
mod text;
mod vision;

use std::path::PathBuf;

use crossfade::evaluate::NoValue;
use crossfade::stats::Alternative;
use crossfade::stats::Undefined;
use serde::Deserialize;
use serde::Serialize;
use serde_json::Value;
use serde_json::json;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "the whole schema stands here, so that a file with other fields is refused")]
struct File {
    schema_version: u32,
    family: String,
    split: String,
    versions: Value,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "as above")]
pub(crate) struct Case {
    #[serde(skip)]
    family: String,
    id: String,
    metric: String,
    kind: String,
    inputs: Value,
    params: Value,
    expected: Value,
    tolerance: Tolerance,
    source: String,
    tags: Vec<String>,
    #[serde(default)]
    note: Option<String>,
}

#[derive(Deserialize, Clone, Copy)]
struct Tolerance {
    abs: f64,
    rel: f64,
}

/// What the library made of a case.
enum Computed {
    Value(Value),
    Undefined,
    Refused,
    /// The case is no single value; it was checked on the spot.
    Checked(Result<(), String>),
}

impl Computed {
    /// What a statistic came to, a refusal told from what has no value.
    fn of(result: Result<Value, Undefined>) -> Self {
        match result {
            Ok(value) => Computed::Value(value),
            Err(reason) if reason.is_refusal() => Computed::Refused,
            Err(_) => Computed::Undefined,
        }
    }
}

#[test]
fn the_library_agrees_with_every_vector() {
    let cases: Vec<Case> = files().into_iter().flat_map(read).collect();
    assert!(cases.len() > 1_300 || std::env::var_os("CROSSFADE_VECTORS").is_some(), "{} cases", cases.len());
    let failures = failures_of(&cases);
    assert!(failures.is_empty(), "{} of {}:\n{}", failures.len(), cases.len(), failures.join("\n"));
}

/// Checks the cases on several threads, because those that are sampled take their time.
fn failures_of(cases: &[Case]) -> Vec<String> {
    let check = |case: &Case| case.check().err().map(|problem| format!("{}: {problem}", case.id));
    std::thread::scope(|scope| {
        let part = |part: &'_ [Case]| part.iter().filter_map(check).collect::<Vec<_>>();
        let parts: Vec<_> = cases.chunks(40).map(|cases| scope.spawn(move || part(cases))).collect();
        parts.into_iter().flat_map(|part| part.join().expect("a case panicked")).collect()
    })
}

fn files() -> Vec<PathBuf> {
    let folder = std::env::var_os("CROSSFADE_VECTORS").map_or_else(own_folder, PathBuf::from);
    let entries = std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let paths = entries.map(|entry| entry.unwrap().path());
    let mut files: Vec<_> =
        paths.filter(|path| path.extension().is_some_and(|kind| kind == "json")).collect();
    files.sort();
    files
}

fn own_folder() -> PathBuf {
    concat!(env!("CARGO_MANIFEST_DIR"), "/tests/vectors/stats").into()
}

fn read(path: PathBuf) -> Vec<Case> {
    let text = std::fs::read(&path).unwrap();
    let file: File =
        serde_json::from_slice(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    assert_eq!(file.schema_version, 1, "{}", path.display());
    let of_family = |case| Case { family: file.family.clone(), ..case };
    file.cases.into_iter().map(of_family).collect()
}

impl Case {
    fn check(&self) -> Result<(), String> {
        let Some(computed) = self.compute() else {
            let optional = self.tags.iter().any(|tag| tag == "optional");
            return if optional { Ok(()) } else { Err(format!("nothing computes `{}`", self.metric)) };
        };
        let wanted = |outcome: &str| match self.expected.get(outcome) {
            Some(_) => Ok(()),
            None => Err(format!("is {outcome}, expected {}", self.expected)),
        };
        match computed {
            Computed::Value(value) => self.tolerance.compare(&self.expected, &value),
            Computed::Undefined => wanted("undefined"),
            Computed::Refused => wanted("error"),
            Computed::Checked(result) => result,
        }
    }

    /// What the library makes of the case; `None`: its metric is not known.
    fn compute(&self) -> Option<Computed> {
        match self.family.as_str() {
            "agreement" => agreement::compute(self),
            "classification" => classification::compute(self),
            "clustering" => clustering::compute(self),
            "experiment" => experiment::compute(self),
            "fixed_tests" => fixed_tests::compute(self),
            "interleaving" => interleaving::compute(self),
            "json_diff" => json_diff::compute(self),
            "llm_metrics" => llm_metrics::compute(self),
            "offpolicy_bandit" => offpolicy_bandit::compute(self),
            "probabilistic" => probabilistic::compute(self),
            "properties" => properties::compute(self),
            "ranking" => ranking::compute(self),
            "regression" => regression::compute(self),
            "sequential" => sequential::compute(self),
            "streaming" => streaming::compute(self),
            "survival" => survival::compute(self),
            "text" => text::compute(self),
            "vision" => vision::compute(self),
            _ => None,
        }
    }

    fn input(&self, key: &str) -> &Value {
        &self.inputs[key]
    }

    fn count(&self, key: &str) -> u64 {
        self.inputs[key].as_u64().unwrap()
    }

    fn number(&self, key: &str) -> f64 {
        number(&self.inputs[key]).unwrap()
    }

    fn numbers(&self, key: &str) -> Vec<f64> {
        self.inputs[key].as_array().unwrap().iter().map(|value| number(value).unwrap()).collect()
    }

    /// An input that is a list of numbers; `None`: there is none of that name.
    fn given_numbers(&self, key: &str) -> Option<Vec<f64>> {
        let list = self.inputs.get(key)?.as_array()?;
        Some(list.iter().map(|value| number(value).unwrap()).collect())
    }

    fn param(&self, key: &str) -> f64 {
        number(&self.params[key]).unwrap()
    }

    fn word(&self, key: &str) -> &str {
        self.params[key].as_str().unwrap()
    }

    fn alternative(&self) -> Alternative {
        match self.params["alternative"].as_str().unwrap() {
            "two-sided" => Alternative::TwoSided,
            "greater" => Alternative::Greater,
            "less" => Alternative::Less,
            other => panic!("unknown alternative `{other}`"),
        }
    }
}

impl Computed {
    fn metric<V: Serialize>(result: Result<V, NoValue>) -> Self {
        match result {
            Ok(value) => Self::Value(json!(value)),
            Err(NoValue::Undefined(_)) => Self::Undefined,
            Err(NoValue::Invalid(_)) => Self::Refused,
        }
    }
}

impl Tolerance {
    fn compare(self, expected: &Value, got: &Value) -> Result<(), String> {
        if let Some(wanted) = number(expected) {
            let found = number(got).ok_or_else(|| format!("got {got}, expected {expected}"))?;
            let near = wanted == found || (wanted - found).abs() <= self.abs + self.rel * wanted.abs();
            return if near { Ok(()) } else { Err(format!("got {found}, expected {wanted}")) };
        }
        // Part of a result may be undefined; the reason is informative.
        if expected.get("undefined").is_some() {
            return got.get("undefined").map(|_| ()).ok_or_else(|| format!("got {got}, expected {expected}"));
        }
        match (expected, got) {
            (Value::Array(wanted), Value::Array(found)) if wanted.len() == found.len() => {
                wanted.iter().zip(found).try_for_each(|(wanted, found)| self.compare(wanted, found))
            }
            (Value::Object(wanted), Value::Object(found)) => wanted.iter().try_for_each(|(key, wanted)| {
                let found = found.get(key).ok_or_else(|| format!("nothing computes `{key}`"))?;
                self.compare(wanted, found).map_err(|problem| format!("{key}: {problem}"))
            }),
            _ if expected == got => Ok(()),
            _ => Err(format!("got {got}, expected {expected}")),
        }
    }
}

/// A number, or one of the words that stand for those that JSON lacks.
fn number(value: &Value) -> Option<f64> {
    match value.as_str() {
        Some("inf") => Some(f64::INFINITY),
        Some("-inf") => Some(f64::NEG_INFINITY),
        Some("nan") => Some(f64::NAN),
        _ => value.as_f64(),
    }
}

/// The same, written.
fn written(value: f64) -> Value {
    match value {
        f64::INFINITY => json!("inf"),
        f64::NEG_INFINITY => json!("-inf"),
        value => json!(value),
    }
}
