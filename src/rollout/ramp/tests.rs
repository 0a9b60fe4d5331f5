use std::time::Duration;

use crate::analysis::Opinion;
use crate::assign::Share;
use crate::policy::Phase;
use crate::policy::Quiet;
use crate::policy::Schedule;
use crate::policy::tests::sample::share;
use crate::rollout::ramp::Action;
use crate::rollout::ramp::CLEAR_FOR;
use crate::rollout::ramp::Cause;
use crate::rollout::ramp::Command;
use crate::rollout::ramp::Judged;
use crate::rollout::ramp::Missing;
use crate::rollout::ramp::Position;
use crate::rollout::ramp::Refusal;
use crate::rollout::ramp::Rules;
use crate::rollout::ramp::Target;
use crate::rollout::ramp::carry_over;
use crate::rollout::ramp::next;
use crate::rollout::ramp::obey;
use crate::strategy::canary::Step;
use crate::strategy::shadow::Total;
use crate::vocab::StrategyKind;
use crate::vocab::Timestamp;

const NOW: Timestamp = Timestamp::from_micros(1_000_000_000_000_000);
const LATER: Timestamp = Timestamp::from_micros(1_000_000_000_000_001);

fn step(weight: &str, hold: u64, min_requests: u64, approve: bool) -> Step {
    Step { hold: Duration::from_secs(hold), min_requests, approve, ..Step::at(share(weight)) }
}

/// 1 % for 60 s and 100 requests; 50 % for 10 s and a person's word; 100 % for 5 requests.
fn steps() -> Vec<Step> {
    vec![step("1%", 60, 100, false), step("50%", 10, 0, true), step("100%", 0, 5, false)]
}

fn rules(steps: Vec<Step>) -> Rules {
    let strategy = StrategyKind::Canary;
    let (schedule, total) = (Schedule::default(), Total::default());
    Rules { strategy, steps, schedule, stop_after: None, ends_on_verdict: true, total }
}

fn of(strategy: StrategyKind) -> Rules {
    Rules { strategy, ..rules(Vec::new()) }
}

fn at(step: usize, phase: Phase, weight: &str) -> Position {
    Position {
        step,
        phase,
        weight: share(weight),
        held: Duration::ZERO,
        assigned: 0,
        elapsed: Duration::ZERO,
        held_by: None,
        clear: Duration::ZERO,
        out: Vec::new(),
    }
}

fn to(step: usize, phase: Phase, weight: &str) -> Target {
    Target { step, phase, weight: share(weight), again: false }
}

fn judged(opinions: &[Opinion]) -> Judged {
    Judged { candidates: opinions.to_vec(), ..Judged::default() }
}

fn breach() -> Opinion {
    Opinion { breach: Some("it tipped".to_owned()), ..Opinion::default() }
}

fn hold() -> Opinion {
    Opinion { hold: Some("cost".to_owned()), ..Opinion::default() }
}

/// What it does with no evidence.
fn unjudged(position: &Position, rules: &Rules) -> Action {
    next(position, rules, &Judged::default(), NOW)
}

/// Where it goes and what moves it.
fn goes(action: Action) -> (Target, Cause) {
    match action {
        Action::Move { to, cause, .. } => (to, cause),
        other => panic!("it stays: {other:?}"),
    }
}

#[test]
fn a_step_ends_when_all_its_conditions_hold() {
    let wait = |time, requests, approval| {
        let time = Duration::from_secs(time);
        Action::Wait(Missing { time, requests, approval, ..Missing::default() })
    };
    let step = |to, step: usize, held, assigned| Action::Move {
        to,
        cause: Cause::Step,
        reason: format!("step {} is done: {held} s and {assigned} requests", step + 1),
    };
    let second = to(1, Phase::Running, "50%");
    let cases = [
        (0, 0, 0, wait(60, 100, false)),
        (0, 59, 100, wait(1, 0, false)),
        (0, 60, 99, wait(0, 1, false)),
        (0, 60, 100, step(second, 0, 60, 100)),
        (0, 9_999, 9_999, step(second, 0, 9_999, 9_999)),
        (1, 9, 500, wait(1, 0, true)),
        (1, 10, 0, wait(0, 0, true)),
        (2, 0, 4, wait(0, 1, false)),
        (2, 0, 5, step(to(2, Phase::Promoted, "100%"), 2, 0, 5)),
    ];
    for (place, held, assigned, expected) in cases {
        let held = Duration::from_secs(held);
        let position = Position { held, assigned, ..at(place, Phase::Running, "1%") };
        assert_eq!(unjudged(&position, &rules(steps())), expected, "{position:?}");
        for phase in [Phase::Paused, Phase::RolledBack, Phase::Promoted, Phase::Ended, Phase::Held] {
            let position = Position { phase, ..position.clone() };
            assert_eq!(unjudged(&position, &rules(steps())), Action::Rest);
        }
    }
}

