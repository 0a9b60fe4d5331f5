//! What was said, over protocols and streams.

use serde_json::Value;
use serde_json::json;

use crate::compare::Agreement;
use crate::compare::Agreement::Agree;
use crate::compare::Agreement::Differ;
use crate::compare::Agreement::Missing;
use crate::compare::Alike;
use crate::compare::Answer;
use crate::compare::Closeness;
use crate::compare::Compared;
use crate::compare::Field;
use crate::compare::Length;
use crate::compare::Lexical;
use crate::compare::Rule;
use crate::compare::Said;
use crate::compare::Tree;
use crate::compare::Unit;
use crate::compare::answers;
use crate::protocol::Document;
use crate::protocol::Protocol;
use crate::protocol::Reply;

/// A body as it passes, with its protocol and its media type.
type Sent = (Protocol, &'static str, String);

const JSON: &str = "application/json";
const SSE: &str = "text/event-stream";

fn openai(id: &str, message: &Value, tokens: u64) -> Sent {
    let body = json!({
        "id": id, "created": id.len(), "model": id, "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 9, "completion_tokens": tokens},
    });
    (Protocol::OpenAi, JSON, body.to_string())
}

fn text(text: &str) -> Sent {
    openai("a", &json!({"content": text}), text.len() as u64)
}

fn calls(calls: &[(&str, Value)]) -> Sent {
    let calls = calls.iter().map(|(name, arguments)| {
        json!({"id": "call", "function": {"name": name, "arguments": arguments.to_string()}})
    });
    openai("a", &json!({"content": null, "tool_calls": calls.collect::<Value>()}), 1)
}

fn openai_stream(pieces: &[&str], end: &str) -> Sent {
    let chunks = pieces.iter().map(|piece| {
        format!("data: {}\n\n", json!({"id": "s", "choices": [{"index": 0, "delta": {"content": piece}}]}))
    });
    (Protocol::OpenAi, SSE, chunks.collect::<String>() + end)
}

fn anthropic(blocks: Value) -> Sent {
    let body = json!({
        "id": "msg", "type": "message", "model": "c", "content": blocks, "stop_reason": "end_turn",
        "usage": {"input_tokens": 7, "output_tokens": 4},
    });
    (Protocol::Anthropic, JSON, body.to_string())
}

/// What the comparison of two answers says; the paths that it tells.
fn compared(
    said: Option<Said>,
    legacy: &Sent,
    other: &Sent,
) -> Vec<(String, Agreement, Option<f64>, Vec<String>)> {
    let fields: Vec<Field> =
        said.into_iter().map(|said| Field { name: "f".to_owned(), rule: Rule::Said(said) }).collect();
    let [one, two] = [legacy, other].map(|(protocol, kind, body)| {
        (Document::from(body.as_str()), Reply::read(*protocol, Some(kind), body.as_bytes()))
    });
    let found = answers(&fields, Answer::new(&one.0, &one.1), Answer::new(&two.0, &two.1));
    let told = |Compared { field, agreement, score, ratio, differences }: Compared<'_>| {
        let paths = differences.iter().flat_map(|it| it.paths()).map(str::to_owned).collect();
        (field.to_owned(), agreement, score.or(ratio), paths)
    };
    found.into_iter().map(told).collect()
}

fn check(said: Said, legacy: &Sent, other: &Sent, agreement: Agreement, score: Option<f64>, paths: &[&str]) {
    let found = compared(Some(said), legacy, other).remove(0);
    let near = found.2.zip(score).is_some_and(|(found, score)| (found - score).abs() < 1e-9);
    assert_eq!(
        (found.1, &found.3[..]),
        (agreement, &paths.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>()[..])
    );
    assert!(near || found.2 == score, "{found:?}, expected a score of {score:?}");
}

