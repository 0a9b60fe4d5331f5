//! What must hold over many runs: how often a true null is refuted, however often one looks, and a false one found.
//!
//! Each case is simulated as its `inputs` say, with fixed seeds, through the library's public functions. A run ends at
//! the first look at which the evidence suffices; the share of runs that end is held against the case's bounds.

mod draws;
mod runs;

use crossfade::stats::Alternative;
use crossfade::stats::AsymptoticCs;
use crossfade::stats::BetaBinomial;
use crossfade::stats::BettingProcess;
use crossfade::stats::BettingSettings;
use crossfade::stats::Bucket;
use crossfade::stats::EmpiricalBernstein;
use crossfade::stats::EventShare;
use crossfade::stats::Moments;
use crossfade::stats::QuantileRanks;
use crossfade::stats::SampleRatio;
use crossfade::stats::Tuning;
use crossfade::stats::Votes;
use crossfade::stats::quantile_ranks;
use crossfade::stats::suffices;
use serde_json::Value;

use crate::vectors::Case;
use crate::vectors::Computed;
use crate::vectors::number;
use crate::vectors::properties::draws::Dice;
use crate::vectors::properties::draws::Distribution;
use crate::vectors::properties::draws::Events;
use crate::vectors::properties::draws::beta;
use crate::vectors::properties::draws::happens;
use crate::vectors::properties::runs::Runs;

pub(super) fn compute(case: &Case) -> Option<Computed> {
    Some(Computed::Checked(simulate(case)?.hold(case)))
}

/// Carries out a case's runs; `None`: its metric is not known.
pub(super) fn simulate(case: &Case) -> Option<Runs> {
    Some(match case.metric.as_str() {
        "type1_beta_binomial_e_process" => coin(case),
        "type1_event_share_e_process" => event_share(case),
        "type1_empirical_bernstein_cs" => empirical_bernstein(case),
        "type1_betting" => betting(case),
        "type1_quantile_cs" => quantile(case),
        "type1_asympcs_two_sample_with_warmup" => asymptotic(case),
        "srm_sequential_multinomial_mixture" => sample_ratio(case),
        "canary_event_share" => canary(case),
        "verdict_false_alarm" => verdict(case),
        "verdict_ramp_no_simpson" => ramp(case),
        "interleave_user_heterogeneity" => users(case),
        _ => return None,
    })
}

fn coin(case: &Case) -> Runs {
    assert_eq!(case.input("look"), "every_observation");
    let (alpha, p) = (case.number("alpha"), number(&case.input("null")["p"]).unwrap());
    let process = BetaBinomial::new(case.number("a"), case.number("b"), p, Alternative::TwoSided).unwrap();
    Runs::of(case, "observations", |dice| {
        let mut successes = 0;
        (1..=case.count("n")).find(|seen| {
            successes += u64::from(happens(dice, p));
            suffices(process.log_e(successes, seen - successes), alpha)
        })
    })
}

fn event_share(case: &Case) -> Runs {
    let (alpha, share) = (case.number("alpha"), case.number("rho"));
    let strength = case.number("a") + case.number("b");
    let test = EventShare::new(share, 1.0).unwrap().with_prior_strength(strength).unwrap();
    Runs::of(case, "events", |dice| {
        let mut candidate = 0;
        (1..=case.count("events")).find(|events| {
            candidate += u64::from(happens(dice, share));
            suffices(test.log_e(Alternative::Greater, candidate, events - candidate), alpha)
        })
    })
}

fn empirical_bernstein(case: &Case) -> Runs {
    let null = Distribution::of(case.input("null"));
    Runs::of(case, "observations", |dice| {
        let mut state = EmpiricalBernstein::new(0.0, 1.0, case.number("alpha"), 0.5).unwrap();
        (1..=case.count("n")).find(|_| {
            state.add(null.draw(dice)).unwrap();
            let interval = state.interval().unwrap();
            null.mean() < interval.lower || null.mean() > interval.upper
        })
    })
}

fn betting(case: &Case) -> Runs {
    let (alpha, null) = (case.number("alpha"), Distribution::of(case.input("null")));
    Runs::of(case, "observations", |dice| {
        let mut process = BettingProcess::new(null.mean(), BettingSettings::at(alpha)).unwrap();
        (1..=case.count("n")).find(|_| {
            process.add(null.draw(dice)).unwrap();
            suffices(process.log_e(), alpha)
        })
    })
}

/// The ranks depend on the number of observations only; where the quantile lies among them, on how many are below it and
/// how many equal to it.
fn quantile(case: &Case) -> Runs {
    let (p, alpha, strength) = (case.number("p"), case.number("alpha"), case.number("c"));
    let null = Distribution::of(case.input("null"));
    let truth = null.quantile(p);
    let ranks: Vec<_> =
        (1..=case.count("n")).map(|n| quantile_ranks(p, n, alpha, strength).unwrap()).collect();
    Runs::of(case, "observations", |dice| {
        let mut buckets = [(0.0, truth.next_down()), (truth, truth), (truth.next_up(), 1.0)]
            .map(|(lowest, highest)| Bucket { lowest, highest, count: 0 });
        let missed = |ranks: &QuantileRanks| {
            let x = null.draw(dice);
            buckets[if x < truth { 0 } else { 1 + usize::from(x > truth) }].count += 1;
            let interval = ranks.in_buckets(buckets);
            truth < interval.lower || truth > interval.upper
        };
        ranks.iter().position(missed).map(|before| before as u64 + 1)
    })
}

