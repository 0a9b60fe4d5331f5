//! What must not be recorded, as a policy says it.

use std::path::Path;

use crossfade::config;
use crossfade::record::HeaderChoice;
use crossfade::record::Pattern;
use crossfade::record::RedactAction;
use crossfade::record::RedactTarget;
use crossfade::record::Settings;
use crossfade::record::Sought;
use http::HeaderName;

fn record(keys: &str) -> Settings {
    let policy =
        format!("models: {{m: {{url: 'http://127.0.0.1:1'}}}}\ndefault: m\nrecord: {{dir: r, {keys}}}\n");
    config::parse(Path::new("policy.yaml"), &policy)
        .unwrap_or_else(|problems| panic!("{problems}\n{policy}"))
        .record
}

#[test]
fn a_rule_says_where_and_what_or_only_one_of_them() {
    let rules = record(
        "redact: [{header: X-Session, action: hash}, {query: s, pattern: card, action: drop}, \
         {json: '$..text', regex: '[0-9]+', action: mask}, {pattern: api_key, action: mask}]",
    )
    .redact;
    let [session, card, digits, keys] = &rules[..] else { panic!("four rules expected") };
    let header = RedactTarget::Header(HeaderName::from_static("x-session"));
    assert_eq!(
        (&session.target, &session.sought, session.action),
        (&header, &Sought::All, RedactAction::Hash)
    );
    let query = RedactTarget::Query("s".to_owned());
    let sought = Sought::Pattern(Pattern::Card);
    assert_eq!((&card.target, &card.sought, card.action), (&query, &sought, RedactAction::Drop));
    assert_eq!(digits.target, RedactTarget::Json("$..text".parse().unwrap()));
    assert!(digits.changes("a 1") && !digits.changes("a"));
    assert_eq!(keys.target, RedactTarget::Everywhere);
}

#[test]
fn headers_are_listed_or_all_are_recorded() {
    let listed = |names: &[&'static str]| {
        HeaderChoice::Listed(names.iter().map(|name| HeaderName::from_static(name)).collect())
    };
    for (keys, expected) in [
        ("", listed(&[])),
        ("headers: X-Team", listed(&["x-team"])),
        ("headers: [X-Team, x-region]", listed(&["x-team", "x-region"])),
        ("headers: all", HeaderChoice::All),
        ("headers: [x-team, all]", HeaderChoice::All),
    ] {
        assert_eq!(record(keys).headers, expected, "{keys}");
    }
}

#[test]
fn the_key_of_hashes_comes_from_outside_and_is_shown_nowhere() {
    let dir = tempfile::tempdir().unwrap();
    let key = dir.path().join("key");
    std::fs::write(&key, " 0123456789abcdef\n").unwrap();
    let settings = record(&format!("hash_key: {{from_file: '{}'}}", key.display()));
    assert!(!format!("{settings:?}").contains("0123456789abcdef"));
    assert_eq!(settings.hash_key.unwrap().expose(), b"0123456789abcdef");
}
