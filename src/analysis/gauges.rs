//! What is known of every experiment as Prometheus gauges, set anew each time that somebody is about to read them.
//!
//! What is undefined has no series: a dashboard then shows a gap and not a zero.

use std::sync::Mutex;
use std::sync::TryLockError;

use prometheus::GaugeVec;

use crate::analysis::Analysis;
use crate::analysis::Estimate;
use crate::analysis::ExperimentSummary;
use crate::analysis::JudgeSummary;
use crate::analysis::SpendingSummary;
use crate::analysis::verdict::State;
use crate::evaluate::agreement::Kappa;
use crate::telemetry::Metrics;

impl Analysis {
    /// Sets the gauges. While the figures are being folded or saved they stay as they were: a scrape waits for nothing.
    pub fn publish(analysis: &Mutex<Analysis>, metrics: &Metrics) {
        let summaries: Vec<ExperimentSummary> = match analysis.try_lock() {
            Ok(analysis) => analysis.summaries().collect(),
            Err(TryLockError::Poisoned(analysis)) => analysis.into_inner().summaries().collect(),
            Err(TryLockError::WouldBlock) => return,
        };
        let gauges = [
            &metrics.verdict_state,
            &metrics.effect,
            &metrics.evidence,
            &metrics.evidence_needed,
            &metrics.sample_ratio,
            &metrics.quality,
            &metrics.judge_consistency,
            &metrics.judge_kappa,
            &metrics.judge_wins,
            &metrics.unit_seconds,
            &metrics.unit_cost,
            &metrics.success_cost,
            &metrics.completed,
        ];
        gauges.into_iter().for_each(prometheus::core::MetricVec::reset);
        summaries.iter().for_each(|summary| publish(summary, metrics));
    }
}

fn publish(summary: &ExperimentSummary, metrics: &Metrics) {
    let experiment = summary.experiment.as_str();
    for verdict in &summary.verdicts {
        let candidate = verdict.candidate.as_str();
        for state in State::ALL {
            let labels = [experiment, candidate, state.as_str()];
            metrics.verdict_state.with_label_values(&labels).set(f64::from(u8::from(verdict.state == state)));
        }
        metrics.evidence_needed.with_label_values(&[experiment, candidate]).set(verdict.log_e_needed);
        let health = &verdict.health;
        for (of, log_e) in [("assigned", health.log_e_assigned), ("joined", health.log_e_joined)] {
            if let Some(log_e) = log_e {
                metrics.sample_ratio.with_label_values(&[experiment, of]).set(log_e);
            }
        }
    }
    for effect in &summary.effects {
        let (candidate, figure) = (effect.candidate.as_str(), effect.figure.as_str());
        for (bound, value) in
            [("lower", effect.lower), ("estimate", effect.estimate), ("upper", effect.upper)]
        {
            let labels = [experiment, candidate, figure, effect.scale.as_str(), bound];
            if let Some(value) = value {
                metrics.effect.with_label_values(&labels).set(value);
            }
        }
        for (direction, log_e) in [("better", effect.log_e_better), ("worse", effect.log_e_worse)] {
            if let Some(log_e) = log_e {
                metrics.evidence.with_label_values(&[experiment, candidate, figure, direction]).set(log_e);
            }
        }
    }
    for (place, judge) in summary.judges.iter().enumerate() {
        // The last is the version that judges now.
        if !summary.judges.iter().skip(place + 1).any(|later| later.judge == judge.judge) {
            publish_judge(experiment, judge, metrics);
        }
    }
    summary.spending.iter().for_each(|spending| publish_spending(experiment, spending, metrics));
    for metric in &summary.metrics {
        for call in &metric.calls {
            let labels = [experiment, call.arm.as_str(), call.role.as_str(), metric.metric.as_str()];
            if let Some(value) = call.value {
                metrics.quality.with_label_values(&labels).set(value);
            }
        }
    }
}

fn publish_spending(experiment: &str, spending: &SpendingSummary, metrics: &Metrics) {
    let arm = spending.arm.as_str();
    let set = |gauge: &GaugeVec, labels: &[&str], found: &Estimate| {
        for (bound, value) in [("lower", found.lower), ("estimate", found.value), ("upper", found.upper)] {
            if let Some(value) = value {
                gauge.with_label_values(&[&[experiment, arm], labels, &[bound]].concat()).set(value);
            }
        }
    };
    set(&metrics.unit_seconds, &[], &spending.seconds_per_unit);
    let currency = spending.currency.as_deref().unwrap_or_default();
    if let Some(cost) = &spending.cost_per_unit {
        set(&metrics.unit_cost, &[currency], cost);
    }
    for success in &spending.successes {
        let outcome = success.outcome.as_str();
        set(&metrics.completed, &[outcome], &success.completed);
        if let Some(cost) = &success.cost {
            set(&metrics.success_cost, &[outcome, currency], cost);
        }
    }
}

fn publish_judge(experiment: &str, summary: &JudgeSummary, metrics: &Metrics) {
    let judge = summary.judge.as_str();
    if let Some(share) = summary.consistency {
        metrics.judge_consistency.with_label_values(&[experiment, judge]).set(share);
    }
    let Some(accord) = &summary.accord else { return };
    if let Some(Kappa { kappa, lower, upper }) = accord.kappa {
        for (bound, value) in [("lower", lower), ("estimate", kappa), ("upper", upper)] {
            metrics.judge_kappa.with_label_values(&[experiment, judge, bound]).set(value);
        }
    }
    for found in &accord.candidates {
        let rates = [
            ("judge", Some(found.judge_rate)),
            ("people", Some(found.people_rate)),
            ("corrected", found.corrected),
            ("corrected_lower", found.lower),
            ("corrected_upper", found.upper),
        ];
        for (by, rate) in rates {
            let Some(rate) = rate else { continue };
            metrics
                .judge_wins
                .with_label_values(&[experiment, judge, found.candidate.as_str(), by])
                .set(rate);
        }
    }
}
