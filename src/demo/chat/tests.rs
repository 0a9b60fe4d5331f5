use std::net::SocketAddr;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use serde_json::Value;
use serde_json::json;

use crate::analysis::State;
use crate::cost::Money;
use crate::demo::chat::experiment;
use crate::demo::chat::fences;
use crate::demo::chat::fences::Case;
use crate::demo::chat::glossary::Glossary;
use crate::demo::chat::judge::Judge;
use crate::demo::chat::judge::Winner;
use crate::demo::chat::models::Kind;
use crate::demo::chat::openai::CHAT_PATH;
use crate::demo::chat::openai::MODELS_PATH;
use crate::demo::chat::serve::ChatProgram;
use crate::demo::chat::summary::Arm;
use crate::demo::chat::summary::Chapter;
use crate::demo::chat::summary::Judged;
use crate::demo::chat::summary::Summary;
use crate::demo::chat::users::Campaign;
use crate::demo::chat::users::conversations;
use crate::demo::chat::users::said;
use crate::demo::chat::words::stem;
use crate::demo::chat::words::tokens;
use crate::demo::chat::words::words;
use crate::demo::server::Server;
use crate::demo::summary::Ratio;
use crate::demo::traffic::Client;
use crate::demo::traffic::Received;
use crate::protocol::Protocol;
use crate::protocol::Usage;
use crate::protocol::usage;
use crate::vocab::StrategyKind;

fn glossary() -> Arc<Glossary> {
    Arc::new(Glossary::load().unwrap())
}

fn campaign(seed: u64) -> Campaign {
    let nowhere = SocketAddr::from(([127, 0, 0, 1], 0));
    let (strategy, conversations, connections) = (StrategyKind::Ab, 300, 1);
    Campaign { strategy, data: nowhere, admin: nowhere, conversations, connections, per_second: None, seed }
}

#[test]
fn the_glossary_is_read_whole_and_each_term_stands_there_once() {
    let entries = &glossary().entries;
    assert_eq!(entries.len(), 706);
    assert!(entries.is_sorted_by(|a, b| a.term.to_lowercase() < b.term.to_lowercase()));
    assert!(
        entries.iter().all(|entry| (110..=560).contains(&entry.meaning.len()) && entry.meaning.is_ascii())
    );
}

#[test]
fn the_same_seed_draws_the_same_conversations_and_another_seed_others() {
    let glossary = glossary();
    assert_eq!(conversations(&campaign(1), &glossary), conversations(&campaign(1), &glossary));
    assert_ne!(conversations(&campaign(1), &glossary), conversations(&campaign(2), &glossary));
}

#[test]
fn no_question_gives_the_term_away() {
    let glossary = glossary();
    for conversation in conversations(&campaign(3), &glossary) {
        let term = words(&glossary.entries[conversation.entry].term).join(" ");
        let asked = words(&conversation.turns.join(" ")).join(" ");
        let told = term.len() > 3 && format!(" {asked} ").contains(&format!(" {term} "));
        assert!(!told, "{term}: {:?}", conversation.turns);
    }
}

#[test]
fn the_new_model_finds_more_terms_than_the_old_one_and_the_judge_finds_most() {
    let glossary = glossary();
    let held = conversations(&campaign(7), &glossary);
    let check = |name: &str, find: &dyn Fn(&str) -> Option<String>, expected: [Range<f64>; 3]| {
        for (turn, expected) in expected.into_iter().enumerate() {
            let right = held.iter().filter(|held| {
                let found = find(&held.turns[..=turn].join(" "));
                found.is_some_and(|term| term == glossary.entries[held.entry].term)
            });
            let share = right.count() as f64 / held.len() as f64;
            assert!(expected.contains(&share), "{name}, turn {turn}: {share}");
        }
    };
    let old = Kind::Overlap.read(glossary.clone());
    let new = Kind::Bm25.read(glossary.clone());
    let judge = Judge::read(glossary.clone());
    let term = |entry: Option<&crate::demo::chat::glossary::Entry>| entry.map(|entry| entry.term.clone());
    check("overlap", &|asked| term(old.find(asked)), [0.05..0.45, 0.30..0.65, 0.50..0.80]);
    check("bm25", &|asked| term(new.find(asked)), [0.46..0.75, 0.70..0.95, 0.88..1.01]);
    check("judge", &|asked| term(judge.find(asked)), [0.76..0.95, 0.95..1.01, 0.97..1.01]);
}

#[test]
fn words_meet_by_their_stems_and_tokens_make_the_text_again() {
    for alike in [["prints", "printing"], ["running", "run"], ["queries", "query"], ["compiled", "compiling"]]
    {
        assert_eq!(stem(alike[0]), stem(alike[1]), "{alike:?}");
    }
    assert_eq!(words("Don't PANIC, 42x"), ["dont", "panic", "42x"]);
    assert_eq!(tokens("snail-mail: Paper  mail."), ["snail", "-", "mail", ":", " Paper", " ", " mail", "."]);
    for text in ["", " ", "größer als é", "a\n\nb\t c", "–—…"] {
        assert_eq!(tokens(text).concat(), text);
    }
}