#[test]
fn a_step_until_the_verdict_waits_for_guardrails_and_the_last_for_promotion() {
    let until = |weight| Step { until_verdict: true, ..Step::at(share(weight)) };
    let rules = rules(vec![until("5%"), until("50%")]);
    let inside = Opinion { inside: true, sentence: "All is well.".to_owned(), ..Opinion::default() };
    let promote = Opinion { promote: true, ..Opinion::default() };
    let waits = Action::Wait(Missing { verdict: true, ..Missing::default() });
    let (first, last) = (at(0, Phase::Running, "5%"), at(1, Phase::Running, "50%"));
    assert_eq!(unjudged(&first, &rules), waits);
    assert_eq!(next(&first, &rules, &judged(std::slice::from_ref(&promote)), NOW), waits);
    assert_eq!(
        next(&first, &rules, &judged(std::slice::from_ref(&inside)), NOW),
        Action::Move {
            to: to(1, Phase::Running, "50%"),
            cause: Cause::Verdict,
            reason: "step 1 is done: 0 s and 0 requests; All is well.".to_owned(),
        }
    );
    assert_eq!(next(&last, &rules, &judged(&[inside]), NOW), waits);
    let promoted = goes(next(&last, &rules, &judged(&[promote]), NOW));
    assert_eq!(promoted, (to(1, Phase::Promoted, "50%"), Cause::Verdict));
}

#[test]
fn a_breach_takes_the_candidate_out_whatever_a_canary_is_doing() {
    let quiet = Quiet { days: Vec::new(), hours: None };
    let schedule = Schedule { quiet: vec![quiet], ..Schedule::default() };
    let rules = Rules { schedule, ..rules(steps()) };
    let doubtful = Judged { doubt: Some("a gateway is silent".to_owned()), ..judged(&[breach()]) };
    for phase in [Phase::Running, Phase::Held, Phase::Paused, Phase::Promoted] {
        let gone = goes(next(&at(1, phase, "50%"), &rules, &doubtful, NOW));
        assert_eq!(gone, (to(1, Phase::RolledBack, "0%"), Cause::Guardrail), "{phase:?}");
    }
    for phase in [Phase::Scheduled, Phase::RolledBack, Phase::Ended] {
        let found = next(&at(0, phase, "0%"), &rules, &judged(&[breach()]), NOW);
        assert!(!matches!(found, Action::Move { cause: Cause::Guardrail, .. }), "{phase:?}: {found:?}");
    }
}

#[test]
fn a_breach_takes_one_of_several_candidates_out_of_an_ab_test_and_the_last_ends_it() {
    let (rules, position) = (of(StrategyKind::Ab), at(0, Phase::Running, "0%"));
    let second = judged(&[Opinion::default(), breach()]);
    assert_eq!(
        next(&position, &rules, &second, NOW),
        Action::TakeOut { arm: 2, reason: "it tipped".to_owned() }
    );
    let without = Position { out: vec![2], ..position };
    assert_eq!(next(&without, &rules, &second, NOW), Action::Wait(Missing::default()));
    let both = judged(&[breach(), breach()]);
    assert_eq!(goes(next(&without, &rules, &both, NOW)), (to(0, Phase::RolledBack, "0%"), Cause::Guardrail));
}

