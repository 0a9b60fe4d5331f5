//! The desk: where pairs that were drawn for a judge wait until it has time, and the judges that take them from there.
//!
//! The writer shows it every pair and waits for nobody: a case that finds no room is let go and counted. Each judge has a
//! queue of its own, so that a slow one holds up no other.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::sync::Notify;
use tokio::task::JoinError;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::analysis::Analysis;
use crate::judge::Case;
use crate::judge::Settings;
use crate::judge::board::Board;
use crate::judge::case::is_judgeable;
use crate::judge::drop::Drop;
use crate::judge::spend::Books;
use crate::judge::work;
use crate::judge::work::Means;
use crate::policy::JudgeDraw;
use crate::record::DesignRecord;
use crate::record::Gap;
use crate::record::JudgementRecord;
use crate::record::OutcomeRecord;
use crate::record::Pair;
use crate::record::PairedRecord;
use crate::record::Recorder;
use crate::record::Sink;
use crate::telemetry::Metrics;
use crate::vocab::ExperimentName;

/// How many cases wait for one judge.
const MOST: usize = 1_000;
/// What they hold at most, in bytes, roughly.
const MOST_BYTES: usize = 32 * 1024 * 1024;
/// How often it is looked whether a verdict is reached, and what judges have taken is written down.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// What metrics say calls of judges are for.
const ROLE: &str = "judge";

/// All judges of a policy. Cloning shares them.
#[derive(Debug, Clone)]
pub struct Judges(pub(super) Arc<Shared>);

/// The writer's side of the judges.
#[derive(Debug)]
pub struct Desk(Judges);

#[derive(Debug)]
pub(super) struct Shared {
    pub(super) panel: ArcSwap<Vec<Arc<Judge>>>,
    /// The panel is another now.
    changed: Notify,
    recorder: Recorder,
    analysis: Arc<Mutex<Analysis>>,
    books: Books,
    metrics: Arc<Metrics>,
}

/// One judge with what waits for it.
#[derive(Debug)]
pub(super) struct Judge {
    pub(super) settings: Settings,
    draw: JudgeDraw,
    pub(super) means: Means,
    /// Its experiment's verdict is reached.
    decided: AtomicBool,
    waiting: Mutex<Waiting>,
    arrived: Notify,
    dismissed: CancellationToken,
    /// Where people judge, what waits for them.
    board: Mutex<Board>,
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
    /// `dir` is the directory of records, where they remember what they took.
    pub fn new(
        settings: Vec<Settings>,
        dir: &Path,
        recorder: Recorder,
        analysis: Arc<Mutex<Analysis>>,
        metrics: Arc<Metrics>,
    ) -> Self {
        let books = Books::open(dir);
        let panel = settings.into_iter().map(|settings| Judge::new(settings, &books)).collect();
        let (panel, changed) = (ArcSwap::from_pointee(panel), Notify::new());
        Self(Arc::new(Shared { panel, changed, recorder, analysis, books, metrics }))
    }

    /// What the writer shows pairs to.
    pub fn desk(&self) -> Desk {
        Desk(self.clone())
    }

