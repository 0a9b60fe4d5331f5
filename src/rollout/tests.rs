use std::fs;
use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::policy::Phase;
use crate::policy::Policy;
use crate::policy::tests::sample::policy;
use crate::policy::tests::sample::share;
use crate::rollout::Command;
use crate::rollout::Decides;
use crate::rollout::Rollout;
use crate::rollout::RolloutError;
use crate::strategy::canary::Step;
use crate::telemetry::Metrics;

fn step(weight: &str, hold_seconds: u64, min_requests: u64) -> Step {
    Step { hold: Duration::from_secs(hold_seconds), min_requests, ..Step::at(share(weight)) }
}

fn steps() -> Vec<Step> {
    vec![step("1%", 60, 3), step("10%", 60, 0), step("50%", 60, 0)]
}

struct Running {
    dir: TempDir,
    metrics: Arc<Metrics>,
    rollout: Rollout,
    policy: Policy,
    tasks: JoinSet<()>,
    stop: CancellationToken,
}

impl Running {
    fn start() -> Self {
        Self::start_in(TempDir::new().unwrap(), "one", &steps())
    }

    fn start_in(dir: TempDir, identity: &str, steps: &[Step]) -> Self {
        let metrics = Arc::new(Metrics::new());
        let rollout = Rollout::open(dir.path(), metrics.clone());
        let mut policy = policy(identity, steps);
        rollout.adopt(&mut policy);
        let (mut tasks, stop) = (JoinSet::new(), CancellationToken::new());
        tasks.spawn(rollout.clone().run(stop.clone()));
        Self { dir, metrics, rollout, policy, tasks, stop }
    }

    async fn stop(mut self) -> TempDir {
        self.stop.cancel();
        self.tasks.join_next().await;
        self.dir
    }

    /// Restarts the gateway with another policy.
    async fn restart(self, identity: &str, steps: &[Step]) -> Self {
        Self::start_in(self.stop().await, identity, steps)
    }

    fn reload(&mut self, identity: &str, steps: &[Step]) {
        let mut policy = policy(identity, steps);
        self.rollout.adopt(&mut policy);
        self.policy = policy;
    }

    fn serve(&self, requests: u32) {
        for _ in 0..requests {
            self.policy.experiments[0].ramp.load().count_assigned();
        }
    }

    async fn order(&self, command: Command) {
        self.rollout.command("chat", command, "because").await.unwrap();
    }

    /// Stage number, step from 1, phase, weight and assigned requests, as the answer path sees them.
    fn stands(&self) -> (u32, usize, Phase, String, u64) {
        let stage = self.policy.experiments[0].ramp.load();
        (stage.number, stage.step + 1, stage.phase, stage.weight.to_string(), stage.assigned())
    }

    fn shows(&self, line: &str) -> bool {
        self.metrics.render().lines().any(|shown| shown == line)
    }
}

async fn seconds(seconds: u64) {
    // The clock is paused: this runs whatever is due until then and takes no time.
    tokio::time::sleep(Duration::from_secs(seconds)).await;
}

fn stands(
    number: u32,
    step: usize,
    phase: Phase,
    weight: &str,
    assigned: u64,
) -> (u32, usize, Phase, String, u64) {
    (number, step, phase, weight.to_owned(), assigned)
}

#[tokio::test(start_paused = true)]
async fn a_ramp_climbs_by_time_and_requests_to_the_end() {
    let running = Running::start();
    seconds(61).await;
    assert_eq!(running.stands(), stands(1, 1, Phase::Running, "1%", 0), "time alone does not do");
    running.serve(3);
    seconds(1).await;
    assert_eq!(running.stands(), stands(2, 2, Phase::Running, "10%", 0));
    seconds(61).await;
    assert_eq!(running.stands(), stands(3, 3, Phase::Running, "50%", 0));
    seconds(61).await;
    assert_eq!(running.stands(), stands(3, 3, Phase::Promoted, "50%", 0));
    let status = running.rollout.status("chat").unwrap();
    let reasons: Vec<_> = status.history.iter().map(|change| change.reason.as_str()).collect();
    assert_eq!(reasons[0], "it begins");
    assert!(reasons[1].starts_with("step 1 is done: 6") && reasons[1].ends_with("s and 3 requests"));
    assert_eq!(reasons.len(), 4);
}

#[tokio::test(start_paused = true)]
async fn a_pause_keeps_stage_and_count_and_its_time_does_not_count() {
    let running = Running::start();
    running.serve(3);
    seconds(30).await;
    running.order(Command::Pause).await;
    seconds(3_600).await;
    assert_eq!(running.stands(), stands(1, 1, Phase::Paused, "1%", 3));
    running.order(Command::Resume).await;
    seconds(29).await;
    assert_eq!(running.stands(), stands(1, 1, Phase::Running, "1%", 3));
    seconds(2).await;
    assert_eq!(running.stands(), stands(2, 2, Phase::Running, "10%", 0));
}

