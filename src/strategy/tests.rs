use std::collections::HashMap;
use std::time::Duration;

use proptest::prelude::any;
use proptest::prop_assert;
use proptest::prop_assert_eq;
use proptest::proptest;

use crate::assign::Salts;
use crate::assign::Share;
use crate::strategy::Answer;
use crate::strategy::Assignment;
use crate::strategy::CopyLeg;
use crate::strategy::Draw;
use crate::strategy::Plan;
use crate::strategy::Strategy;
use crate::strategy::ab;
use crate::strategy::canary;
use crate::strategy::interleave;
use crate::strategy::shadow;
use crate::strategy::shadow::Total;
use crate::vocab::ArmId;
use crate::vocab::Role;

const LEGACY: ArmId = ArmId::LEGACY;
const CANDIDATE: ArmId = ArmId(1);
const DEADLINE: Duration = Duration::from_secs(1);

fn share(text: &str) -> Share {
    text.parse().unwrap()
}

fn budget() -> shadow::Budget {
    shadow::Budget {
        in_flight: 8,
        in_flight_bytes: 1 << 20,
        per_second: None,
        daily: Default::default(),
        in_all: Total::default(),
    }
}

fn shadow(sample: &str, control: &str) -> Strategy {
    shadow_holding_back("0%", sample, control)
}

fn shadow_holding_back(held_back: &str, sample: &str, control: &str) -> Strategy {
    let (sample, control, held_back) = (share(sample), share(control), share(held_back));
    let (deadline, budget) = (DEADLINE, budget());
    Strategy::Shadow(shadow::Settings { sample, control, held_back, deadline, budget })
}

fn canary(pair: &str) -> Strategy {
    let steps = vec![canary::Step::at(share("10%"))];
    let pair = share(pair);
    Strategy::Canary(canary::Settings { steps, pair, deadline: DEADLINE, budget: budget(), fallback: true })
}

fn ab(traffic: &str, weights: &[&str], pair: &str) -> Strategy {
    let weights = weights.iter().copied().map(share).collect();
    let (traffic, pair) = (share(traffic), share(pair));
    let deadline = DEADLINE;
    let (budget, fallback, allocation) = (budget(), true, None);
    let ends_on_verdict = true;
    Strategy::Ab(ab::Settings {
        traffic,
        weights,
        pair,
        deadline,
        budget,
        fallback,
        ends_on_verdict,
        allocation,
    })
}

fn interleave() -> Strategy {
    Strategy::Interleave(interleave::Settings {
        mixing: interleave::Mixing::of(interleave::Method::TeamDraft),
        items: "$.results[*]".parse().unwrap(),
        id: "$.id".parse().unwrap(),
        depth: 10,
        deadline: DEADLINE,
        credit: crate::vocab::OutcomeName::new("click").unwrap(),
    })
}

/// A draw at a weight of 0 %.
fn drawn<'a>(salts: &'a Salts, unit: Option<&'a [u8]>, request: &'a [u8]) -> Draw<'a> {
    Draw {
        salts,
        unit,
        request,
        whole_units: false,
        open: true,
        weight: Share::NONE,
        shares: None,
        forced: None,
    }
}

/// The plan for a unit's request.
fn plan(strategy: &Strategy, unit: Option<&str>, request: u32, weight: &str) -> Plan {
    let salts = Salts::of("test");
    let request = request.to_be_bytes();
    let unit = unit.map(str::as_bytes);
    let draw = Draw { weight: share(weight), ..drawn(&salts, unit, &request) };
    strategy.plan(&draw, 3)
}

/// The plans of many users, one request each.
fn plans(strategy: &Strategy, users: u32, weight: &str) -> Vec<(String, Plan)> {
    let users = (0..users).map(|user| (user, format!("user-{user}")));
    users.map(|(request, user)| (user.clone(), plan(strategy, Some(&user), request, weight))).collect()
}

/// A share of many that is a fair draw of its probability, to 5 sigma.
fn assert_share(count: usize, of: usize, probability: f64, what: &str) {
    let (count, of) = (count as f64, of as f64);
    let sigma = (of * probability * (1.0 - probability)).sqrt();
    assert!(
        (count - of * probability).abs() <= 5.0 * sigma,
        "{what}: {count} of {of}, expected {probability}"
    );
}

