//! Designs: each file of the log can be read by itself, and whoever follows the log can go on from a checkpoint.

use std::collections::HashSet;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::Mutex;

use crossfade::policy::Policy;
use crossfade::record;
use crossfade::record::DesignRecord;
use crossfade::record::Gap;
use crossfade::record::JudgementRecord;
use crossfade::record::Line;
use crossfade::record::OutcomeRecord;
use crossfade::record::Pair;
use crossfade::record::PairedRecord;
use crossfade::record::Position;
use crossfade::record::Recorder;
use crossfade::record::Sink;
use crossfade::record::Writer;
use crossfade::telemetry::Metrics;
use crossfade::vocab::ArmId;
use crossfade::vocab::Role;
use serde_json::json;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::ledger::Ledger;
use crate::ledger::answer;
use crate::ledger::configured;
use crate::rig::until;

fn policy(sample: &str) -> String {
    format!(
        "models: {{old: {{url: \"http://127.0.0.1:1\"}}, new: {{url: \"http://127.0.0.1:2\"}}}}\n\
         experiments:\n  - name: one\n    match: {{path: /one}}\n    legacy: old\n    candidate: new\n    \
         unit: [{{header: x-user-id}}]\n    outcomes: {{digit: {{type: label, window: 1h}}}}\n    \
         metrics: {{macro_f1: {{prediction: $.a, truth: digit, labels: [0, 1]}}}}\n    \
         strategy: {{shadow: {{sample: {sample}, guardrails: [{{metric: error_rate, max_ratio: 1.5}}]}}}}\n  \
         - {{name: two, legacy: old, candidate: new, strategy: {{shadow: {{}}}}}}\n"
    )
}

fn segments(ledger: &Ledger) -> Vec<PathBuf> {
    let mut paths: Vec<_> = std::fs::read_dir(&ledger.dir).unwrap().map(|it| it.unwrap().path()).collect();
    paths.sort();
    paths
}

fn lines(path: &Path) -> Vec<Line> {
    record::read(path).unwrap().map(Result::unwrap).collect()
}

#[tokio::test]
async fn a_design_tells_what_the_policy_says_of_an_experiment() {
    let ledger = Ledger::start("", &policy("50%"));
    ledger.serve(ledger.pair());
    ledger.close().await;
    let found = lines(&segments(&ledger)[0]);
    let [Line::Design(design), Line::Pair(pair)] = found.as_slice() else { panic!("{found:?}") };
    let mut design = serde_json::to_value(design).unwrap();
    assert!(design.as_object_mut().unwrap().remove("time").unwrap().is_string());
    let expected = json!({
        "experiment": "one", "policy": ledger.policy.hash, "identity": pair.identity, "strategy": "shadow",
        "arms": ["old", "new"], "unit_named": true,
        "outcomes": {"digit": {"type": "label", "window_seconds": 3600.0, "absent": "missing"}},
        "metrics": [{
            "name": "macro_f1", "measure": {"kind": "f1", "labels": ["0", "1"], "average": "macro"},
            "prediction": {"answer": "$.a"}, "truth": {"outcome": "digit"},
        }],
        "decision": {
            "guardrails": [{"watch": "error_rate", "max_ratio": 1.5, "on_breach": "rollback"}],
            "alpha": 0.05, "guardrail_alpha": 0.01, "min_seconds": 604800.0,
        },
    });
    assert_eq!(design, expected);
}

#[tokio::test]
async fn each_file_has_the_design_of_each_experiment_and_policy_before_its_first_pair() {
    let ledger = Ledger::start(" rotate: {bytes: 20KiB, every: 1h, pack: false},", &policy("50%"));
    let other = Arc::new(configured(&ledger.dir, "", &policy("20%")).policy);
    for number in 0..300 {
        let mut pair = ledger.pair();
        pair.experiment = usize::from(number % 3 == 0);
        // Requests of two policies end in turn for a while.
        if number > 200 || number > 100 && number % 2 == 0 {
            pair.policy = Arc::clone(&other);
        }
        pair.legs = vec![answer(&ledger.policy, ArmId::LEGACY, Role::Answer, "{}")];
        ledger.recorder.hand(pair);
        if number % 10 == 0 {
            until("the writer came by", async || ledger.recorder.depth().0 == 0).await;
        }
    }
    ledger.close().await;
    let segments = segments(&ledger);
    assert!(segments.len() > 3, "{}", segments.len());
    let (mut pairs, mut designs, mut all) = (0, 0, HashSet::new());
    for path in &segments {
        let mut known = HashSet::new();
        for line in lines(path) {
            match line {
                Line::Design(design) => {
                    let key = (design.experiment, design.policy);
                    assert!(known.insert(key.clone()), "{key:?} is in {} twice", path.display());
                    all.insert(key);
                    designs += 1;
                }
                Line::Pair(pair) => {
                    assert!(known.contains(&(pair.experiment, pair.policy)), "{}", path.display());
                    pairs += 1;
                }
                other => panic!("{other:?}"),
            }
        }
    }
    assert_eq!((pairs, all.len()), (300, 4));
    assert_eq!(ledger.metric("crossfade_records_written_total", &["kind=\"design\""]), f64::from(designs));
    let bytes: u64 = segments.iter().map(|path| std::fs::metadata(path).unwrap().len()).sum();
    assert_eq!(ledger.metric("crossfade_record_written_bytes_total", &[]), bytes as f64);
}

