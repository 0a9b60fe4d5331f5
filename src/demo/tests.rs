use std::net::SocketAddr;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use serde_json::Value;
use serde_json::json;

use crate::analysis::State;
use crate::cost::Money;
use crate::demo::digits::Digit;
use crate::demo::digits::Digits;
use crate::demo::folder::Folder;
use crate::demo::models::Kind;
use crate::demo::models::Model;
use crate::demo::models::document_place;
use crate::demo::models::most_likely;
use crate::demo::policy;
use crate::demo::policy::Places;
use crate::demo::serve::INFER_PATH;
use crate::demo::serve::ModelServer;
use crate::demo::serve::RANK_PATH;
use crate::demo::summary::Arm;
use crate::demo::summary::Chapter;
use crate::demo::summary::Ratio;
use crate::demo::summary::Summary;
use crate::demo::traffic::Client;
use crate::vocab::StrategyKind;

#[test]
fn the_images_are_read_whole_and_split_without_overlap() {
    let digits = Digits::load().unwrap();
    assert_eq!((digits.train.len(), digits.held_out.len()), (1198, 599));
    for digit in 0..10 {
        let shown = digits.held_out.iter().filter(|image| image.label == digit).count();
        assert!((40..=80).contains(&shown), "{shown} held-out images show {digit}");
    }
    assert!(digits.held_out.iter().all(|image| !digits.train.contains(image)));
}

#[test]
fn the_new_model_reads_more_unseen_digits_than_the_old_one() {
    let digits = Digits::load().unwrap();
    check_accuracy(Kind::Softmax, &digits, 0.82..0.90);
    check_accuracy(Kind::Neighbours, &digits, 0.97..1.00);
}

fn check_accuracy(kind: Kind, digits: &Digits, expected: std::ops::Range<f64>) {
    let model = kind.train(&digits.train);
    let right = |image: &&Digit| most_likely(&model.probabilities(&image.pixels)) == image.label;
    let accuracy = digits.held_out.iter().filter(right).count() as f64 / digits.held_out.len() as f64;
    assert!(expected.contains(&accuracy), "{kind}: {accuracy}");
}

#[test]
fn the_new_ranker_finds_more_relevant_images_than_the_old_one() {
    let digits = Digits::load().unwrap();
    check_precision(Kind::Softmax, &digits, 0.75..0.88);
    check_precision(Kind::Neighbours, &digits, 0.93..1.00);
}

/// Holds the share of relevant images among the first ten, over some queries, against a range.
fn check_precision(kind: Kind, digits: &Digits, expected: std::ops::Range<f64>) {
    let model = kind.train(&digits.train);
    let queries = || digits.held_out.iter().step_by(3);
    let relevant = |query: &Digit| {
        let ranked = model.rank(&query.pixels, 10);
        ranked.iter().filter(|ranked| digits.train[ranked.document].label == query.label).count()
    };
    let precision = queries().map(relevant).sum::<usize>() as f64 / (10 * queries().count()) as f64;
    assert!(expected.contains(&precision), "{kind}: {precision}");
}

#[test]
fn probabilities_add_up_and_lists_are_ordered() {
    let digits = Digits::load().unwrap();
    for kind in [Kind::Softmax, Kind::Neighbours] {
        let model = kind.train(&digits.train);
        for image in digits.held_out.iter().take(20) {
            let sum: f32 = model.probabilities(&image.pixels).iter().sum();
            assert!((sum - 1.0).abs() < 1e-5, "{kind}: {sum}");
            let ranked = model.rank(&image.pixels, 7);
            assert_eq!(ranked.len(), 7);
            assert!(ranked.is_sorted_by(|a, b| a.score >= b.score), "{kind}: {ranked:?}");
        }
    }
}

/// Both kinds of model behind real sockets.
async fn served(kind: Kind) -> (Digits, Arc<Model>, ModelServer) {
    let digits = Digits::load().unwrap();
    let model = Arc::new(kind.train(&digits.train));
    let server = ModelServer::start(model.clone()).await.unwrap();
    (digits, model, server)
}

#[tokio::test]
async fn a_served_classifier_answers_as_the_protocol_says() {
    for kind in [Kind::Softmax, Kind::Neighbours] {
        let (digits, model, server) = served(kind).await;
        let mut client = Client::new(server.addr());
        let rows: Vec<&[f32]> = digits.held_out[..2].iter().map(|image| image.pixels.as_slice()).collect();
        let input = json!({"name": "image", "datatype": "FP32", "shape": [2, 64], "data": rows});
        let received = client.post(INFER_PATH, &[], &json!({"id": "a", "inputs": [input]})).await.unwrap();
        assert_eq!(received.status, StatusCode::OK);
        let answer: Value = serde_json::from_slice(&received.body).unwrap();
        assert_eq!((&answer["model_name"], &answer["id"]), (&json!("digits"), &json!("a")));
        let expected =
            digits.held_out[..2].iter().map(|image| most_likely(&model.probabilities(&image.pixels)));
        assert_eq!(answer["outputs"][0]["data"], json!(expected.collect::<Vec<_>>()));
        assert_eq!(answer["outputs"][0]["datatype"], "INT64");
        assert_eq!(answer["outputs"][1]["shape"], json!([2, 10]));
        assert_eq!(answer["outputs"][1]["data"].as_array().unwrap().len(), 20);
        server.stop().await;
    }
}