#[test]
fn no_user_sees_a_shadows_answer_so_nothing_takes_it_out() {
    let position = at(0, Phase::Running, "0%");
    let found = next(&position, &of(StrategyKind::Shadow), &judged(&[breach()]), NOW);
    assert_eq!(found, Action::Wait(Missing::default()));
    let mixed = next(&position, &of(StrategyKind::Interleave), &judged(&[breach()]), NOW);
    assert_eq!(goes(mixed), (to(0, Phase::RolledBack, "0%"), Cause::Guardrail));
}

#[test]
fn what_forbids_more_holds_a_canary_and_it_goes_on_only_when_that_is_long_gone() {
    let rules = rules(steps());
    let held = goes(next(&at(0, Phase::Running, "1%"), &rules, &judged(&[hold()]), NOW));
    assert_eq!(held, (to(0, Phase::Held, "1%"), Cause::Verdict));
    let held = Position { held_by: Some(Cause::Verdict), ..at(0, Phase::Held, "1%") };
    assert_eq!(unjudged(&held, &rules), Action::Rest, "not clear for long enough");
    let clear = Position { clear: CLEAR_FOR, ..held };
    assert_eq!(next(&clear, &rules, &judged(&[hold()]), NOW), Action::Rest);
    assert_eq!(goes(unjudged(&clear, &rules)), (to(0, Phase::Running, "1%"), Cause::Verdict));
    let too_slow = Position { held_by: Some(Cause::Timeout), ..clear };
    assert_eq!(unjudged(&too_slow, &rules), Action::Rest, "that waits for a person");
}

#[test]
fn what_takes_too_long_is_held() {
    let timeout = Some(Duration::from_secs(90));
    let rules = Rules {
        stop_after: Some(Duration::from_secs(500)),
        ..rules(vec![Step { timeout, ..step("1%", 60, 100, false) }])
    };
    let waited = |held, assigned, elapsed| Position {
        held: Duration::from_secs(held),
        assigned,
        elapsed: Duration::from_secs(elapsed),
        ..at(0, Phase::Running, "1%")
    };
    assert!(matches!(unjudged(&waited(89, 0, 89), &rules), Action::Wait(_)));
    let held = (to(0, Phase::Held, "1%"), Cause::Timeout);
    assert_eq!(goes(unjudged(&waited(90, 0, 90), &rules)), held);
    assert_eq!(goes(unjudged(&waited(1, 0, 500), &rules)), held);
    let done = goes(unjudged(&waited(90, 100, 500), &rules));
    assert_eq!(done, (to(0, Phase::Promoted, "1%"), Cause::Step), "what is done is not too late");
}

#[test]
fn quiet_hours_and_silent_gateways_delay_steps() {
    let done = Position { assigned: 5, ..at(2, Phase::Running, "100%") };
    let quiet = Quiet { days: Vec::new(), hours: None };
    let sleeping =
        Rules { schedule: Schedule { quiet: vec![quiet], ..Schedule::default() }, ..rules(steps()) };
    let waits = Action::Wait(Missing { quiet: true, ..Missing::default() });
    assert_eq!(unjudged(&done, &sleeping), waits);
    let doubtful = Judged { doubt: Some("silence".to_owned()), ..Judged::default() };
    let waits = Action::Wait(Missing { doubt: true, ..Missing::default() });
    assert_eq!(next(&done, &rules(steps()), &doubtful, NOW), waits);
}

