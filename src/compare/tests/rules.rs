//! Each rule with its agreements and scores, whichever side is legacy's.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::compare::Agreement;
use crate::compare::Agreement::Agree;
use crate::compare::Agreement::Differ;
use crate::compare::Agreement::Missing;
use crate::compare::Alike;
use crate::compare::Answer;
use crate::compare::Closeness;
use crate::compare::Embedding;
use crate::compare::Field;
use crate::compare::Lexical;
use crate::compare::Likeness;
use crate::compare::Normalize;
use crate::compare::Ranked;
use crate::compare::Rule;
use crate::compare::Tensor;
use crate::compare::Text;
use crate::compare::Which;
use crate::compare::answers;
use crate::protocol::Document;
use crate::protocol::JsonPath;

/// What a rule says of two answers, whichever of them is legacy's.
fn check(rule: &Rule, legacy: &str, other: &str, agreement: Agreement, score: Option<f64>) {
    let fields = [Field { name: "f".to_owned(), rule: rule.clone() }];
    for (one, two) in [(legacy, other), (other, legacy)] {
        let found = answers(&fields, Answer::plain(&one.into()), Answer::plain(&two.into())).remove(0);
        assert_eq!(found.agreement, agreement, "{one} and {two}: {found:?}");
        let near = found.score.zip(score).is_some_and(|(found, score)| (found - score).abs() < 1e-9);
        assert!(near || found.score == score, "{one} and {two}: {found:?}, expected a score of {score:?}");
    }
}

fn path(text: &str) -> JsonPath {
    text.parse().unwrap()
}

#[test]
fn numbers_are_scored_by_their_largest_difference() {
    let rule = Rule::Numeric { path: path("$.a"), closeness: Closeness::within(0.5, 0.0) };
    let cases = [
        ("[1, 2]", "[1.25, 2]", Agree, Some(0.25)),
        ("[1, [2, 3]]", "[1, 2, 5]", Differ, Some(2.0)),
        ("[1, 2]", "[1]", Differ, None),
        ("[1e400]", "[1e400]", Agree, Some(0.0)),
        ("[1e400]", "[1e300]", Differ, None),
        ("[\"1\"]", "[1]", Differ, None),
    ];
    for (legacy, other, agreement, score) in cases {
        check(&rule, &format!("{{\"a\": {legacy}}}"), &format!("{{\"a\": {other}}}"), agreement, score);
    }
}

fn tensor(which: Which) -> Rule {
    Rule::Tensor(Tensor { which, closeness: Closeness::within(0.01, 0.0) })
}

fn outputs(tensors: &str) -> String {
    format!("{{\"model_name\": \"m\", \"outputs\": [{tensors}]}}")
}

