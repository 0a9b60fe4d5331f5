use rand::RngExt;
use rand::SeedableRng;
use rand::rngs::StdRng;
use serde_json::json;

use crate::analysis::MetricDifference;
use crate::analysis::MetricSummary;
use crate::analysis::bootstrap::detail;
use crate::analysis::quality::Finding;
use crate::analysis::quality::Quality;
use crate::evaluate::measure::Example;
use crate::evaluate::measure::Kind;
use crate::evaluate::measure::Measure;
use crate::stats::Interval;
use crate::vocab::MetricName;
use crate::vocab::ModelName;
use crate::vocab::RequestId;
use crate::vocab::Role;

/// Two models on the same requests; of the candidate's scores this share is noise.
fn measured(kind: Kind, requests: u32, noise: f64) -> MetricSummary {
    let arms = ["old", "new"].map(|name| ModelName::new(name).unwrap());
    let mut quality = Quality::of(Measure::of(kind));
    let mut dice = StdRng::seed_from_u64(7);
    for number in 0..requests {
        let id = json!(format!("01890000-0000-7000-8000-{number:012x}"));
        let request: RequestId = serde_json::from_value(id).unwrap();
        let positive = dice.random_bool(0.4);
        let score = 0.3 * f64::from(positive) + 0.7 * dice.random::<f64>();
        let noisy = (1.0 - noise) * score + noise * dice.random::<f64>();
        for (arm, role, score) in [(0, Role::Answer, score), (1, Role::Shadow, noisy)] {
            quality.add(arm, role, request, Finding::Example(Example::Scored { score, positive }));
        }
    }
    let mut summary = MetricSummary::of(&MetricName::new("m").unwrap(), &quality, &arms);
    detail(&mut summary, &quality, &arms);
    summary
}

fn difference(summary: &MetricSummary) -> &MetricDifference {
    let [difference] = summary.differences.as_slice() else { panic!("{:?}", summary.differences) };
    assert_eq!((difference.arm.as_str(), difference.role), ("new", Role::Shadow));
    difference
}

fn width(interval: Interval) -> f64 {
    interval.upper - interval.lower
}

#[test]
fn an_interval_covers_the_value_and_tells_a_worse_model() {
    let summary = measured(Kind::RocAuc, 300, 0.8);
    for call in &summary.calls {
        let (value, interval) = (call.value.unwrap(), call.interval.unwrap());
        assert!(interval.lower < value && value < interval.upper, "{value} {interval:?}");
        assert!(width(interval) < 0.2, "{interval:?}");
    }
    let difference = difference(&summary);
    let (value, interval) = (difference.value.unwrap(), difference.interval.unwrap());
    assert!(interval.lower < value && value < interval.upper && interval.upper < 0.0, "{value} {interval:?}");
    assert_eq!(difference.requests, 300);
}

#[test]
fn what_makes_requests_differ_falls_out_of_the_difference() {
    let same = measured(Kind::RocAuc, 100, 0.0);
    assert_eq!(difference(&same).interval, Some(Interval { lower: 0.0, upper: 0.0 }));
    let alike = measured(Kind::AveragePrecision, 200, 0.1);
    let own = width(alike.calls[1].interval.unwrap());
    assert!(width(difference(&alike).interval.unwrap()) < own / 2.0, "{alike:?}");
}

#[test]
fn few_requests_have_no_interval_and_say_so() {
    let few = measured(Kind::RocAuc, 19, 0.5);
    assert!(few.calls.iter().all(|call| call.value.is_some() && call.interval.is_none()));
    assert_eq!(difference(&few).undefined, Some("there are fewer than 20 requests"));
}

#[test]
fn a_metric_that_is_a_mean_has_bounds_at_any_time_instead() {
    let mean = measured(Kind::Brier, 50, 0.5);
    assert!(mean.differences.is_empty() && mean.calls.iter().all(|call| call.interval.is_none()));
    let answers: u64 = mean.calls[0].calibration.iter().map(|bin| bin.n).sum();
    assert_eq!(answers, 50, "its calibration is told all the same");
}