fn asymptotic(case: &Case) -> Runs {
    let (alpha, share, p) = (case.number("alpha"), case.number("candidate_share"), case.number("p"));
    let cs = AsymptoticCs::new(alpha, case.number("t_opt"), Tuning::Exact).unwrap();
    let warmup = case.input("warmup").as_str().unwrap();
    let least: u64 = warmup.split(' ').find_map(|word| word.parse().ok()).unwrap();
    assert_eq!(warmup, format!("at least {least} events in each arm"));
    Runs::of(case, "units", |dice| {
        let (mut arms, mut events) = ([Moments::default(); 2], [0; 2]);
        (1..=case.count("n")).find(|_| {
            let arm = usize::from(happens(dice, share));
            let event = happens(dice, p);
            events[arm] += u64::from(event);
            arms[arm].add(f64::from(u8::from(event))).unwrap();
            events.iter().all(|events| *events >= least) && {
                let interval = cs.difference(&arms[0], &arms[1]).unwrap().interval;
                interval.lower > 0.0 || interval.upper < 0.0
            }
        })
    })
}

fn sample_ratio(case: &Case) -> Runs {
    let (alpha, share) = (case.number("alpha"), case.number("actual_share_arm0"));
    let (requests, pace) = (case.count("requests"), case.count("look_every"));
    assert_eq!(
        case.numbers("concentrations"),
        [10.0, 100.0, 1_000.0, 10_000.0],
        "what the library averages over"
    );
    let test = SampleRatio::new(&case.numbers("theta0")).unwrap();
    Runs::of(case, "requests", |dice| {
        let mut counts = [0, 0];
        (1..=requests).find(|request| {
            counts[usize::from(!happens(dice, share))] += 1;
            request % pace == 0 && suffices(test.log_e(&counts), alpha)
        })
    })
}

fn canary(case: &Case) -> Runs {
    let (alpha, share) = (case.number("alpha"), case.number("canary_share"));
    let rates = [case.number("legacy_error_rate"), case.number("candidate_error_rate")];
    let test = EventShare::new(share, 1.0).unwrap();
    let (requests, pace) = (case.count("requests"), case.count("look_every"));
    Runs::of(case, "requests", |dice| {
        look_at_events(dice, Events::new(share, rates), requests, pace, |[legacy, candidate]| {
            suffices(test.log_e(Alternative::Greater, candidate, legacy), alpha)
        })
    })
}

/// The product's own test of a binary outcome: it must neither roll back nor promote.
fn verdict(case: &Case) -> Runs {
    assert!(case.input("scenario").as_str().unwrap().ends_with("looks every 100 requests"));
    let (alpha, share, rate) = (case.number("alpha"), case.number("canary_share"), case.number("rate"));
    let test = EventShare::new(share, 1.0).unwrap();
    Runs::of(case, "requests", |dice| {
        let events = Events::new(share, [rate, rate]);
        look_at_events(dice, events, case.count("requests"), 100, |[legacy, candidate]| {
            [Alternative::Greater, Alternative::Less]
                .iter()
                .any(|side| suffices(test.log_e(*side, candidate, legacy), alpha))
        })
    })
}

/// Looks every so many requests, where there were events since the last look, and gives the request at which it sufficed.
fn look_at_events(
    dice: &mut Dice,
    mut events: Events,
    requests: u64,
    pace: u64,
    suffices: impl Fn([u64; 2]) -> bool,
) -> Option<u64> {
    let mut counts = [0, 0];
    let mut at = events.next(dice);
    for look in (1..=requests / pace).map(|look| look * pace) {
        let before = counts;
        while at.request <= look {
            counts[at.arm] += 1;
            at = events.next(dice);
        }
        if counts != before && suffices(counts) {
            return Some(look);
        }
    }
    None
}

/// Both arms fail alike, and more often in later stages; looks follow every event. Evidence of stages adds up.
fn ramp(case: &Case) -> Runs {
    let alpha = case.number("alpha");
    let stages: Vec<(f64, u64, f64)> = case.input("stages").as_array().unwrap().iter().map(stage).collect();
    Runs::of(case, "requests", |dice| {
        let (mut log_e, mut begun) = (0.0, 0);
        for &(share, requests, rate) in &stages {
            let test = EventShare::new(share, 1.0).unwrap();
            let mut events = Events::new(share, [rate, rate]);
            let (mut counts, mut of_stage) = ([0, 0], 0.0);
            loop {
                let event = events.next(dice);
                if event.request > requests {
                    break;
                }
                counts[event.arm] += 1;
                of_stage = test.log_e(Alternative::Greater, counts[1], counts[0]);
                if suffices(log_e + of_stage, alpha) {
                    return Some(begun + event.request);
                }
            }
            log_e += of_stage;
            begun += requests;
        }
        None
    })
}

fn stage(stage: &Value) -> (f64, u64, f64) {
    let figure = |key: &str| number(&stage[key]).unwrap();
    (figure("candidate_share"), stage["requests"].as_u64().unwrap(), figure("rate_both_arms"))
}

/// Users differ in what they prefer, and on average do not. Neither what decides nor what is displayed may see more.
fn users(case: &Case) -> Runs {
    let (alpha, each) = (case.number("alpha"), case.count("decided_impressions_per_user") as i64);
    let preference = case.input("user_preference");
    assert_eq!(preference["dist"], "beta");
    let [a, b] = ["a", "b"].map(|key| number(&preference[key]).unwrap());
    let users = case.count("users");
    Runs::of(case, "users", |dice| {
        let votes = Votes::of_users((0..users).map(|_| {
            let preference = beta(dice, a, b);
            let wins = (0..each).filter(|_| happens(dice, preference)).count() as i64;
            2 * wins - each
        }));
        let displayed = votes.summary(0.95).unwrap().sign_test_p <= alpha;
        (displayed || suffices(votes.log_e(Alternative::TwoSided), alpha)).then_some(users)
    })
}
