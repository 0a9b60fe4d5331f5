//! The desk: where pairs that were drawn for a judge wait until it has time, and the judges that take them from there.
//!
//! The writer shows it every pair and waits for nobody: a case that finds no room is let go and counted. Each judge has a
//! queue of its own, so that a slow one holds up no other.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;

use arc_swap::ArcSwap;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::judge::Case;
use crate::judge::Settings;
use crate::judge::drop::Drop;
use crate::judge::work;
use crate::record::DesignRecord;
use crate::record::Gap;
use crate::record::JudgementRecord;
use crate::record::OutcomeRecord;
use crate::record::Pair;
use crate::record::PairedRecord;
use crate::record::Recorder;
use crate::record::Sink;
use crate::telemetry::Metrics;

/// How many cases wait for one judge.
const MOST: usize = 1_000;
/// What they hold at most, in bytes, roughly.
const MOST_BYTES: usize = 32 * 1024 * 1024;

/// All judges of a policy. Cloning shares them.
#[derive(Debug, Clone)]
pub struct Judges(Arc<Shared>);

/// The writer's side of the judges.
#[derive(Debug)]
pub struct Desk(Judges);

#[derive(Debug)]
struct Shared {
    panel: ArcSwap<Vec<Arc<Judge>>>,
    /// The panel is another now.
    changed: Notify,
    recorder: Recorder,
    metrics: Arc<Metrics>,
}

/// One judge with what waits for it.
#[derive(Debug)]
struct Judge {
    settings: Settings,
    waiting: Mutex<Waiting>,
    arrived: Notify,
    dismissed: CancellationToken,
}

#[derive(Debug, Default)]
struct Waiting {
    cases: VecDeque<Case>,
    bytes: usize,
    /// Nobody takes cases any more, and why.
    closed: Option<Drop>,
}

impl Judges {
    /// Judges that hand what they say to this recorder.
    pub fn new(settings: Vec<Settings>, recorder: Recorder, metrics: Arc<Metrics>) -> Self {
        let panel = settings.into_iter().map(Judge::new).collect();
        let (panel, changed) = (ArcSwap::from_pointee(panel), Notify::new());
        Self(Arc::new(Shared { panel, changed, recorder, metrics }))
    }

    /// What the writer shows pairs to.
    pub fn desk(&self) -> Desk {
        Desk(self.clone())
    }

    /// Puts the judges of another policy in place. Those that stay what they were keep their cases.
    pub fn adopt(&self, settings: Vec<Settings>) {
        let before = self.0.panel.load_full();
        let kept = |settings: Settings| {
            let known = before.iter().find(|judge| judge.settings == settings);
            known.map_or_else(|| Judge::new(settings), Arc::clone)
        };
        let panel: Vec<_> = settings.into_iter().map(kept).collect();
        let gone = before.iter().filter(|judge| !panel.iter().any(|stays| Arc::ptr_eq(stays, judge)));
        let gone: Vec<_> = gone.map(Arc::clone).collect();
        self.0.panel.store(Arc::new(panel));
        for judge in gone {
            judge.dismissed.cancel();
            self.close(&judge, Drop::Replaced);
        }
        self.0.changed.notify_one();
    }

    /// Judges until it is stopped. What waits then is let go and counted.
    pub async fn run(self, stop: CancellationToken) {
        let mut working: Vec<Arc<Judge>> = Vec::new();
        let mut tasks = JoinSet::new();
        loop {
            let panel = self.0.panel.load_full();
            for judge in panel.iter() {
                if !working.iter().any(|known| Arc::ptr_eq(known, judge)) {
                    let (judges, judge, stop) = (self.clone(), Arc::clone(judge), stop.clone());
                    tasks.spawn(async move { judges.sit(&judge, stop).await });
                }
            }
            working = panel.to_vec();
            tokio::select! {
                () = self.0.changed.notified() => {}
                Some(_) = tasks.join_next() => {}
                () = stop.cancelled() => break,
            }
        }
        while tasks.join_next().await.is_some() {}
        for judge in working {
            self.close(&judge, Drop::Stopped);
        }
    }

    /// One judge takes its cases, one after another.
    async fn sit(&self, judge: &Judge, stop: CancellationToken) {
        let working = async {
            loop {
                match judge.next() {
                    Some(case) => self.conclude(judge, work::judge(&judge.settings, &case).await),
                    None => judge.arrived.notified().await,
                }
                // Rules take no time that anybody would wait for, and many cases of them in a row do.
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            () = working => {}
            () = judge.dismissed.cancelled() => {}
            () = stop.cancelled() => {}
        }
    }

    /// Puts a judgement on record.
    fn conclude(&self, judge: &Judge, judgement: JudgementRecord) {
        let Settings { experiment, name, .. } = &judge.settings;
        for answer in &judgement.answers {
            let labels = [experiment.as_str(), name.as_str(), answer.result()];
            self.0.metrics.judgements.with_label_values(&labels).inc();
        }
        if !self.0.recorder.hand_judgement(judgement) {
            self.count(judge, Drop::Record, 1);
        }
    }

    fn show(&self, record: &PairedRecord) {
        let panel = self.0.panel.load();
        let of_experiment = |judge: &&Arc<Judge>| judge.settings.experiment == record.experiment;
        for judge in panel.iter().filter(of_experiment) {
            if !judge.settings.draws(record.request_id) {
                continue;
            }
            if let Err(why) = judge.take(record) {
                self.count(judge, why, 1);
            }
        }
    }

    fn close(&self, judge: &Judge, why: Drop) {
        let left = {
            let mut waiting = judge.lock();
            waiting.closed = Some(why);
            waiting.bytes = 0;
            std::mem::take(&mut waiting.cases)
        };
        self.count(judge, why, left.len() as u64);
    }

    fn count(&self, judge: &Judge, why: Drop, cases: u64) {
        let Settings { experiment, name, .. } = &judge.settings;
        let labels = [experiment.as_str(), name.as_str(), why.as_str()];
        self.0.metrics.judge_drops.with_label_values(&labels).inc_by(cases);
    }
}

impl Sink for Desk {
    fn design(&mut self, _record: &DesignRecord) {}

    fn pair(&mut self, _raw: &Pair, record: &PairedRecord) {
        if record.counts() {
            self.0.show(record);
        }
    }

    fn outcome(&mut self, _record: &OutcomeRecord) {}

    fn gap(&mut self, _gap: &Gap) {}
}

impl Judge {
    fn new(settings: Settings) -> Arc<Self> {
        let (waiting, arrived, dismissed) = Default::default();
        Arc::new(Self { settings, waiting, arrived, dismissed })
    }

    /// Takes in a case, or says why it cannot.
    fn take(&self, record: &PairedRecord) -> Result<(), Drop> {
        let case = Case { record: record.clone() };
        let bytes = case.held_bytes();
        let mut waiting = self.lock();
        if let Some(why) = waiting.closed {
            return Err(why);
        }
        if waiting.cases.len() >= MOST || waiting.bytes + bytes > MOST_BYTES {
            return Err(Drop::Queue);
        }
        waiting.bytes += bytes;
        waiting.cases.push_back(case);
        self.arrived.notify_one();
        Ok(())
    }

    fn next(&self) -> Option<Case> {
        let mut waiting = self.lock();
        let case = waiting.cases.pop_front()?;
        waiting.bytes = waiting.bytes.saturating_sub(case.held_bytes());
        Some(case)
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        // A panic while the lock was held can only have left one case out.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
