//! What `crossfade size` prints.

use std::process::Command;
use std::process::Output;

use serde_json::Value;

fn size(arguments: &str) -> Output {
    Command::new(env!("CARGO_BIN_EXE_crossfade")).arg("size").args(arguments.split(' ')).output().unwrap()
}

fn told(arguments: &str) -> Value {
    let output = size(&format!("{arguments} --format json"));
    assert!(output.status.success(), "{arguments}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn requests(told: &Value, strategy: &str, which: &str) -> u64 {
    let found = told["strategies"].as_array().unwrap().iter().find(|size| size["strategy"] == strategy);
    found.unwrap()["requests"][which].as_u64().unwrap()
}

#[test]
fn rates_and_effects_are_said_in_any_way() {
    for arguments in [
        "--base-rate 1% --effect +50%",
        "--base-rate 0.01 --effect 1.5x",
        "--base-rate 1% --candidate-rate 1.5%",
        "--base-rate 1% --effect 1.5x --split 20% --per-day 1000000",
    ] {
        assert_eq!(requests(&told(arguments), "ab", "one_look"), 15_500, "{arguments}");
    }
    let less = told("--base-rate 1% --effect -20%");
    assert!((less["expected"]["candidate_rate"].as_f64().unwrap() - 0.008).abs() < 1e-12);
}

#[test]
fn a_table_holds_all_four_strategies_and_ends_with_advice() {
    let said = String::from_utf8(size("--base-rate 1% --effect 2x --per-second 50").stdout).unwrap();
    for expected in [
        "\nshadow pairs ",
        "\ncanary 5 % ",
        "\nA/B 50 % ",
        "\ninterleaving ",
        " min ",
        "\nStart with shadow pairs: ",
    ] {
        assert!(said.contains(expected), "{expected}: {said}");
    }
    assert!(said.lines().all(|line| line.chars().count() <= 120), "{said}");
    let canary = told("--base-rate 1% --effect 2x");
    assert!((10_400..21_600).contains(&requests(&canary, "canary", "any_time_median")), "{canary}");
}

#[test]
fn what_makes_no_sense_is_refused_with_the_cure() {
    for (arguments, expected) in [
        ("--base-rate 1% --effect 50%", "`+50%`, `-20%` (more than -100%), or how many times it is"),
        ("--base-rate 100% --effect 2x", "expected a percentage above 0% and below 100%"),
        ("--base-rate 1%", "--effect <CHANGE>|--candidate-rate <RATE>"),
        (
            "--base-rate 60% --effect 2x",
            "is a rate of 120 %, expected less than 100 %; give a smaller --effect",
        ),
        ("--base-rate 1% --effect 1x", "there is no effect to find; give another --effect"),
        (
            "--base-rate 1% --effect 2x --discordance 0.5%",
            "less than the difference of the rates, 1 %; give more",
        ),
        ("--base-rate 1% --effect 2x --power 3%", "is not more than --alpha, 0.05; give a higher power"),
        ("--base-rate 1% --effect 2x --per-day 0", "expected a number above 0"),
    ] {
        let output = size(arguments);
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments}: {said}");
        assert!(said.contains(expected), "{arguments}: {said}");
    }
}
