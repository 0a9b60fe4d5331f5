//! Metrics and what an experiment is decided by: what becomes of the words of the policy.

use std::collections::HashSet;

use crossfade::evaluate::measure::Average;
use crossfade::evaluate::measure::Better;
use crossfade::evaluate::measure::Kind;
use crossfade::evaluate::measure::Measure;
use crossfade::policy::Decision;
use crossfade::policy::Guardrail;
use crossfade::policy::Metric;
use crossfade::policy::OnBreach;
use crossfade::policy::Primary;
use crossfade::policy::Source;
use crossfade::policy::Watched;
use crossfade::vocab::MetricName;
use crossfade::vocab::OutcomeName;

use crate::config::good::with_experiment;

#[test]
fn a_metric_is_what_its_name_or_its_kind_says_over_the_values_that_it_names() {
    let config = with_experiment(
        "    candidate: a
    strategy: {shadow: {}}
    outcomes: {digit: {type: label}, list: {type: json}, click: {type: click}}
    metrics:
      rouge_l: {prediction: $.text, truth: {request: $.reference}}
      weighted_f1: {prediction: $.label, truth: digit, labels: [0, 1.0, '1.0', yes, true]}
      likely: {kind: log_loss, score: '$.scores[*]', truth: {outcome: digit}, labels: [a, b], positive: b}
      fbeta: {prediction: {answer: $.label}, truth: digit, average: binary, beta: 0.5}
      ndcg: {prediction: {request: $.list}, truth: click, k: 10}
      found: {kind: context_recall, context: {outcome: list}, truth: digit}
      adjusted_r2: {prediction: $.y, truth: digit, features: 3}
",
    );
    let answer = |path: &str| Some(Source::Answer(path.parse().unwrap()));
    let request = |path: &str| Some(Source::Request(path.parse().unwrap()));
    let outcome = |name: &str| Some(Source::Outcome(OutcomeName::new(name).unwrap()));
    let metric = |name: &str, measure: Measure, prediction, truth| Metric {
        name: MetricName::new(name).unwrap(),
        measure,
        prediction,
        score: None,
        truth,
        context: None,
        judge: None,
    };
    let labels = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
    let measure = Measure::of;
    let weighted = Measure {
        average: Some(Average::Weighted),
        labels: labels(&["0", "1", "1.0", "yes", "true"]),
        ..measure(Kind::F1)
    };
    let likely =
        Measure { labels: labels(&["a", "b"]), positive: Some("b".to_owned()), ..measure(Kind::LogLoss) };
    let fbeta = Measure { average: Some(Average::Binary), beta: Some(0.5), ..measure(Kind::Fbeta) };
    let expected = vec![
        metric("rouge_l", measure(Kind::RougeL), answer("$.text"), request("$.reference")),
        metric("weighted_f1", weighted, answer("$.label"), outcome("digit")),
        Metric { score: answer("$.scores[*]"), ..metric("likely", likely, None, outcome("digit")) },
        metric("fbeta", fbeta, answer("$.label"), outcome("digit")),
        metric("ndcg", Measure { k: Some(10), ..measure(Kind::Ndcg) }, request("$.list"), outcome("click")),
        Metric {
            context: outcome("list"),
            ..metric("found", measure(Kind::ContextRecall), None, outcome("digit"))
        },
        metric(
            "adjusted_r2",
            Measure { features: Some(3), ..measure(Kind::AdjustedR2) },
            answer("$.y"),
            outcome("digit"),
        ),
    ];
    assert_eq!(config.policy.experiments[0].metrics, expected);
}

const DECIDED: &str = "    candidate: a
    unit: [{header: x-user}]
    outcomes: {up: {type: binary}, stars: {type: number}, click: {type: click}}
    metrics: {right: {kind: accuracy, prediction: $.a, truth: up}, mae: {prediction: $.a, truth: stars}}
";

fn decision(strategy: &str) -> Decision {
    let config = with_experiment(&format!("{DECIDED}    strategy: {{{strategy}}}\n"));
    config.policy.experiments[0].decision.clone()
}

