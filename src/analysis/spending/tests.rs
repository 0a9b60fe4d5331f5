use rand::RngExt;
use rand::SeedableRng;
use rand::rngs::SmallRng;

use crate::analysis::ledger::Bill;
use crate::analysis::ledger::Ledger;
use crate::analysis::spending::Estimate;
use crate::analysis::spending::SpendingSummary;
use crate::cost::Money;
use crate::policy::Watched;
use crate::vocab::ModelName;
use crate::vocab::OutcomeName;
use crate::vocab::RequestId;

fn solved() -> OutcomeName {
    OutcomeName::new("solved").unwrap()
}

fn bill(cents: i64, seconds: f64) -> Bill {
    let amount = Money::from_picos(cents * 10_000_000_000);
    Bill { seconds, cost: Some(("USD".to_owned(), amount)) }
}

fn summary(ledger: &Ledger) -> SpendingSummary {
    SpendingSummary::of(&ModelName::new("new").unwrap(), ledger, 0.05)
}

fn near(found: Option<f64>, expected: f64) {
    let found = found.unwrap();
    assert!((found - expected).abs() < 1e-12, "{found} is not {expected}");
}

/// Turns by conversation, cost in cents, seconds and whether the turn solved it.
const TURNS: [(&str, i64, f64, bool); 6] = [
    ("a", 10, 1.0, false),
    ("b", 30, 2.5, false),
    ("a", 20, 1.5, true),
    ("c", 7, 0.5, false),
    ("a", 3, 0.25, true),
    ("c", 50, 4.0, true),
];

fn taken(turns: &[(&str, i64, f64, bool)]) -> Ledger {
    let mut ledger = Ledger::default();
    for (unit, cents, seconds, good) in turns {
        let id = RequestId::draw();
        ledger.spend(Some(unit), id, &bill(*cents, *seconds));
        if *good {
            ledger.succeed(&solved(), Some(unit), id);
        }
    }
    ledger
}

#[test]
fn a_conversation_counts_once_whatever_gateway_served_its_turns() {
    let whole = taken(&TURNS);
    let found = summary(&whole);
    assert_eq!((found.units, found.requests, found.unpriced), (3, 6, 0));
    assert_eq!(found.cost.unwrap().to_string(), "1.2");
    near(found.cost_per_unit.unwrap().value, 0.4);
    near(found.seconds_per_unit.value, 9.75 / 3.0);
    let success = &found.successes[0];
    assert_eq!(success.reports, 3);
    near(success.cost.as_ref().unwrap().value, 0.4);
    // a and c.
    near(success.completed.value, 2.0 / 3.0);

    for cut in 0..=TURNS.len() {
        let (early, late) = TURNS.split_at(cut);
        let mut merged = taken(early);
        merged.merge(&taken(late));
        assert_eq!(summary(&merged).units, 3, "cut at {cut}");
        for figure in [Watched::CostPerUnit, Watched::TimePerUnit, Watched::CostPerSuccess(solved())] {
            let (one, other) = (merged.mean(&figure).unwrap(), whole.mean(&figure).unwrap());
            assert!((one.mean - other.mean).abs() < 1e-12, "{figure:?} cut at {cut}");
            let variances = (one.variance.unwrap(), other.variance.unwrap());
            assert!((variances.0 - variances.1).abs() < 1e-12, "{figure:?} cut at {cut}");
        }
    }
}

#[test]
fn what_has_no_price_or_another_currency_is_told_apart() {
    let mut ledger = taken(&TURNS);
    ledger.spend(Some("d"), RequestId::draw(), &Bill { seconds: 1.0, cost: None });
    let yen = Bill { seconds: 1.0, cost: Some(("JPY".to_owned(), Money::from_picos(1))) };
    ledger.spend(Some("d"), RequestId::draw(), &yen);
    let found = summary(&ledger);
    assert_eq!((found.units, found.requests, found.unpriced), (4, 8, 2));
    assert_eq!(found.cost.unwrap().to_string(), "1.2");

    let mut unpriced = Ledger::default();
    unpriced.spend(Some("d"), RequestId::draw(), &Bill { seconds: 1.0, cost: None });
    unpriced.succeed(&solved(), Some("d"), RequestId::draw());
    let found = summary(&unpriced);
    assert_eq!((found.cost_per_unit, found.successes[0].cost.clone()), (None, None));
    near(found.successes[0].completed.value, 1.0);
}

/// Conversations of 1 to 6 turns, whose user is thrifty or not and of luck or not: turns of one are alike.
fn simulate(rng: &mut SmallRng, ledger: &mut Ledger, from: usize, to: usize) {
    for number in from..to {
        let unit = number.to_string();
        let (thrift, luck) = (rng.random_range(1..=9_i64), rng.random_range(0.0..0.4));
        for _ in 0..rng.random_range(1..=6) {
            let id = RequestId::draw();
            ledger.spend(Some(&unit), id, &bill(thrift * rng.random_range(1..=3_i64), 1.0));
            if rng.random_bool(luck) {
                ledger.succeed(&solved(), Some(&unit), id);
            }
        }
    }
}

#[test]
fn bounds_hold_the_truth_at_all_looks_though_turns_of_a_conversation_are_alike() {
    // 3.5 turns of 5 * 2 cents; a success in every fifth turn.
    let truths = [(Watched::CostPerUnit, 0.35), (Watched::CostPerSuccess(solved()), 0.5)];
    const RUNS: u64 = 200;
    let mut missed = [0; 2];
    let mut widths = [0.0; 2];
    for run in 0..RUNS {
        let mut rng = SmallRng::seed_from_u64(run);
        let mut ledger = Ledger::default();
        let mut holds = [true; 2];
        let mut seen = 0;
        for look in [100, 150, 250, 400, 700] {
            simulate(&mut rng, &mut ledger, seen, look);
            seen = look;
            for (place, (figure, truth)) in truths.iter().enumerate() {
                let found = Estimate::of_mean(ledger.mean(figure), 0.05);
                let Some((lower, upper)) = found.lower.zip(found.upper) else { continue };
                holds[place] &= (lower..=upper).contains(truth);
                widths[place] = upper - lower;
            }
        }
        missed.iter_mut().zip(holds).for_each(|(missed, holds)| *missed += u64::from(!holds));
    }
    // 5 % may be missed; of 200 runs more than 18 would be three standard errors above that.
    assert!(missed.iter().all(|missed| *missed <= 18), "{missed:?} of {RUNS}");
    // And they say something.
    assert!(widths[0] < 0.15 && widths[1] < 0.35, "{widths:?}");
}
