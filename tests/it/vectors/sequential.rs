//! E-processes and confidence sequences.

use crossfade::stats::Alternative;
use crossfade::stats::AlwaysValidP;
use crossfade::stats::BetaBinomial;
use crossfade::stats::EventShare;
use crossfade::stats::Interval;
use crossfade::stats::SampleRatio;
use crossfade::stats::share_cs;
use serde_json::Value;
use serde_json::json;

use crate::vectors::Case;
use crate::vectors::Computed;
use crate::vectors::written;

pub(super) fn compute(case: &Case) -> Option<Computed> {
    Some(Computed::Value(match case.metric.as_str() {
        "beta_binomial_e_process" => beta_binomial(case),
        "beta_binomial_cs" => beta_binomial_cs(case),
        "event_share_e_process" => event_share(case),
        "event_share_noninferiority_e" => noninferiority(case),
        "relative_risk_cs" => relative_risk(case),
        "sequential_multinomial" => {
            sample_ratio(case, |test, counts| test.log_e_at(case.param("concentration"), counts))
        }
        "sequential_multinomial_mixture" => {
            assert_eq!(case.params["concentrations"].as_array().map(Vec::len), Some(4));
            sample_ratio(case, SampleRatio::log_e)
        }
        _ => return None,
    }))
}

fn beta_binomial(case: &Case) -> Value {
    let process =
        BetaBinomial::new(case.param("a"), case.param("b"), case.param("p0"), case.alternative()).unwrap();
    process_of(trials(case, "x").map(|(successes, failures)| process.log_e(successes, failures)))
}

fn beta_binomial_cs(case: &Case) -> Value {
    let (successes, trials) = (case.count("successes"), case.count("n"));
    let (a, b, alpha) = (case.param("a"), case.param("b"), case.param("alpha"));
    let Interval { lower, upper } = share_cs(a, b, successes, trials - successes, alpha).unwrap();
    json!({ "lower": lower, "upper": upper })
}

fn event_share(case: &Case) -> Value {
    let test = EventShare::new(case.param("rho"), 1.0).unwrap();
    let log_e = |(candidate, legacy): (u64, u64)| test.log_e(case.alternative(), candidate, legacy);
    process_of(trials(case, "event_from_candidate").map(log_e))
}

fn noninferiority(case: &Case) -> Value {
    let test = EventShare::new(case.param("rho"), case.param("relative_risk_null")).unwrap();
    let log_e = test.log_e(Alternative::Less, case.count("events_candidate"), case.count("events_legacy"));
    json!({ "p0": test.null_share(), "log_e": log_e })
}

fn relative_risk(case: &Case) -> Value {
    let test = EventShare::new(case.param("rho"), 1.0).unwrap();
    let (candidate, legacy) = (case.count("events_candidate"), case.count("events_legacy"));
    let share = test.share(candidate, legacy, case.param("alpha")).unwrap();
    let ratio = test.relative_risk(candidate, legacy, case.param("alpha")).unwrap();
    json!({
        "share_lower": share.lower, "share_upper": share.upper,
        "rr_lower": ratio.lower, "rr_upper": written(ratio.upper),
    })
}

fn sample_ratio(case: &Case, log_e: impl Fn(&SampleRatio, &[u64]) -> f64) -> Value {
    let design: Vec<f64> = serde_json::from_value(case.params["theta0"].clone()).unwrap();
    let looks: Vec<Vec<u64>> = serde_json::from_value(case.input("increments").clone()).unwrap();
    let test = SampleRatio::new(&design).unwrap();
    let mut counts = vec![0; design.len()];
    process_of(looks.iter().map(|look| {
        counts.iter_mut().zip(look).for_each(|(count, more)| *count += more);
        log_e(&test, &counts)
    }))
}

/// The running successes and failures of a sequence of zeros and ones.
fn trials<'c>(case: &'c Case, key: &str) -> impl Iterator<Item = (u64, u64)> + 'c {
    case.input(key).as_array().unwrap().iter().scan((0, 0), |counts, success| {
        if success.as_u64() == Some(1) {
            counts.0 += 1
        } else {
            counts.1 += 1
        }
        Some(*counts)
    })
}

fn process_of(log_es: impl Iterator<Item = f64>) -> Value {
    let mut p = AlwaysValidP::default();
    let (log_e, always_valid_p): (Vec<f64>, Vec<f64>) = log_es.map(|log_e| (log_e, p.look(log_e))).unzip();
    json!({ "log_e": log_e, "always_valid_p": always_valid_p })
}