#[tokio::test]
async fn a_served_model_says_what_it_is_and_that_it_is_ready() {
    let (_, _, server) = served(Kind::Softmax).await;
    let mut client = Client::new(server.addr());
    for path in ["/v2", "/v2/health/live", "/v2/health/ready", "/v2/models/digits", "/v2/models/digits/ready"]
    {
        assert_eq!(client.get(path).await.unwrap().status, StatusCode::OK, "{path}");
    }
    assert_eq!(client.get("/v2/models/letters").await.unwrap().status, StatusCode::NOT_FOUND);
    server.stop().await;
}

#[tokio::test]
async fn a_served_ranker_lists_its_best_documents() {
    let (digits, model, server) = served(Kind::Neighbours).await;
    let mut client = Client::new(server.addr());
    let query = digits.held_out[5].pixels;
    let request = json!({"user_id": "u", "query_id": "q", "query": query.as_slice(), "k": 4});
    let received = client.post(RANK_PATH, &[], &request).await.unwrap();
    let answer: Value = serde_json::from_slice(&received.body).unwrap();
    assert_eq!(answer["query_id"], "q");
    let place = |result: &Value| document_place(result["doc_id"].as_str().unwrap()).unwrap();
    let places: Vec<usize> = answer["results"].as_array().unwrap().iter().map(place).collect();
    let expected: Vec<usize> = model.rank(&query, 4).iter().map(|ranked| ranked.document).collect();
    assert_eq!(places, expected);
    server.stop().await;
}

#[tokio::test]
async fn a_wrong_request_is_the_clients_fault_and_says_why() {
    let (_, _, server) = served(Kind::Softmax).await;
    let mut client = Client::new(server.addr());
    let tensor = |shape: Value, datatype: &str, data: Value| json!({"inputs": [{"name": "image", "shape": shape, "datatype": datatype, "data": data}]});
    let cases = [
        (INFER_PATH, json!({}), "missing field `inputs`"),
        (INFER_PATH, json!({"inputs": []}), "expected 1 input, got 0"),
        (INFER_PATH, tensor(json!([1, 63]), "FP32", json!([])), "expected the shape [n, 64], got [1, 63]"),
        (
            INFER_PATH,
            tensor(json!([1, 64]), "BYTES", json!(["x"])),
            "expected numbers, as in FP32, got BYTES",
        ),
        (INFER_PATH, tensor(json!([1, 64]), "FP32", json!(["x"])), "expected numbers in data, got \"x\""),
        (INFER_PATH, tensor(json!([1, 64]), "FP32", json!([0.5])), "the shape says 1 x 64 numbers, got 1"),
        (RANK_PATH, json!({"query": [1.0]}), "expected a query of 64 numbers, got 1"),
    ];
    for (path, request, expected) in cases {
        let received = client.post(path, &[], &request).await.unwrap();
        assert_eq!(received.status, StatusCode::BAD_REQUEST, "{request}");
        let answer: Value = serde_json::from_slice(&received.body).unwrap();
        assert!(answer["error"].as_str().unwrap().contains(expected), "{answer}");
    }
    server.stop().await;
}

#[test]
fn the_policy_names_every_address_and_every_experiment() {
    let address = |port| SocketAddr::from(([127, 0, 0, 1], port));
    let records = Path::new("/tmp/with \"quotes\"");
    let places = Places {
        data: address(0),
        admin: address(1),
        legacy: address(2),
        candidate: address(3),
        judge: None,
        records,
    };
    let text = policy::text(&places);
    for expected in [
        r#"{data: "127.0.0.1:0", admin: "127.0.0.1:1"}"#,
        r#"{dir: "/tmp/with \"quotes\""}"#,
        "url: http://127.0.0.1:2\n",
        "url: http://127.0.0.1:3\n",
    ] {
        assert!(text.contains(expected), "{expected} is not in\n{text}");
    }
    for left in ["ADDRESS", "_URL", "RECORD_DIR"] {
        assert!(!text.contains(left), "{left} is still in\n{text}");
    }
    for strategy in [StrategyKind::Shadow, StrategyKind::Canary, StrategyKind::Ab, StrategyKind::Interleave] {
        assert!(text.contains(&format!("- name: {}\n", policy::experiment(strategy))));
        assert!(text.contains(&format!("{{x-demo: {}}}", strategy.as_str())));
    }
}

