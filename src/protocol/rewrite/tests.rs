//! The streaming change against a change of the parsed document, at every place where a body may be split.

use proptest::collection::hash_map;
use proptest::collection::vec;
use proptest::prelude::Just;
use proptest::prelude::Strategy;
use proptest::prelude::any;
use proptest::prop_assert_eq;
use proptest::prop_oneof;
use proptest::proptest;
use proptest::sample::Index;
use serde_json::Value;
use serde_json::json;

use crate::protocol::rewrite::Edit;
use crate::protocol::rewrite::Rewriter;

fn edit() -> Edit {
    Edit { model: Some("vendor/small \"2\"".to_owned()), include_usage: true, tool_choice: None }
}

fn in_pieces(edit: &Edit, body: &[u8], at: &[usize]) -> (Vec<u8>, bool) {
    let mut rewriter = Rewriter::new(edit.clone());
    let (mut out, mut from) = (Vec::new(), 0);
    for to in at.iter().copied().chain([body.len()]) {
        rewriter.push(&body[from..to], &mut out);
        from = to;
    }
    rewriter.finish(&mut out);
    (out, rewriter.has_asked())
}

/// What a change of the whole document makes of it.
fn expected(edit: &Edit, body: &Value) -> (Value, bool) {
    let mut changed = body.clone();
    let Some(members) = changed.as_object_mut() else { return (changed, false) };
    if let (Some(model), Some(Value::String(name))) = (&edit.model, members.get_mut("model")) {
        name.clone_from(model);
    }
    let streams = members.get("stream") == Some(&json!(true));
    let mut asked = false;
    if edit.include_usage {
        match members.get_mut("stream_options") {
            None if streams => {
                members.insert("stream_options".to_owned(), json!({"include_usage": true}));
                asked = true;
            }
            Some(Value::Object(options)) => {
                asked = options.insert("include_usage".to_owned(), json!(true)) != Some(json!(true));
            }
            Some(options @ Value::Null) => {
                *options = json!({"include_usage": true});
                asked = true;
            }
            _ => {}
        }
    }
    (changed, asked && streams)
}

#[test]
fn only_the_two_members_change_and_every_other_byte_stays() {
    let body = br#" { "mod\u0065l" : "big" , "stream":true,
        "messages":[{"model":"inner","content":"say \"model\": {} \\"}] , "n" : 1.50 } "#;
    let (out, asked) = Rewriter::whole(edit(), body);
    let expected = r#" { "mod\u0065l" : "vendor/small \"2\"" , "stream":true,
        "messages":[{"model":"inner","content":"say \"model\": {} \\"}] , "n" : 1.50 ,"stream_options":{"include_usage":true}} "#;
    assert_eq!(String::from_utf8(out).unwrap(), expected);
    assert!(asked);
}

#[test]
fn usage_is_asked_for_once_and_only_in_streams() {
    let cases = [
        (r#"{"stream":true}"#, r#"{"stream":true,"stream_options":{"include_usage":true}}"#, true),
        (r#"{"stream":false}"#, r#"{"stream":false}"#, false),
        (r#"{}"#, r#"{}"#, false),
        (
            r#"{"stream_options":{"include_usage":true},"stream":true}"#,
            r#"{"stream_options":{"include_usage":true},"stream":true}"#,
            false,
        ),
        (
            r#"{"stream_options":{"include_usage":false},"stream": true}"#,
            r#"{"stream_options":{"include_usage":true},"stream": true}"#,
            true,
        ),
        (
            r#"{"stream":true,"stream_options":null}"#,
            r#"{"stream":true,"stream_options":{"include_usage":true}}"#,
            true,
        ),
        (r#"{"stream":true,"stream_options":7}"#, r#"{"stream":true,"stream_options":7}"#, false),
    ];
    for (body, expected, asked) in cases {
        let (out, has_asked) =
            Rewriter::whole(Edit { include_usage: true, ..Edit::default() }, body.as_bytes());
        assert_eq!((String::from_utf8(out).unwrap().as_str(), has_asked), (expected, asked), "{body}");
    }
}

#[test]
fn tools_are_suppressed_where_there_are_any() {
    let edit = Edit { tool_choice: Some("\"none\""), ..Edit::default() };
    let cases = [
        (r#"{"tools":[{"a":1}]}"#, r#"{"tools":[{"a":1}],"tool_choice":"none"}"#),
        (r#"{"tool_choice": {"type":"function"} ,"tools":[]}"#, r#"{"tool_choice":"none","tools":[]}"#),
        (r#"{"tool_choice":"auto"}"#, r#"{"tool_choice":"none"}"#),
        (r#"{"x":{"tools":1}}"#, r#"{"x":{"tools":1}}"#),
    ];
    for (body, expected) in cases {
        let (out, _) = Rewriter::whole(edit.clone(), body.as_bytes());
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }
}

#[test]
fn what_is_no_object_or_breaks_off_passes_as_it_came() {
    let long = format!(r#"{{"stream":true,"stream_options":{{"x":"{}"}}}}"#, "a".repeat(5000));
    for body in
        ["", "[1]", "null", "model", "{model: 1}", r#"{"stream_options":{"a"#, r#"{"model""#, "\u{1}", &long]
    {
        let (out, _) = Rewriter::whole(edit(), body.as_bytes());
        assert_eq!(String::from_utf8(out).unwrap(), body);
    }
}

#[test]
fn no_split_changes_anything() {
    let body = json!({
        "a": [1, {"model": "x"}], "model": "big \" \\ é", "stream": true, "stream_options": {"other": [1, "}"]},
        "messages": [{"role": "user", "content": "\u{1f600} } ] \" , "}]
    });
    let body = body.to_string();
    let whole = Rewriter::whole(edit(), body.as_bytes());
    for first in 0..=body.len() {
        assert_eq!(in_pieces(&edit(), body.as_bytes(), &[first]), whole, "split at {first}");
    }
    let each: Vec<usize> = (1..body.len()).collect();
    assert_eq!(in_pieces(&edit(), body.as_bytes(), &each), whole);
}

fn document() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        ".{0,8}".prop_map(Value::from),
    ];
    let name = prop_oneof![
        Just("model".to_owned()),
        Just("stream".to_owned()),
        Just("stream_options".to_owned()),
        Just("include_usage".to_owned()),
        ".{0,6}",
    ];
    leaf.prop_recursive(3, 24, 5, move |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::from),
            hash_map(name.clone(), inner, 0..5)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn any_document_becomes_what_a_change_of_the_parsed_one_makes(body in document(), cut in any::<Index>()) {
        for edit in [edit(), Edit { include_usage: true, ..Edit::default() }, Edit { model: Some("m".into()), ..Edit::default() }] {
            let text = body.to_string();
            let (out, asked) = in_pieces(&edit, text.as_bytes(), &[cut.index(text.len() + 1)]);
            let out: Value = serde_json::from_slice(&out).unwrap();
            prop_assert_eq!((out, asked), expected(&edit, &body));
        }
    }
}