#[test]
fn a_schedule_begins_and_ends_every_strategy() {
    use StrategyKind::Ab;
    use StrategyKind::Canary;
    use StrategyKind::Interleave;
    use StrategyKind::Shadow;
    for strategy in [Shadow, Canary, Ab, Interleave] {
        let steps = if strategy == Canary { steps() } else { Vec::new() };
        let first = steps.first().map_or(Share::NONE, |step| step.weight);
        let on = |start, stop| Rules {
            strategy,
            schedule: Schedule { start: Some(start), stop: Some(stop), quiet: Vec::new() },
            ..rules(steps.clone())
        };
        let sleeping = at(0, Phase::Scheduled, "0%");
        assert_eq!(on(LATER, LATER).first(NOW).phase, Phase::Scheduled);
        assert_eq!(unjudged(&sleeping, &on(LATER, LATER)), Action::Rest);
        let begun = Target { weight: first, ..to(0, Phase::Running, "0%") };
        assert_eq!(goes(unjudged(&sleeping, &on(NOW, LATER))), (begun, Cause::Schedule));
        assert_eq!(on(NOW, LATER).first(NOW), begun);
        let over = (to(0, Phase::Ended, "0%"), Cause::Schedule);
        for phase in [Phase::Scheduled, Phase::Running, Phase::Held, Phase::Paused] {
            assert_eq!(goes(unjudged(&at(0, phase, "1%"), &on(NOW, NOW))), over);
        }
        assert_eq!(unjudged(&at(0, Phase::Promoted, "1%"), &on(NOW, NOW)), Action::Rest);
    }
}

#[test]
fn an_ab_test_ends_on_a_verdict_or_in_time_and_a_shadow_with_its_budget() {
    let position = at(0, Phase::Running, "0%");
    let ended = |cause| (to(0, Phase::Ended, "0%"), cause);
    let promote = Opinion { promote: true, sentence: "It is better.".to_owned(), ..Opinion::default() };
    let found = judged(&[Opinion::default(), promote]);
    let ab = of(StrategyKind::Ab);
    assert_eq!(goes(next(&position, &ab, &found, NOW)), ended(Cause::Verdict));
    let goes_on = Rules { ends_on_verdict: false, ..ab.clone() };
    assert_eq!(next(&position, &goes_on, &found, NOW), Action::Wait(Missing::default()));
    let week = Duration::from_secs(7 * 86_400);
    let timed = Rules { stop_after: Some(week), ..ab };
    assert_eq!(unjudged(&position, &timed), Action::Wait(Missing::default()));
    let late = Position { elapsed: week, ..position.clone() };
    assert_eq!(goes(unjudged(&late, &timed)), ended(Cause::Timeout));

    let total = Total { copies: Some(100), money: Some("2.5".parse().unwrap()) };
    let shadow = Rules { total, ..of(StrategyKind::Shadow) };
    let spent = |copies, money: &str| Judged { copies, money: money.parse().unwrap(), ..Judged::default() };
    assert_eq!(next(&position, &shadow, &spent(99, "2.49"), NOW), Action::Wait(Missing::default()));
    for judged in [spent(100, "0"), spent(0, "2.5")] {
        assert_eq!(goes(next(&position, &shadow, &judged, NOW)), ended(Cause::Budget));
    }
}

#[test]
fn a_last_step_that_needs_approval_waits_for_it() {
    let rules = rules(vec![step("100%", 0, 0, true)]);
    let position = at(0, Phase::Running, "100%");
    let waits = Action::Wait(Missing { approval: true, ..Missing::default() });
    assert_eq!(unjudged(&position, &rules), waits);
    assert_eq!(obey(Command::Promote, &position, &rules, NOW), Ok(to(0, Phase::Promoted, "100%")));
}

