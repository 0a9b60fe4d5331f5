//! Wilson's interval, the sign test and McNemar's mid-p.

use crossfade::stats::Alternative;
use crossfade::stats::Interval;
use crossfade::stats::Undefined;
use crossfade::stats::mcnemar_mid_p;
use crossfade::stats::sign_test;
use crossfade::stats::wilson;
use serde_json::Value;
use serde_json::json;

use crate::vectors::Case;
use crate::vectors::Computed;

pub(super) fn compute(case: &Case) -> Option<Computed> {
    let value = match case.metric.as_str() {
        "mcnemar" => mcnemar_mid_p(case.count("n10"), case.count("n01")).map(|p| json!({ "p": p })),
        "proportion_ci" => proportion(case),
        "sign_test" => sign(case),
        _ => return None,
    };
    Some(value.map_or(Computed::Undefined, Computed::Value))
}

fn proportion(case: &Case) -> Result<Value, Undefined> {
    let (successes, trials) = (case.count("x"), case.count("n"));
    let Interval { lower, upper } = wilson(successes, trials - successes, case.param("confidence"))?;
    Ok(json!({ "lower": lower, "upper": upper }))
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