#[test]
fn in_shadow_legacy_answers_everyone_and_a_share_of_requests_goes_to_all_candidates() {
    let strategy = shadow("25%", "10%");
    let everyone = plans(&strategy, 20_000, "0%");
    let answered = Answer::Arm(LEGACY);
    assert!(everyone.iter().all(|(_, plan)| plan.answer == answered && !plan.fallback));
    let enrolled = Assignment { arm: LEGACY, propensity: 1.0, enrolled: true, forced: false };
    assert!(everyone.iter().all(|(_, plan)| plan.assignment == enrolled));

    let legs =
        |plan: &Plan, role| plan.copies.iter().filter(|leg| leg.role == role).map(|leg| leg.arm).collect();
    let shadows: Vec<Vec<ArmId>> = everyone.iter().map(|(_, plan)| legs(plan, Role::Shadow)).collect();
    let controls: Vec<Vec<ArmId>> = everyone.iter().map(|(_, plan)| legs(plan, Role::Control)).collect();
    assert!(shadows.iter().all(|arms| arms.is_empty() || *arms == [CANDIDATE, ArmId(2)]));
    assert!(controls.iter().all(|arms| arms.is_empty() || *arms == [LEGACY]));
    let both = shadows.iter().zip(&controls).filter(|(a, b)| !a.is_empty() && !b.is_empty()).count();
    assert_share(shadows.iter().filter(|arms| !arms.is_empty()).count(), 20_000, 0.25, "copied");
    assert_share(controls.iter().filter(|arms| !arms.is_empty()).count(), 20_000, 0.1, "asked again");
    assert_share(both, 20_000, 0.025, "both, by independent draws");
}

#[test]
fn copies_are_held_back_from_a_random_share_of_the_requests_to_be_copied() {
    let all = plans(&shadow("50%", "10%"), 20_000, "0%");
    let with_holding = plans(&shadow_holding_back("20%", "50%", "10%"), 20_000, "0%");
    let mut held_back = 0;
    for ((_, drawn), (_, plan)) in all.iter().zip(&with_holding) {
        assert_eq!((plan.answer, plan.assignment), (drawn.answer, drawn.assignment));
        if plan.held_back {
            assert!(plan.copies.is_empty() && !drawn.copies.is_empty(), "only copies that were drawn");
            held_back += 1;
        } else {
            assert_eq!(plan.copies, drawn.copies);
        }
    }
    let copied = all.iter().filter(|(_, plan)| !plan.copies.is_empty()).count();
    assert_share(held_back, copied, 0.2, "held back, by a draw of its own");
    assert!(all.iter().all(|(_, plan)| !plan.held_back));
}

#[test]
fn copies_are_drawn_by_request_so_one_user_has_some_copied_and_some_not() {
    let copied = (0..1_000).filter(|n| !plan(&shadow("50%", "0%"), Some("ann"), *n, "0%").copies.is_empty());
    assert_share(copied.count(), 1_000, 0.5, "copied of one user's");
}

#[test]
fn a_request_without_its_unit_goes_to_legacy_and_is_left_out() {
    let left_out = Assignment { arm: LEGACY, propensity: 1.0, enrolled: false, forced: false };
    let cases = [
        (shadow("100%", "0%"), Answer::Arm(LEGACY), 2),
        (canary("100%"), Answer::Arm(LEGACY), 0),
        (ab("100%", &["0%", "50%", "50%"], "100%"), Answer::Arm(LEGACY), 0),
        (interleave(), Answer::Mixed, 0),
    ];
    for (strategy, answer, copies) in cases {
        let plan = plan(&strategy, None, 7, "100%");
        assert_eq!(plan.assignment, left_out, "{:?}", strategy.kind());
        assert_eq!((plan.answer, plan.copies.len(), plan.fallback), (answer, copies, false));
    }
}