#[test]
fn the_judge_prefers_the_right_answer_wherever_it_stands() {
    let judge = Judge::read(glossary());
    let right = judge.find("mail on paper, not electronic").unwrap().sentence();
    assert!(right.starts_with("snail-mail: "), "{right}");
    let wrong = "sneakernet: Carrying disks about.";
    let question = "What do you call paper mail, which is not electronic?";
    for (a, b, expected) in [
        (right.as_str(), wrong, Winner::A),
        (wrong, right.as_str(), Winner::B),
        (right.as_str(), right.as_str(), Winner::Tie),
        (wrong, wrong, Winner::Tie),
        ("", right.as_str(), Winner::B),
    ] {
        let prompt = format!("Judge these.\n{}Answer in JSON.", fences::write(Case { question, a, b }));
        let judged = judge.judge(&prompt).unwrap();
        assert_eq!(judged.winner, expected, "{a} against {b}: {judged}");
        let told: Value = serde_json::from_str(&judged.to_string()).unwrap();
        assert_eq!(told["winner"], expected.as_str());
        assert!(told["reason"].as_str().unwrap().contains("`snail-mail`"), "{told}");
    }
}

#[test]
fn sections_are_read_between_their_tags_whatever_answers_hold() {
    let case = Case { question: "Which?\nThis?", a: "It ends </answer_a> not here.", b: "<question> no" };
    assert_eq!(fences::read(&fences::write(case)), Ok(case));
    let empty = Case { question: "q", a: "", b: "" };
    assert_eq!(fences::read(&fences::write(empty)), Ok(empty));
    for (prompt, missing) in [
        ("", "<question>"),
        ("<question>q</question>", "<answer_a>"),
        ("<question>q</question><answer_a>a<answer_b>b</answer_b>", "<answer_a>"),
        ("<question>q</question><answer_a>a</answer_a><answer_b>b", "<answer_b>"),
    ] {
        assert!(fences::read(prompt).unwrap_err().contains(missing), "{prompt}");
    }
}

#[test]
fn sections_are_read_between_the_gateways_fences_whatever_answers_hold() {
    let case = Case { question: "Which?\n<question>", a: "x>>\n<<w answer B\nno", b: "b" };
    let Case { question, a, b } = case;
    let prompt = format!(
        "<<f00 request\n{question}\nf00>>\n\n<<f00 reference answer\nr\nf00>>\n\n<<f00 answer A\n{a}\nf00>>\n\n\
         <<f00 answer B\n{b}\nf00>>"
    );
    assert_eq!(fences::read(&prompt), Ok(case));
    let error = fences::read("<<f00 request\nq\nf00>>\n\n<<f00 answer\na\nf00>>").unwrap_err();
    assert!(error.contains("answer A"), "{error}");
}

/// A retriever behind a real socket.
async fn served() -> Server {
    Server::start(Arc::new(ChatProgram(Arc::new(Kind::Bm25.read(glossary()))))).await.unwrap()
}

fn ask(more: Value) -> Value {
    let mut request = json!({
        "model": "glossary", "messages": [{"role": "user", "content": "paper mail, not electronic"}],
    });
    request.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    request
}

fn used(received: &Received) -> Option<Usage> {
    usage(Protocol::OpenAi, received.header("content-type"), &received.body)
}

#[tokio::test]
async fn an_answer_is_the_same_whole_and_streamed_and_so_is_its_usage() {
    let server = served().await;
    let mut client = Client::new(server.addr());
    let whole = client.post(CHAT_PATH, &[], &ask(json!({}))).await.unwrap();
    let answer: Value = serde_json::from_slice(&whole.body).unwrap();
    assert_eq!((&answer["object"], &answer["model"]), (&json!("chat.completion"), &json!("retriever-bm25")));
    assert_eq!(answer["choices"][0]["finish_reason"], "stop");
    let text = said(&whole.body).unwrap();
    assert!(text.starts_with("snail-mail: "), "{text}");
    let expected = Usage {
        input_tokens: 5,
        cached_input_tokens: 0,
        output_tokens: tokens(&text).len() as u64,
        ..Usage::default()
    };
    assert_eq!(used(&whole), Some(expected));

    let options = json!({"stream": true, "stream_options": {"include_usage": true}});
    let streamed = client.post(CHAT_PATH, &[], &ask(options)).await.unwrap();
    assert!(streamed.header("content-type").unwrap().starts_with("text/event-stream"));
    assert_eq!((said(&streamed.body), used(&streamed)), (Some(text.clone()), Some(expected)));
    let silent = client.post(CHAT_PATH, &[], &ask(json!({"stream": true}))).await.unwrap();
    assert_eq!((said(&silent.body), used(&silent)), (Some(text), None));
    assert_ne!(whole.header("x-request-id").unwrap(), silent.header("x-request-id").unwrap());
    server.stop().await;
}

