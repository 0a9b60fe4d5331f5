//! Agreement of raters, distributions and vectors; judges.

use crossfade::evaluate::NoValue;
use crossfade::evaluate::agreement::Choice;
use crossfade::evaluate::agreement::DiffyNoise;
use crossfade::evaluate::agreement::DiffyRule;
use crossfade::evaluate::agreement::Lambda;
use crossfade::evaluate::agreement::agreement_rate;
use crossfade::evaluate::agreement::bradley_terry;
use crossfade::evaluate::agreement::chi2_homogeneity;
use crossfade::evaluate::agreement::cohen_kappa;
use crossfade::evaluate::agreement::cosine_similarity;
use crossfade::evaluate::agreement::diffy_noise;
use crossfade::evaluate::agreement::fleiss_kappa;
use crossfade::evaluate::agreement::js_divergence;
use crossfade::evaluate::agreement::judge_position_swap;
use crossfade::evaluate::agreement::krippendorff_alpha;
use crossfade::evaluate::agreement::ppi_mean;
use crossfade::evaluate::agreement::psi;
use crossfade::evaluate::agreement::rogan_gladen;
use crossfade::evaluate::agreement::total_variation;
use crossfade::stats::Votes;
use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_json::json;

use crate::vectors::Case;
use crate::vectors::Computed;
use crate::vectors::number;

pub(super) fn compute(case: &Case) -> Option<Computed> {
    Some(match case.metric.as_str() {
        "cohen_kappa" | "agreement_rate" => {
            let texts = |key: &str| case.input(key).as_array().unwrap().iter().any(Value::is_string);
            if texts("a") || texts("b") { labels::<String>(case) } else { labels::<i64>(case) }
        }
        "fleiss_kappa" => {
            let counts = read::<Vec<Vec<u64>>>(case.input("counts"));
            Computed::metric(counts.and_then(|counts| fleiss_kappa(&counts)))
        }
        "krippendorff_alpha" => Computed::metric(alpha(case)),
        "psi" => counts(case, ["expected_counts", "actual_counts"], |e, a| psi(e, a, case.param("floor"))),
        "js_divergence" => counts(case, ["p_counts", "q_counts"], js_divergence),
        "total_variation" => counts(case, ["p_counts", "q_counts"], total_variation),
        "chi2_homogeneity" => counts(case, ["p_counts", "q_counts"], chi2_homogeneity),
        "cosine_similarity" => Computed::metric(cosine_similarity(
            &case.given_numbers("a").unwrap(),
            &case.given_numbers("b").unwrap(),
        )),
        "diffy_noise" => Computed::metric(diffy(case)),
        "judge_position_swap" => {
            let choices = |key: &str| read::<Vec<Choice>>(case.input(key));
            let both = choices("order1").and_then(|one| Ok((one, choices("order2")?)));
            Computed::metric(both.and_then(|(one, other)| judge_position_swap(&one, &other)))
        }
        "win_rate_ci" => return win_rate(case),
        "rogan_gladen" => {
            let rate = |key: &str| number(case.input(key)).unwrap();
            Computed::metric(rogan_gladen(rate("observed_rate"), rate("sensitivity"), rate("specificity")))
        }
        "ppi_mean" => Computed::metric(ppi_mean(
            &case.given_numbers("labels").unwrap(),
            &case.given_numbers("judge_on_labelled").unwrap(),
            &case.given_numbers("judge_on_unlabelled").unwrap(),
            case.params.get("lambda").and_then(number).map_or(Lambda::Tuned, Lambda::Fixed),
            case.param("confidence"),
        )),
        "bradley_terry" => {
            let wins = rows(case.input("wins"));
            Computed::metric(bradley_terry(&wins).map(|logs| json!({ "log_strength": logs })))
        }
        _ => return None,
    })
}

fn labels<L: Ord + DeserializeOwned>(case: &Case) -> Computed {
    let labels = |key: &str| read::<Vec<L>>(case.input(key));
    let both = labels("a").and_then(|a| Ok((a, labels("b")?)));
    Computed::metric(both.and_then(|(a, b)| match case.metric.as_str() {
        "agreement_rate" => agreement_rate(&a, &b),
        _ => cohen_kappa(&a, &b, read(&case.params["weights"])?),
    }))
}

fn alpha(case: &Case) -> Result<f64, NoValue> {
    let present = |rating: f64| Some(rating).filter(|rating| !rating.is_nan());
    let ratings: Vec<Vec<Option<f64>>> =
        rows(case.input("ratings")).into_iter().map(|row| row.into_iter().map(present).collect()).collect();
    krippendorff_alpha(&ratings, read(&case.params["level"])?)
}

fn counts<V: serde::Serialize>(
    case: &Case,
    [one, other]: [&str; 2],
    measure: impl Fn(&[u64], &[u64]) -> Result<V, NoValue>,
) -> Computed {
    let counts = |key: &str| read::<Vec<u64>>(case.input(key));
    let both = counts(one).and_then(|one| Ok((one, counts(other)?)));
    Computed::metric(both.and_then(|(one, other)| measure(&one, &other)))
}

fn diffy(case: &Case) -> Result<DiffyNoise, NoValue> {
    let count = |key: &str| read::<u64>(case.input(key));
    let rule = DiffyRule {
        relative_percent: case.param("relative_threshold"),
        absolute_percent: case.param("absolute_threshold"),
    };
    diffy_noise(count("raw_differences")?, count("noise_differences")?, count("total")?, rule)
}

fn win_rate(case: &Case) -> Option<Computed> {
    if case.params["ties"] != "drop" {
        return None;
    }
    let votes = Votes { wins: case.count("wins"), losses: case.count("losses"), ties: case.count("ties") };
    Some(match votes.summary(case.param("confidence")) {
        Ok(votes) => Computed::Value(json!({
            "win_rate": votes.preference,
            "lower": votes.interval.lower,
            "upper": votes.interval.upper,
        })),
        Err(_) => Computed::Undefined,
    })
}

/// Rows of numbers; what is null is NaN.
fn rows(table: &Value) -> Vec<Vec<f64>> {
    let row =
        |row: &Value| row.as_array().unwrap().iter().map(|value| number(value).unwrap_or(f64::NAN)).collect();
    table.as_array().unwrap().iter().map(row).collect()
}

/// Input of a kind that the function does not take is refused.
fn read<T: DeserializeOwned>(value: &Value) -> Result<T, NoValue> {
    serde_json::from_value(value.clone()).map_err(|_| NoValue::Invalid("input of another kind"))
}
