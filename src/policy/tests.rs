pub(crate) mod sample;
mod schedule;
mod spend;

use http::Request;
use http::request::Parts;
use serde_json::json;

use crate::policy::BodyView;
use crate::policy::JudgeDraw;
use crate::policy::Matcher;
use crate::policy::PathPattern;

fn head(method: &str, uri: &str, headers: &[(&str, &str)]) -> Parts {
    let builder = Request::builder().method(method).uri(uri);
    let builder = headers.iter().fold(builder, |builder, (name, value)| builder.header(*name, *value));
    builder.body(()).unwrap().into_parts().0
}

#[test]
fn a_path_is_exact_and_a_trailing_star_makes_it_a_prefix() {
    let cases = [
        ("/rank", "/rank", true),
        ("/rank", "/rank/", false),
        ("/rank", "/rank?x=1", true),
        ("/v1/*", "/v1/chat", true),
        ("/v1/*", "/v1", true),
        ("/v1/*", "/v10/chat", false),
        ("/*", "/anything/at/all", true),
    ];
    for (pattern, uri, expected) in cases {
        let matcher = Matcher { path: Some(PathPattern::new(pattern)), ..Matcher::default() };
        assert_eq!(
            matcher.matches(&head("GET", uri, &[]), BodyView::Unread),
            Some(expected),
            "{pattern} {uri}"
        );
    }
}

#[test]
fn every_given_part_must_hold_and_an_empty_matcher_takes_all() {
    let request =
        head("POST", "/x?a=1&b=two%20words", &[("host", "Models.example:8080"), ("x-tier", "gold")]);
    assert_eq!(Matcher::default().matches(&request, BodyView::Unread), Some(true));
    let full = Matcher {
        methods: vec![http::Method::POST],
        hosts: vec!["models.example".to_owned()],
        headers: vec![(http::HeaderName::from_static("x-tier"), "gold".to_owned())],
        query: vec![("b".to_owned(), "two words".to_owned())],
        ..Matcher::default()
    };
    assert_eq!(full.matches(&request, BodyView::Unread), Some(true));
    let other_query = Matcher { query: vec![("a".to_owned(), "2".to_owned())], ..full.clone() };
    assert_eq!(other_query.matches(&request, BodyView::Unread), Some(false));
    let other_host = Matcher { hosts: vec!["elsewhere".to_owned()], ..full };
    assert_eq!(other_host.matches(&request, BodyView::Unread), Some(false));
}

#[test]
fn the_body_is_asked_for_only_when_everything_else_holds() {
    let matcher = Matcher {
        path: Some(PathPattern::new("/rank")),
        json: vec![("$.model".parse().unwrap(), json!("ranker")), ("$.version".parse().unwrap(), json!(1))],
        ..Matcher::default()
    };
    let fits = head("POST", "/rank", &[]);
    assert_eq!(matcher.matches(&head("POST", "/other", &[]), BodyView::Unread), Some(false));
    assert_eq!(matcher.matches(&fits, BodyView::Unread), None);
    assert_eq!(matcher.matches(&fits, BodyView::Opaque), Some(false));
    assert_eq!(
        matcher.matches(&fits, BodyView::Json(&json!({"model": "ranker", "version": 1.0}))),
        Some(true)
    );
    assert_eq!(matcher.matches(&fits, BodyView::Json(&json!({"model": "other", "version": 1}))), Some(false));
}

#[test]
fn a_judge_draws_by_the_unit_only_where_it_is_told_to_and_there_is_one() {
    let old = json!({"judge": "tidy", "salt": "e/judge/tidy", "billionths": 500_000_000});
    let by_request: JudgeDraw = serde_json::from_value(old.clone()).unwrap();
    assert_eq!(serde_json::to_value(&by_request).unwrap(), old);
    let by_unit = JudgeDraw { whole_units: true, ..by_request.clone() };
    for number in 0..100 {
        let (request, unit) = (format!("request-{number}"), format!("unit-{number}"));
        let alone = by_request.admits(request.as_bytes(), None);
        assert_eq!(by_request.admits(request.as_bytes(), Some(&unit)), alone);
        assert_eq!(by_unit.admits(request.as_bytes(), None), alone);
        let of_unit = by_request.admits(unit.as_bytes(), None);
        assert_eq!(by_unit.admits(request.as_bytes(), Some(&unit)), of_unit);
    }
}