#[test]
fn every_run_has_a_folder_of_its_own() {
    let dir = tempfile::tempdir().unwrap();
    let records = dir.path().join("made/on the way");
    let policies: Vec<PathBuf> = (0..3).map(|_| Folder::create(&records).unwrap().policy()).collect();
    assert!(policies.iter().all(|policy| policy.parent().unwrap().is_dir()));
    assert!(policies[0] != policies[1] && policies[1] != policies[2] && policies[0] != policies[2]);
    let error = Folder::create(Path::new("/dev/null")).unwrap_err().to_string();
    assert!(error.starts_with("cannot write to /dev/null: "), "{error}");
}

fn arm(name: &str, answers: u64, copies: u64) -> Arm {
    let milliseconds = |n| Some(Duration::from_micros(n));
    Arm {
        name: name.to_owned(),
        answers,
        copies,
        right: Ratio::of(answers + copies - 10, answers + copies),
        users_won: None,
        p50: milliseconds(310),
        p95: milliseconds(1_250),
        cost: Some((Money::from_picos(40_000_000_000), "USD".to_owned())),
    }
}

#[test]
fn the_summary_tells_a_stranger_what_was_found() {
    let shadow = Chapter {
        strategy: StrategyKind::Shadow,
        answered: 2_000,
        failed: 0,
        outcomes: 2_000,
        arms: vec![arm("digits-legacy", 2_000, 100), arm("digits-candidate", 0, 2_000)],
        problem: None,
        shares: vec![0.1, 0.25],
        agreement: Ratio::of(1_700, 2_000),
        repeated: Ratio::of(100, 100),
        winner: Some("digits-candidate".to_owned()),
        reason:
            "digits-candidate is better than digits-legacy: of 300 requests that only one of them got right, \
                 the candidate got 290 right."
                .to_owned(),
        verdict: Some((State::Promote, "`accuracy` is better".to_owned())),
    };
    let silent = Arm { right: None, p50: None, p95: None, cost: None, ..arm("ranker-legacy", 20, 0) };
    let interleave = Chapter {
        strategy: StrategyKind::Interleave,
        answered: 20,
        failed: 3,
        outcomes: 7,
        arms: vec![silent, Arm { users_won: Some(4), ..arm("ranker-candidate", 20, 0) }],
        problem: Some("POST /rank was answered 503".to_owned()),
        shares: Vec::new(),
        agreement: None,
        repeated: None,
        winner: None,
        reason: "Too few users have clicked.".to_owned(),
        verdict: None,
    };
    let summary = Summary {
        legacy: Kind::Softmax,
        candidate: Kind::Neighbours,
        users: 400,
        took: Duration::from_secs(36),
        chapters: vec![shadow, interleave],
        records: PathBuf::from("./my records/log"),
        policy: PathBuf::from("./my records/demo.yaml"),
    };
    let expected = "\
Legacy is softmax regression, the candidate is nearest neighbours.
400 users got 2,020 answers in 36 s; 3 requests failed; 2,007 labels and clicks came back.
Copies are calls whose answer no user saw. Half of a model's calls took no longer than p50,
95 of 100 no longer than p95. An e-value weighs figures against chance: a test decides once
it is as high as needed, and of tests of equally good models at most 1 in 20 ever does.

SHADOW: legacy answers every user; the candidate gets copies, whose answers no user sees.
  model             answers  copies   right      p50      p95  per 1,000 calls
  digits-legacy       2,000     100  99.5 %  0.31 ms  1.25 ms      0.01905 USD
  digits-candidate        0   2,000  99.5 %  0.31 ms  1.25 ms      0.02000 USD
  The candidate's share, step by step: 10 %, 25 %.
  Both models gave the same answer to 85.0 % of 2,000 requests that both got.
  Legacy, asked twice, gave the same answer to 100.0 % of 100 requests.
  digits-candidate is better than digits-legacy: of 300 requests that only one of them got right,
  the candidate got 290 right.
  Verdict: promote, for `accuracy` is better.

INTERLEAVE: each user sees one list made of both models' lists; clicks tell whose are better.
  model             answers  copies  users won      p50      p95  per 1,000 calls
  ranker-legacy          20       0          -        -        -                -
  ranker-candidate       20       0          4  0.31 ms  1.25 ms      2.00000 USD
  3 requests failed.
  What went wrong first: POST /rank was answered 503
  Too few users have clicked.

WHICH MODEL IS BETTER, AND WHAT TO DO ABOUT THE CANDIDATE?
  shadow      digits-candidate  promote
  interleave  not known yet     waiting

Every request with all its answers is on record, one JSON object a line. To see one:
  cat './my records/log'/*.jsonl | grep -m 1 '\"kind\":\"pair\"' | python3 -m json.tool
The policy that did all this: ./my records/demo.yaml
";
    assert_eq!(summary.to_string(), expected);
}