#[test]
fn without_a_word_the_error_rate_alone_is_watched() {
    let guardrail = Guardrail { watch: Watched::ErrorRate, max_ratio: None, on_breach: OnBreach::Rollback };
    let expected = Decision { guardrails: vec![guardrail], ..Decision::default() };
    let strategies = [
        "shadow: {}",
        "canary: {steps: [{weight: 1%}]}",
        "ab: {arms: {b: 50%, a: 50%}}",
        "interleave: {items: '$[*]', id: $, credit: click}",
    ];
    for strategy in strategies {
        assert_eq!(decision(strategy), expected, "{strategy}");
    }
    assert_eq!(decision("shadow: {guardrails: []}").guardrails, []);
}

#[test]
fn an_experiment_is_decided_by_what_the_policy_names() {
    let metric = |name: &str| Watched::Metric(MetricName::new(name).unwrap());
    let outcome = |name: &str| Watched::Outcome(OutcomeName::new(name).unwrap());
    let guardrail = |watch, max_ratio, on_breach| Guardrail { watch, max_ratio, on_breach };
    let found = decision(
        "canary: {steps: [{weight: 1%}], guardrails: [{metric: error_rate, max_ratio: 1.5}, {metric: latency_p95, \
         on_breach: hold}, {metric: latency_p99}, {metric: right, max_ratio: 1}, {metric: mae}, {outcome: up}, \
         {outcome: stars, on_breach: hold}], primary_metric: {metric: mae, margin: 0.5, min_effect: 0.1}, alpha: 0.1, \
         guardrail_alpha: 1e-3, min_duration: 1h30m, stop_after: 14d}",
    );
    let expected = Decision {
        guardrails: vec![
            guardrail(Watched::ErrorRate, Some(1.5), OnBreach::Rollback),
            guardrail(Watched::LatencyP95, None, OnBreach::Hold),
            guardrail(Watched::LatencyP99, None, OnBreach::Rollback),
            guardrail(metric("right"), Some(1.0), OnBreach::Rollback),
            guardrail(metric("mae"), None, OnBreach::Hold),
            guardrail(outcome("up"), None, OnBreach::Rollback),
            guardrail(outcome("stars"), None, OnBreach::Hold),
        ],
        primary: Some(Primary { of: metric("mae"), better: Better::Lower, margin: 0.5 }),
        alpha: 0.1,
        guardrail_alpha: 0.001,
        min_seconds: 5400.0,
        stop_after_seconds: Some(14.0 * 86_400.0),
    };
    assert_eq!(found, expected);
    let cases = [
        ("{metric: error_rate}", Watched::ErrorRate, Better::Lower),
        ("{metric: right}", metric("right"), Better::Higher),
        ("{outcome: stars}", outcome("stars"), Better::Higher),
        ("{outcome: stars, better: lower}", outcome("stars"), Better::Lower),
    ];
    for (text, of, better) in cases {
        let primary = decision(&format!("shadow: {{primary_metric: {text}}}")).primary;
        assert_eq!(primary, Some(Primary { of, better, margin: 0.0 }), "{text}");
    }
}

#[test]
fn evidence_begins_anew_when_what_it_is_weighed_for_changes() {
    let of = |text: &str| with_experiment(text).policy.experiments[0].identity.clone();
    let identity = |keys: &str| of(&format!("{DECIDED}    strategy: {{shadow: {{{keys}}}}}\n"));
    let usual = identity("");
    for same in ["guardrails: [{metric: error_rate}]", "min_duration: 1h, stop_after: 30d", "alpha: 0.05"] {
        assert_eq!(identity(same), usual, "{same}");
    }
    let others = [
        "guardrails: []",
        "guardrails: [{metric: error_rate, max_ratio: 2}]",
        "guardrails: [{metric: error_rate, on_breach: hold}]",
        "primary_metric: {metric: right}",
        "primary_metric: {metric: right, margin: 0.1}",
        "alpha: 0.01",
        "guardrail_alpha: 0.05",
    ];
    let found: HashSet<String> = others.iter().map(|keys| identity(keys)).chain([usual]).collect();
    assert_eq!(found.len(), others.len() + 1, "{found:#?}");
    let measured = |path: &str, keys: &str| {
        of(&format!("{DECIDED}    strategy: {{shadow: {{{keys}}}}}\n")
            .replace("prediction: $.a, truth: up", path))
    };
    let other = "prediction: $.b, truth: up";
    assert_ne!(
        measured(other, "primary_metric: {metric: right}"),
        identity("primary_metric: {metric: right}")
    );
    assert_eq!(measured(other, ""), identity(""), "nothing is decided by it");
}