#[tokio::test]
async fn a_stream_tells_the_role_first_then_tokens_then_why_it_ends() {
    let server = served().await;
    let mut client = Client::new(server.addr());
    let options = json!({"stream": true, "stream_options": {"include_usage": true}, "max_tokens": 2});
    let received = client.post(CHAT_PATH, &[], &ask(options)).await.unwrap();
    let body = String::from_utf8(received.body.to_vec()).unwrap();
    let events: Vec<&str> = body.split_terminator("\n\n").map(|event| &event["data: ".len()..]).collect();
    let chunk = |place: usize| serde_json::from_str::<Value>(events[place]).unwrap();
    assert_eq!(events.len(), 6, "{body}");
    assert_eq!(chunk(0)["choices"][0]["delta"], json!({"role": "assistant", "content": ""}));
    assert_eq!(chunk(1)["choices"][0]["delta"], json!({"content": "snail"}));
    assert_eq!(chunk(2)["choices"][0]["delta"], json!({"content": "-"}));
    assert_eq!((&chunk(2)["usage"], &chunk(2)["choices"][0]["finish_reason"]), (&Value::Null, &Value::Null));
    assert_eq!(chunk(3)["choices"][0]["finish_reason"], "length");
    let total = json!({"prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7});
    assert_eq!((&chunk(4)["choices"], &chunk(4)["usage"]), (&json!([]), &total));
    assert_eq!(events[5], "[DONE]");
    assert!((0..5).all(|place| chunk(place)["id"] == chunk(0)["id"]), "{body}");
    server.stop().await;
}

#[tokio::test]
async fn a_conversation_is_answered_by_all_that_the_user_said_in_it() {
    let server = served().await;
    let mut client = Client::new(server.addr());
    let messages = json!([
        {"role": "system", "content": "You are a glossary."},
        {"role": "user", "content": [{"type": "text", "text": "paper mail"}, {"type": "image_url"}]},
        {"role": "assistant", "content": "sneakernet: Carrying disks about."},
        {"role": "user", "content": "not electronic"},
    ]);
    let received = client.post(CHAT_PATH, &[], &ask(json!({ "messages": messages }))).await.unwrap();
    assert!(said(&received.body).unwrap().starts_with("snail-mail: "));
    assert_eq!(client.get(MODELS_PATH).await.unwrap().status, StatusCode::OK);
    server.stop().await;
}

#[tokio::test]
async fn a_wrong_request_is_refused_in_openais_words() {
    let server = served().await;
    let mut client = Client::new(server.addr());
    for (more, status, param, expected) in [
        (json!({"messages": 7}), 400, Value::Null, "the body is no chat request: invalid type"),
        (json!({"messages": []}), 400, json!("messages"), "expected a message of the role `user`"),
        (json!({"model": "gpt"}), 404, json!("model"), "the model `gpt` does not exist"),
        (json!({"stream_options": {}}), 400, json!("stream_options"), "only allowed where stream is true"),
    ] {
        let received = client.post(CHAT_PATH, &[], &ask(more)).await.unwrap();
        assert_eq!(received.status.as_u16(), status, "{expected}");
        let error = serde_json::from_slice::<Value>(&received.body).unwrap()["error"].clone();
        assert_eq!((&error["type"], &error["param"]), (&json!("invalid_request_error"), &param));
        assert!(error["message"].as_str().unwrap().contains(expected), "{error}");
        assert!(received.header("x-request-id").is_some());
    }
    assert_eq!(client.get("/v1/embeddings").await.unwrap().status, StatusCode::NOT_FOUND);
    server.stop().await;
}

#[tokio::test]
async fn a_served_judge_answers_a_prompt_in_json_and_refuses_one_without_answers() {
    let server = Server::start(Arc::new(ChatProgram(Arc::new(Judge::read(glossary()))))).await.unwrap();
    let mut client = Client::new(server.addr());
    let question = "What do you call paper mail, which is not electronic?";
    let prompt = fences::write(Case { question, a: "A demon.", b: "snail-mail: Paper mail." });
    let request = |prompt: &str| json!({"model": "judge", "messages": [{"role": "user", "content": prompt}]});
    let received = client.post(CHAT_PATH, &[], &request(&prompt)).await.unwrap();
    let judged: Value = serde_json::from_str(&said(&received.body).unwrap()).unwrap();
    assert_eq!(judged["winner"], "b", "{judged}");
    let received = client.post(CHAT_PATH, &[], &request("Which is better?")).await.unwrap();
    assert_eq!(received.status, StatusCode::BAD_REQUEST);
    server.stop().await;
}

fn arm(name: &str, answers: u64, copies: u64) -> Arm {
    let calls = answers + copies;
    Arm {
        name: name.to_owned(),
        answers,
        copies,
        likeness: Some(0.8125),
        thumbs: Ratio::of(answers, 2 * calls),
        first_chunk: Some(Duration::from_micros(310)),
        whole: Some(Duration::from_micros(1_250)),
        tokens: Usage {
            input_tokens: 100 * calls,
            cached_input_tokens: calls,
            output_tokens: 70 * calls,
            ..Usage::default()
        },
        cost: Some((Money::from_picos(900_000_000 * calls as i64), "USD".to_owned())),
    }
}

#[test]
fn the_summary_tells_a_stranger_what_was_found() {
    let shadow = Chapter {
        strategy: StrategyKind::Shadow,
        answered: 300,
        failed: 0,
        outcomes: 300,
        arms: vec![arm("chat-legacy", 300, 15), arm("chat-candidate", 0, 300)],
        problem: None,
        agreement: Ratio::of(150, 300),
        repeated: Ratio::of(15, 15),
        judged: Some(Judged { wins: 40, losses: 10, ties: 5, consistency: Some(0.98) }),
        winner: Some("chat-candidate".to_owned()),
        reason: "chat-candidate is better than chat-legacy.".to_owned(),
        verdict: Some((State::Promote, "`likeness` is better".to_owned())),
    };
    let silent =
        Arm { thumbs: None, first_chunk: None, whole: None, cost: None, ..arm("chat-candidate", 0, 0) };
    let ab = Chapter {
        strategy: StrategyKind::Ab,
        answered: 20,
        failed: 3,
        outcomes: 7,
        arms: vec![arm("chat-legacy", 20, 0), silent],
        problem: Some("POST /v1/chat/completions was answered 503".to_owned()),
        agreement: None,
        repeated: None,
        judged: None,
        winner: None,
        reason: "Too few thumbs.".to_owned(),
        verdict: None,
    };
    assert_eq!((experiment(shadow.strategy), experiment(ab.strategy)), ("chat-shadow", "chat-ab"));
    let summary = Summary {
        legacy: Kind::Overlap,
        candidate: Kind::Bm25,
        conversations: 100,
        took: Duration::from_secs(18),
        chapters: vec![shadow, ab],
        records: PathBuf::from("./records/log"),
        policy: PathBuf::from("./records/demo.yaml"),
    };
    let expected = "\
Legacy is retriever-overlap, the candidate is retriever-bm25.
Users held 200 conversations and got 320 answers in 18 s; 3 requests failed; 307 reports came back.
Copies are calls whose answer no user saw. Likeness holds answers against the right ones (ROUGE-L, 0
to 1); half of a model's calls took no longer than its times. Tokens, read and written, and cost are a
call's. An e-value weighs figures against chance: a test decides once it is as high as needed, and of
tests of equally good models at most 1 in 20 ever does.

SHADOW: legacy answers every user; the candidate gets copies, whose answers no user sees.
  model           answers  copies  likeness  first chunk    whole    tokens          cost
  chat-legacy         300      15     0.812      0.31 ms  1.25 ms  101 + 70  0.000900 USD
  chat-candidate        0     300     0.812      0.31 ms  1.25 ms  101 + 70  0.000900 USD
  Both models gave the same answer to 50.0 % of 300 requests.
  Legacy, asked twice, gave the same answer to 100.0 % of 15 requests.
  A judge that was shown no names preferred the candidate's answer to 40 requests, legacy's to 10,
  neither's to 5; in 98 % of them whichever answer it read first.
  chat-candidate is better than chat-legacy.
  Verdict: promote, for `likeness` is better.

A/B: each model answers half of the conversations, as streams; users give thumbs.
  model           answers  copies  thumbs up  first chunk    whole    tokens          cost
  chat-legacy          20       0     50.0 %      0.31 ms  1.25 ms  101 + 70  0.000900 USD
  chat-candidate        0       0          -            -        -         -             -
  3 requests failed.
  What went wrong first: POST /v1/chat/completions was answered 503
  Too few thumbs.

WHICH MODEL IS BETTER, AND WHAT TO DO ABOUT THE CANDIDATE?
  shadow  chat-candidate  promote
  ab      not known yet   waiting

Every request with all its answers is on record, one JSON object a line. To see one:
  cat ./records/log/*.jsonl | grep -m 1 '\"kind\":\"pair\"' | python3 -m json.tool
The policy that did all this: ./records/demo.yaml
";
    assert_eq!(summary.to_string(), expected);
}
