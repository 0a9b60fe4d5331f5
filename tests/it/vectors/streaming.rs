//! What is computed in one pass, and merged.

use crossfade::stats::Covariance;
use crossfade::stats::DecayingMean;
use crossfade::stats::Moments;
use crossfade::stats::QuantileSketch;
use crossfade::stats::Undefined;
use crossfade::stats::histogram_quantile;
use crossfade::stats::inverted_cdf;
use crossfade::stats::linear_quantile;
use serde_json::Value;
use serde_json::json;

use crate::vectors::Case;
use crate::vectors::Computed;
use crate::vectors::number;

pub(super) fn compute(case: &Case) -> Option<Computed> {
    let value = match case.metric.as_str() {
        "streaming_mean_variance" => Moments::of(&case.numbers("x")).and_then(|it| shown(&it)),
        "merge_mean_variance" => merged(case),
        "streaming_covariance" => Covariance::of(&case.numbers("x"), &case.numbers("y"))
            .and_then(|joint| joint.covariance().map(|covariance| json!(covariance))),
        "quantile_exact" => quantile(case),
        "quantile_sketch_relative_error" => return Some(Computed::Checked(sketch(case))),
        "prometheus_histogram_quantile" => {
            let (bounds, counts) = (case.numbers("upper_bounds"), case.numbers("cumulative_counts"));
            histogram_quantile(&bounds, &counts, case.param("q")).map(|value| json!(value))
        }
        "ewma_time" => fading(case),
        _ => return None,
    };
    Some(Computed::of(value))
}

fn shown(moments: &Moments) -> Result<Value, Undefined> {
    let variance = match moments.variance() {
        Ok(variance) => json!(variance),
        Err(reason) => json!({ "undefined": reason.to_string() }),
    };
    Ok(json!({ "n": moments.n(), "mean": moments.mean()?, "variance": variance }))
}

fn merged(case: &Case) -> Result<Value, Undefined> {
    let mut moments = Moments::of(&case.numbers("a"))?;
    moments.merge(&Moments::of(&case.numbers("b"))?);
    shown(&moments)
}

fn quantile(case: &Case) -> Result<Value, Undefined> {
    let (values, share) = (case.numbers("x"), case.param("q"));
    Ok(json!({
        "linear": linear_quantile(&values, share)?,
        "inverted_cdf": inverted_cdf(&values, share)?,
    }))
}

fn sketch(case: &Case) -> Result<(), String> {
    let mut sketch = QuantileSketch::new(case.param("alpha")).unwrap();
    case.numbers("x").iter().for_each(|value| sketch.add(*value).unwrap());
    let most = number(&case.expected["max_relative_error"]).unwrap();
    let exact = case.expected["exact_inverted_cdf"].as_array().unwrap();
    for (share, exact) in case.numbers("q").iter().zip(exact) {
        let (found, exact) = (sketch.quantile(*share).unwrap(), number(exact).unwrap());
        if (found - exact).abs() > most * exact.abs() + case.tolerance.abs {
            return Err(format!("the quantile of {share} is {found}, expected {exact}"));
        }
    }
    Ok(())
}

fn fading(case: &Case) -> Result<Value, Undefined> {
    let (times, values) = (case.numbers("t"), case.numbers("x"));
    assert_eq!(times.len(), values.len());
    let mut mean = DecayingMean::new(case.param("tau"))?;
    let means = times.iter().zip(&values).map(|(time, value)| mean.add(*time, *value));
    Ok(json!(means.collect::<Result<Vec<_>, _>>()?))
}