#[test]
fn tensors_agree_in_datatype_shape_and_elements_however_they_are_nested() {
    let flat = r#"{"name": "p", "datatype": "FP32", "shape": [2, 2], "data": [1, 2, 3, 4]}"#;
    let beside = r#"{"name": "q", "datatype": "FP32", "shape": [1], "data": [9]}"#;
    let cases = [
        (
            r#""name": "p", "datatype": "FP32", "shape": [2, 2], "data": [[1, 2], [3, 4.005]]"#,
            Agree,
            Some(0.005),
        ),
        (
            r#""name": "p", "datatype": "FP32", "shape": [2, 2], "data": [[1, 2], [3, 4.5]]"#,
            Differ,
            Some(0.5),
        ),
        (r#""name": "p", "datatype": "FP64", "shape": [2, 2], "data": [1, 2, 3, 4]"#, Differ, Some(0.0)),
        (r#""name": "p", "shape": [2, 2], "data": [1, 2, 3, 4]"#, Differ, Some(0.0)),
        (r#""name": "p", "datatype": "FP32", "shape": [4], "data": [1, 2, 3, 4]"#, Differ, Some(0.0)),
        (r#""name": "p", "datatype": "FP32", "shape": [2, 2], "data": [1, 2, 3]"#, Differ, None),
        (r#""name": "p", "datatype": "FP32", "shape": [2, 2], "data": [1, 2, 3, "4"]"#, Differ, None),
        (r#""name": "p", "shape": [2, 2], "parameters": {"binary_data_size": 16}"#, Missing, None),
        (r#""name": "r", "datatype": "FP32", "shape": [2, 2], "data": [1, 2, 3, 4]"#, Missing, None),
    ];
    let rule = tensor(Which::Named("p".to_owned()));
    for (other, agreement, score) in cases {
        let legacy = outputs(&format!("{flat}, {beside}"));
        check(&rule, &legacy, &outputs(&format!("{beside}, {{{other}}}")), agreement, score);
    }
    check(&rule, &outputs(flat), "no JSON", Missing, None);
    check(&rule, &outputs(flat), "{}", Missing, None);
}

#[test]
fn tensors_of_texts_are_equal_and_have_no_score() {
    let rule = tensor(Which::At(path("$.outputs[0]")));
    let texts =
        |elements: &str| outputs(&format!(r#"{{"datatype": "BYTES", "shape": [2], "data": {elements}}}"#));
    check(&rule, &texts(r#"["a", "b"]"#), &texts(r#"[["a"], ["b"]]"#), Agree, None);
    check(&rule, &texts(r#"["a", "b"]"#), &texts(r#"["b", "a"]"#), Differ, None);
    check(&rule, &texts(r#"["a", 1]"#), &texts(r#"[1, "a"]"#), Differ, Some(0.0));
    check(&rule, &texts("[true, false]"), &texts("[true, true]"), Differ, None);
    let all = tensor(Which::At(path("$.outputs[*]")));
    let (one, two) = (r#"{"shape": [1], "data": [1]}"#, r#"{"shape": [1], "data": [2]}"#);
    check(&all, &outputs(&format!("{one}, {one}")), &outputs(&format!("{one}, {two}")), Differ, Some(1.0));
    check(&all, &outputs(&format!("{one}, {one}")), &outputs(one), Differ, None);
}

#[test]
fn classes_are_equal_however_they_are_written() {
    let rule = Rule::Label(path("$.a[*]"));
    let cases = [
        ("[7]", "[7.0]", Agree),
        ("[7]", "[\"7\"]", Agree),
        ("[true]", "[\"true\"]", Agree),
        ("[\"cat\", 1]", "[\"cat\", 1]", Agree),
        ("[\"cat\"]", "[\"Cat\"]", Differ),
        ("[7]", "[7, 7]", Differ),
        ("[0.5]", "[0.25]", Differ),
        ("[null]", "[null]", Missing),
        ("[7]", "[[7]]", Missing),
        ("[7]", "[]", Missing),
    ];
    for (legacy, other, agreement) in cases {
        check(&rule, &format!("{{\"a\": {legacy}}}"), &format!("{{\"a\": {other}}}"), agreement, None);
    }
}

fn ranked(items: &str, k: Option<usize>, likeness: Likeness) -> Rule {
    Rule::Ranked(Ranked { items: path(items), id: path("$.id"), k, likeness })
}

fn list(ids: &str) -> String {
    let items: Vec<String> = ids.chars().map(|id| format!("{{\"id\": \"{id}\"}}")).collect();
    format!("{{\"r\": [{}]}}", items.join(","))
}

#[test]
fn ranked_lists_agree_as_far_as_they_must() {
    let cases = [
        (Likeness::Same, None, "abc", "abc", Agree, Some(1.0)),
        (Likeness::Same, None, "abc", "abcd", Differ, Some(1.0)),
        (Likeness::Same, Some(3), "abc", "abcd", Agree, Some(1.0)),
        (Likeness::Same, None, "aab", "ab", Agree, Some(1.0)),
        (Likeness::Same, None, "", "", Agree, None),
        (Likeness::Same, None, "", "a", Differ, None),
        (Likeness::RankBiased(0.9), None, "abc", "acb", Agree, Some(0.955)),
        (Likeness::RankBiased(0.96), None, "abc", "acb", Differ, Some(0.955)),
        (Likeness::Overlap(0.5), Some(2), "abc", "adc", Agree, Some(0.5)),
        (Likeness::Overlap(0.7), None, "abc", "adc", Differ, Some(2.0 / 3.0)),
        (Likeness::Overlap(1.0), Some(10), "abc", "cba", Agree, Some(1.0)),
    ];
    for (likeness, k, legacy, other, agreement, score) in cases {
        check(&ranked("$.r", k, likeness), &list(legacy), &list(other), agreement, score);
        if !legacy.is_empty() && !other.is_empty() {
            check(&ranked("$.r[*]", k, likeness), &list(legacy), &list(other), agreement, score);
        }
    }
    check(&ranked("$.r", None, Likeness::Same), &list("a"), r#"{"r": [{"doc": 1}]}"#, Missing, None);
    check(&ranked("$.r[*]", None, Likeness::Same), &list("a"), &list(""), Missing, None);
}

#[test]
fn texts_agree_once_they_are_alike_enough() {
    let rule = |least, normalize: &[Normalize]| {
        let alike = Alike { measure: Lexical::EditSimilarity, least, normalize: normalize.to_vec() };
        Rule::Text(Text { path: path("$.choices[*].text"), alike })
    };
    let said = |text: &str| format!("{{\"choices\": [{{\"text\": \"same\"}}, {{\"text\": {text}}}]}}");
    let cases = [
        (rule(1.0, &[]), r#""kitten""#, r#""kitten""#, Agree, Some(1.0)),
        (rule(1.0, &[]), r#""kitten""#, r#""Kitten""#, Differ, Some(5.0 / 6.0)),
        (rule(0.5, &[]), r#""kitten""#, r#""sitting""#, Agree, Some(4.0 / 7.0)),
        (rule(0.6, &[]), r#""kitten""#, r#""sitting""#, Differ, Some(4.0 / 7.0)),
        (rule(1.0, &[Normalize::Case]), r#""ÄB""#, r#""äb""#, Agree, Some(1.0)),
        (rule(1.0, &[Normalize::Whitespace]), r#"" a  b\n""#, r#""a b""#, Agree, Some(1.0)),
        (rule(1.0, &[Normalize::Whitespace, Normalize::Case]), r#""a B""#, r#""A\tb""#, Agree, Some(1.0)),
        (rule(1.0, &[]), r#""""#, r#""""#, Agree, Some(1.0)),
        (rule(0.0, &[]), "null", r#""a""#, Missing, None),
    ];
    for (rule, legacy, other, agreement, score) in cases {
        check(&rule, &said(legacy), &said(other), agreement, score);
    }
    let one = r#"{"choices": [{"text": "same"}]}"#;
    check(&rule(0.0, &[]), &said("\"a\""), one, Differ, None);
}

#[test]
fn texts_of_any_length_take_bounded_time_and_are_never_said_to_be_nearer_than_they_are() {
    let alike = Alike { measure: Lexical::EditSimilarity, least: 0.5, normalize: Vec::new() };
    let rule = Rule::Text(Text { path: path("$"), alike });
    let fields = [Field { name: "f".to_owned(), rule }];
    let quoted = |text: &str| Document::from(format!("\"{text}\"").as_str());
    let score = |one: &str, other: &str| {
        answers(&fields, Answer::plain(&quoted(one)), Answer::plain(&quoted(other)))[0].score.unwrap()
    };
    let long = "ab".repeat(100_000);
    assert_eq!(score(&long, &"c".repeat(200_000)), 0.0);
    let changed = format!("{}x{}", &long[..100_000], &long[100_001..]);
    assert_eq!(score(&long, &changed), 1.0 - 1.0 / 200_000.0, "what is alike at the ends costs nothing");
    let far_apart = format!("x{}x", &long[1..199_999]);
    let alike = score(&long, &far_apart);
    assert!((0.09..=0.11).contains(&alike), "{alike}: the rest beyond what is looked at counts as different");
}

#[test]
fn embeddings_agree_while_they_point_the_same_way() {
    let rule = |at: &str| Rule::Embedding(Embedding { path: path(at), least: 0.9 });
    let base64 = |numbers: &[f32]| {
        let bytes: Vec<u8> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
        format!("\"{}\"", STANDARD.encode(bytes))
    };
    let cases = [
        ("[1, 0]", "[2, 0.5]", Agree, Some(0.970142500145332)),
        ("[1, 0]", "[0, 1]", Differ, Some(0.0)),
        ("[1, 0]", "[1, 0, 0]", Differ, None),
        ("[0, 0]", "[0, 0.0]", Agree, Some(1.0)),
        ("[0, 0]", "[0, 1]", Differ, None),
        (&base64(&[1.0, 0.5]), "[2, 1]", Agree, Some(1.0)),
        ("\"AAAA\"", "[2, 1]", Missing, None),
        ("[[1, 0], [0, 1]]", "[[1, 0], [1, 0]]", Differ, Some(0.0)),
        ("[[1, 0], [0, 1]]", "[1, 0]", Differ, None),
        ("[1e999]", "[1]", Missing, None),
        ("[\"1\"]", "[1]", Missing, None),
        ("null", "[1]", Missing, None),
    ];
    for (legacy, other, agreement, score) in cases {
        check(
            &rule("$.e"),
            &format!("{{\"e\": {legacy}}}"),
            &format!("{{\"e\": {other}}}"),
            agreement,
            score,
        );
    }
    check(&rule("$.e[*]"), r#"{"e": [1, 0]}"#, r#"{"e": [3, 0]}"#, Agree, Some(1.0));
}