#[tokio::test]
async fn what_the_disk_loses_counts_no_design_and_the_next_file_has_it_again() {
    let files = TempDir::new().unwrap();
    let dir = files.path().join("records");
    let ledger = Ledger::start_in(files, dir.clone(), "", &policy("50%"));
    let count = |name: &str, kind: &str| ledger.metric(name, &[&format!("kind=\"{kind}\"")]);
    ledger.recorder.hand(ledger.pair());
    until("it is written", async || count("crossfade_records_written_total", "pair") == 1.0).await;
    std::fs::remove_dir_all(&dir).unwrap();
    std::fs::write(&dir, "in the way").unwrap();
    (0..7).for_each(|_| ledger.recorder.hand(ledger.pair()));
    until("seven are lost", async || count("crossfade_records_lost_total", "pair") == 7.0).await;
    std::fs::remove_file(&dir).unwrap();
    ledger.recorder.hand(ledger.pair());
    ledger.close().await;
    assert_eq!(count("crossfade_records_lost_total", "design"), 0.0);
    assert_eq!(count("crossfade_records_written_total", "design"), 2.0);
    let found: Vec<Line> = segments(&ledger).iter().flat_map(|path| lines(path)).collect();
    let first = found.iter().position(|line| matches!(line, Line::Pair(_))).unwrap();
    assert!(found[..first].iter().any(|line| matches!(line, Line::Design(_))), "{found:?}");
}

/// Remembers what it was told since each checkpoint.
#[derive(Debug, Default)]
struct Told {
    lines: Vec<String>,
    checkpoints: Vec<(Position, usize)>,
}

#[derive(Debug, Clone, Default)]
struct Follower(Arc<Mutex<Told>>);

impl Follower {
    fn tell(&self, line: String) {
        self.0.lock().unwrap().lines.push(line);
    }
}

impl Sink for Follower {
    fn design(&mut self, record: &DesignRecord) {
        self.tell(format!("design {} {}", record.experiment, record.policy));
    }

    fn pair(&mut self, _: &Pair, record: &PairedRecord) {
        self.tell(record.request_id.to_string());
    }

    fn outcome(&mut self, _: &OutcomeRecord) {}

    fn judgement(&mut self, _: &JudgementRecord) {}

    fn gap(&mut self, _: &Gap) {}

    fn checkpoint(&mut self, position: &Position) {
        let mut told = self.0.lock().unwrap();
        let lines = told.lines.len();
        told.checkpoints.push((position.clone(), lines));
    }
}

#[tokio::test]
async fn from_each_checkpoint_the_log_holds_exactly_what_was_told_after_it() {
    let files = TempDir::new().unwrap();
    let dir = files.path().join("records");
    let config = configured(&dir, " rotate: {bytes: 4KiB, every: 1h},", &policy("50%"));
    let (metrics, recorder) = (Arc::new(Metrics::new()), Recorder::new(&config.record));
    let follower = Follower::default();
    let writer = Writer::new(&config.record, recorder.clone(), metrics, vec![Box::new(follower.clone())]);
    let stop = CancellationToken::new();
    let task = running(writer, stop.clone());
    let ledger = Ledger::start("", &policy("50%"));
    let policy: Arc<Policy> = Arc::clone(&ledger.policy);
    let checkpoints = || follower.0.lock().unwrap().checkpoints.len();
    for turn in 1..=12 {
        (0..3).for_each(|_| recorder.hand(Pair { policy: Arc::clone(&policy), ..ledger.pair() }));
        until("the turn is over", async || checkpoints() >= turn).await;
    }
    stop.cancel();
    task.wait().await;
    let told = follower.0.lock().unwrap();
    assert_eq!(told.lines.len(), 1 + 36, "a design is told once, before its first pair");
    assert!(told.lines[0].starts_with("design one "), "{}", told.lines[0]);
    let segments: HashSet<&str> = told.checkpoints.iter().map(|(at, _)| at.segment.as_str()).collect();
    assert!(segments.len() > 1, "{segments:?}");
    for (position, lines) in &told.checkpoints {
        let after = record::read_from(&dir, position).unwrap().filter_map(|line| match line.unwrap() {
            Line::Pair(pair) => Some(pair.request_id.to_string()),
            _ => None,
        });
        assert_eq!(after.collect::<Vec<_>>(), told.lines[*lines..], "{position:?}");
    }
    let (last, lines) = told.checkpoints.last().unwrap();
    assert_eq!(*lines, told.lines.len());
    assert_eq!(record::read_from(&dir, last).unwrap().bytes_total(), 0);
}

fn running(writer: Writer, stop: CancellationToken) -> TaskTracker {
    let tasks = TaskTracker::new();
    tasks.spawn(writer.run(stop));
    tasks.close();
    tasks
}
