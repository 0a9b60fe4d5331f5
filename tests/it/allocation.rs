//! Shares that follow what is learnt: over simulated traffic, and through a whole gateway.

use crossfade::analysis::State;
use crossfade::analysis::whatif::WhatIf;
use crossfade::assign::Share;
use crossfade::rollout::allocation;
use crossfade::strategy::ab::Reward;
use crossfade::vocab::OutcomeName;
use rand::RngExt;
use rand::SeedableRng;
use rand::rngs::StdRng;
use serde_json::json;

use crate::evidence::world::PLAIN;
use crate::evidence::world::Request;
use crate::evidence::world::World;
use crate::rig::Model;
use crate::rig::Reply;
use crate::rig::Rig;
use crate::rig::until;

const FLOOR: &str = "5%";

fn share(text: &str) -> Share {
    text.parse().unwrap()
}

#[test]
fn the_better_arm_gets_more_and_none_less_than_the_floor_and_rates_are_recovered_by_weighing() {
    let bought = Reward::Outcome(OutcomeName::new("bought").unwrap());
    let (mut world, mut dice) = (World::adaptive(), StdRng::seed_from_u64(1));
    let mut of_candidate = share("50%");
    let mut course = Vec::new();
    for round in 0..80 {
        for number in 0..200 {
            let candidate = dice.random_bool(of_candidate.probability());
            let unit = format!("{round}-{number}");
            let request =
                Request { share: of_candidate.probability(), candidate, unit: Some(&unit), ..PLAIN };
            let id = world.serve(request);
            if dice.random_bool(if candidate { 0.2 } else { 0.1 }) {
                world.report(id, candidate, ("bought", "binary"), json!({"binary": true}));
            }
        }
        let counts = world.analysis.learnt("e", &bought).unwrap();
        let shares = allocation::next(&counts, share(FLOOR)).unwrap();
        assert!(shares.iter().all(|own| *own >= share(FLOOR)), "{shares:?}");
        assert_eq!(shares[0].checked_add(shares[1]), Some(Share::ALL));
        of_candidate = shares[1];
        course.push(of_candidate);
    }
    assert_eq!(course.last(), Some(&share("95%")), "{course:?}");

    let mut whatif = WhatIf::about("bought".parse().unwrap());
    world.lines.iter().flatten().for_each(|line| whatif.fold(line));
    let answer = whatif.answers(None, &[]).unwrap().experiments.remove(0);
    for (policy, truth) in answer.policies.iter().zip([0.1, 0.2]) {
        let ips = policy.estimates.unwrap_or_else(|| panic!("{policy:?}")).ips;
        assert!(ips.lower.unwrap() <= truth && truth <= ips.upper.unwrap(), "{ips:?} of {truth}");
        assert!((ips.value - truth).abs() < 0.05, "{ips:?} of {truth}");
    }
}

#[test]
fn adaptive_figures_end_in_no_verdict_and_enter_no_stratum() {
    let mut world = World::adaptive();
    for number in 0..2_000 {
        let candidate = number % 2 == 0;
        world.serve(Request { candidate, unit: Some(&format!("{number}")), failed: candidate, ..PLAIN });
    }
    let summary = world.summary();
    assert!(summary.stages.is_empty(), "{:?}", summary.stages);
    let verdict = world.verdict();
    assert_eq!(verdict.state, State::Inconclusive, "{}", verdict.sentence);
    assert!(verdict.sentence.contains("the shares follow what is learnt"), "{}", verdict.sentence);
    assert!(
        format!("{:?}", summary.standing).contains("the shares follow what is learnt"),
        "{:?}",
        summary.standing
    );
}

#[test]
fn of_three_arms_the_best_gets_half_and_the_others_the_rest() {
    let shares = allocation::next(&[(100, 900), (300, 700), (100, 900)], share(FLOOR)).unwrap();
    assert!(shares[1] > share("45%") && shares[1] < share("55%"), "{shares:?}");
    assert!(allocation::next(&[(0, 0)], share(FLOOR)).is_err(), "one arm");
    let even = allocation::next(&[(0, 0), (0, 0), (0, 0)], share("33%")).unwrap();
    assert!(even.iter().all(|own| *own >= share("33%")), "{even:?}");
}

#[tokio::test]
async fn a_gateway_sets_the_shares_anew_and_records_the_propensities_of_each_draw() {
    let old = Model::saying(Reply::text("old")).await;
    let new = Model::saying(Reply::text("new")).await;
    let policy = format!(
        "models:\n  old: {{url: \"{}\"}}\n  new: {{url: \"{}\"}}\nexperiments:\n  - name: e\n    legacy: old\n    \
         outcomes: {{up: {{type: binary}}}}\n    strategy:\n      ab:\n        arms: {{old: 50%, new: 50%}}\n        \
         allocation: {{thompson: {{outcome: up, floor: 10%, every: 100ms}}}}\n",
        old.url(),
        new.url()
    );
    let rig = Rig::start(&policy).await;
    let mut client = rig.client().await;
    let mut admin = rig.admin().await;
    for _ in 0..60 {
        let answer = client.post("/", &[], "").await;
        let report = json!({"request_id": answer.header("crossfade-id").unwrap(), "outcome": "up",
            "value": answer.text() == "new"});
        assert_eq!(admin.post("/feedback", &[], &report.to_string()).await.status, 200);
    }
    until("the shares", async || rig.metric("crossfade_traffic_weight_ratio", &["arm=\"new\""]).await == 0.9)
        .await;
    let shown = admin.get("/api/v1/experiments/e").await.json();
    assert_eq!(
        shown["settings"]["allocation"],
        json!({"outcome": "up", "floor": "10%", "every_seconds": 0.1}),
        "{shown}"
    );
    let before = rig.metric("crossfade_assigned_total", &["arm=\"new\""]).await;
    for _ in 0..40 {
        client.post("/", &[], "").await;
    }
    let after = rig.metric("crossfade_assigned_total", &["arm=\"new\""]).await;
    assert!(after - before >= 28.0, "{before} {after}");
    let pairs: Vec<_> = rig.records().await.into_iter().filter(|line| line["kind"] == "pair").collect();
    let (first, last) = (&pairs[0], &pairs[99]);
    assert_eq!((&first["stage"], &first["propensities"]), (&json!(1), &json!([0.5, 0.5])));
    assert_eq!(last["propensities"], json!([0.1, 0.9]));
    assert!(last["stage"].as_u64().unwrap() > 1);
    for pair in &pairs {
        let own = usize::from(pair["assigned"] == "new");
        assert_eq!(pair["propensity"], pair["propensities"][own], "{pair}");
    }
}
