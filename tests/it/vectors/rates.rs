//! The record of simulated rates, `RESULTS.md` beside the vectors: how often each test erred, and how soon it found what
//! there was to find.
//!
//! It is renewed by `CROSSFADE_RECORD=1 cargo test --release --test it -- recorded_rate`. To record rates of further
//! simulations, add their rows in [`measured`].

use std::env;
use std::fmt;
use std::fs;

use crate::evidence::long_run;
use crate::vectors::Case;
use crate::vectors::number;
use crate::vectors::own_folder;
use crate::vectors::properties;
use crate::vectors::read;

const HEAD: &str = "# Simulated rates

Written by `CROSSFADE_RECORD=1 cargo test --release --test it -- recorded_rate`; the seeds are fixed. `rate` is the share
of runs in which the evidence ever sufficed: errors where there was nothing to find, finds where there was. The median is
that of what a run had seen when the evidence sufficed, over all runs; none where fewer than half of them got there.

| metric | case | runs | rate | bound | reference | median run length |
|---|---|---|---|---|---|---|
";

/// What a rate must keep to.
#[derive(Clone, Copy)]
pub(crate) enum Bound {
    AtMost(f64),
    AtLeast(f64),
}

/// One measured rate.
pub(crate) struct Row<'r> {
    /// What was simulated.
    pub(crate) metric: &'r str,
    /// The case's id, which no other row has.
    pub(crate) case: &'r str,
    /// How many runs there were.
    pub(crate) runs: usize,
    /// The share of the runs that ended in a find.
    pub(crate) rate: f64,
    /// What the rate must keep to.
    pub(crate) bounds: Vec<Bound>,
    /// What somebody else measured.
    pub(crate) reference: Option<f64>,
    /// How long the run in the middle took to end, in units of what is named; `None`: it never ended.
    pub(crate) median: Option<(u64, &'static str)>,
}

/// A table of measured rates.
pub(crate) struct Rates(String);

impl Bound {
    /// The bounds of a vector.
    pub(crate) fn of(case: &Case) -> Vec<Self> {
        let named = |key: &str| case.expected.get(key).and_then(number);
        let most = named("max_rate").map(Self::AtMost);
        most.into_iter().chain(named("min_rate").map(Self::AtLeast)).collect()
    }

    /// Says whether a rate keeps to it.
    pub(crate) fn holds(self, rate: f64) -> bool {
        match self {
            Self::AtMost(most) => rate <= most,
            Self::AtLeast(least) => rate >= least,
        }
    }
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AtMost(most) => write!(f, "at most {most}"),
            Self::AtLeast(least) => write!(f, "at least {least}"),
        }
    }
}

impl Rates {
    /// A table without rows.
    pub(crate) fn new() -> Self {
        Self(HEAD.to_owned())
    }

    /// Appends a row.
    pub(crate) fn row(&mut self, row: &Row<'_>) {
        let Row { metric, case, runs, rate, bounds, reference, median } = row;
        let bounds: Vec<String> = bounds.iter().map(Bound::to_string).collect();
        let bounds = bounds.join(", ");
        let reference = reference.map_or_else(|| "-".to_owned(), |rate| rate.to_string());
        let median = median.map_or_else(|| "-".to_owned(), |(length, unit)| format!("{length} {unit}"));
        self.0 +=
            &format!("| {metric} | `{case}` | {runs} | {rate:.4} | {bounds} | {reference} | {median} |\n");
    }
}

/// Measures all that is recorded.
fn measured() -> Rates {
    let mut rates = Rates::new();
    for case in &cases() {
        let runs = properties::simulate(case).expect("every property is known");
        rates.row(&runs.row(case));
    }
    long_run::recorded(&mut rates);
    rates
}

fn cases() -> Vec<Case> {
    read(own_folder().join("properties.json"))
}

#[test]
fn every_property_has_a_recorded_rate_within_its_bounds() {
    let path = own_folder().join("RESULTS.md");
    if env::var_os("CROSSFADE_RECORD").is_some() {
        fs::write(&path, measured().0).unwrap();
    }
    let text = fs::read_to_string(&path).unwrap();
    for case in &cases() {
        let named = format!("| `{}` |", case.id);
        let line = text.lines().find(|line| line.contains(&named));
        let line = line.unwrap_or_else(|| panic!("{} has no recorded rate", case.id));
        let rate: f64 = line.split('|').nth(4).unwrap().trim().parse().unwrap();
        assert!(Bound::of(case).iter().all(|bound| bound.holds(rate)), "{line}");
    }
    for line in text.lines().filter(|line| line.starts_with("| live_fold_false_alarm")) {
        let rate: f64 = line.split('|').nth(4).unwrap().trim().parse().unwrap();
        assert!(rate <= 0.05, "{line}");
    }
    let found =
        text.lines().find(|line| line.contains("guardrail_alpha 0.05")).expect("how soon it is found");
    let median: u64 =
        found.split('|').nth(7).unwrap().trim().strip_suffix(" requests").unwrap().parse().unwrap();
    assert!(median <= 17_000, "{found}");
}