#[test]
fn a_forced_arm_answers_alone_and_is_left_out_of_every_strategy() {
    let salts = Salts::of("test");
    for strategy in [shadow("100%", "100%"), canary("100%"), ab("0%", &["100%", "0%"], "100%"), interleave()]
    {
        for arm in [LEGACY, CANDIDATE] {
            let (unit, weight) = (Some(&b"ann"[..]), share("0%"));
            let draw = Draw { weight, forced: Some(arm), ..drawn(&salts, unit, b"1") };
            let plan = strategy.plan(&draw, 2);
            let forced = Assignment { arm, propensity: 1.0, enrolled: false, forced: true };
            assert_eq!((plan.answer, plan.assignment, plan.copies), (Answer::Arm(arm), forced, vec![]));
            let may_fall_back = matches!(strategy, Strategy::Canary(_) | Strategy::Ab(_));
            assert_eq!(plan.fallback, may_fall_back && arm == CANDIDATE, "{:?}", strategy.kind());
        }
    }
}

#[test]
fn a_canary_answers_its_share_of_users_and_only_it_falls_back() {
    let everyone = plans(&canary("0%"), 20_000, "10%");
    let in_canary = everyone.iter().filter(|(_, plan)| plan.answer == Answer::Arm(CANDIDATE)).count();
    assert_share(in_canary, 20_000, 0.1, "in the canary");
    for (user, plan) in everyone {
        let (arm, propensity) =
            if plan.answer == Answer::Arm(CANDIDATE) { (CANDIDATE, 0.1) } else { (LEGACY, 0.9) };
        assert_eq!(plan.assignment, Assignment { arm, propensity, enrolled: true, forced: false }, "{user}");
        assert_eq!(plan.fallback, arm == CANDIDATE, "{user}");
        assert!(plan.copies.is_empty());
    }
}

#[test]
fn a_user_keeps_the_arm_over_requests_and_as_the_canary_grows() {
    for user in (0..500).map(|user| format!("user-{user}")) {
        let arm = |request, weight| plan(&canary("50%"), Some(&user), request, weight).assignment.arm;
        let mut last = arm(0, "0%");
        for weight in ["1%", "5%", "25%", "50%", "100%"] {
            let now = arm(0, weight);
            assert!((1..5).all(|request| arm(request, weight) == now), "{user} at {weight}");
            assert!(last == LEGACY || now == CANDIDATE, "{user} left the canary at {weight}");
            last = now;
        }
        assert_eq!(last, CANDIDATE, "at 100% everyone is in");
    }
}

#[test]
fn a_canary_pairs_with_the_arm_that_does_not_answer_but_not_once_rolled_back() {
    let other = |arm| if arm == CANDIDATE { LEGACY } else { CANDIDATE };
    for (user, plan) in plans(&canary("100%"), 200, "50%") {
        let leg = CopyLeg { arm: other(plan.assignment.arm), role: Role::Pair };
        assert_eq!(plan.copies, [leg], "{user}");
    }
    assert!(plans(&canary("100%"), 200, "0%").iter().all(|(_, plan)| plan.copies.is_empty()));
    let paired = plans(&canary("5%"), 20_000, "50%");
    assert_share(paired.iter().filter(|(_, plan)| !plan.copies.is_empty()).count(), 20_000, 0.05, "paired");
}

#[test]
fn an_ab_test_enrols_its_share_of_traffic_and_splits_it_by_weight() {
    let users = 40_000;
    let everyone = plans(&ab("40%", &["50%", "30%", "20%"], "0%"), users as u32, "0%");
    let mut kinds: HashMap<(bool, ArmId), (usize, f64)> = HashMap::new();
    for (_, plan) in &everyone {
        let Assignment { arm, propensity, enrolled, forced } = plan.assignment;
        assert_eq!((plan.answer, plan.fallback, forced), (Answer::Arm(arm), arm != LEGACY, false));
        let kind = kinds.entry((enrolled, arm)).or_insert((0, propensity));
        assert_eq!(kind.1, propensity, "one kind of draw has one probability");
        kind.0 += 1;
    }
    let expected =
        [((false, LEGACY), 0.6), ((true, LEGACY), 0.2), ((true, CANDIDATE), 0.12), ((true, ArmId(2)), 0.08)];
    for (kind, probability) in expected {
        let (count, propensity) = kinds[&kind];
        assert!((propensity - probability).abs() < 1e-12, "{kind:?}: {propensity}");
        assert_share(count, users, probability, &format!("{kind:?}"));
    }
    assert!((kinds.values().map(|(_, propensity)| propensity).sum::<f64>() - 1.0).abs() < 1e-12);
}

