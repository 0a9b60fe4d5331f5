//! Mixed lists, their credit, and votes.
//!
//! Distributions are sampled with a seeded generator and held against the exact ones, as the vectors' README says.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use crossfade::stats::Votes;
use crossfade::strategy::interleave::Credit;
use crossfade::strategy::interleave::Mixed;
use crossfade::strategy::interleave::Mixing;
use crossfade::strategy::interleave::Odds;
use crossfade::strategy::interleave::Preference;
use crossfade::strategy::interleave::Score;
use crossfade::strategy::interleave::Tau;
use crossfade::strategy::interleave::allowed_lists;
use crossfade::strategy::interleave::mix;
use crossfade::strategy::interleave::odds;
use crossfade::strategy::interleave::pairwise_list;
use crossfade::strategy::interleave::score;
use crossfade::vocab::ArmId;
use rand::SeedableRng;
use rand::rngs::StdRng;
use serde::Deserialize;
use serde_json::Value;
use serde_json::json;
use statrs::distribution::ChiSquared;
use statrs::distribution::ContinuousCDF;

use crate::vectors::Case;
use crate::vectors::Computed;
use crate::vectors::number;

const CREDIT_DRAWS: usize = 10_000;

#[derive(Deserialize)]
struct Outcome {
    list: Vec<String>,
    #[serde(default)]
    teams: Option<Vec<Option<u8>>>,
    p: f64,
}

pub(super) fn compute(case: &Case) -> Option<Computed> {
    Some(match case.metric.as_str() {
        "interleave_distribution" => Computed::Checked(distribution(case)),
        "interleave_expected_credit" => Computed::Checked(expected_credit(case)),
        "interleave_credit" => credit(case),
        "interleave_summary" => summary(case),
        "interleave_per_user" => per_user(case),
        "optimized_allowed_lists" => {
            let allowed = allowed_lists(&lists(case, "rankings"), case.count("k") as usize);
            Computed::Value(json!({ "lists": allowed }))
        }
        _ => return None,
    })
}

fn distribution(case: &Case) -> Result<(), String> {
    let outcomes: Vec<Outcome> = serde_json::from_value(case.expected["outcomes"].clone()).unwrap();
    let names_teams = outcomes[0].teams.is_some();
    let mut seen: BTreeMap<_, (f64, u64)> =
        outcomes.into_iter().map(|outcome| ((outcome.list, outcome.teams), (outcome.p, 0))).collect();
    for drawn in drawn_lists(case, names_teams) {
        seen.get_mut(&drawn).ok_or_else(|| format!("drew {drawn:?}, which cannot happen"))?.1 += 1;
    }
    let p = chi_square(&seen.into_values().collect::<Vec<_>>());
    if p > 1e-6 { Ok(()) } else { Err(format!("the outcomes have other shares: p = {p}")) }
}

/// A drawn list, and the teams where the case names them.
type Drawn = (Vec<String>, Option<Vec<Option<u8>>>);

fn drawn_lists(case: &Case, names_teams: bool) -> Box<dyn Iterator<Item = Drawn> + '_> {
    const DRAWS: usize = 50_000;
    if case.params["method"] == "pairwise_preference" {
        let (lists, depth) = (lists(case, "rankings"), case.count("k") as usize);
        let mut rng = StdRng::seed_from_u64(7);
        return Box::new((0..DRAWS).map(move |_| (pairwise_list(&lists, depth, &mut rng), None)));
    }
    Box::new(draws(case, DRAWS).map(move |Mixed { items, .. }| {
        let teams = names_teams.then(|| items.iter().map(|item| item.team.map(|arm| arm.0)).collect());
        (items.into_iter().map(|item| item.id).collect(), teams)
    }))
}

