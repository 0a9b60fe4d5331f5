use std::time::Duration;

use http::HeaderMap;
use http::HeaderValue;
use proptest::collection::vec;
use proptest::prelude::Just;
use proptest::prelude::Strategy;
use proptest::prop_assert;
use proptest::prop_assert_eq;
use proptest::prop_oneof;
use proptest::proptest;
use serde_json::Value;
use serde_json::json;

use crate::protocol::Document;
use crate::protocol::JsonPath;
use crate::protocol::JsonPathError;
use crate::protocol::ListPath;
use crate::protocol::Protocol;
use crate::protocol::Usage;
use crate::protocol::grpc;
use crate::protocol::json;
use crate::protocol::sse;
use crate::protocol::usage;

const JSON: &str = "application/json";
const SSE: &str = "text/event-stream; charset=utf-8";

fn check(protocol: Protocol, content_type: &str, body: &str, expected: Option<[u64; 3]>) {
    let used = usage(protocol, Some(content_type), body.as_bytes());
    let of = |used: Usage| [used.input_tokens, used.cached_input_tokens, used.output_tokens];
    assert_eq!(used.map(of), expected, "{body}");
}

#[test]
fn what_is_written_to_a_cache_is_told_as_part_of_the_input_and_reasoning_of_the_output() {
    let cases = [
        (
            Protocol::OpenAi,
            r#"{"usage": {"prompt_tokens": 100, "prompt_tokens_details": {"cached_tokens": 60, "cache_write_tokens": 30},
                "completion_tokens": 50, "completion_tokens_details": {"reasoning_tokens": 20}}}"#,
            [40, 60, 30, 50, 20],
        ),
        (
            Protocol::OpenAi,
            r#"{"object": "response", "usage": {"input_tokens": 9, "input_tokens_details": {"cached_tokens": 4},
                "output_tokens": 5, "output_tokens_details": {"reasoning_tokens": 7}}}"#,
            [5, 4, 0, 5, 5],
        ),
        (
            Protocol::Anthropic,
            r#"{"usage": {"input_tokens": 30, "cache_creation_input_tokens": 200, "cache_read_input_tokens": 1000,
                "output_tokens": 12, "output_tokens_details": {"thinking_tokens": 3}}}"#,
            [230, 1000, 200, 12, 3],
        ),
        (
            Protocol::OpenAi,
            r#"{"usage": {"prompt_tokens": 100, "prompt_tokens_details": {"cached_tokens": 60, "cache_write_tokens": 50},
                "completion_tokens": 0}}"#,
            [40, 60, 40, 0, 0],
        ),
    ];
    for (protocol, body, expected) in cases {
        let used = usage(protocol, Some(JSON), body.as_bytes()).unwrap();
        let told = [
            used.input_tokens,
            used.cached_input_tokens,
            used.cache_write_input_tokens,
            used.output_tokens,
            used.reasoning_tokens,
        ];
        assert_eq!(told, expected, "{body}");
    }
}

