use proptest::prelude::Just;
use proptest::prelude::Strategy;
use proptest::prelude::any;
use proptest::prop_assert;
use proptest::prop_assert_eq;
use proptest::prop_oneof;
use proptest::proptest;
use serde_json::Value;
use serde_json::json;

use crate::record::Expression;
use crate::record::Guard;
use crate::record::HeaderChoice;
use crate::record::Pattern;
use crate::record::Redact;
use crate::record::RedactAction;
use crate::record::RedactTarget;
use crate::record::Settings;
use crate::record::Sought;
use crate::record::Unread;
use crate::record::guard::allowed::is_listed;
use crate::vocab::Secret;

const PATTERNS: [Pattern; 7] = [
    Pattern::Email,
    Pattern::Phone,
    Pattern::Card,
    Pattern::Iban,
    Pattern::ApiKey,
    Pattern::Ip,
    Pattern::Secret,
];

fn rule(sought: Sought, action: RedactAction) -> Redact {
    Redact { target: RedactTarget::Everywhere, sought, action }
}

fn guard(rules: Vec<Redact>) -> Guard {
    Guard::new(&Settings { redact: rules, ..Settings::default() })
}

fn seeking(pattern: Pattern) -> Guard {
    guard(vec![rule(Sought::Pattern(pattern), RedactAction::Mask)])
}

fn seeking_all() -> Guard {
    guard(PATTERNS.map(|pattern| rule(Sought::Pattern(pattern), RedactAction::Mask)).to_vec())
}

/// Checks what a pattern makes of texts, each as `text => what is left`, or alone where it stays as it is.
fn check(pattern: Pattern, cases: &str) {
    let guard = seeking(pattern);
    for case in cases.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (text, expected) = case.split_once(" => ").unwrap_or((case, case));
        // No text here holds a key as it would be used.
        let text = text.replace("~", "");
        let expected = expected.replace("~", "");
        assert_eq!(guard.text(&text), expected, "{pattern:?} in {text:?}");
        let rules = guard.everywhere();
        let document = json!({"told": [&text]});
        assert!(
            Guard::may_change(rules, &document.to_string()) || !guard.changes(rules, &document),
            "{text:?}"
        );
        assert_eq!(guard.changes(rules, &document), text != expected, "{text:?} as JSON");
    }
}

#[test]
fn addresses_of_mail_are_found_and_other_signs_at_are_not() {
    check(
        Pattern::Email,
        "
        write to ann.lee+news@mail.example.org, please => write to ***, please
        <o'neil@example.co.uk> => <***>
        büro@bücher.example => ***
        mailto:ann@example.org?subject=hi => mailto:***?subject=hi
        ann%40example.org => ***
        ann\\u0040example.org => ***
        a@b.c@example.org => a@***
        ann@localhost
        @decorator.name
        v@1.2
        5 @ 3.50 each
        ann at example.org
        ",
    );
}

#[test]
fn telephone_numbers_are_found_and_other_numbers_are_not() {
    check(
        Pattern::Phone,
        "
        call +1 415 555 0100 now => call *** now
        +49 (0)30 901820 => ***
        +4915112345678 => ***
        0049 151 12345678 => ***
        (415) 555-0100 => ***
        415-555-0100. => ***.
        1-415-555-0100 => ***
        4155550100 => ***
        14155550100 => ***
        030 901820 => ***
        +4915100000001 2345 => *** 2345
        020 7946 0958 => ***
        2026-11-26T10:00:00Z
        1700000000
        1700000000000
        0.4155550100
        550e8400-e29b-41d4-a716-446655440000
        order 12345
        v4155550100
        ",
    );
}

#[test]
fn cards_are_found_by_their_digit_of_luhn() {
    check(
        Pattern::Card,
        "
        4111111111111111 => ***
        4111 1111 1111 1111 => ***
        pay 5500-0000-0000-0004 now => pay *** now
        378282246310005 and 3782 822463 10005 => *** and ***
        6304000000000000 => ***
        a 1234 4111 1111 1111 1111 b => a 1234 *** b
        4111111111111112
        4111 1111 1111 1112
        1234567890123452
        0.4111111111111111
        x4111111111111111
        4111 1111 1111
        255 000 128 064 255 000 128 064
        ",
    );
}