/// The p-value of counts against probabilities; outcomes expected less than 5 times count as one.
fn chi_square(outcomes: &[(f64, u64)]) -> f64 {
    let draws = outcomes.iter().map(|(_, count)| *count as f64).sum::<f64>();
    let (usual, rare): (Vec<_>, Vec<_>) = outcomes.iter().copied().partition(|(p, _)| p * draws >= 5.0);
    let rare = rare.into_iter().fold((0.0, 0), |sum, (p, count)| (sum.0 + p, sum.1 + count));
    let bins: Vec<(f64, u64)> =
        usual.into_iter().chain([rare].into_iter().filter(|(p, _)| *p > 0.0)).collect();
    if bins.len() < 2 {
        return 1.0;
    }
    let deviation = |(p, count): &(f64, u64)| (*count as f64 - p * draws).powi(2) / (p * draws);
    ChiSquared::new((bins.len() - 1) as f64).unwrap().sf(bins.iter().map(deviation).sum())
}

/// Averages over draws must lie within five standard errors of the exact expectation.
fn expected_credit(case: &Case) -> Result<(), String> {
    let wanted = flattened(&case.expected);
    let mut sums = vec![(0.0, 0.0); wanted.len()];
    for mixed in draws(case, CREDIT_DRAWS) {
        let figures = flattened(&figures_of(case, &mixed));
        for (sum, (name, _)) in sums.iter_mut().zip(&wanted) {
            let figure = figures[name];
            *sum = (sum.0 + figure, sum.1 + figure * figure);
        }
    }
    for ((name, wanted), (sum, squares)) in wanted.iter().zip(sums) {
        let mean = sum / CREDIT_DRAWS as f64;
        let variance = (squares / CREDIT_DRAWS as f64 - mean * mean).max(0.0);
        if (mean - wanted).abs() > 5.0 * (variance / CREDIT_DRAWS as f64).sqrt() + 1e-9 {
            return Err(format!("{name} averages {mean}, expected {wanted}"));
        }
    }
    Ok(())
}

/// What the case's users earn the arms on one list, on average over their clicks.
fn figures_of(case: &Case, mixed: &Mixed) -> Value {
    let ways: Vec<(f64, BTreeSet<usize>)> = if let Some(items) = case.input("clicked_items").as_array() {
        let wanted = |id: &str| items.iter().any(|item| item == id);
        let places = mixed.items.iter().enumerate().filter(|(_, item)| wanted(&item.id));
        vec![(1.0, places.map(|(place, _)| place).collect())]
    } else {
        // Credit adds up over places under every method for which a case gives clicks by place.
        let chances = case.input("position_click_prob").as_array();
        let chances = chances.or(case.input("single_click_prob").as_array()).unwrap();
        let one = |(place, chance): (usize, &Value)| (number(chance).unwrap(), BTreeSet::from([place]));
        chances.iter().enumerate().map(one).collect()
    };
    let arms = case.input("rankings").as_array().unwrap().len();
    let (mut credit, mut wins, mut tie) = (vec![0.0; arms], vec![0.0; arms], 0.0);
    for (chance, clicks) in ways {
        let credits = || mixed.items.iter().map(|item| &item.credit);
        let Score { earned, .. } = score(credits(), &clicks).unwrap();
        let odds = odds(credits(), &clicks).unwrap();
        credit.iter_mut().zip(earned).for_each(|(sum, earned)| *sum += chance * earned);
        wins.iter_mut().zip(odds.wins).for_each(|(sum, odds)| *sum += chance * odds);
        tie += chance * odds.tie;
    }
    json!({ "credit": credit, "p_a_wins": wins[0], "p_b_wins": wins[1], "p_tie": tie })
}

/// The numbers of an object by name, those of a list with their place.
fn flattened(figures: &Value) -> BTreeMap<String, f64> {
    let mut flat = BTreeMap::new();
    for (name, figure) in figures.as_object().unwrap() {
        match figure.as_array() {
            Some(list) => {
                flat.extend(
                    list.iter()
                        .zip(0..)
                        .map(|(figure, place)| (format!("{name}{place}"), number(figure).unwrap())),
                );
            }
            None => drop(flat.insert(name.clone(), number(figure).unwrap())),
        }
    }
    flat
}

