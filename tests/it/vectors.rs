//! The statistics against published vectors: `tests/vectors/stats/`, whose README defines every metric.
//!
//! Each case drives the library's public functions. A case that nothing here computes fails the test unless its
//! metric stands in `NOT_YET`, and an entry of that list that no case needs fails it too.

mod classical;
mod interleaving;
mod sequential;

use std::path::Path;

use crossfade::stats::Alternative;
use serde::Deserialize;
use serde_json::Value;
use serde_json::json;

/// What the library does not offer: a metric, or a metric with the one option that is missing.
const NOT_YET: &[&str] = &[
    "alpha_spending_bounds",
    "asympcs_mean",
    "asympcs_rho2",
    "asympcs_two_sample",
    "bernoulli_cs_confseq",
    "beta_binomial_bound",
    "betting_cs",
    "betting_wealth",
    "bootstrap_percentile_given_indices",
    "cdf_lil_radius",
    "cluster_bootstrap_given_indices",
    "delong",
    "e_bh",
    "e_combine",
    "empirical_bernstein_cs",
    "fisher_exact",
    "gamma_exponential_bound",
    "hodges_lehmann_shift",
    "interleave_distribution method=pairwise_preference",
    "interleave_distribution shared_prefix=neutral",
    "interleave_distribution tau=1",
    "ks_2sample",
    "mann_whitney_u",
    "mcnemar method=asymptotic",
    "mcnemar method=exact",
    "mde_mean_diff",
    "msprt_normal",
    "noninferiority_welch",
    "normal_mixture_bound",
    "normal_mixture_log_e",
    "optimized_allowed_lists",
    "p_adjust",
    "p_to_e",
    "paired_t",
    "permutation_mean_diff_exact",
    "poisson_bootstrap_given_weights",
    "poly_stitching_bound",
    "proportion_ci method=clopper_pearson",
    "quantile_ab_p",
    "quantile_cs_ranks",
    "quantile_radius_double_stitching",
    "sample_size_proportions",
    "sample_size_t",
    "srm_chi_square",
    "two_proportion_ci",
    "two_proportion_z",
    "welch_ci",
    "welch_t",
    "welch_t_from_stats",
    "wilcoxon",
];

/// Parts of an expected result that the library has no figure for: which side wins after the items were assigned
/// to sides by lot, where it says what each side earns on average.
const NOT_COMPARED: &[(&str, &str)] = &[
    ("interleave_credit method=probabilistic", "p_a_wins"),
    ("interleave_credit method=probabilistic", "p_b_wins"),
    ("interleave_credit method=probabilistic", "p_tie"),
    ("interleave_expected_credit method=probabilistic", "p_a_wins"),
    ("interleave_expected_credit method=probabilistic", "p_b_wins"),
    ("interleave_expected_credit method=probabilistic", "p_tie"),
];

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
struct Case {
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

#[test]
fn the_library_agrees_with_every_vector_that_it_implements() {
    let mut cases: Vec<Case> =
        ["interleaving", "sequential", "fixed_tests"].into_iter().flat_map(read).collect();
    let needed = |entry: &&str| cases.iter().any(|case| case.is_named(entry));
    let needless: Vec<_> = NOT_YET.iter().copied().filter(|entry| !needed(entry)).collect();
    assert!(needless.is_empty(), "no case needs these entries of NOT_YET: {needless:?}");

    cases.retain(|case| !NOT_YET.iter().any(|entry| case.is_named(entry)));
    assert_eq!(cases.len(), 99, "cases that are compared");
    let failures = failures_of(&mut cases);
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// Checks the cases on several threads, because those that are sampled take their time.
fn failures_of(cases: &mut [Case]) -> Vec<String> {
    let check = |case: &mut Case| case.check().err().map(|problem| format!("{}: {problem}", case.id));
    std::thread::scope(|scope| {
        let part = |part: &'_ mut [Case]| part.iter_mut().filter_map(check).collect::<Vec<_>>();
        let parts: Vec<_> = cases.chunks_mut(4).map(|cases| scope.spawn(move || part(cases))).collect();
        parts.into_iter().flat_map(|part| part.join().expect("a case panicked")).collect()
    })
}

fn read(family: &str) -> Vec<Case> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/vectors/stats/{family}.json"));
    let file: File = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    assert_eq!((file.schema_version, file.family.as_str()), (1, family));
    file.cases
}

impl Case {
    /// Says whether an entry is this case's metric, alone or with an option that the case has.
    fn is_named(&self, entry: &str) -> bool {
        let (metric, option) = entry.split_once(' ').unwrap_or((entry, ""));
        let has = |(key, value): (&str, &str)| {
            self.params.get(key).is_some_and(|found| found.to_string().trim_matches('"') == value)
        };
        metric == self.metric && option.split_once('=').is_none_or(has)
    }

    fn forget_what_is_not_compared(&mut self) {
        for (entry, part) in NOT_COMPARED {
            if self.is_named(entry)
                && let Some(parts) = self.expected.as_object_mut()
            {
                parts.shift_remove(*part);
            }
        }
    }

    fn check(&mut self) -> Result<(), String> {
        self.forget_what_is_not_compared();
        let computed = [sequential::compute, interleaving::compute, classical::compute]
            .into_iter()
            .find_map(|compute| compute(self))
            .ok_or_else(|| format!("`{}` is neither implemented nor in NOT_YET", self.metric))?;
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

    fn input(&self, key: &str) -> &Value {
        &self.inputs[key]
    }

    fn count(&self, key: &str) -> u64 {
        self.inputs[key].as_u64().unwrap()
    }

    fn param(&self, key: &str) -> f64 {
        number(&self.params[key]).unwrap()
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

impl Tolerance {
    fn compare(self, expected: &Value, got: &Value) -> Result<(), String> {
        if let Some(wanted) = number(expected) {
            let found = number(got).ok_or_else(|| format!("got {got}, expected {expected}"))?;
            let near = wanted == found || (wanted - found).abs() <= self.abs + self.rel * wanted.abs();
            return if near { Ok(()) } else { Err(format!("got {found}, expected {wanted}")) };
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
        _ => value.as_f64(),
    }
}

/// The same, written.
fn written(value: f64) -> Value {
    if value == f64::INFINITY { json!("inf") } else { json!(value) }
}
