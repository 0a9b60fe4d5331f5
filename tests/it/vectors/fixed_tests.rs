//! Tests and intervals at a sample size fixed beforehand.

use crossfade::stats::Adjustment;
use crossfade::stats::Alternative;
use crossfade::stats::ChiSquareTest;
use crossfade::stats::Continuity;
use crossfade::stats::Demand;
use crossfade::stats::Interval;
use crossfade::stats::Moments;
use crossfade::stats::RankNull;
use crossfade::stats::SmirnovNull;
use crossfade::stats::TwoProportions;
use crossfade::stats::Undefined;
use crossfade::stats::ZeroDifferences;
use crossfade::stats::adjust_p;
use crossfade::stats::bootstrap_replicates;
use crossfade::stats::clopper_pearson;
use crossfade::stats::cluster_bootstrap_replicates;
use crossfade::stats::delong;
use crossfade::stats::e_discoveries;
use crossfade::stats::hodges_lehmann;
use crossfade::stats::least_detectable_difference;
use crossfade::stats::mann_whitney;
use crossfade::stats::mcnemar_chi_square;
use crossfade::stats::mcnemar_exact;
use crossfade::stats::mcnemar_mid_p;
use crossfade::stats::mean;
use crossfade::stats::paired_t;
use crossfade::stats::percentile_interval;
use crossfade::stats::permutation_mean_difference;
use crossfade::stats::sample_ratio_chi_square;
use crossfade::stats::sample_size_arcsine;
use crossfade::stats::sample_size_pooled;
use crossfade::stats::sample_size_t;
use crossfade::stats::sign_test;
use crossfade::stats::signed_rank;
use crossfade::stats::smirnov;
use crossfade::stats::weighted_mean_replicates;
use crossfade::stats::welch;
use crossfade::stats::welch_interval;
use crossfade::stats::welch_non_inferiority;
use crossfade::stats::wilson;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_json::json;

use crate::vectors::Case;
use crate::vectors::Computed;

pub(super) fn compute(case: &Case) -> Option<Computed> {
    let value = match case.metric.as_str() {
        "two_proportion_z" => {
            two_proportions(case).and_then(|both| both.z_test(case.alternative()).map(shown))
        }
        "two_proportion_ci" => two_proportion_interval(case),
        "fisher_exact" => two_proportions(case).map(|both| json!({ "p": both.fisher(case.alternative()) })),
        "proportion_ci" => proportion(case),
        "welch_t" => sides(case, "a", "b").and_then(|(a, b)| welch(&a, &b, case.alternative()).map(shown)),
        "welch_ci" => sides(case, "a", "b")
            .and_then(|(a, b)| welch_interval(&a, &b, case.param("confidence")).map(shown)),
        "welch_t_from_stats" => welch_from_summaries(case),
        "noninferiority_welch" => sides(case, "candidate", "legacy").and_then(|(candidate, legacy)| {
            welch_non_inferiority(&candidate, &legacy, case.param("margin")).map(shown)
        }),
        "mann_whitney_u" => rank_test(case),
        "hodges_lehmann_shift" => hodges_lehmann(&case.numbers("a"), &case.numbers("b")).map(|it| json!(it)),
        "mcnemar" => mcnemar(case),
        "wilcoxon" => wilcoxon(case),
        "sign_test" => sign(case),
        "paired_t" => {
            Moments::of(&case.numbers("d")).and_then(|d| paired_t(&d, case.alternative()).map(shown))
        }
        "bootstrap_percentile_given_indices" => bootstrap(case),
        "cluster_bootstrap_given_indices" => cluster_bootstrap(case),
        "poisson_bootstrap_given_weights" => {
            weighted_mean_replicates(&case.numbers("d"), &read::<Vec<_>>(case.input("weights")))
                .map(|replicates| json!({ "replicates": replicates }))
        }
        "delong" => two_areas(case),
        "ks_2sample" => two_samples(case),
        "permutation_mean_diff_exact" => {
            permutation_mean_difference(&case.numbers("a"), &case.numbers("b"), case.alternative())
                .map(|p| json!({ "p": p }))
        }
        "srm_chi_square" => {
            let counts: Vec<u64> = read(case.input("observed"));
            sample_ratio_chi_square(&counts, &case.numbers("expected_fraction")).map(shown)
        }
        "p_adjust" => adjust_p(&case.numbers("p"), adjustment(case), case.param("alpha")).map(shown),
        "e_bh" => e_discoveries(&case.numbers("e"), case.param("alpha"))
            .map(|reject| json!({ "n_reject": reject.iter().filter(|it| **it).count(), "reject": reject })),
        "sample_size_proportions" => sample_size(case),
        "sample_size_t" => sample_size_t(case.number("effect_size_d"), case.number("ratio"), demand(case))
            .map(|n| json!({ "n1": n })),
        "mde_mean_diff" => {
            let (n1, n2) = (case.count("n1"), case.count("n2"));
            least_detectable_difference(case.number("sd"), n1, n2, demand(case))
                .map(|mde| json!({ "mde": mde }))
        }
        _ => return None,
    };
    Some(Computed::of(value))
}