    /// Puts the judges of another policy in place. Those that stay what they were keep their cases.
    pub fn adopt(&self, settings: Vec<Settings>) {
        let before = self.0.panel.load_full();
        self.keep_books();
        let kept = |settings: Settings| {
            let known = before.iter().find(|judge| judge.settings == settings);
            known.map_or_else(|| Judge::new(settings, &self.0.books), Arc::clone)
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
        let mut looks = tokio::time::interval(LOOK_EVERY);
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
                _ = looks.tick() => self.look().await,
                () = stop.cancelled() => break,
            }
        }
        while tasks.join_next().await.is_some() {}
        for judge in working {
            self.close(&judge, Drop::Stopped);
        }
        self.keep_books();
    }

    /// One judge takes its cases, as many at a time as it may.
    async fn sit(&self, judge: &Arc<Judge>, stop: CancellationToken) {
        let most = judge.settings.budget.in_flight;
        let mut at_work = JoinSet::new();
        let working = async {
            loop {
                while at_work.len() >= most {
                    self.ended(judge, at_work.join_next().await);
                }
                match judge.next() {
                    Some(case) => self.begin(judge, case, &mut at_work),
                    None => judge.arrived.notified().await,
                }
                while let Some(ended) = at_work.try_join_next() {
                    self.ended(judge, Some(ended));
                }
            }
        };
        tokio::select! {
            () = working => {}
            () = judge.dismissed.cancelled() => {}
            () = stop.cancelled() => {}
        }
        // Rules take no time, so what waits for them is judged yet.
        if stop.is_cancelled() && !judge.settings.asks() {
            while let Some(case) = judge.next() {
                self.begin(judge, case, &mut at_work);
            }
        } else {
            at_work.abort_all();
        }
        let why = if stop.is_cancelled() { Drop::Stopped } else { Drop::Replaced };
        while let Some(ended) = at_work.join_next().await {
            let is_cut_off = ended.as_ref().is_err_and(JoinError::is_cancelled);
            self.count(judge, why, u64::from(is_cut_off));
            self.ended(judge, Some(ended));
        }
    }

    /// Notes how work on a case ended: a panic costs that case.
    fn ended(&self, judge: &Judge, ended: Option<Result<(), JoinError>>) {
        if let Some(Err(error)) = ended
            && error.is_panic()
        {
            let Settings { experiment, name, .. } = &judge.settings;
            tracing::error!(%experiment, judge = %name, "a request could not be judged, by a fault of the gateway's");
            self.count(judge, Drop::Fault, 1);
        }
    }

    /// Judges a case beside, unless there is a reason not to.
    fn begin(&self, judge: &Arc<Judge>, case: Case, at_work: &mut JoinSet<()>) {
        if judge.is_decided() {
            return self.count(judge, Drop::Decided, 1);
        }
        if !judge.means.ledger.allows(&judge.settings.budget) {
            return self.count(judge, Drop::Budget, 1);
        }
        let (judges, judge) = (self.clone(), Arc::clone(judge));
        at_work.spawn(async move {
            if judge.settings.human().is_some() {
                return judges.post(&judge, &case);
            }
            let judgement = work::judge(&judge.settings, &judge.means, &case).await;
            judges.conclude(&judge, judgement);
        });
    }

    /// Puts a judgement on record.
    pub(super) fn conclude(&self, judge: &Judge, mut judgement: JudgementRecord) {
        judgement.people = judge.settings.human().is_none() && self.asks_people(&judgement);
        let Settings { experiment, name, .. } = &judge.settings;
        let metrics = &self.0.metrics;
        for answer in &judgement.answers {
            let labels = [experiment.as_str(), name.as_str(), answer.result()];
            metrics.judgements.with_label_values(&labels).inc();
        }
        if let Some(cost) = &judgement.cost {
            let labels = [experiment.as_str(), name.as_str(), ROLE, &cost.currency];
            metrics.cost.with_label_values(&labels).inc_by(cost.amount.as_f64());
        }
        if let Some(tokens) = judgement.tokens {
            let kinds = [
                ("input", tokens.input_tokens),
                ("cached_input", tokens.cached_input_tokens),
                ("cache_write_input", tokens.cache_write_input_tokens),
                ("output", tokens.output_tokens),
                ("reasoning", tokens.reasoning_tokens),
            ];
            for (kind, count) in kinds {
                let labels = [experiment.as_str(), name.as_str(), ROLE, kind, "reported"];
                metrics.tokens.with_label_values(&labels).inc_by(count);
            }
        }
        if !self.0.recorder.hand_judgement(judgement) {
            self.count(judge, Drop::Record, 1);
        }
    }

    /// Whether people were drawn for the request of a judgement.
    fn asks_people(&self, judgement: &JudgementRecord) -> bool {
        let panel = self.0.panel.load();
        let mut people = panel.iter().filter(|judge| judge.settings.human().is_some());
        people.any(|judge| {
            judge.settings.experiment == judgement.experiment
                && judge.draw.admits(judgement.request_id.as_bytes(), judgement.unit.as_deref())
        })
    }

    /// Tells how many pairs wait for people.
    pub(super) fn tell_waiting(&self, judge: &Judge, waiting: usize) {
        let Settings { experiment, name, .. } = &judge.settings;
        let labels = [experiment.as_str(), name.as_str()];
        self.0.metrics.judge_waiting.with_label_values(&labels).set(waiting as i64);
    }

    /// Counts pairs that people never got to see, for the board is bounded.
    pub(super) fn count_full(&self, judge: &Judge, pairs: u64) {
        self.count(judge, Drop::Queue, pairs);
    }

    /// Counts a pair that people do not get to see, for they have had as many today as they may.
    pub(super) fn count_over_budget(&self, judge: &Judge) {
        self.count(judge, Drop::Budget, 1);
    }

    /// Counts pairs that nobody need judge any more.
    pub(super) fn count_decided(&self, judge: &Judge, pairs: u64) {
        self.count(judge, Drop::Decided, pairs);
    }

    /// Looks which experiments are decided, and writes down what judges have taken.
    async fn look(&self) {
        self.look_at_boards();
        if !self.0.panel.load().iter().any(|judge| judge.takes_effort()) {
            return;
        }
        let judges = self.clone();
        // Figures take a moment to be computed, and the disk takes its time.
        let looking = tokio::task::spawn_blocking(move || {
            judges.keep_books();
            let mut known: Vec<(&ExperimentName, bool)> = Vec::new();
            let panel = judges.0.panel.load();
            for judge in panel.iter().filter(|judge| judge.takes_effort()) {
                let experiment = &judge.settings.experiment;
                let found = known.iter().find(|(name, _)| *name == experiment).map(|(_, decided)| *decided);
                let decided = found.unwrap_or_else(|| judges.analysis().is_decided(experiment.as_str()));
                known.push((experiment, decided));
                // Relaxed: a hint, see `is_decided`.
                judge.decided.store(decided, Ordering::Relaxed);
            }
        });
        let _ = looking.await;
    }

    pub(super) fn analysis(&self) -> MutexGuard<'_, Analysis> {
        self.0.analysis.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn keep_books(&self) {
        let panel = self.0.panel.load();
        self.0.books.keep(panel.iter().map(|judge| (&judge.settings, &judge.means.ledger)));
    }

    fn show(&self, record: &PairedRecord) {
        let panel = self.0.panel.load();
        let of_experiment = |judge: &&Arc<Judge>| judge.settings.experiment == record.experiment;
        for judge in panel.iter().filter(of_experiment) {
            let mode = judge.settings.mode();
            let is_drawn = judge.draw.admits(record.request_id.as_bytes(), record.unit.as_deref());
            if !is_drawn || !is_judgeable(mode, record) {
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
        if judge.settings.human().is_some() {
            let (settled, unjudged) = judge.board().close();
            for judgement in settled {
                self.conclude(judge, judgement);
            }
            self.count(judge, why, unjudged);
            self.tell_waiting(judge, 0);
        }
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

    fn judgement(&mut self, _record: &JudgementRecord) {}

    fn gap(&mut self, _gap: &Gap) {}
}

impl Judge {
    fn new(settings: Settings, books: &Books) -> Arc<Self> {
        let means = Means { ledger: books.of(&settings), cache: Default::default() };
        let (decided, waiting, arrived, dismissed) = Default::default();
        let board = Mutex::new(Board::of(settings.human().map_or(1, |human| human.each)));
        Arc::new(Self { draw: settings.draw(), settings, means, decided, waiting, arrived, dismissed, board })
    }

    /// Whether its experiment's verdict is reached.
    pub(super) fn is_decided(&self) -> bool {
        // Relaxed: a hint, a second old at most.
        self.decided.load(Ordering::Relaxed)
    }

    /// Whether judging takes somebody's time or money, so that it ends with the verdict.
    fn takes_effort(&self) -> bool {
        self.settings.asks() || self.settings.human().is_some()
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

    /// What waits for people.
    pub(super) fn board(&self) -> MutexGuard<'_, Board> {
        // A panic while the lock was held can only have left one pair out.
        self.board.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        // A panic while the lock was held can only have left one case out.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
