//! Every family of metrics through a whole gateway: a policy, two models, feedback, and the figures that it comes to, on the
//! admin API, as gauges and in the log, all equal to what was worked out by hand.
//!
//! Both models answer what the request itself tells them to, so that a test is a table: what legacy says, what the
//! candidate says, what turned out to be true.

use std::path::Path;
use std::process::Command;

use serde_json::Value;
use serde_json::json;

use crate::rig::Model;
use crate::rig::Reply;
use crate::rig::Rig;
use crate::rig::Seen;
use crate::rig::until;

/// The experiment's metrics and outcomes as YAML, and one row a request: legacy's answer, the candidate's, the truth.
struct Family {
    metrics: &'static str,
    outcome: &'static str,
    rows: Vec<[Value; 3]>,
    expected: Vec<Expected>,
}

/// A metric's value by arm, and the candidate's effect, where it is watched.
struct Expected {
    metric: &'static str,
    values: [f64; 2],
    effect: Option<f64>,
}

/// A metric of many answers together, or one without bounds, which is not compared before a hundred requests.
fn whole(metric: &'static str, old: f64, new: f64) -> Expected {
    Expected { metric, values: [old, new], effect: None }
}

/// A metric that is a mean, whose effect is the difference of the means.
fn mean(metric: &'static str, old: f64, new: f64) -> Expected {
    Expected { metric, values: [old, new], effect: Some(new - old) }
}

/// A metric of right or wrong answers, whose effect is the candidate's share of those that one side alone got right.
fn binary(metric: &'static str, old: f64, new: f64, share: f64) -> Expected {
    Expected { metric, values: [old, new], effect: Some(share) }
}

fn near(found: f64, expected: f64) -> bool {
    (found - expected).abs() <= 1e-9 * expected.abs().max(1.0)
}