#[test]
fn without_fields_what_was_said_is_compared_and_not_ids_times_and_usage() {
    let hello = text("Hello there");
    let same: [Sent; 4] = [
        openai("other-id", &json!({"content": "Hello there"}), 99),
        openai_stream(&["Hel", "lo there"], "data: [DONE]\n\n"),
        anthropic(json!([{"type": "text", "text": "Hello"}, {"type": "text", "text": " there"}])),
        openai("x", &json!({"content": [{"type": "text", "text": "Hello there"}]}), 2),
    ];
    for other in &same {
        let expected = [
            ("answer".to_owned(), Agree, Some(1.0), Vec::new()),
            ("length".to_owned(), Agree, Some(1.0), Vec::new()),
        ];
        assert_eq!(compared(None, &hello, other), expected, "{other:?}");
    }
    let found = compared(None, &hello, &anthropic(json!([{"type": "text", "text": "Hello here, and more"}])));
    let (answer, length) = (&found[0], &found[1]);
    assert_eq!((answer.1, &answer.3), (Differ, &vec!["answer/text".to_owned()]));
    assert!(answer.2.is_some_and(|score| (0.2..0.9).contains(&score)), "{answer:?}");
    assert_eq!((length.1, length.2), (Differ, Some(20.0 / 11.0)));
}