#[test]
fn commands_lead_where_they_say() {
    use Command::Pause;
    use Command::Promote;
    use Command::Resume;
    use Command::Rollback;
    use Phase::Ended;
    use Phase::Held;
    use Phase::Paused;
    use Phase::Promoted;
    use Phase::RolledBack;
    use Phase::Running;
    use Phase::Scheduled;
    let quarter = Command::Weight(share("25%"));
    let again = Target { again: true, ..to(0, Running, "1%") };
    let cases = [
        (at(0, Running, "1%"), Promote, Ok(to(1, Running, "50%"))),
        (at(0, Running, "1%"), Rollback, Ok(to(0, RolledBack, "0%"))),
        (at(0, Running, "1%"), Pause, Ok(to(0, Paused, "1%"))),
        (at(0, Running, "1%"), Resume, Ok(to(0, Running, "1%"))),
        (at(0, Running, "1%"), quarter, Ok(to(0, Paused, "25%"))),
        (at(2, Running, "100%"), Promote, Ok(to(2, Promoted, "100%"))),
        (at(1, Paused, "25%"), Promote, Ok(to(2, Running, "100%"))),
        (at(1, Paused, "25%"), Pause, Ok(to(1, Paused, "25%"))),
        (at(1, Paused, "25%"), Resume, Ok(to(1, Running, "50%"))),
        (at(1, Paused, "25%"), Rollback, Ok(to(1, RolledBack, "0%"))),
        (at(0, Held, "1%"), Promote, Ok(to(1, Running, "50%"))),
        (at(0, Held, "1%"), Resume, Ok(to(0, Running, "1%"))),
        (at(1, RolledBack, "0%"), Promote, Err(Refusal::RolledBack)),
        (at(1, RolledBack, "0%"), Pause, Err(Refusal::RolledBack)),
        (at(1, RolledBack, "0%"), quarter, Err(Refusal::RolledBack)),
        (at(1, RolledBack, "0%"), Rollback, Ok(to(1, RolledBack, "0%"))),
        (at(1, RolledBack, "0%"), Resume, Ok(again)),
        (at(1, Ended, "0%"), Resume, Ok(again)),
        (at(1, Ended, "0%"), Promote, Err(Refusal::Ended)),
        (at(1, Ended, "0%"), Rollback, Ok(to(1, RolledBack, "0%"))),
        (at(0, Scheduled, "0%"), Promote, Err(Refusal::Scheduled)),
        (at(0, Scheduled, "0%"), Rollback, Ok(to(0, RolledBack, "0%"))),
        (at(2, Promoted, "100%"), Promote, Ok(to(2, Promoted, "100%"))),
        (at(2, Promoted, "100%"), Rollback, Ok(to(2, RolledBack, "0%"))),
        (at(2, Promoted, "100%"), quarter, Ok(to(2, Paused, "25%"))),
        (at(2, Promoted, "100%"), Pause, Err(Refusal::Promoted)),
        (at(2, Promoted, "100%"), Resume, Err(Refusal::Promoted)),
    ];
    for (position, command, expected) in cases {
        assert_eq!(obey(command, &position, &rules(steps()), NOW), expected, "{command:?} {position:?}");
    }
}

#[test]
fn a_changed_past_step_begins_again_and_anything_else_goes_on() {
    use Phase::Paused;
    use Phase::Promoted;
    use Phase::RolledBack;
    use Phase::Running;
    let changed = |place: usize, to: Step| {
        let mut new = steps();
        new[place] = to;
        new
    };
    let longer = [steps(), vec![step("100%", 60, 0, false)]].concat();
    let second = || at(1, Running, "50%");
    let cases = [
        ("nothing", second(), steps(), Some(to(1, Running, "50%"))),
        ("a past weight", second(), changed(0, step("2%", 60, 100, false)), None),
        ("a past hold", second(), changed(0, step("1%", 61, 100, false)), None),
        ("the present weight", second(), changed(1, step("20%", 10, 0, true)), Some(to(1, Running, "20%"))),
        ("a later step", second(), changed(2, step("90%", 0, 0, true)), Some(to(1, Running, "50%"))),
        ("one more step", at(2, Promoted, "100%"), longer, Some(to(2, Promoted, "100%"))),
        ("the present step is gone", second(), steps()[..1].to_vec(), Some(to(0, Running, "1%"))),
        ("a past step is gone", at(2, Running, "100%"), steps()[..1].to_vec(), None),
        (
            "a weight of one's own",
            at(1, Paused, "7%"),
            changed(1, step("20%", 10, 0, true)),
            Some(to(1, Paused, "7%")),
        ),
        (
            "the paused weight",
            at(0, Paused, "1%"),
            changed(0, step("3%", 9, 9, true)),
            Some(to(0, Paused, "3%")),
        ),
        (
            "rolled back",
            at(1, RolledBack, "0%"),
            changed(1, step("20%", 10, 0, true)),
            Some(to(1, RolledBack, "0%")),
        ),
    ];
    for (what, position, new, expected) in cases {
        assert_eq!(carry_over(&position, &steps(), &new), expected, "{what}");
    }
}
