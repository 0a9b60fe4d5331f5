//! The writer: the one task that takes what the queue holds, feeds the sinks and writes the log.
//!
//! It comes by itself every few milliseconds, so that handing on wakes nobody. Its work, redaction and disk alike,
//! runs on a thread for blocking work and holds up nothing else of the side plane. What the disk does not take is
//! counted, told to the log by a gap record once it takes again, and never asked for again: a full disk costs
//! records, not memory and not users. A panic over one record costs that record.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::fs;
use std::panic::AssertUnwindSafe;
use std::panic::catch_unwind;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use crate::record::DesignRecord;
use crate::record::Entry;
use crate::record::Gap;
use crate::record::Guard;
use crate::record::JudgementRecord;
use crate::record::LineKind;
use crate::record::LossReason;
use crate::record::OutcomeRecord;
use crate::record::Pair;
use crate::record::PairedRecord;
use crate::record::Position;
use crate::record::Recorder;
use crate::record::Settings;
use crate::record::Taken;
use crate::record::build::Opened;
use crate::record::build::paired_record;
use crate::record::count;
use crate::record::evaluated::Evaluated;
use crate::record::line;
use crate::record::line::Answered;
use crate::record::line::Recorded;
use crate::record::loss::Losses;
use crate::record::recover;
use crate::record::recover::Crash;
use crate::record::recover::Found;
use crate::record::recover::Presence;
use crate::record::redact::clean_outcome;
use crate::record::segment::Place;
use crate::record::segment::Segments;
use crate::record::subjects::Design;
use crate::record::subjects::SubjectId;
use crate::record::subjects::Subjects;
use crate::record::traced;
use crate::record::upkeep::Upkeep;
use crate::telemetry::Evaluations;
use crate::telemetry::Metrics;
use crate::telemetry::Plane;
use crate::telemetry::counted;
use crate::vocab::ExperimentName;

/// How often the writer looks at the queue. Twice this, and the time to write, is within the 50 ms that a killed
/// gateway may lose.
const TICK: Duration = Duration::from_millis(20);

/// How many bytes of lines are gathered for one write.
const BATCH_BYTES: usize = 1024 * 1024;

/// Whatever else wants to see every record, such as `analysis`. Called on the writer's thread, in the log's order; but
/// the log has a design before what is written with its experiment's first pair, outcomes among it, and again in each
/// file.
pub trait Sink: Send {
    /// An experiment is met under a policy that it was not met under before, or not for long; its first pair follows.
    fn design(&mut self, record: &DesignRecord);

    /// A request is done. It is told even when its record will be lost to the disk.
    fn pair(&mut self, raw: &Pair, record: &PairedRecord);

    /// An outcome arrived.
    fn outcome(&mut self, record: &OutcomeRecord);

    /// A judge said something of a request whose pair was told.
    fn judgement(&mut self, record: &JudgementRecord);

    /// The log tells how many records it lacks.
    fn gap(&mut self, gap: &Gap);

    /// All lines of the log up to here have been told. Told each time that something was written; whoever keeps what it
    /// knows together with the position can go on from there with [`crate::record::read_from`].
    fn checkpoint(&mut self, _position: &Position) {}

    /// Nothing more will be told.
    fn end(&mut self) {}
}

/// Writes the log.
pub struct Writer {
    recorder: Recorder,
    metrics: Arc<Metrics>,
    sinks: Vec<Box<dyn Sink>>,
    guard: Guard,
    segments: Segments,
    dir: PathBuf,
    /// The mark on the directory, once it is there.
    presence: Option<Presence>,
    losses: Losses,
    subjects: Subjects,
    /// Whose designs are in the open segment.
    introduced: BTreeSet<SubjectId>,
    failing: bool,
    evaluated: Evaluated,
    upkeep: Upkeep,
}

/// Lines that are written together, and what they are.
#[derive(Debug, Default)]
struct Batch {
    lines: Vec<u8>,
    gaps: Vec<Gap>,
    records: BTreeMap<(ExperimentName, LineKind), u64>,
    designs: BTreeMap<SubjectId, Arc<Design>>,
}

impl Writer {
    /// A writer of what this recorder is handed.
    pub fn new(
        settings: &Settings,
        recorder: Recorder,
        metrics: Arc<Metrics>,
        sinks: Vec<Box<dyn Sink>>,
    ) -> Self {
        Self {
            recorder,
            metrics,
            sinks,
            guard: Guard::new(settings),
            segments: Segments::new(settings),
            dir: settings.dir.clone(),
            presence: None,
            upkeep: Upkeep::of(settings),
            losses: Losses::default(),
            subjects: Subjects::default(),
            introduced: BTreeSet::new(),
            failing: false,
            evaluated: Evaluated::default(),
        }
    }

    /// Lets judgements and outcomes be told as events too.
    pub fn telling(self, events: Evaluations) -> Self {
        Self { evaluated: Evaluated::through(events), ..self }
    }