#[test]
fn accounts_are_found_by_their_remainder() {
    check(
        Pattern::Iban,
        "
        DE89370400440532013000 => ***
        DE89 3704 0044 0532 0130 00 AND MORE => *** AND MORE
        gb82 west 1234 5698 7654 32 => ***
        to NO9386011117947, soon => to ***, soon
        DE89370400440532013001
        DE8937040044053201300
        XX89370400440532013000
        ADE89370400440532013000
        ",
    );
}

#[test]
fn keys_are_found_by_the_mark_of_their_maker() {
    check(
        Pattern::ApiKey,
        "
        s~k-abcdefghijklmnop1234 => ***
        try s~k-ant-api03-abcdefghijklmnop. => try ***.
        gh~p_abcdefghijklmnopqrst1234 => ***
        AK~IAABCDEFGHIJKLMNOP => ***
        ak~iaabcdefghijklmnop => ***
        xo~xb-1234567890-abcdef => ***
        AI~zaabcdefghijklmnopqrstuvwxyz123456 => ***
        token=ey~JhbGciOiJIUzI1NiJ9.ey~JzdWIiOiIxIn0.abc_def => token=***
        gl~pat-abcdefghijklmnop12 => ***
        h~f_abcdefghijklmnopqrstu => ***
        ri~sk-abcdefghijklmnop1234
        s~k-short
        task-force-of-sixteen
        eyJust a word
        ",
    );
}

#[test]
fn addresses_of_machines_are_those_that_can_be_parsed() {
    check(
        Pattern::Ip,
        "
        from 192.0.2.17:443 => from ***:443
        [2001:db8::1]:80 => [***]:80
        2001:0db8:0000:0000:0000:ff00:0042:8329 => ***
        ::ffff:192.0.2.128 => ***
        fe80::1: down => ***: down
        ::1 => ***
        256.1.1.1
        1.2.3
        1.2.3.4.5
        12:34:56
        std::io
        abc::def
        aa:bb:cc:dd:ee:ff
        ",
    );
}

#[test]
fn secrets_are_found_beside_the_names_that_promise_them() {
    check(
        Pattern::Secret,
        "
        password: hunter2 => password: ***
        PASSWORD=hunter2&x=1 => PASSWORD=***&x=1
        my api_key = abc123 => my api_key = ***
        authorization: Bearer abc.def => authorization: Bearer ***
        bearer abcdefgh1234 => bearer ***
        postgres://ann:hunter2@db.example/x => postgres://ann:***@db.example/x
        -----BEGIN PRIV~ATE KEY-----abc-----END PRIV~ATE KEY----- => ***
        max_tokens: 100
        a basic understanding
        the password is long
        http://example.org:80/a
        ",
    );
    let guard = seeking(Pattern::Secret);
    let mut document =
        json!({"Client-Secret": "abc", "token": ["a"], "max_tokens": 5, "password": null, "db_password": 7});
    assert!(guard.clean_document(guard.everywhere(), &mut document));
    let expected = json!({"Client-Secret": "***", "token": "***", "max_tokens": 5, "password": null, "db_password": "***"});
    assert_eq!(document, expected);
    let told = json!({"token": " Paris", "logprob": -0.1});
    assert!(!guard.changes(guard.everywhere(), &told), "what models tell of tokens is no secret");
}

#[test]
fn a_part_is_masked_hashed_or_cut_out_and_the_rest_stays() {
    let told = |action, key: Option<&str>| {
        let rules = vec![rule(Sought::Pattern(Pattern::Email), action)];
        let hash_key = key.map(|key| Secret::new(key.as_bytes()));
        let guard = Guard::new(&Settings { redact: rules, hash_key, ..Settings::default() });
        guard.text("to ann@example.org!").into_owned()
    };
    assert_eq!(told(RedactAction::Mask, None), "to ***!");
    assert_eq!(told(RedactAction::Drop, None), "to !");
    // `printf ann@example.org | sha256sum`, and `| openssl dgst -sha256 -hmac KEY`.
    assert_eq!(told(RedactAction::Hash, None), "to 438c4c7afe600cdf!");
    let keyed = told(RedactAction::Hash, Some("a key of the policy"));
    assert_eq!(keyed, "to c91d230ff5b7d3e5!");
}