#[tokio::test(start_paused = true)]
async fn a_rollback_is_absorbing_until_resumed() {
    let running = Running::start();
    running.order(Command::Promote).await;
    running.order(Command::Rollback).await;
    seconds(3_600).await;
    assert_eq!(running.stands(), stands(3, 2, Phase::RolledBack, "0%", 0));
    let refused = running.rollout.command("chat", Command::Promote, "").await.unwrap_err();
    assert_eq!(
        refused.to_string(),
        "experiment `chat`: the candidate was rolled back; only `resume` begins again, at step 1"
    );
    running.order(Command::Resume).await;
    assert_eq!(running.stands(), stands(4, 1, Phase::Running, "1%", 0));
}

#[tokio::test(start_paused = true)]
async fn only_a_canarys_weights_can_be_ordered() {
    let running = Running::start();
    let quarter = Command::Weight(share("25%"));
    running.order(quarter).await;
    assert_eq!(running.stands(), stands(2, 1, Phase::Paused, "25%", 0));
    let fixed = running.rollout.command("split", quarter, "").await.unwrap_err();
    assert_eq!(
        fixed.to_string(),
        "experiment `split` is of strategy `ab`, whose weights the policy file holds; change them there and reload"
    );
    for name in ["nobody", "no name"] {
        let unknown = running.rollout.status(name).unwrap_err();
        assert_eq!(unknown, RolloutError::Unknown(name.to_owned()));
    }
}

#[tokio::test(start_paused = true)]
async fn a_ramp_survives_a_restart() {
    let running = Running::start();
    running.order(Command::Promote).await;
    running.serve(7);
    seconds(40).await;
    let running = running.restart("one", &steps()).await;
    assert_eq!(running.stands(), stands(2, 2, Phase::Running, "10%", 7));
    assert_eq!(running.rollout.status("chat").unwrap().history.len(), 2);
    seconds(19).await;
    assert_eq!(running.stands().1, 2);
    seconds(2).await;
    assert_eq!(running.stands(), stands(3, 3, Phase::Running, "50%", 0));
}

#[tokio::test(start_paused = true)]
async fn an_order_is_on_the_disk_before_it_is_confirmed() {
    let running = Running::start();
    running.order(Command::Rollback).await;
    // No shutdown: another gateway opens what a killed one left.
    let mut found = policy("one", &steps());
    Rollout::open(running.dir.path(), Arc::default()).adopt(&mut found);
    assert_eq!(found.experiments[0].ramp.load().phase, Phase::RolledBack);
}

#[tokio::test(start_paused = true)]
async fn a_restart_with_another_candidate_begins_again_under_a_new_stage() {
    let running = Running::start();
    running.order(Command::Rollback).await;
    let running = running.restart("another", &steps()).await;
    assert_eq!(running.stands(), stands(3, 1, Phase::Running, "1%", 0));
}

#[tokio::test(start_paused = true)]
async fn a_reload_keeps_ramp_and_count_unless_something_that_matters_changed() {
    let mut running = Running::start();
    running.order(Command::Promote).await;
    running.serve(5);
    let before = running.policy.experiments[0].ramp.clone();

    running.reload("one", &[steps(), vec![step("100%", 1, 0)]].concat());
    assert_eq!(running.stands(), stands(2, 2, Phase::Running, "10%", 5));
    before.load().count_assigned();
    assert_eq!(running.stands().4, 6, "a request under the old policy counts in the same stage");

    running.reload("one", &[step("1%", 60, 3), step("20%", 60, 0)]);
    assert_eq!(running.stands(), stands(3, 2, Phase::Running, "20%", 0), "the present step's new weight");

    running.reload("one", &[step("2%", 60, 3), step("20%", 60, 0)]);
    assert_eq!(running.stands(), stands(4, 1, Phase::Running, "2%", 0), "a past step");

    let old = running.policy.experiments[0].ramp.clone();
    running.reload("another", &[step("2%", 60, 3), step("20%", 60, 0)]);
    old.load().count_assigned();
    assert_eq!(running.stands(), stands(5, 1, Phase::Running, "2%", 0), "another candidate");
}

#[tokio::test(start_paused = true)]
async fn a_state_that_makes_no_sense_is_kept_aside_and_the_ramp_begins_at_its_smallest_step() {
    for content in ["{", r#"{"version": 99, "canaries": []}"#] {
        let dir = TempDir::new().unwrap();
        fs::write(dir.path().join("rollout.json"), content).unwrap();
        let running = Running::start_in(dir, "one", &steps());
        assert_eq!(running.stands(), stands(1, 1, Phase::Running, "1%", 0));
        let aside = running.dir.path().join("rollout.json.corrupt");
        assert_eq!(fs::read_to_string(aside).unwrap(), content);
    }
}