fn draws(case: &Case, number: usize) -> impl Iterator<Item = Mixed> {
    let lists = lists(case, "rankings");
    let depth = case.count("k") as usize;
    let mut mixing = Mixing::of(serde_json::from_value(case.params["method"].clone()).unwrap());
    mixing.tau = tau(case);
    if let Some(shared_prefix) = case.params.get("shared_prefix") {
        mixing.shared_prefix = serde_json::from_value(shared_prefix.clone()).unwrap();
    }
    let mut rng = StdRng::seed_from_u64(7);
    (0..number).map(move |_| mix(&mixing, &lists, depth, &mut rng))
}

fn tau(case: &Case) -> Tau {
    case.params.get("tau").and_then(number).map_or_else(Tau::default, |tau| Tau::new(tau).unwrap())
}

fn credit(case: &Case) -> Computed {
    let shown: Vec<String> = serde_json::from_value(case.input("list").clone()).unwrap();
    let clicks: BTreeSet<usize> = serde_json::from_value(case.input("clicks").clone()).unwrap();
    let credits = match case.params["method"].as_str().unwrap() {
        "team_draft" => {
            let teams: Vec<Option<u8>> = serde_json::from_value(case.input("teams").clone()).unwrap();
            teams.into_iter().map(|team| Credit::of_team(team.map(ArmId), 2)).collect()
        }
        "balanced" => Credit::by_rank(&lists(case, "rankings"), &shown),
        "probabilistic" => Credit::by_posterior(&lists(case, "rankings"), &shown, tau(case)),
        other => panic!("unknown method `{other}`"),
    };
    let Ok(Score { earned, preference }) = score(&credits, &clicks) else { return Computed::Refused };
    let share_of_a = |credit: &Credit| match credit {
        Credit::Shares(shares) => Some(shares[0]),
        Credit::Ranks(_) => None,
    };
    let outcome = match preference {
        Preference::NoClick => "no_click",
        Preference::Tie => "tie",
        Preference::Arm(ArmId(0)) => "a",
        Preference::Arm(_) => "b",
    };
    let posterior_a: Vec<Option<f64>> = credits.iter().map(share_of_a).collect();
    let Odds { wins, tie } = odds(&credits, &clicks).unwrap();
    Computed::Value(json!({
        "credit": earned, "outcome": outcome, "posterior_a": posterior_a,
        "p_a_wins": wins.first(), "p_b_wins": wins.get(1), "p_tie": tie,
    }))
}

fn lists(case: &Case, key: &str) -> Vec<Vec<String>> {
    serde_json::from_value(case.input(key).clone()).unwrap()
}

fn summary(case: &Case) -> Computed {
    let votes = Votes { wins: case.count("wins_b"), losses: case.count("wins_a"), ties: case.count("ties") };
    let confidence = case.params.get("confidence").and_then(number).unwrap_or(0.95);
    match votes.summary(confidence) {
        Err(_) => Computed::Undefined,
        Ok(summary) => Computed::Value(json!({
            "delta_ab": summary.delta, "preference_b": summary.preference, "sign_test_p": summary.sign_test_p,
            "wilson_lower": summary.interval.lower, "wilson_upper": summary.interval.upper,
        })),
    }
}

fn per_user(case: &Case) -> Computed {
    let users = case.input("user").as_array().unwrap();
    let mut net_wins: BTreeMap<&str, i64> = BTreeMap::new();
    for (user, outcome) in users.iter().zip(case.input("outcome").as_array().unwrap()) {
        let won = match outcome.as_str().unwrap() {
            "b" => 1,
            "a" => -1,
            _ => 0,
        };
        *net_wins.entry(user.as_str().unwrap()).or_default() += won;
    }
    let votes = Votes::of_users(net_wins.into_values());
    Computed::Value(json!({
        "users_b": votes.wins, "users_a": votes.losses, "users_tied": votes.ties,
        "sign_test_p": votes.summary(0.95).map(|summary| summary.sign_test_p).unwrap(),
    }))
}
