use std::time::Duration;

use crate::policy::Phase;
use crate::policy::tests::sample::share;
use crate::rollout::ramp::Action;
use crate::rollout::ramp::Command;
use crate::rollout::ramp::Position;
use crate::rollout::ramp::Refusal;
use crate::rollout::ramp::Target;
use crate::rollout::ramp::carry_over;
use crate::rollout::ramp::next;
use crate::rollout::ramp::obey;
use crate::strategy::canary::Step;

fn step(weight: &str, hold: u64, min_requests: u64, approve: bool) -> Step {
    Step { weight: share(weight), hold: Duration::from_secs(hold), min_requests, approve }
}

/// 1 % for 60 s and 100 requests; 50 % for 10 s and a person's word; 100 % for 5 requests.
fn steps() -> Vec<Step> {
    vec![step("1%", 60, 100, false), step("50%", 10, 0, true), step("100%", 0, 5, false)]
}

fn at(step: usize, phase: Phase, weight: &str) -> Position {
    Position { step, phase, weight: share(weight), held: Duration::ZERO, assigned: 0 }
}

fn to(step: usize, phase: Phase, weight: &str) -> Target {
    Target { step, phase, weight: share(weight) }
}

#[test]
fn a_step_ends_when_all_its_conditions_hold() {
    let hold = |time, requests| Action::Hold { time: Duration::from_secs(time), requests };
    let cases = [
        (0, 0, 0, hold(60, 100)),
        (0, 59, 100, hold(1, 0)),
        (0, 60, 99, hold(0, 1)),
        (0, 60, 100, Action::Advance),
        (0, 9_999, 9_999, Action::Advance),
        (1, 9, 500, hold(1, 0)),
        (1, 10, 0, Action::AwaitApproval),
        (2, 0, 4, hold(0, 1)),
        (2, 0, 5, Action::Complete),
    ];
    for (step, held, assigned, expected) in cases {
        let held = Duration::from_secs(held);
        let position = Position { held, assigned, ..at(step, Phase::Running, "1%") };
        assert_eq!(next(&position, &steps()), expected, "{position:?}");
        for phase in [Phase::Paused, Phase::RolledBack, Phase::Promoted] {
            assert_eq!(next(&Position { phase, ..position }, &steps()), Action::Rest);
        }
    }
}

#[test]
fn a_last_step_that_needs_approval_waits_for_it() {
    let steps = [step("100%", 0, 0, true)];
    let position = at(0, Phase::Running, "100%");
    assert_eq!(next(&position, &steps), Action::AwaitApproval);
    assert_eq!(obey(Command::Promote, &position, &steps), Ok(to(0, Phase::Promoted, "100%")));
}

#[test]
fn commands_lead_where_they_say() {
    use Command::Pause;
    use Command::Promote;
    use Command::Resume;
    use Command::Rollback;
    use Phase::Paused;
    use Phase::Promoted;
    use Phase::RolledBack;
    use Phase::Running;
    let quarter = Command::Weight(share("25%"));
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
        (at(1, RolledBack, "0%"), Promote, Err(Refusal::RolledBack)),
        (at(1, RolledBack, "0%"), Pause, Err(Refusal::RolledBack)),
        (at(1, RolledBack, "0%"), quarter, Err(Refusal::RolledBack)),
        (at(1, RolledBack, "0%"), Rollback, Ok(to(1, RolledBack, "0%"))),
        (at(1, RolledBack, "0%"), Resume, Ok(to(0, Running, "1%"))),
        (at(2, Promoted, "100%"), Promote, Ok(to(2, Promoted, "100%"))),
        (at(2, Promoted, "100%"), Rollback, Ok(to(2, RolledBack, "0%"))),
        (at(2, Promoted, "100%"), quarter, Ok(to(2, Paused, "25%"))),
        (at(2, Promoted, "100%"), Pause, Err(Refusal::Promoted)),
        (at(2, Promoted, "100%"), Resume, Err(Refusal::Promoted)),
    ];
    for (position, command, expected) in cases {
        assert_eq!(obey(command, &position, &steps()), expected, "{command:?} {position:?}");
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
    let second = at(1, Running, "50%");
    let cases = [
        ("nothing", second, steps(), Some(to(1, Running, "50%"))),
        ("a past weight", second, changed(0, step("2%", 60, 100, false)), None),
        ("a past hold", second, changed(0, step("1%", 61, 100, false)), None),
        ("the present weight", second, changed(1, step("20%", 10, 0, true)), Some(to(1, Running, "20%"))),
        ("a later step", second, changed(2, step("90%", 0, 0, true)), Some(to(1, Running, "50%"))),
        ("one more step", at(2, Promoted, "100%"), longer, Some(to(2, Promoted, "100%"))),
        ("the present step is gone", second, steps()[..1].to_vec(), Some(to(0, Running, "1%"))),
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