fn shown(result: impl Serialize) -> Value {
    serde_json::to_value(result).unwrap()
}

fn read<T: DeserializeOwned>(value: &Value) -> T {
    serde_json::from_value(value.clone()).unwrap()
}

fn two_proportions(case: &Case) -> Result<TwoProportions, Undefined> {
    TwoProportions::new((case.count("x1"), case.count("n1")), (case.count("x2"), case.count("n2")))
}

fn two_proportion_interval(case: &Case) -> Result<Value, Undefined> {
    let (both, confidence) = (two_proportions(case)?, case.param("confidence"));
    match case.word("method") {
        "newcombe" => both.newcombe(confidence),
        "wald" => both.wald(confidence),
        "agresti_caffo" => both.agresti_caffo(confidence),
        other => panic!("unknown method `{other}`"),
    }
    .map(shown)
}

fn proportion(case: &Case) -> Result<Value, Undefined> {
    let (successes, trials, confidence) = (case.count("x"), case.count("n"), case.param("confidence"));
    // Refuses more successes than trials.
    TwoProportions::new((successes, trials), (0, 1))?;
    match case.word("method") {
        "wilson" => wilson(successes, trials - successes, confidence),
        "clopper_pearson" => clopper_pearson(successes, trials - successes, confidence),
        other => panic!("unknown method `{other}`"),
    }
    .map(shown)
}

fn sides(case: &Case, one: &str, other: &str) -> Result<(Moments, Moments), Undefined> {
    Ok((Moments::of(&case.numbers(one))?, Moments::of(&case.numbers(other))?))
}

fn welch_from_summaries(case: &Case) -> Result<Value, Undefined> {
    let side =
        |n, mean, variance| Moments::from_summary(case.count(n), case.number(mean), case.number(variance));
    welch(&side("n1", "mean1", "var1")?, &side("n2", "mean2", "var2")?, case.alternative()).map(shown)
}

fn rank_null(case: &Case) -> RankNull {
    match case.word("method") {
        "exact" => RankNull::Exact,
        "asymptotic" | "approx" => RankNull::Normal(continuity(case)),
        other => panic!("unknown method `{other}`"),
    }
}

fn continuity(case: &Case) -> Continuity {
    if case.params["continuity"] == true { Continuity::Corrected } else { Continuity::Plain }
}

fn rank_test(case: &Case) -> Result<Value, Undefined> {
    let (a, b) = (case.numbers("a"), case.numbers("b"));
    let test = mann_whitney(&a, &b, rank_null(case), case.alternative())?;
    Ok(json!({ "u": test.u, "p": test.p, "cles": test.superiority }))
}

fn mcnemar(case: &Case) -> Result<Value, Undefined> {
    let (one, other) = (case.count("n10"), case.count("n01"));
    match case.word("method") {
        "exact" => Ok(json!({ "p": mcnemar_exact(one, other) })),
        "mid_p" => mcnemar_mid_p(one, other).map(|p| json!({ "p": p })),
        "asymptotic" => {
            let ChiSquareTest { statistic, p, .. } = mcnemar_chi_square(one, other, continuity(case))?;
            Ok(json!({ "statistic": statistic, "p": p }))
        }
        other => panic!("unknown method `{other}`"),
    }
}