#[test]
fn openai_answers_tell_their_usage_and_cached_input_is_taken_off() {
    let cases = [
        // Chat completions.
        (
            r#"{"object": "chat.completion", "choices": [{"index": 0}], "usage": {"prompt_tokens": 1000,
                "completion_tokens": 50, "total_tokens": 1050, "prompt_tokens_details": {"cached_tokens": 768},
                "completion_tokens_details": {"reasoning_tokens": 20}}}"#,
            Some([232, 768, 50]),
        ),
        (
            r#"{"usage": {"prompt_tokens": 12, "completion_tokens": 3, "prompt_tokens_details": null}}"#,
            Some([12, 0, 3]),
        ),
        // Embeddings have no output.
        (
            r#"{"object": "list", "data": [], "usage": {"prompt_tokens": 8, "total_tokens": 8}}"#,
            Some([8, 0, 0]),
        ),
        // Responses.
        (
            r#"{"object": "response", "usage": {"input_tokens": 100, "input_tokens_details": {"cached_tokens": 64},
                "output_tokens": 7, "total_tokens": 107}}"#,
            Some([36, 64, 7]),
        ),
        (r#"{"usage": null}"#, None),
        (r#"{"choices": []}"#, None),
        (r#"{"error": {"message": "no"}}"#, None),
        (r#"{"usage": {"prompt_tokens": 1"#, None),
        (r#"{"usage": {"prompt_tokens": "12"}}"#, None),
        (r#"{"usage": {"prompt_tokens": 18446744073709551615}}"#, None),
        ("[]", None),
        ("", None),
    ];
    for (body, expected) in cases {
        check(Protocol::OpenAi, JSON, body, expected);
    }
}

#[test]
fn openai_streams_tell_their_usage_in_whichever_chunk_carries_it() {
    let last = r#"{"choices": [], "usage": {"prompt_tokens": 20, "completion_tokens": 9}}"#;
    let begun = r#"data: {"choices": [{"delta": {"content": "a"}}], "usage": null}"#;
    let responses = r#"data: {"type": "response.completed", "response": {"usage": {"input_tokens": 5,
data:  "input_tokens_details": {"cached_tokens": 2}, "output_tokens": 4}}}"#;
    let cases = [
        (format!("{begun}\n\ndata: {last}\n\ndata: [DONE]\n\n"), Some([20, 0, 9])),
        (format!("{begun}\r\n\r\ndata:{last}\r\n\r\ndata: [DONE]\r\n\r\n"), Some([20, 0, 9])),
        (format!("{begun}\r\rdata: {last}\r\r"), Some([20, 0, 9])),
        (format!("data: {}\n\n", last.replace("[]", r#"[{"delta": {}}]"#)), Some([20, 0, 9])),
        (format!(": ping\n\nevent: message\nid: 1\ndata: {last}"), Some([20, 0, 9])),
        (format!("event: response.completed\n{responses}\n\n"), Some([3, 2, 4])),
        (format!("{begun}\n\ndata: [DONE]\n\n"), None),
        (format!("{begun}\n\ndata: {}", &last[..40]), None),
        (String::new(), None),
    ];
    for (body, expected) in cases {
        check(Protocol::OpenAi, SSE, &body, expected);
    }
}

#[test]
fn a_stream_that_repeats_its_usage_counts_the_last() {
    let chunk =
        |output| format!(r#"data: {{"usage": {{"prompt_tokens": 10, "completion_tokens": {output}}}}}"#);
    check(Protocol::OpenAi, SSE, &format!("{}\n\n{}\n\n", chunk(1), chunk(2)), Some([10, 0, 2]));
}

#[test]
fn anthropic_answers_tell_their_usage_and_what_is_written_to_a_cache_is_input() {
    let cases = [
        (
            r#"{"type": "message", "usage": {"input_tokens": 30, "cache_creation_input_tokens": 200,
                "cache_read_input_tokens": 1000, "output_tokens": 12}}"#,
            Some([230, 1000, 12]),
        ),
        (
            r#"{"usage": {"input_tokens": 30, "cache_read_input_tokens": null, "output_tokens": 12}}"#,
            Some([30, 0, 12]),
        ),
        (r#"{"type": "error", "error": {"type": "overloaded_error"}}"#, None),
    ];
    for (body, expected) in cases {
        check(Protocol::Anthropic, JSON, body, expected);
    }
}

#[test]
fn anthropic_streams_count_what_was_said_last_and_keep_what_was_said_first() {
    let start = r#"event: message_start
data: {"type": "message_start", "message": {"usage": {"input_tokens": 25,
data:  "cache_creation_input_tokens": 5, "cache_read_input_tokens": 100, "output_tokens": 1}}}"#;
    let delta = |output| {
        format!(
            "event: message_delta\ndata: {{\"type\": \"message_delta\", \"usage\": {{\"output_tokens\": {output}}}}}"
        )
    };
    let ping = "event: ping\ndata: {\"type\": \"ping\"}";
    let stop = "event: message_stop\ndata: {\"type\": \"message_stop\"}";
    let whole = [start, ping, &delta(7), &delta(15), stop].join("\n\n");
    check(Protocol::Anthropic, SSE, &format!("{whole}\n\n"), Some([30, 100, 15]));
    check(Protocol::Anthropic, SSE, &whole.replace('\n', "\r\n"), Some([30, 100, 15]));
    check(Protocol::Anthropic, SSE, &format!("{start}\n\n{ping}\n\n"), Some([30, 100, 1]));
    let repeated = r#"data: {"type": "message_delta", "usage": {"input_tokens": 25,
data:  "cache_creation_input_tokens": 5, "cache_read_input_tokens": 100, "output_tokens": 9}}"#;
    check(Protocol::Anthropic, SSE, &format!("{start}\n\n{repeated}\n\n"), Some([30, 100, 9]));
}

#[test]
fn protocols_without_tokens_tell_none() {
    let body = r#"{"usage": {"prompt_tokens": 1, "completion_tokens": 1}}"#;
    for protocol in [Protocol::Http, Protocol::KserveV2] {
        check(protocol, JSON, body, None);
    }
    check(Protocol::OpenAi, "text/html", body, None);
}

#[test]
fn json_is_read_where_the_type_says_so_or_says_nothing() {
    let cases = [
        (Some("application/json"), "1", true),
        (Some("Application/JSON; charset=utf-8"), "1", true),
        (Some("application/problem+json"), "1", true),
        (None, "1", true),
        (None, "1 2", false),
        (Some("application/json"), "<p>", false),
        (Some("text/plain"), "1", false),
        (Some("application/jsonlines"), "1", false),
    ];
    for (content_type, body, expected) in cases {
        assert_eq!(json(content_type, body.as_bytes()).is_some(), expected, "{content_type:?} {body}");
    }
}

#[test]
fn events_are_split_as_the_standard_says() {
    let cases: [(&str, &[&str]); 8] = [
        ("data: a\n\ndata: b\n\n", &["a", "b"]),
        ("data:a\ndata: b\ndata\ndata:  c\n\n", &["a\nb\n\n c"]),
        ("\u{feff}data: a\r\n\r\n\r\n\r\ndata: b\r\n", &["a", "b"]),
        ("event: x\nid: 1\nretry: 5\n\n: comment\n\n", &[]),
        ("data: a\rdata: b\r\r", &["a\nb"]),
        ("data: \n\n", &[""]),
        ("datum: a\n data: b\n\n", &[]),
        ("", &[]),
    ];
    for (body, expected) in cases {
        assert_eq!(sse::messages(body.as_bytes()), expected, "{body:?}");
    }
}

#[test]
fn a_path_reads_plain_members_and_whatever_else_the_standard_allows() {
    let document =
        json!({"user": {"id": 7}, "outputs": [{"data": [1, 2]}, {"data": [3]}], "a-b": {"c d": true}});
    let cases = [
        ("$", vec![&document]),
        ("$.user.id", vec![&document["user"]["id"]]),
        ("$.outputs[0].data[1]", vec![&document["outputs"][0]["data"][1]]),
        ("$.outputs[2].data", vec![]),
        ("$.user[0]", vec![]),
        ("$.outputs.data", vec![]),
        (
            "$.outputs[*].data[0]",
            vec![&document["outputs"][0]["data"][0], &document["outputs"][1]["data"][0]],
        ),
        ("$.outputs[-1].data[0]", vec![&document["outputs"][1]["data"][0]]),
        ("$['a-b']['c d']", vec![&document["a-b"]["c d"]]),
        ("$..id", vec![&document["user"]["id"]]),
        ("$.outputs[?@.data[0] == 3].data", vec![&document["outputs"][1]["data"]]),
    ];
    for (text, expected) in cases {
        let path: JsonPath = text.parse().unwrap();
        assert_eq!((path.as_str(), path.all(&document)), (text, expected.clone()));
        assert_eq!(path.first(&document), expected.first().copied(), "{text}");
        let pointed: Vec<_> =
            path.pointers(&document).iter().map(|to| document.pointer(to).unwrap()).collect();
        assert_eq!(pointed, expected, "{text}");
    }
}

#[test]
fn what_is_no_path_is_refused_and_the_report_names_the_place() {
    for text in ["", "user", "$.", "$.user.", "$[", "$[01]", "$.a b", "$.1a", "$[9007199254740993]"] {
        let error = text.parse::<JsonPath>().unwrap_err();
        assert!(
            matches!(&error, JsonPathError::Syntax { text: named, .. } if named == text),
            "{text}: {error}"
        );
        assert!(error.to_string().contains(" at character "), "{error}");
    }
}

#[test]
fn a_path_that_breaks_off_in_an_escape_is_refused() {
    for text in [r"$['\u", r"$['\uD", r"$['\u00e", r"$['\uD83D\u", r"$['\uD83D\uD", "$[\"\\u"] {
        let error = text.parse::<JsonPath>().unwrap_err().to_string();
        assert!(error.contains("ends within an escape"), "{error}");
    }
    for text in [r"$['\u00e9']", r"$['\\u']", r"$['\uD83D\uDE00']"] {
        assert!(text.parse::<JsonPath>().is_ok(), "{text}");
    }
}

#[test]
fn a_path_that_would_overrun_its_parser_is_refused() {
    let nested =
        |open: &str, close: &str, depth| format!("$[?{}@.a{}]", open.repeat(depth), close.repeat(depth));
    for (open, close) in [("(", ")"), ("!(", ")"), ("length(", ")"), ("@[?", "]")] {
        let error = nested(open, close, 5_000).parse::<JsonPath>().unwrap_err().to_string();
        assert!(error.contains("expected at most"), "{}", &error[..200]);
        let error = nested(open, close, 60).parse::<JsonPath>().unwrap_err().to_string();
        assert!(error.contains("nests deeper than 8"), "{error}");
    }
    let honest = "$.messages[?(@.role == 'user' && (@.tags[?@.name == 'x'] || !@.hidden))].content";
    assert!(honest.parse::<JsonPath>().is_ok());
}

#[test]
fn a_list_path_names_one_list_which_can_be_replaced_in_place() {
    let mut document = json!({"results": [1, 2], "a": {"b": [[3], 4]}, "x": 5});
    let path: ListPath = "$.a.b[0][*]".parse().unwrap();
    assert_eq!(path.list(&document), Some(&vec![json!(3)]));
    path.list_mut(&mut document).unwrap().push(json!(9));
    assert_eq!(document["a"]["b"][0], json!([3, 9]));
    assert_eq!("$.x[*]".parse::<ListPath>().unwrap().list(&document), None);
    assert_eq!("$.y[*]".parse::<ListPath>().unwrap().list_mut(&mut document), None);
    for text in ["$.results", "$..results[*]", "$.results[*].id", "$.a[*].b[*]", "$.results[1:]", "$['a'][*]"]
    {
        let error = text.parse::<ListPath>().unwrap_err();
        assert_eq!(error, JsonPathError::NotOneList(text.to_owned()));
    }
}

/// A document of the members and elements that the paths below name.
fn document() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![(0..9_u8).prop_map(Value::from), "[a-z]{0,2}".prop_map(Value::from)];
    leaf.prop_recursive(4, 40, 4, |inner| {
        let members = vec(("[a-c]", inner.clone()), 0..4);
        prop_oneof![
            vec(inner, 0..4).prop_map(Value::from),
            members.prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

fn plain_path() -> impl Strategy<Value = String> {
    let step =
        prop_oneof!["[a-c]".prop_map(|name| format!(".{name}")), (0..3_u8).prop_map(|at| format!("[{at}]"))];
    vec(step, 0..5).prop_map(|steps| format!("${}", steps.concat()))
}

fn header(name: &'static str, value: &str) -> HeaderMap {
    HeaderMap::from_iter([(name.parse().unwrap(), HeaderValue::from_str(value).unwrap())])
}

#[test]
fn grpc_is_told_by_its_content_type_and_its_web_form_is_not_it() {
    let cases = [
        ("application/grpc", true),
        ("application/grpc+proto", true),
        ("application/grpc; charset=utf-8", true),
        ("application/grpc-web", false),
        ("application/grpc-web+proto", false),
        ("application/grpcx", false),
        ("application/json", false),
    ];
    for (kind, expected) in cases {
        assert_eq!(grpc::is_grpc(&header("content-type", kind)), expected, "{kind}");
    }
    assert!(!grpc::is_grpc(&HeaderMap::new()));
}

#[test]
fn the_time_of_a_grpc_call_is_read_in_each_of_its_units() {
    let cases = [
        ("1H", Some(Duration::from_secs(3600))),
        ("2M", Some(Duration::from_secs(120))),
        ("3S", Some(Duration::from_secs(3))),
        ("250m", Some(Duration::from_millis(250))),
        ("99999999u", Some(Duration::from_micros(99_999_999))),
        ("0n", Some(Duration::ZERO)),
        ("123456789S", None),
        ("S", None),
        ("", None),
        ("5", None),
        ("-5S", None),
        ("+5S", None),
        ("5x", None),
    ];
    for (text, expected) in cases {
        assert_eq!(grpc::timeout(&header("grpc-timeout", text)), expected, "{text}");
    }
}

#[test]
fn a_grpc_status_counts_as_the_http_status_that_says_the_same() {
    let cases =
        [("0", 200), ("1", 499), ("4", 504), ("8", 429), ("13", 500), ("14", 503), ("17", 500), ("x", 500)];
    for (text, expected) in cases {
        let status = grpc::Status::of(&header("grpc-status", text)).unwrap();
        assert_eq!(status.as_http(), expected, "{text}");
    }
    assert_eq!(grpc::Status::of(&HeaderMap::new()), None);
}

#[test]
fn a_value_is_sought_only_in_what_is_json_as_a_whole() {
    let deep = format!(r#"{{"a": 1, "b": {}1{}}}"#, "[".repeat(200), "]".repeat(200));
    let wide = format!(r#"{{"a": 1, "b": [{}1]}}"#, "[1.50], ".repeat(200));
    let cases = [
        (r#"{"a": 1.50, "b": 1e999}"#, Some(vec!["1.50"])),
        (r#"{"a": 1, "a": [2]}"#, Some(vec!["[2]"])),
        (r#"{"a": 1, "a": 2} "#, Some(vec!["2"])),
        (r#"{"b": {"a": 1}}"#, Some(vec![])),
        (r#"{"a": 1, "b": "\ud800"}"#, None),
        (r#"{"a": 1, "b": "\u0061\\u"}"#, Some(vec!["1"])),
        ("{\"a\": 1, \"b\": \"\n\"}", None),
        (wide.as_str(), Some(vec!["1"])),
        (r#"{"a": 1} x"#, None),
        (deep.as_str(), None),
    ];
    let path: JsonPath = "$.a".parse().unwrap();
    for (text, expected) in cases {
        let (fresh, parsed) = (Document::from(text), Document::from(text));
        assert_eq!(parsed.value().is_some(), expected.is_some(), "{text}");
        for document in [fresh, parsed] {
            let selected = document.select(&path);
            let selected =
                selected.map(|values| values.iter().map(|value| value.to_string()).collect::<Vec<_>>());
            let expected = expected.as_ref().map(|texts| texts.iter().map(|it| (*it).to_owned()).collect());
            assert_eq!(selected, expected, "{text}");
        }
    }
}

proptest! {
    #[test]
    fn a_plain_path_selects_what_the_general_engine_does(text in plain_path(), mut document in document()) {
        let plain: JsonPath = text.parse().unwrap();
        let general = serde_json_path::JsonPath::parse(&text).unwrap();
        prop_assert_eq!(plain.all(&document), general.query(&document).all());
        let places: Vec<String> =
            general.query_located(&document).locations().map(|place| place.to_json_pointer()).collect();
        prop_assert_eq!(plain.pointers(&document), places);

        let list: ListPath = format!("{text}[*]").parse().unwrap();
        let expected = general.query(&document).first().and_then(Value::as_array).cloned();
        prop_assert_eq!(list.list(&document).cloned(), expected.clone());
        prop_assert_eq!(list.list_mut(&mut document).cloned(), expected);
    }

    #[test]
    fn what_is_json_does_not_depend_on_who_asks(
        document in document(),
        odd in prop_oneof![
            Just("\\ud800"), Just("\\u0061"), Just("\u{1}"), Just("\""), Just("\\"), Just("1"), Just("-"), Just("."),
            Just("e"), Just("0"), Just(","), Just(":"), Just("["), Just("}"), Just("n"), Just(" "), Just("")
        ],
        place: proptest::sample::Index,
        byte: u8,
    ) {
        let mut text = json!({"a": document, "z": [1.5, -2e3, "x\ty", null, {"k": true}]}).to_string().into_bytes();
        let mut check = |bytes: &[u8]| {
            let place = place.index(text.len());
            text.splice(place..place, bytes.iter().copied());
            let (fresh, parsed) = (Document::new(text.clone().into()), Document::new(text.clone().into()));
            parsed.value();
            for path in ["$.a", "$.z[2]", "$.b"] {
                let path: JsonPath = path.parse().unwrap();
                prop_assert_eq!(fresh.select(&path), parsed.select(&path), "{}", text.escape_ascii());
            }
            Ok(())
        };
        check(odd.as_bytes())?;
        check(&[byte])?;
    }

    #[test]
    fn no_text_makes_a_path_panic(text in r"\$?([.\[\]*'a-c0-9@?:,() -]|\PC){0,12}", document in document()) {
        if let Ok(path) = text.parse::<JsonPath>() {
            let selected = path.all(&document);
            prop_assert_eq!(path.first(&document), selected.first().copied());
            prop_assert!(serde_json_path::JsonPath::parse(&text).is_ok());
        }
    }

    #[test]
    fn no_bytes_make_usage_panic(
        bytes: Vec<u8>,
        events in "(data: ?(\\{\"usage\": ?[0-9\\{]|[^\n]){0,9}\r?\n?\n){0,9}",
    ) {
        for protocol in [Protocol::OpenAi, Protocol::Anthropic] {
            for content_type in [SSE, JSON] {
                prop_assert_eq!(usage(protocol, Some(content_type), &bytes), None);
                prop_assert_eq!(usage(protocol, Some(content_type), events.as_bytes()), None);
            }
        }
    }
}