#[tokio::test(start_paused = true)]
async fn metrics_tell_weight_step_and_phase_of_the_present_policy_only() {
    let mut running = Running::start();
    running.order(Command::Promote).await;
    let expected = [
        r#"crossfade_traffic_weight_ratio{arm="small",experiment="chat"} 0.1"#,
        r#"crossfade_traffic_weight_ratio{arm="large",experiment="chat"} 0.9"#,
        r#"crossfade_traffic_weight_ratio{arm="small",experiment="split"} 0.7"#,
        r#"crossfade_ramp_step{experiment="chat"} 2"#,
        r#"crossfade_ramp_phase{experiment="chat",phase="running"} 1"#,
        r#"crossfade_ramp_phase{experiment="chat",phase="rolled_back"} 0"#,
    ];
    for line in expected {
        assert!(running.shows(line), "{line}");
    }
    running.order(Command::Rollback).await;
    assert!(running.shows(r#"crossfade_traffic_weight_ratio{arm="small",experiment="chat"} 0"#));
    assert!(running.shows(r#"crossfade_ramp_step{experiment="chat"} 0"#));

    let mut without = policy("one", &steps());
    without.experiments.remove(0);
    running.rollout.adopt(&mut without);
    running.policy = without;
    let left = running.metrics.render();
    let of_chat = left.lines().filter(|line| line.contains(r#"experiment="chat""#));
    assert!(of_chat.clone().all(|line| line.starts_with("crossfade_rollout_changes_total")), "{left}");
}

#[tokio::test(start_paused = true)]
async fn whatever_begins_again_is_another_attempt_with_a_clock_of_its_own() {
    let mut running = Running::start();
    let attempt = |running: &Running| running.policy.experiments[0].ramp.load().attempt;
    for expected in [2, 3] {
        running.order(Command::Promote).await;
        running.order(Command::Rollback).await;
        running.order(Command::Resume).await;
        assert_eq!(attempt(&running), expected);
    }
    running.order(Command::Promote).await;
    let mut changed = steps();
    changed[0] = step("2%", 60, 3);
    running.reload("one", &changed);
    assert_eq!(attempt(&running), 4, "a past step changed");
    let status = running.rollout.status("chat").unwrap();
    assert!(status.elapsed_seconds < 10.0 && status.held_seconds < 10.0, "{status:?}");
    let running = running.restart("one", &changed).await;
    assert_eq!(attempt(&running), 4, "that is kept");
    let running = running.restart("another", &changed).await;
    assert_eq!(attempt(&running), 1, "another identity, other evidence");
}

#[tokio::test(start_paused = true)]
async fn every_strategy_is_stopped_by_a_roll_back_and_kept_so_over_a_restart() {
    let running = Running::start();
    for name in ["split", "copies", "lists"] {
        running.rollout.command(name, Command::Rollback, "stop").await.unwrap();
        assert_eq!(running.rollout.status(name).unwrap().phase, Phase::RolledBack);
    }
    let legacy = running.policy.experiments[1].weights();
    assert_eq!(legacy, [share("100%"), share("0%")]);
    let running = running.restart("one", &steps()).await;
    for (place, name) in [(1, "split"), (2, "copies"), (3, "lists")] {
        assert_eq!(running.rollout.status(name).unwrap().phase, Phase::RolledBack, "{name}");
        assert!(!running.policy.experiments[place].ramp.load().phase.is_open(), "{name}");
    }
    running.rollout.command("split", Command::Resume, "go on").await.unwrap();
    assert_eq!(running.policy.experiments[1].weights(), [share("30%"), share("70%")]);
}

#[test]
fn the_state_of_an_earlier_version_is_read() {
    let kept = r#"{"version": 1, "canaries": [{"experiment": "chat", "identity": "one", "steps": [{"weight": "1%",
        "hold": {"secs": 60, "nanos": 0}, "min_requests": 3, "approve": false}], "stage": 4, "step": 0, "phase": "paused",
        "weight": "7%", "assigned": 12, "held": {"secs": 5, "nanos": 0}, "history": [{"time": "2026-01-01T00:00:00Z",
        "stage": 4, "step": 1, "phase": "paused", "weight": "7%", "reason": "ordered"}]}]}"#;
    let dir = TempDir::new().unwrap();
    fs::write(dir.path().join("rollout.json"), kept).unwrap();
    let rollout = Rollout::open(dir.path(), Arc::default());
    rollout.adopt(&mut policy("one", &[step("1%", 60, 3), step("50%", 0, 0)]));
    let status = rollout.status("chat").unwrap();
    assert_eq!((status.phase, status.stage, status.attempt), (Phase::Paused, 4, 1));
    assert_eq!((status.weight, status.assigned), (share("7%"), 12));
}

/// A controller's rollout and a gateway's that follows it, under policies of these identities.
fn follower(identity: &str) -> (Rollout, Policy) {
    let gateway = Rollout::from_state(None, Decides::Elsewhere, Vec::new(), Arc::default());
    let mut followed = policy(identity, &steps());
    gateway.adopt(&mut followed);
    (gateway, followed)
}

#[test]
fn a_gateway_goes_where_it_is_told_and_never_back() {
    let dir = TempDir::new().unwrap();
    let controller = Rollout::open(dir.path(), Arc::default());
    controller.adopt(&mut policy("one", &steps()));
    let (gateway, followed) = follower("one");
    assert_eq!(gateway.status("chat").unwrap().phase, Phase::Scheduled);
    assert_eq!(followed.experiments[0].weights()[1], share("0%"), "legacy until somebody decides");
    let first = controller.state().next();
    assert_eq!(gateway.follow(&first).unwrap(), 1);
    assert_eq!(followed.experiments[0].weights()[1], share("1%"));
    let mut later = first.clone().next();
    later.experiments[0].weight = share("50%");
    assert_eq!(gateway.follow(&later).unwrap(), 2);
    assert_eq!(gateway.follow(&first).unwrap(), 2, "what is older is not heeded");
    assert_eq!(followed.experiments[0].weights()[1], share("50%"));
    let mut other = later.clone();
    other.experiments[0].weight = share("90%");
    gateway.follow(&other).unwrap();
    assert_eq!(followed.experiments[0].weights()[1], share("50%"), "nor something else under one revision");
    other.experiments[0].weight = share("0%");
    other.experiments[0].phase = Phase::RolledBack;
    gateway.follow(&other).unwrap();
    assert_eq!(gateway.status("chat").unwrap().phase, Phase::RolledBack, "but for a roll back");
    assert_eq!(controller.follow(&other), Err(RolloutError::Decides));
}

#[test]
fn what_was_told_of_a_policy_that_comes_later_is_heeded_when_it_comes() {
    let dir = TempDir::new().unwrap();
    let controller = Rollout::open(dir.path(), Arc::default());
    controller.adopt(&mut policy("two", &steps()));
    let (gateway, followed) = follower("one");
    gateway.follow(&controller.state().next()).unwrap();
    assert_eq!(followed.experiments[0].weights()[1], share("0%"), "that is of another candidate");
    let mut next = policy("two", &steps());
    gateway.adopt(&mut next);
    assert_eq!(next.experiments[0].weights()[1], share("1%"));
    assert_eq!(gateway.status("chat").unwrap().phase, Phase::Running);
}

/// A controller's experiments, and their policy.
fn deciding() -> (Rollout, Policy) {
    let decides = Decides::ForFleet(Default::default());
    let rollout = Rollout::from_state(None, decides, Vec::new(), Default::default());
    let mut policy = policy("one", &steps());
    rollout.adopt(&mut policy);
    (rollout, policy)
}

/// What becomes of an order that meets what another controller decided meanwhile: the phase and the step.
async fn meets(ours: Command, theirs: Option<Command>) -> (Phase, usize) {
    let (other, _) = deciding();
    if let Some(theirs) = theirs {
        other.command("chat", theirs, "there").await.unwrap();
    }
    let (one, mut policy) = deciding();
    one.command("chat", ours, "here").await.unwrap();
    one.restore(other.state().next());
    one.adopt(&mut policy);
    one.obey_again();
    let status = one.status("chat").unwrap();
    (status.phase, status.step)
}

#[tokio::test]
async fn an_order_that_another_controller_crossed_is_obeyed_once_more() {
    assert_eq!(meets(Command::Promote, None).await, (Phase::Running, 2));
    assert_eq!(meets(Command::Promote, Some(Command::Promote)).await, (Phase::Running, 2));
    assert_eq!(meets(Command::Rollback, Some(Command::Promote)).await, (Phase::RolledBack, 0));
    assert_eq!(meets(Command::Promote, Some(Command::Rollback)).await, (Phase::RolledBack, 0));
}

#[tokio::test]
async fn an_order_that_was_published_is_not_obeyed_again() {
    let (one, mut policy) = deciding();
    one.command("chat", Command::Promote, "first").await.unwrap();
    let (state, orders) = one.unpublished();
    let state = state.next();
    one.command("chat", Command::Pause, "meanwhile").await.unwrap();
    one.stands_at(state.revision, orders);
    one.restore(state.next());
    one.adopt(&mut policy);
    one.obey_again();
    let status = one.status("chat").unwrap();
    assert_eq!((status.phase, status.step), (Phase::Paused, 2));
}