#[test]
fn an_answer_that_broke_off_or_is_none_says_nothing_to_compare() {
    let hello = text("Hello");
    let nothing: [Sent; 3] = [
        openai_stream(&["Hel"], ""),
        openai_stream(&["Hello"], "data: {\"error\": {\"message\": \"no\"}}\n\n"),
        (Protocol::Http, JSON, hello.2.clone()),
    ];
    for other in &nothing {
        let found = compared(None, &hello, other);
        assert!(found.iter().all(|found| found.1 == Missing && found.2.is_none()), "{other:?}: {found:?}");
    }
    // Many servers leave out the last mark of a stream.
    let (protocol, kind, body) = openai_stream(&["Hello"], "");
    let end = "data: {\"choices\": [{\"index\": 0, \"delta\": {}, \"finish_reason\": \"stop\"}]}\n\n";
    assert_eq!(compared(None, &hello, &(protocol, kind, body + end))[0].1, Agree);
    let embeddings = (Protocol::OpenAi, JSON, r#"{"data": [{"object": "embedding"}]}"#.to_owned());
    assert_eq!(compared(None, &embeddings, &embeddings)[0].0, "body");
}

#[test]
fn a_text_that_is_json_on_both_sides_is_compared_as_json() {
    let (one, fenced) =
        (text(r#"{"city": "Bern", "n": 1}"#), text("```json\n{\"n\": 1.0, \"city\": \"Bern\"}\n```"));
    assert_eq!(compared(None, &one, &fenced)[0], ("answer".to_owned(), Agree, Some(1.0), Vec::new()));
    let found = compared(None, &one, &text(r#"{"city": "Basel", "n": 1}"#));
    assert_eq!((found[0].1, &found[0].3), (Differ, &vec!["answer/text/city".to_owned()]));
    let tree =
        |ignore: &str| Said::Json(Tree::new(Closeness::within(0.5, 0.0), &[ignore.parse().unwrap()], &[]));
    let other = text(r#"{"city": "Basel", "n": 1.4}"#);
    check(tree("/city"), &one, &other, Agree, None, &[]);
    check(tree("/n"), &one, &other, Differ, None, &["answer/text/city"]);
    check(tree("/n"), &one, &text("no JSON"), Missing, None, &[]);
}

#[test]
fn calls_of_tools_are_the_same_in_any_order_and_by_what_their_arguments_say() {
    let tools = |tree: Tree| Said::ToolCalls(tree);
    let round = || tools(Tree::WITHIN_ROUNDING);
    let (bern, oslo) =
        (("weather", json!({"city": "Bern", "days": 2})), ("weather", json!({"city": "Oslo"})));
    let (both, turned) = (calls(&[bern.clone(), oslo.clone()]), calls(&[oslo.clone(), bern.clone()]));
    check(round(), &both, &turned, Agree, Some(1.0), &[]);
    let block =
        |(name, input): &(&str, Value)| json!({"type": "tool_use", "id": "t", "name": name, "input": input});
    check(round(), &both, &anthropic(json!([block(&bern), block(&oslo)])), Agree, Some(1.0), &[]);
    let paris = ("weather", json!({"city": "Paris"}));
    let differ = |other: &[(&str, Value)], score, path: &str| {
        check(round(), &both, &calls(other), Differ, Some(score), &[path]);
    };
    differ(&[bern.clone(), paris], 0.5, "answer/tool_calls/*/arguments/city");
    differ(std::slice::from_ref(&bern), 2.0 / 3.0, "answer/tool_calls/*");
    differ(&[bern.clone(), ("time", json!({}))], 0.5, "answer/tool_calls/*/name");
    differ(&[], 0.0, "answer/tool_calls/*");
    check(round(), &text("a"), &text("b"), Missing, None, &[]);
    let near = Tree::new(Closeness::within(1.0, 0.0), &["/arguments/city".parse().unwrap()], &[]);
    check(tools(near), &calls(&[bern]), &calls(&[("weather", json!({"days": 3}))]), Agree, Some(1.0), &[]);
    let found = compared(None, &both, &turned);
    assert_eq!(found[0], ("answer".to_owned(), Agree, Some(1.0), Vec::new()));
    assert_eq!((found[1].1, found[1].2), (Missing, None));
}

#[test]
fn texts_are_measured_by_any_of_the_lexical_measures() {
    let alike = |measure, least| Said::Text(Alike { measure, least, normalize: Vec::new() });
    let (one, two) = (text("the cat sat on the mat"), text("the cat sat on my mat"));
    for measure in Lexical::ALL {
        check(alike(measure, 1.0), &one, &text("the cat sat on the mat"), Agree, Some(1.0), &[]);
        let (_, agreement, score, _) = compared(Some(alike(measure, 0.99)), &one, &two).remove(0);
        assert!(agreement == Differ && score.is_some_and(|score| (0.3..0.99).contains(&score)), "{score:?}");
        check(alike(measure, 0.5), &one, &text("xyz"), Differ, Some(0.0), &[]);
    }
    check(alike(Lexical::EditSimilarity, 0.5), &one, &two, Agree, Some(1.0 - 3.0 / 22.0), &[]);
    check(alike(Lexical::RougeL, 0.5), &one, &two, Agree, Some(5.0 / 6.0), &[]);
    let refusal = openai("r", &json!({"content": null, "refusal": "the cat sat on the mat"}), 1);
    check(alike(Lexical::Chrf, 1.0), &one, &refusal, Agree, Some(1.0), &[]);
    check(alike(Lexical::Chrf, 0.0), &text(""), &text(""), Missing, None, &[]);
}

#[test]
fn texts_too_long_to_be_looked_at_in_whole_are_never_said_to_be_nearer_than_they_are() {
    let long = "ab ".repeat(20_000);
    let alike = |measure| Said::Text(Alike { measure, least: 0.9, normalize: Vec::new() });
    for measure in [Lexical::Chrf, Lexical::RougeL] {
        let found = compared(Some(alike(measure)), &text(&long), &text(&(long.clone() + "c"))).remove(0);
        assert_eq!(found.1, Differ, "{found:?}");
        assert!(found.2.is_some_and(|score| (0.3..0.34).contains(&score)), "{found:?}");
    }
}

#[test]
fn lengths_are_ratios_to_legacys_in_characters_or_in_tokens() {
    let length = |unit, most| Said::Length(Length { unit, most });
    let (one, two) = (text("abcd"), text("äöüßx"));
    check(length(Unit::Characters, 1.25), &one, &two, Agree, Some(1.25), &[]);
    check(length(Unit::Characters, 1.2), &one, &two, Differ, Some(1.25), &[]);
    check(length(Unit::Characters, 1.25), &two, &one, Agree, Some(0.8), &[]);
    check(length(Unit::Tokens, 3.0), &one, &openai("b", &json!({"content": ""}), 8), Agree, Some(2.0), &[]);
    check(length(Unit::Tokens, 3.0), &one, &openai_stream(&["x"], "data: [DONE]\n\n"), Missing, None, &[]);
    check(length(Unit::Characters, 3.0), &one, &text(""), Differ, None, &[]);
    check(length(Unit::Characters, 3.0), &text(""), &one, Missing, None, &[]);
}