#[test]
fn an_ab_test_pairs_candidates_with_legacy_and_legacy_with_each_candidate_in_turn() {
    let everyone = plans(&ab("50%", &["60%", "20%", "20%"], "50%"), 40_000, "0%");
    let mut partners: HashMap<(bool, ArmId, Option<ArmId>), usize> = HashMap::new();
    for (_, plan) in &everyone {
        assert!(plan.copies.len() <= 1 && plan.copies.iter().all(|leg| leg.role == Role::Pair));
        let Assignment { arm, enrolled, .. } = plan.assignment;
        *partners.entry((enrolled, arm, plan.copies.first().map(|leg| leg.arm))).or_default() += 1;
    }
    assert!(!partners.keys().any(|(enrolled, _, copy)| !enrolled && copy.is_some()), "outside, no copies");
    assert!(!partners.keys().any(|(_, arm, copy)| *arm != LEGACY && copy.is_some_and(|copy| copy != LEGACY)));
    for candidate in [CANDIDATE, ArmId(2)] {
        assert_share(
            partners[&(true, LEGACY, Some(candidate))],
            40_000,
            0.5 * 0.6 * 0.25,
            "legacy's partner",
        );
        assert_share(partners[&(true, candidate, Some(LEGACY))], 40_000, 0.5 * 0.2 * 0.5, "back to legacy");
    }
}

#[test]
fn an_interleaved_request_asks_every_arm_and_draws_none() {
    let plan = plan(&interleave(), Some("ann"), 1, "0%");
    let assignment = Assignment { arm: LEGACY, propensity: 1.0, enrolled: true, forced: false };
    assert_eq!(
        plan,
        Plan { answer: Answer::Mixed, copies: vec![], held_back: false, fallback: false, assignment }
    );
}

proptest! {
    #[test]
    fn whatever_is_drawn_the_plan_is_sound(
        unit: Option<Vec<u8>>, request: [u8; 16], weight in 0..=1_000_000_000_u32,
        traffic in 0..=1_000_000_000_u32, pair in 0..=1_000_000_000_u32, forced in any::<Option<bool>>(),
    ) {
        let salts = Salts::of("any");
        let part = |billionths: u32| Share::from_billionths(billionths).unwrap().to_string();
        let (traffic, pair) = (part(traffic), part(pair));
        let weights = ["20%", "50%", "30%"];
        for strategy in [shadow(&traffic, &pair), canary(&pair), ab(&traffic, &weights, &pair), interleave()] {
            let arms = if matches!(strategy, Strategy::Canary(_)) { 2 } else { 3 };
            let forced = forced.map(|candidate| ArmId(u8::from(candidate)));
            let weight = Share::from_billionths(weight).unwrap();
            let draw = Draw { weight, forced, ..drawn(&salts, unit.as_deref(), &request) };
            let plan = strategy.plan(&draw, arms);
            prop_assert_eq!(&plan, &strategy.plan(&draw, arms), "a plan is a function of its draw");
            let Assignment { arm, propensity, enrolled, forced } = plan.assignment;
            prop_assert!(propensity > 0.0 && propensity <= 1.0, "{}", propensity);
            prop_assert!(arm.index() < arms && !(enrolled && forced));
            prop_assert!(plan.copies.iter().all(|leg| leg.arm.index() < arms && leg.role.is_copy()));
            let answering = |leg: &CopyLeg| plan.answer == Answer::Arm(leg.arm) && leg.role != Role::Control;
            prop_assert!(!plan.copies.iter().any(answering), "no arm answers and gets a copy too");
            prop_assert!(!plan.fallback || plan.answer != Answer::Arm(LEGACY));
        }
    }
}