#[test]
fn what_overlaps_is_one_under_the_action_that_tells_less() {
    let sought = |text: &str| Sought::Regex(Expression(regex::Regex::new(text).unwrap()));
    let rules = vec![
        rule(sought("abcd"), RedactAction::Hash),
        rule(sought("cdef"), RedactAction::Drop),
        rule(sought("x+"), RedactAction::Mask),
    ];
    assert_eq!(guard(rules).text("-abcdef-xx-"), "--***-");
}

#[test]
fn a_document_is_cleaned_in_its_texts_names_and_numbers() {
    let guard = seeking_all();
    let mut document = json!({
        "text": "ann@example.org",
        "nested": "{\"to\":\"ann\\u0040example.org\",\"n\":1}",
        "twice": "\"{\\\"to\\\":\\\"ann@example.org\\\"}\"",
        "ann@example.org": 1,
        "bob@example.org": 2,
        "card": 4_111_111_111_111_111_u64,
        "score": 0.411_111_111_111_111_1,
        "plain": [1, "two", null],
    });
    assert!(guard.clean_document(guard.everywhere(), &mut document));
    let expected = json!({
        "text": "***",
        "nested": "{\"to\":\"***\",\"n\":1}",
        "twice": "\"{\\\"to\\\":\\\"***\\\"}\"",
        "***": 1,
        "****": 2,
        "card": "***",
        "score": 0.411_111_111_111_111_1,
        "plain": [1, "two", null],
    });
    assert_eq!(document, expected);
}

#[test]
fn a_path_keeps_its_shape() {
    let guard = seeking_all();
    for (path, expected) in [
        ("/v1/users/ann@example.org/cards", "/v1/users/***/cards"),
        ("/v1/users/ann%40example.org", "/v1/users/***"),
        ("/v1/a%20b/c", "/v1/a%20b/c"),
        ("/", "/"),
    ] {
        assert_eq!(guard.path(path), expected);
    }
}

fn cleaned(guard: &Guard, body: &str) -> String {
    guard.clean_body(guard.everywhere(), body, false).unwrap()
}

#[test]
fn what_comes_in_pieces_is_found_in_the_whole() {
    let guard = seeking_all();
    let deltas = |pieces: &[&str], event: &dyn Fn(&str) -> Value| -> String {
        pieces.iter().map(|piece| format!("data: {}\n\n", event(piece))).collect()
    };
    let pieces = ["Write to a", "nn@exam", "ple.org", " today"];
    let chat = |text: &str| json!({"id": "c1", "choices": [{"index": 0, "delta": {"content": text}}]});
    let messages = |text: &str| json!({"type": "content_block_delta", "index": 1, "delta": {"type": "text_delta", "text": text}});
    let ollama = |text: &str| json!({"model": "m", "message": {"content": text}});
    for event in [&chat as &dyn Fn(&str) -> Value, &messages, &ollama] {
        let told = cleaned(&guard, &deltas(&pieces, event));
        assert_eq!(told, deltas(&["Write to ***", "", "", " today"], event));
    }
    let both = format!("{}data: [DONE]\n\n", deltas(&["a@example.org", " or ", "b@example.org"], &chat));
    assert_eq!(cleaned(&guard, &both), format!("{}data: [DONE]\n\n", deltas(&["***", " or ", "***"], &chat)));
}

#[test]
fn choices_that_come_by_turns_are_put_together_each_by_itself() {
    let guard = seeking(Pattern::Card);
    let piece = |index: u32, text: &str| {
        format!("data: {}\n\n", json!({"choices": [{"index": index, "delta": {"content": text}}]}))
    };
    let body = |first: [&str; 2], second: [&str; 2]| {
        [piece(0, first[0]), piece(1, second[0]), piece(0, first[1]), piece(1, second[1])].concat()
    };
    let told = cleaned(&guard, &body(["41111111", "11111111"], ["no", " card"]));
    assert_eq!(told, body(["***", ""], ["no", " card"]));
}

#[test]
fn what_comes_in_pieces_and_in_escapes_withholds_the_body() {
    let guard = seeking_all();
    let piece = |text: &str| format!("data: {}\n\n", json!({"delta": {"partial_json": text}}));
    let body = [piece("{\"to\":\"ann\\u00"), piece("40example.org\"}")].concat();
    assert_eq!(guard.clean_body(guard.everywhere(), &body, false), Err(Unread::Scattered));
}