fn wilcoxon(case: &Case) -> Result<Value, Undefined> {
    let zeros = match case.word("zero_method") {
        "wilcox" => ZeroDifferences::Drop,
        "pratt" => ZeroDifferences::Pratt,
        "zsplit" => ZeroDifferences::Split,
        other => panic!("unknown zero method `{other}`"),
    };
    signed_rank(&case.numbers("d"), zeros, rank_null(case), case.alternative()).map(shown)
}

/// A one-sided interval is the two-sided one of twice the error, open to the other side.
fn sign(case: &Case) -> Result<Value, Undefined> {
    let (wins, losses, confidence) =
        (case.count("positive"), case.count("negative"), case.param("confidence"));
    let p = sign_test(wins, losses, case.alternative())?;
    let one_sided = wilson(wins, losses, 2.0 * confidence - 1.0)?;
    let (lower, upper) = match case.alternative() {
        Alternative::TwoSided => {
            let Interval { lower, upper } = wilson(wins, losses, confidence)?;
            (lower, upper)
        }
        Alternative::Greater => (one_sided.lower, 1.0),
        Alternative::Less => (0.0, one_sided.upper),
    };
    Ok(json!({ "p": p, "wilson_lower": lower, "wilson_upper": upper }))
}

fn bootstrap(case: &Case) -> Result<Value, Undefined> {
    assert_eq!(case.word("statistic"), "mean");
    let replicates = bootstrap_replicates(&case.numbers("d"), &read::<Vec<_>>(case.input("indices")), mean)?;
    let Interval { lower, upper } = percentile_interval(&replicates, case.param("confidence"))?;
    Ok(json!({ "replicates": replicates, "lower": lower, "upper": upper }))
}

fn cluster_bootstrap(case: &Case) -> Result<Value, Undefined> {
    assert_eq!(case.word("statistic"), "mean");
    let (clusters, resamples): (Vec<i64>, Vec<_>) =
        (read(case.input("cluster")), read(case.input("cluster_indices")));
    let replicates = cluster_bootstrap_replicates(&case.numbers("d"), &clusters, &resamples, mean)?;
    Ok(json!({ "replicates": replicates }))
}

fn two_areas(case: &Case) -> Result<Value, Undefined> {
    let positive: Vec<bool> = case.numbers("y_true").iter().map(|label| *label == 1.0).collect();
    let test = delong(&positive, &case.numbers("score_a"), &case.numbers("score_b"))?;
    let mut value = shown(test);
    value["cov"] = json!(test.covariance);
    Ok(value)
}

fn two_samples(case: &Case) -> Result<Value, Undefined> {
    let null = match case.word("method") {
        "exact" => SmirnovNull::Exact,
        "asymp" => SmirnovNull::Effective,
        other => panic!("unknown method `{other}`"),
    };
    smirnov(&case.numbers("a"), &case.numbers("b"), null).map(shown)
}

fn adjustment(case: &Case) -> Adjustment {
    match case.word("method") {
        "bonferroni" => Adjustment::Bonferroni,
        "holm" => Adjustment::Holm,
        "benjamini_hochberg" => Adjustment::BenjaminiHochberg,
        "benjamini_yekutieli" => Adjustment::BenjaminiYekutieli,
        other => panic!("unknown method `{other}`"),
    }
}

fn demand(case: &Case) -> Demand {
    Demand { alpha: case.param("alpha"), power: case.param("power"), alternative: case.alternative() }
}

fn sample_size(case: &Case) -> Result<Value, Undefined> {
    let (p0, p1) = (case.number("p0"), case.number("p1"));
    match case.word("method") {
        "arcsine" => sample_size_arcsine(p0, p1, demand(case)),
        "normal_pooled" => sample_size_pooled(p0, p1, demand(case)),
        other => panic!("unknown method `{other}`"),
    }
    .map(|n| json!({ "n_per_arm": n }))
}