fn says(arm: &'static str) -> impl Fn(&Seen) -> Reply + Send + Sync + 'static {
    move |seen| Reply::json(&serde_json::from_slice::<Value>(&seen.body).unwrap()[arm])
}

async fn check(family: Family) {
    let Family { metrics, outcome, rows, expected } = family;
    let (old, new) = (Model::start(says("old")).await, Model::start(says("new")).await);
    let mut rig = Rig::start(&format!(
        "models: {{old: {{url: \"{}\"}}, new: {{url: \"{}\"}}}}\nexperiments:\n  - name: e\n    legacy: old\n    \
         candidate: new\n    outcomes: {{{outcome}}}\n    metrics:\n{metrics}\n    strategy: {{shadow: {{}}}}\n",
        old.url(),
        new.url(),
    ))
    .await;
    let (mut client, mut admin) = (rig.client().await, rig.admin().await);
    let name = outcome.split(':').next().unwrap();
    for [old, new, truth] in &rows {
        let body = json!({"old": old, "new": new}).to_string();
        let got = client.post("/e", &[("content-type", "application/json")], &body).await;
        assert_eq!(got.json(), *old, "the user gets legacy's answer");
        let report =
            json!({"request_id": got.header("crossfade-id").unwrap(), "outcome": name, "value": truth});
        let told = admin.post("/feedback", &[], &report.to_string()).await;
        assert_eq!(told.status, 200, "{}", told.text());
    }
    until("every answer was measured", async || {
        let status = rig.admin().await.get("/api/v1/experiments/e").await.json();
        let metrics = status["summary"]["metrics"].as_array().cloned().unwrap_or_default();
        let measured = |call: &Value| call["examples"] == rows.len() || call["unfit"] != 0;
        let calls = metrics.iter().map(|metric| metric["calls"].as_array().unwrap());
        metrics.len() == expected.len() && { calls }
            .all(|calls| calls.len() == 2 && calls.iter().all(measured))
    })
    .await;
    let live = admin.get("/api/v1/experiments/e").await.json()["summary"].clone();
    compare(&live, &expected);
    for Expected { metric, values, effect } in &expected {
        let metric_label = format!("metric=\"{metric}\"");
        for (arm, value) in [("arm=\"old\"", values[0]), ("arm=\"new\"", values[1])] {
            let found = rig.metric("crossfade_quality", &["experiment=\"e\"", arm, &metric_label]).await;
            assert!(near(found, value), "gauge of {metric}, {arm}: {found}, not {value}");
        }
        let figure = format!("figure=\"{metric}\"");
        let labels = ["experiment=\"e\"", "candidate=\"new\"", &figure, "bound=\"estimate\""];
        let found = rig.metric("crossfade_effect", &labels).await;
        assert!(near(found, effect.unwrap_or(0.0)), "effect on {metric}: {found}, not {effect:?}");
    }
    rig.shut_down().await.unwrap();
    compare(&from_log(&rig.records_dir()), &expected);
}

/// The experiment's figures, reported from its log.
fn from_log(dir: &Path) -> Value {
    let mut command = Command::new(env!("CARGO_BIN_EXE_crossfade"));
    let reported = command.args(["report", "--format", "json"]).arg(dir).output().unwrap();
    assert!(reported.status.success(), "{}", String::from_utf8_lossy(&reported.stderr));
    let report: Value = serde_json::from_slice(&reported.stdout).unwrap();
    report["experiments"][0]["summary"].clone()
}

fn compare(summary: &Value, expected: &[Expected]) {
    let metrics = summary["metrics"].as_array().unwrap();
    for Expected { metric, values, .. } in expected {
        let found = metrics.iter().find(|found| found["metric"] == *metric).unwrap();
        for (call, (arm, value)) in
            found["calls"].as_array().unwrap().iter().zip([("old", values[0]), ("new", values[1])])
        {
            assert_eq!(call["arm"], arm);
            let is_near = call["value"].as_f64().is_some_and(|found| near(found, value));
            assert!(is_near, "{metric}: expected {value} in {call}");
        }
    }
}

#[tokio::test]
async fn classes_are_measured() {
    let row =
        |old: &str, new: &str, truth: &str| [json!({"label": old}), json!({"label": new}), json!(truth)];
    check(Family {
        metrics: "
      accuracy: {prediction: $.label, truth: label}
      macro_f1: {prediction: $.label, truth: label, labels: [a, b]}
      precision: {prediction: $.label, truth: label, positive: a}
      recall: {prediction: $.label, truth: label, positive: a}
      fbeta: {prediction: $.label, truth: label, positive: a, beta: 2}
      specificity: {prediction: $.label, truth: label, positive: a}
      balanced_accuracy: {prediction: $.label, truth: label}
      mcc: {prediction: $.label, truth: label}",
        outcome: "label: {type: label}",
        rows: vec![row("a", "a", "a"), row("b", "a", "a"), row("a", "b", "b"), row("a", "a", "b")],
        // Legacy: a found once of two, said twice wrongly. Candidate: a found twice, said once wrongly, b found once.
        expected: vec![
            binary("accuracy", 0.25, 0.75, 1.0),
            whole("macro_f1", 0.2, (0.8 + 2.0 / 3.0) / 2.0),
            whole("precision", 1.0 / 3.0, 2.0 / 3.0),
            whole("recall", 0.5, 1.0),
            whole("fbeta", 5.0 / 11.0, 10.0 / 11.0),
            whole("specificity", 0.0, 0.5),
            whole("balanced_accuracy", 0.25, 0.75),
            // -1*2 / sqrt(3 * 2 * 2 * 1); 2*1 / sqrt(3 * 2 * 2 * 1)
            whole("mcc", -2.0 / 12.0_f64.sqrt(), 2.0 / 12.0_f64.sqrt()),
        ],
    })
    .await;
}

#[tokio::test]
async fn probabilities_are_measured() {
    let row = |old: f64, new: f64, truth: bool| {
        let answer =
            |p: f64| json!({"label": p > 0.5, "p": p, "tokens": [{"logprob": p.ln()}, {"logprob": p.ln()}]});
        [answer(old), answer(new), json!(truth)]
    };
    let (half, quarter) = (-(0.5_f64.ln()), -(0.25_f64.ln()));
    check(Family {
        metrics: "
      log_loss: {score: $.p, truth: happened}
      brier: {score: $.p, truth: happened}
      roc_auc: {score: $.p, truth: happened}
      average_precision: {score: $.p, truth: happened}
      ece: {prediction: $.label, score: $.p, truth: happened, positive: true}
      perplexity: {score: '$.tokens[*].logprob'}",
        outcome: "happened: {type: binary}",
        rows: vec![row(0.5, 0.75, true), row(0.25, 0.25, false), row(0.25, 0.5, true)],
        expected: vec![
            mean("log_loss", (half - 0.75_f64.ln() + quarter) / 3.0, (half - 2.0 * 0.75_f64.ln()) / 3.0),
            mean("brier", (0.25 + 0.0625 + 0.5625) / 3.0, (0.25 + 0.0625 + 0.0625) / 3.0),
            whole("roc_auc", 0.75, 1.0),
            whole("average_precision", 0.5 + 0.5 * 2.0 / 3.0, 1.0),
            // Confidences by bin with how often they were right: 0.5 never, 0.75 once in two; 0.5 never, 0.75 always.
            whole("ece", (0.5 + 2.0 * 0.25) / 3.0, (0.5 + 2.0 * 0.25) / 3.0),
            whole("perplexity", (5.0 / 3.0_f64).exp2(), (32.0 / 3.0_f64).cbrt()),
        ],
    })
    .await;
}

#[tokio::test]
async fn probabilities_of_several_classes_are_measured() {
    let row =
        |old: [f64; 3], new: [f64; 3], truth: &str| [json!({"p": old}), json!({"p": new}), json!(truth)];
    let (half, quarter) = (-(0.5_f64.ln()), -(0.25_f64.ln()));
    check(Family {
        metrics: "
      log_loss: {score: '$.p[*]', truth: class, labels: [a, b, c]}
      brier: {score: $.p, truth: class, labels: [a, b, c]}
      roc_auc: {score: $.p, truth: class, labels: [a, b, c]}",
        outcome: "class: {type: label}",
        rows: vec![
            row([0.5, 0.25, 0.25], [0.5, 0.25, 0.25], "a"),
            row([0.25, 0.25, 0.5], [0.25, 0.5, 0.25], "b"),
            row([0.5, 0.25, 0.25], [0.25, 0.25, 0.5], "c"),
        ],
        expected: vec![
            mean("log_loss", (half + 2.0 * quarter) / 3.0, half),
            mean("brier", (0.375 + 2.0 * 0.875) / 3.0, 0.375),
            // Legacy: a above one and tied with one, b tied with both, c tied with one and below one.
            whole("roc_auc", (0.75 + 0.5 + 0.25) / 3.0, 1.0),
        ],
    })
    .await;
}

#[tokio::test]
async fn numbers_are_measured() {
    let row = |old: f64, new: f64, truth: f64| [json!({"y": old}), json!({"y": [new]}), json!(truth)];
    check(Family {
        metrics: "
      mae: {prediction: $.y, truth: price}
      mse: {prediction: $.y, truth: price}
      mape: {prediction: $.y, truth: price}
      smape: {prediction: $.y, truth: price}
      rmse: {prediction: $.y, truth: price}
      r2: {prediction: $.y, truth: price}
      adjusted_r2: {prediction: $.y, truth: price, features: 1}
      explained_variance: {prediction: $.y, truth: price}
      median_ae: {prediction: $.y, truth: price}
      max_error: {prediction: $.y, truth: price}",
        outcome: "price: {type: number}",
        // Numbers without bounds are compared after a hundred requests.
        rows: {
            let four = [row(3.0, 1.0, 1.0), row(3.0, 2.0, 2.0), row(3.0, 3.0, 3.0), row(3.0, 5.0, 4.0)];
            four.iter().cycle().take(104).cloned().collect()
        },
        expected: vec![
            mean("mae", 1.0, 0.25),
            mean("mse", 1.5, 0.25),
            mean("mape", (2.0 + 0.5 + 0.25) / 4.0, 0.25 / 4.0),
            mean("smape", (1.0 + 0.4 + 2.0 / 7.0) / 4.0, 2.0 / 9.0 / 4.0),
            whole("rmse", 1.5_f64.sqrt(), 0.5),
            whole("r2", 1.0 - 6.0 / 5.0, 1.0 - 1.0 / 5.0),
            whole("adjusted_r2", 1.0 - 103.0 / 102.0 * 6.0 / 5.0, 1.0 - 103.0 / 102.0 / 5.0),
            // The errors 2, 1, 0, -1 and 0, 0, 0, 1 less their means.
            whole("explained_variance", 0.0, 1.0 - 0.75 / 5.0),
            whole("median_ae", 1.0, 0.0),
            whole("max_error", 2.0, 1.0),
        ],
    })
    .await;
}

#[tokio::test]
async fn clusters_are_measured() {
    let row = |x: f64, y: f64, old: &str, new: &str| {
        let answer = |cluster: &str| json!({"cluster": cluster, "point": [x, y]});
        [answer(old), answer(new), json!(true)]
    };
    let across = f64::midpoint(4.0, 17.0_f64.sqrt());
    // Legacy puts together what is far apart: 4 within, and 1 and the diagonal to the others.
    let astray = f64::midpoint(1.0, 17.0_f64.sqrt());
    check(Family {
        metrics: "
      silhouette: {prediction: $.cluster, context: $.point}
      davies_bouldin: {prediction: $.cluster, context: $.point}
      calinski_harabasz: {prediction: $.cluster, context: $.point}",
        outcome: "seen: {type: binary}",
        rows: vec![
            row(0.0, 0.0, "p", "p"),
            row(0.0, 1.0, "q", "p"),
            row(4.0, 0.0, "p", "q"),
            row(4.0, 1.0, "q", "q"),
        ],
        expected: vec![
            whole("silhouette", astray / 4.0 - 1.0, 1.0 - 1.0 / across),
            whole("davies_bouldin", 4.0, 0.25),
            // Between and within swap: 1 and 16, each over 1 and 2 degrees of freedom.
            whole("calinski_harabasz", 1.0 / (16.0 / 2.0), 16.0 / (1.0 / 2.0)),
        ],
    })
    .await;
}

#[tokio::test]
async fn rankings_are_measured() {
    let row = |old: &[&str], new: &[&str], truth: Value| [json!({"ids": old}), json!({"ids": new}), truth];
    let second = 1.0 / 3.0_f64.log2();
    let best = 2.0 + second;
    check(Family {
        metrics: "
      ndcg: {prediction: '$.ids[*]', truth: worth}
      mrr: {prediction: $.ids, truth: worth}
      map: {prediction: $.ids, truth: worth}
      precision_at_k: {prediction: $.ids, truth: worth, k: 2}
      recall_at_k: {prediction: $.ids, truth: worth, k: 2}
      hit_at_k: {prediction: $.ids, truth: worth, k: 1}",
        outcome: "worth: {type: json}",
        rows: vec![
            row(&["a", "b", "c"], &["b", "a", "c"], json!({"b": 2, "a": 1})),
            row(&["a", "b"], &["b", "a"], json!(["b"])),
        ],
        expected: vec![
            mean("ndcg", ((1.0 + 2.0 * second) / best + second) / 2.0, 1.0),
            mean("mrr", 0.75, 1.0),
            mean("map", 0.75, 1.0),
            mean("precision_at_k", 0.75, 0.75),
            mean("recall_at_k", 1.0, 1.0),
            binary("hit_at_k", 0.5, 1.0, 1.0),
        ],
    })
    .await;
}

#[tokio::test]
async fn rankings_are_measured_by_clicks_and_against_others() {
    let row = |old: &[&str], new: &[&str], click: &str| {
        let answer = |ids: &[&str]| json!({"ids": ids, "right": ["a", "b", "c"]});
        [answer(old), answer(new), json!({"item": click})]
    };
    check(Family {
        metrics: "
      mrr: {prediction: $.ids, truth: click}
      rbo: {prediction: $.ids, truth: {request: $.old.right}}
      kendall_tau: {prediction: $.ids, truth: {request: $.old.right}}
      overlap: {prediction: $.ids, truth: {request: $.old.right}, k: 2}",
        outcome: "click: {type: click}",
        rows: vec![row(&["c", "b", "a"], &["a", "c", "b"], "a")],
        expected: vec![
            mean("mrr", 1.0 / 3.0, 1.0),
            // Common down to each depth 0, 1/2, 1 and 1, 1/2, 1.
            mean("rbo", 0.1 * (0.9 * 0.5 + 0.81) + 0.729, 0.1 * (1.0 + 0.9 * 0.5 + 0.81) + 0.729),
            mean("kendall_tau", -1.0, 1.0 / 3.0),
            mean("overlap", 0.5, 0.5),
        ],
    })
    .await;
}

#[tokio::test]
async fn texts_are_measured() {
    let row = |old: &str, new: &str, truth: Value| [json!({"text": old}), json!({"text": new}), truth];
    check(Family {
        metrics: "
      exact_match: {prediction: $.text, truth: wanted}
      token_f1: {prediction: $.text, truth: wanted}
      rouge1: {prediction: $.text, truth: wanted}
      rouge2: {prediction: $.text, truth: wanted}
      rouge_l: {prediction: $.text, truth: wanted}
      rouge_lsum: {prediction: $.text, truth: wanted}
      bleu: {prediction: $.text, truth: wanted}
      sentence_bleu: {prediction: $.text, truth: wanted}
      chrf: {prediction: $.text, truth: wanted}
      edit_similarity: {prediction: $.text, truth: wanted}
      wer: {prediction: $.text, truth: wanted}
      cer: {prediction: $.text, truth: wanted}",
        outcome: "wanted: {type: json}",
        rows: vec![row("p q r s t", "p q r s", json!(["no", "p q r s"]))],
        expected: vec![
            binary("exact_match", 0.0, 1.0, 1.0),
            mean("token_f1", 8.0 / 9.0, 1.0),
            mean("rouge1", 8.0 / 9.0, 1.0),
            mean("rouge2", 6.0 / 7.0, 1.0),
            mean("rouge_l", 8.0 / 9.0, 1.0),
            mean("rouge_lsum", 8.0 / 9.0, 1.0),
            whole("bleu", 100.0 * 0.2_f64.powf(0.25), 100.0),
            mean("sentence_bleu", 100.0 * 0.2_f64.powf(0.25), 100.0),
            mean("chrf", CHRF_OF_ONE_LETTER_TOO_MANY, 100.0),
            mean("edit_similarity", 7.0 / 9.0, 1.0),
            whole("wer", 0.25, 0.0),
            whole("cer", 2.0 / 7.0, 0.0),
        ],
    })
    .await;
}

/// Of `pqrst` against `pqrs`: orders 1 to 4 with precisions 4/5, 3/4, 2/3, 1/2 and recalls of 1; the reference has no more.
const CHRF_OF_ONE_LETTER_TOO_MANY: f64 = {
    let precision = (4.0 / 5.0 + 3.0 / 4.0 + 2.0 / 3.0 + 1.0 / 2.0) / 4.0;
    100.0 * 5.0 * precision / (4.0 * precision + 1.0)
};

#[tokio::test]
async fn risks_are_measured() {
    let row = |old: f64, new: f64, time: f64, event: u8| {
        [json!({"risk": old}), json!({"risk": new}), json!({"time": time, "event": event})]
    };
    check(Family {
        metrics: "
      c_index: {prediction: $.risk, truth: end}
      td_auc: {prediction: $.risk, truth: end}",
        outcome: "end: {type: json}",
        rows: vec![
            row(1.0, 4.0, 1.0, 1),
            row(2.0, 3.0, 2.0, 1),
            row(3.0, 1.0, 3.0, 0),
            row(1.0, 2.0, 4.0, 1),
        ],
        // Comparable: the first with three others, the second with two. At time 1 the first against three, at time 2 the
        // first two against two; nobody left before, and events weigh alike.
        expected: vec![
            whole("c_index", (0.5 + 1.0) / 5.0, 1.0),
            whole("td_auc", (0.5 / 3.0 + (0.5 + 1.0) / 4.0) / 2.0, 1.0),
        ],
    })
    .await;
}

#[tokio::test]
async fn masks_are_measured() {
    let row = |old: [[u8; 2]; 2], new: [[u8; 2]; 2], truth: [[u8; 2]; 2]| {
        [json!({"mask": old}), json!({"mask": new}), json!(truth)]
    };
    check(Family {
        metrics: "
      dice: {prediction: $.mask, truth: drawn}
      iou: {prediction: $.mask, truth: drawn}",
        outcome: "drawn: {type: json}",
        rows: vec![
            row([[1, 1], [0, 0]], [[1, 0], [1, 0]], [[1, 0], [1, 0]]),
            row([[0, 0], [0, 0]], [[1, 1], [1, 0]], [[1, 1], [1, 1]]),
        ],
        expected: vec![mean("dice", 0.25, (1.0 + 6.0 / 7.0) / 2.0), mean("iou", (1.0 / 3.0) / 2.0, 0.875)],
    })
    .await;
}

#[tokio::test]
async fn boxes_and_lesions_are_measured() {
    let found =
        |left: f64, score: f64| json!({"box": [left, 0, left + 10.0, 10], "class": "x", "score": score});
    let truth = json!([{"box": [0, 0, 10, 10], "class": "x"}, {"box": [20, 0, 30, 10], "class": "x"}]);
    check(Family {
        metrics: "
      detection_map: {prediction: $.boxes, truth: objects}
      froc: {prediction: $.boxes, truth: objects}",
        outcome: "objects: {type: json}",
        rows: vec![[
            json!({"boxes": [found(50.0, 0.9), found(0.0, 0.8)]}),
            json!({"boxes": [found(0.0, 0.9), found(20.0, 0.8)]}),
            truth,
        ]],
        expected: vec![
            // Half found, at a precision of 1/2: 51 of 101 points.
            whole("detection_map", 51.0 / 101.0 / 2.0, 1.0),
            // Nothing before the first false mark, and half of it at one; between the curve is straight.
            whole("froc", (0.0625 + 0.125 + 0.25 + 4.0 * 0.5) / 7.0, 1.0),
        ],
    })
    .await;
}

#[tokio::test]
async fn generated_answers_and_their_sources_are_measured() {
    let row =
        |old: &[&str], new: &[&str], truth: Value| [json!({"sources": old}), json!({"sources": new}), truth];
    check(Family {
        metrics: "
      context_precision: {context: $.sources, truth: relevant}
      context_recall: {context: $.sources, truth: relevant}",
        outcome: "relevant: {type: json}",
        rows: vec![row(&["a", "b", "c"], &["b", "c", "a"], json!(["b", "c", "d", "e"]))],
        expected: vec![
            mean("context_precision", (1.0 / 2.0 + 2.0 / 3.0) / 2.0, 1.0),
            mean("context_recall", 0.5, 0.5),
        ],
    })
    .await;
    let row = |old: Value, new: Value| [json!({"judged": old}), json!({"judged": new}), json!(true)];
    check(Family {
        metrics: "
      faithfulness: {truth: {answer: $.judged.claims}}
      answer_relevance: {truth: {answer: $.judged.questions}}",
        outcome: "seen: {type: binary}",
        rows: vec![row(
            json!({"claims": [1, 0, 0, 1], "questions": [0.5, 0.25]}),
            json!({"claims": [true, true], "questions": {"similarities": [1, 0.5], "noncommittal": [0, 1]}}),
        )],
        expected: vec![mean("faithfulness", 0.5, 1.0), mean("answer_relevance", 0.375, 0.75)],
    })
    .await;
}
