//! Gateways that are killed, again and again, under load: what clients have whole answers to is held against the log.

use std::cell::RefCell;
use std::collections::HashMap;
use std::collections::HashSet;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::rc::Rc;

use crossfade::record;
use crossfade::record::Line;
use crossfade::record::LineKind;
use crossfade::record::LossReason;
use rand::RngExt;
use tempfile::TempDir;
use tokio::task::JoinSet;
use tokio::task::LocalSet;

use crate::rig::Client;
use crate::rig::Model;
use crate::rig::Process;
use crate::rig::Reply;
use crate::rig::request;
use crate::rig::until;

/// How many clients ask at once.
const CLIENTS: usize = 4;

/// A gateway whose runs follow each other in one directory of records, and whom its clients have answers from.
struct Killed {
    dir: TempDir,
    policy: PathBuf,
    /// The ids of requests whose answers arrived whole.
    answered: Rc<RefCell<Vec<String>>>,
    _models: [Model; 2],
}

/// What the log holds in the end.
#[derive(Debug, Default)]
struct Log {
    /// How often each request has a pair.
    pairs: HashMap<String, u32>,
    /// Requests that were answered, by a strict record.
    answered: HashSet<String>,
    /// Pairs that gaps by crashes count as lost.
    lost: u64,
    /// Gaps by crashes of which nobody knows how many they lost.
    unknown: u64,
}

impl Killed {
    /// `record`: more keys of the record, each as ` key: value,`.
    async fn start(record: &str) -> Self {
        let models = [Model::saying(Reply::text("old")).await, Model::saying(Reply::text("new")).await];
        let dir = TempDir::new().unwrap();
        let policy = dir.path().join("policy.yaml");
        let text = format!(
            "listen: {{data: \"127.0.0.1:0\", admin: \"127.0.0.1:0\", workers: 1}}\nrecord: {{{record} dir: {}, rotate: \
             {{bytes: 60KiB}}}}\nmodels: {{old: {{url: \"{}\"}}, new: {{url: \"{}\"}}}}\nexperiments:\n  - {{name: e, \
             legacy: old, candidate: new, strategy: {{shadow: {{}}}}}}\n",
            dir.path().join("records").display(),
            models[0].url(),
            models[1].url()
        );
        std::fs::write(&policy, text).unwrap();
        Self { dir, policy, answered: Rc::default(), _models: models }
    }

    /// Runs a gateway under load until some have been answered, then ends it by a signal and waits until it is gone.
    async fn run(&self, signal: &str) {
        let mut process = Process::under(&self.policy);
        let enough = self.answered.borrow().len() + rand::rng().random_range(1..60);
        let clients = LocalSet::new();
        let mut asking = JoinSet::new();
        for _ in 0..CLIENTS {
            asking.spawn_local_on(ask(process.data, Rc::clone(&self.answered)), &clients);
        }
        clients
            .run_until(async {
                until("enough answers", async || self.answered.borrow().len() >= enough).await;
                process.signal(signal);
                let gone = tokio::task::spawn_blocking(move || {
                    process.child.wait().unwrap();
                });
                gone.await.unwrap();
                while asking.join_next().await.is_some() {}
            })
            .await;
    }

    /// The log, once a last run has put it in order.
    async fn log(&self) -> Log {
        self.run("TERM").await;
        let mut reader = record::read(&self.dir.path().join("records")).unwrap();
        let mut log = Log::default();
        for line in reader.by_ref() {
            match line.expect("no line is damaged") {
                Line::Pair(pair) => *log.pairs.entry(pair.request_id.to_string()).or_default() += 1,
                Line::Answered(pair) => {
                    log.answered.insert(pair.request_id.to_string());
                }
                Line::Gap(gap) if gap.of == LineKind::Pair => {
                    assert_eq!(gap.reason, LossReason::Crash);
                    log.lost += gap.lost.unwrap_or(0);
                    log.unknown += u64::from(gap.lost.is_none());
                }
                Line::Gap(_) | Line::Design(_) | Line::Outcome(_) | Line::Judgement(_) => {}
            }
        }
        assert_eq!(reader.torn(), 0, "no line is torn");
        assert!(log.pairs.values().all(|count| *count == 1), "no request has two pairs");
        log
    }
}

/// Asks until nobody answers any more.
async fn ask(gateway: SocketAddr, answered: Rc<RefCell<Vec<String>>>) {
    let mut client = Client::http1(gateway).await;
    loop {
        let Ok(got) = client.try_send(request("POST", "/", &[], "x")).await else { return };
        answered.borrow_mut().push(got.header("crossfade-id").unwrap().to_owned());
    }
}

#[tokio::test]
async fn whoever_is_answered_before_a_sigterm_is_on_record_exactly_once() {
    let killed = Killed::start("").await;
    for _ in 0..60 {
        killed.run("TERM").await;
    }
    let log = killed.log().await;
    let missing = killed.answered.borrow().iter().filter(|id| !log.pairs.contains_key(*id)).count();
    assert_eq!((missing, log.lost, log.unknown), (0, 0, 0));
}

#[tokio::test]
async fn whoever_is_answered_under_a_strict_record_is_in_the_log_whenever_the_gateway_is_killed() {
    let killed = Killed::start("strict: {patience: 60s},").await;
    for _ in 0..80 {
        killed.run("KILL").await;
    }
    let log = killed.log().await;
    let answered = killed.answered.borrow();
    let missing = answered.iter().filter(|id| !log.answered.contains(*id)).count();
    assert_eq!(missing, 0, "of {}", answered.len());
    let unpaired = log.answered.iter().filter(|id| !log.pairs.contains_key(*id)).count();
    assert_eq!((log.lost, log.unknown), (unpaired as u64, 0), "what is lost is counted, exactly");
}

#[tokio::test]
async fn a_gateway_that_is_killed_leaves_a_log_that_says_so() {
    const KILLS: u64 = 30;
    let killed = Killed::start("").await;
    for _ in 0..KILLS {
        // One that is killed before it could tell of the one before it leaves both to the next.
        killed.run("TERM").await;
        killed.run("KILL").await;
    }
    let log = killed.log().await;
    assert_eq!(
        (log.unknown, log.lost),
        (KILLS, 0),
        "every crash is told of, and that nobody knows how many it lost"
    );
}
