//! Any text is a policy or has problems that are told in order and in place; a comment before it changes neither.

use std::path::Path;

use crossfade::config::Config;
use crossfade::config::Problems;
use crossfade::config::parse;

/// Checks one policy file.
pub fn check(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    let result = parse(Path::new("policy.yaml"), text);
    match &result {
        Ok(config) => hold_config(config),
        Err(problems) => hold_problems(problems, text),
    }
    // A byte order mark and a directive count only at the very beginning.
    if !text.starts_with(['\u{feff}', '%']) {
        hold_comment(text, result);
    }
}

fn hold_config(config: &Config) {
    let Config { policy, upstreams, .. } = config;
    assert_eq!(policy.models.len(), upstreams.len());
    for experiment in &policy.experiments {
        assert_eq!(experiment.weights().len(), experiment.arms.len(), "{}", experiment.name);
    }
}

fn hold_problems(problems: &Problems, text: &str) {
    assert!(!problems.0.is_empty());
    let lines = text.split(['\n', '\r']).count();
    let mut last = (1, 1);
    for problem in &problems.0 {
        let place = (problem.line, problem.column);
        assert!(place >= last, "out of order: {problem}");
        assert!(problem.line as usize <= lines && problem.column >= 1, "outside of the file: {problem}");
        assert!(!problem.message.is_empty(), "{problem}");
        let shown = problem.to_string();
        assert!(shown.starts_with(&format!("policy.yaml:{}:{}: ", problem.line, problem.column)), "{shown}");
        assert!(!shown.contains(char::is_control), "{shown:?}");
        last = place;
    }
}

fn hold_comment(text: &str, result: Result<Config, Problems>) {
    let again = parse(Path::new("policy.yaml"), &format!("# A comment.\n{text}"));
    match (result, again) {
        (Ok(mut one), Ok(mut other)) => {
            assert_ne!(one.policy.hash, other.policy.hash);
            one.policy.hash.clear();
            other.policy.hash.clear();
            assert_eq!(format!("{one:?}"), format!("{other:?}"));
        }
        (Err(one), Err(other)) => assert_eq!(one.0.len(), other.0.len(), "{one}\n{other}"),
        (one, other) => panic!("{one:?}\n{other:?}"),
    }
}