#[test]
fn lines_that_are_no_events_keep_their_text_and_their_ends() {
    let guard = seeking_all();
    let body = "event: note\r\ndata: ann@example.org\r\n\r\nid: 7\r\ndata: {\"a\": \"ann@example.org\",  \"b\": 1}\r\n";
    let expected = "event: note\r\ndata: ***\r\n\r\nid: 7\r\ndata: {\"a\":\"***\",\"b\":1}\r\n";
    assert_eq!(cleaned(&guard, body), expected);
    let multipart = "--x\r\nContent-Disposition: form-data; name=\"to\"\r\n\r\nann@example.org\r\n--x--";
    assert_eq!(cleaned(&guard, multipart), multipart.replace("ann@example.org", "***"));
}

#[test]
fn the_end_of_a_cut_text_goes_for_it_may_be_half_a_secret() {
    let guard = seeking_all();
    let cut = |text: &str| guard.clean_body(guard.everywhere(), text, true).unwrap();
    assert_eq!(cut("{\"text\": \"one\", \"card\": \"4111 1111 11"), "{\"text\": \"one\", \"card\": \"***");
    let long = "word ".repeat(100);
    assert_eq!(cut(&long), format!("{}***", &long[..long.len() - 256]));
}

#[test]
fn the_list_of_headers_is_sorted_and_names_no_credential() {
    assert!(HeaderChoice::always().is_sorted());
    for name in HeaderChoice::always() {
        let name: http::HeaderName = name.parse().unwrap();
        assert!(is_listed(&name) && !crate::protocol::is_credential(&name), "{name}");
    }
    assert!(!is_listed(&http::HeaderName::from_static("x-forwarded-for")));
}

/// Something of each pattern, from which no other can be made by chance.
fn planted() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z]{3,10}@[a-z]{3,10}\\.example",
        "\\+49151[0-9]{8}",
        Just("4111 1111 1111 1111".to_owned()),
        Just("DE89370400440532013000".to_owned()),
        "[a-zA-Z0-9]{20,40}".prop_map(|tail| format!("s{}{tail}", "k-")),
        any::<[u8; 4]>().prop_map(|bytes| std::net::Ipv4Addr::from(bytes).to_string()),
        any::<[u16; 8]>()
            .prop_map(|groups| std::net::Ipv6Addr::from(groups.map(|it| it | 0x1000)).to_string()),
    ]
}

/// What may stand beside it: no letter and no digit, or it would be a part of another word.
fn beside() -> impl Strategy<Value = String> {
    prop_oneof![
        Just(String::new()),
        "[ \"'<>(),;!?\\\\\\n]{0,4}",
        "[ ,]ünïcode [a-z ]{0,10}[ ,]",
        "[ ,]50% [,\\\\]"
    ]
}

proptest! {
    #[test]
    fn nothing_planted_survives(secret in planted(), before in beside(), behind in beside()) {
        let guard = seeking_all();
        let text = format!("{before}{secret}{behind}");
        prop_assert!(!guard.text(&text).contains(&secret), "{text:?} became {:?}", guard.text(&text));
        let inner = json!({"inner": &text}).to_string();
        let mut document = json!({"a": &text, &text: [{"b": inner}]});
        prop_assert!(Guard::may_change(guard.everywhere(), &document.to_string()));
        guard.clean_document(guard.everywhere(), &mut document);
        prop_assert!(!document.to_string().contains(&secret), "{document}");
    }

    #[test]
    fn nothing_planted_survives_in_pieces(secret in planted(), cut in any::<proptest::sample::Index>()) {
        let guard = seeking_all();
        let cut = cut.index(secret.len());
        let piece = |text: &str| format!("data: {}\n\n", json!({"choices": [{"index": 0, "delta": {"content": text}}]}));
        let body = [piece("see "), piece(&secret[..cut]), piece(&secret[cut..]), piece(" there")].concat();
        let told = cleaned(&guard, &body);
        let events = told.split("\n\n").filter_map(|event| event.strip_prefix("data: "));
        let whole: String = events
            .map(|event| serde_json::from_str::<Value>(event).unwrap())
            .map(|event| event["choices"][0]["delta"]["content"].as_str().unwrap().to_owned())
            .collect();
        prop_assert_eq!(whole, "see *** there");
    }

    #[test]
    fn any_text_can_be_cleaned_and_cut(text in any::<String>(), is_cut in any::<bool>()) {
        let guard = seeking_all();
        let _ = guard.clean_body(guard.everywhere(), &text, is_cut);
        let _ = guard.path(&text);
    }
}