    /// Writes until it is stopped, then writes what still waits and sees it onto the disk. Whoever hands records on
    /// must be done before `stop`. Dropped, it loses what waits.
    pub async fn run(self, stop: CancellationToken) {
        let mut writer = Box::new(self);
        let mut ticks = tokio::time::interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let Self { upkeep, segments, metrics, .. } = &mut *writer;
            upkeep.tend(segments, metrics, &stop).await;
            let stopping = tokio::select! {
                () = stop.cancelled() => true,
                _ = ticks.tick() => false,
                () = writer.recorder.hurried() => false,
            };
            let taken = writer.take();
            if !stopping && !writer.has_work(&taken) {
                continue;
            }
            let turn = move || {
                writer.turn(taken);
                if stopping {
                    writer.finish();
                }
                writer
            };
            writer = match tokio::task::spawn_blocking(turn).await {
                Ok(writer) if !stopping => writer,
                Ok(_) => return,
                Err(error) => match error.try_into_panic() {
                    Ok(panic) => std::panic::resume_unwind(panic),
                    Err(_) => return,
                },
            };
        }
    }

    fn take(&self) -> Taken {
        let taken = self.recorder.take();
        self.metrics.record_queue.set(taken.entries.len() as i64);
        self.metrics.record_queue_bytes.set(taken.bytes as i64);
        taken
    }

    fn has_work(&self, taken: &Taken) -> bool {
        let found = !taken.entries.is_empty() || !taken.lost.is_empty() || self.presence.is_none();
        found || !self.losses.is_empty() || self.segments.is_aged()
    }

    fn turn(&mut self, taken: Taken) {
        self.enter();
        for (experiment, lost) in taken.lost {
            self.losses.add(&self.metrics, (experiment, LineKind::Pair, LossReason::Queue), lost);
        }
        // What the entries hold is about what their lines take.
        let room = taken.bytes.min(BATCH_BYTES);
        let (up_to, mut all_written) = (taken.up_to, true);
        let before = self.segments.position().cloned();
        let mut batch = Batch::beginning_with(self.losses.gaps(), room);
        for entry in taken.entries {
            self.add(&mut batch, entry);
            if batch.lines.len() >= BATCH_BYTES {
                all_written &= self.write(batch);
                batch = Batch::beginning_with(self.losses.gaps(), 0);
            }
        }
        all_written &= self.write(batch);
        let unsure = !all_written || self.recorder.was_impatient();
        if let Some(presence) = &mut self.presence {
            if unsure {
                presence.no_longer_strict();
            }
            if !self.losses.has_crash() {
                presence.speak();
            }
        }
        self.recorder.settle(up_to);
        if before.as_ref() != self.segments.position() {
            self.checkpoint();
        }
        self.segments.end_aged();
    }

    /// Marks the directory as written to and puts in order what an earlier run left there; tried again until it works. To
    /// be called before anybody is served: a gateway that is killed before it has left its mark is not told of. Blocks.
    pub fn enter(&mut self) {
        if self.presence.is_some() || fs::create_dir_all(&self.dir).is_err() {
            return;
        }
        let (presence, found) = match recover::enter(&self.dir, self.recorder.is_strict()) {
            Ok(entered) => entered,
            Err(error) => {
                tracing::debug!(dir = %self.dir.display(), %error, "the directory of records is not in order");
                return;
            }
        };
        self.presence = Some(presence);
        let Found { unpacked, torn_bytes, torn, crash } = found;
        self.segments.left_behind(unpacked);
        self.metrics.record_torn.inc_by(torn);
        if let Some(Crash { unpaired, last_heard }) = crash {
            self.metrics.record_crashes.inc();
            tracing::warn!(
                torn_bytes,
                "the gateway before this one was killed; the log says so by gap records"
            );
            self.losses.add_crash(unpaired, last_heard);
        }
    }

    fn checkpoint(&mut self) {
        if let Some(position) = self.segments.position() {
            self.sinks.iter_mut().for_each(|sink| sink.checkpoint(position));
        }
    }

    /// Adds one entry's line, or counts the entry as lost where that panics.
    fn add(&mut self, batch: &mut Batch, entry: Entry) {
        let (experiment, kind) = entry.subject();
        let whole = batch.lines.len();
        // Unwinding leaves at worst this entry half counted and its line half built, and the half line is cut off.
        let added = catch_unwind(AssertUnwindSafe(|| self.add_line(batch, entry)));
        if let Err(panic) = added {
            counted(Plane::Record, &self.metrics, panic);
            batch.lines.truncate(whole);
            tracing::error!(%experiment, kind = kind.as_str(), "a record could not be made and is lost");
            if kind != LineKind::Answered {
                self.losses.add(&self.metrics, (experiment, kind, LossReason::Fault), 1);
            }
        }
    }

    fn add_line(&mut self, batch: &mut Batch, entry: Entry) {
        match entry {
            Entry::Pair(mut raw) => {
                let spans = std::mem::take(&mut raw.spans);
                let sinks = &mut self.sinks;
                let subject = self.subjects.of(&raw);
                let design =
                    subject.design(&raw, |design| sinks.iter_mut().for_each(|sink| sink.design(design)));
                let id = subject.id;
                let (identity, looked) = subject.known_of(&raw);
                let opened = Opened::of(&raw);
                let record = paired_record(&opened, identity, looked, &self.guard);
                count::pair(&self.metrics, &raw, &record);
                sinks.iter_mut().for_each(|sink| sink.pair(&raw, &record));
                batch.designs.entry(id).or_insert(design);
                batch.add(&record.experiment, &record);
                if !spans.is_empty() {
                    self.evaluated.remember(raw.id, traced::complete(spans, &opened, &record));
                }
            }
            Entry::Answered(raw) => {
                let subject = self.subjects.of(&raw);
                // The sinks are told with the pair.
                let design = subject.design(&raw, |_| {});
                let id = subject.id;
                let (identity, looked) = subject.known_of(&raw);
                let record = paired_record(&Opened::of(&raw), identity, looked, &self.guard);
                batch.designs.entry(id).or_insert(design);
                batch.add(&record.experiment, &Answered(&record));
            }
            Entry::Outcome(mut record) => {
                clean_outcome(&self.guard, &mut record);
                self.evaluated.outcome(&record);
                self.sinks.iter_mut().for_each(|sink| sink.outcome(&record));
                batch.add(&record.experiment, &*record);
            }
            Entry::Judgement(mut record) => {
                record.clean(&self.guard);
                self.evaluated.judgement(&record);
                self.sinks.iter_mut().for_each(|sink| sink.judgement(&record));
                batch.add(&record.experiment, &*record);
            }
        }
    }

    /// Writes a batch; `false`: it is lost.
    fn write(&mut self, batch: Batch) -> bool {
        let Batch { lines, gaps, mut records, designs } = batch;
        if lines.is_empty() {
            return true;
        }
        let introduced = &self.introduced;
        let new = |place: Place| {
            designs.iter().filter(move |(id, _)| place == Place::Begun || !introduced.contains(id))
        };
        let preface = |place: Place| new(place).flat_map(|(_, design)| &design.line).copied().collect();
        let written = self.segments.append(&lines, preface);
        let Ok(place) = written else {
            self.report(&written);
            // The next lines may go to another segment, or to what is left of this one.
            self.introduced.clear();
            // Of a request that is answered the pair is what counts.
            records.retain(|(_, kind), _| *kind != LineKind::Answered);
            for ((experiment, kind), lost) in records {
                self.losses.add(&self.metrics, (experiment, kind, LossReason::Disk), lost);
            }
            return false;
        };
        self.metrics.record_bytes.inc_by(lines.len() as u64);
        for (_, design) in new(place) {
            self.metrics.record_bytes.inc_by(design.line.len() as u64);
            self.count_written(&design.experiment, LineKind::Design, 1);
        }
        for ((experiment, kind), count) in records {
            self.count_written(&experiment, kind, count);
        }
        if place == Place::Begun {
            self.introduced.clear();
        }
        self.introduced.extend(designs.into_keys());
        self.report(&written);
        for gap in &gaps {
            self.count_written(&gap.experiment, LineKind::Gap, 1);
            self.sinks.iter_mut().for_each(|sink| sink.gap(gap));
        }
        self.losses.told(&gaps);
        true
    }

    fn count_written(&self, experiment: &ExperimentName, kind: LineKind, count: u64) {
        let labels = [experiment.as_str(), kind.as_str()];
        self.metrics.records_written.with_label_values(&labels).inc_by(count);
    }

    /// Logs when writing begins to fail and when it works again, not every time it fails.
    fn report<E: std::error::Error>(&mut self, written: &Result<Place, E>) {
        match written {
            Err(error) if !self.failing => tracing::error!(%error, "records are being lost"),
            Ok(_) if self.failing => tracing::info!("records are being written again"),
            _ => {}
        }
        self.failing = written.is_err();
    }

    fn finish(&mut self) {
        let late = self.recorder.close();
        if self.has_work(&late) {
            self.turn(late);
        }
        if !self.losses.is_empty() {
            self.turn(Taken::default());
        }
        self.segments.end();
        self.metrics.record_sync_failures.inc_by(std::mem::take(&mut self.segments.unsynced));
        self.checkpoint();
        self.sinks.iter_mut().for_each(|sink| sink.end());
        if let Some(presence) = self.presence.take() {
            presence.leave();
        }
    }
}

impl Batch {
    fn beginning_with(gaps: Vec<Gap>, room: usize) -> Self {
        let mut batch = Self { lines: Vec::with_capacity(room), ..Self::default() };
        gaps.iter().for_each(|gap| line::append(&mut batch.lines, gap));
        batch.gaps = gaps;
        batch
    }

    fn add<R: Recorded>(&mut self, experiment: &ExperimentName, record: &R) {
        line::append(&mut self.lines, record);
        *self.records.entry((experiment.clone(), R::KIND)).or_default() += 1;
    }
}
