//! Feedback: what happened later, joined with its request.
//!
//! The answer path remembers what it showed; an outcome names its request by id, or carries the signed ticket that
//! the answer gave, and is checked against the policy's declaration, joined, and handed to the record. Memory is
//! bounded; nothing here is awaited by the answer path. What each report comes to is defined by [`Verdict`].

mod heard;
mod memory;
mod report;
mod settings;
mod subject;
mod ticket;
mod value;

pub use report::Reply;
pub use report::Verdict;
pub use settings::Settings;
pub use subject::Exposure;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::feedback::heard::Hearing;
use crate::feedback::memory::Known;
use crate::feedback::memory::Memory;
use crate::feedback::report::Judged;
use crate::feedback::report::Parsed;
use crate::feedback::report::Reason;
use crate::feedback::report::Report;
use crate::feedback::subject::Source;
use crate::feedback::ticket::Claims;
use crate::policy::Policy;
use crate::record::Recorder;
use crate::telemetry::Metrics;
use crate::vocab::ArmId;
use crate::vocab::ModelName;
use crate::vocab::RequestId;
use crate::vocab::Timestamp;

/// The label `outcome` of reports that name an outcome which no policy declares, and `experiment` and `outcome` of
/// those whose request is not known.
const UNDECLARED: &str = "_undeclared";
const UNKNOWN: &str = "_unknown";

/// Takes outcomes in and joins them with their requests. Shared by all threads.
pub struct Feedback {
    settings: Settings,
    recorder: Recorder,
    metrics: Arc<Metrics>,
    memory: Memory,
}

impl Feedback {
    /// Remembers nothing yet.
    pub fn new(settings: Settings, recorder: Recorder, metrics: Arc<Metrics>) -> Self {
        let memory = Memory::new(settings.remember);
        Self { settings, recorder, metrics, memory }
    }

    /// The path of the data port that takes feedback; `None`: only the admin port does.
    pub fn path(&self) -> Option<&str> {
        self.settings.path.as_deref()
    }

    /// The largest body that is taken, in bytes.
    pub fn max_body_bytes(&self) -> usize {
        self.settings.max_body_bytes
    }

    /// How long a report may take to arrive.
    pub fn timeout(&self) -> Duration {
        self.settings.timeout
    }

    /// Remembers what was shown, so that outcomes find it by the request's id. A short lock; the oldest requests
    /// are forgotten first.
    pub fn remember(&self, id: RequestId, exposure: Exposure) {
        self.memory.remember(id, Known::new(Source::Here(exposure)));
    }

    /// The signed ticket of an answer; `None` where the policy gives no key.
    pub fn ticket(&self, id: RequestId, exposure: &Exposure) -> Option<String> {
        let key = self.settings.ticket_key.as_ref()?;
        Some(Claims::of(id, exposure).sign(key))
    }

    /// Takes one report, or a batch of them.
    ///
    /// One: `{"request_id": ID or "ticket": TICKET, "outcome": NAME, "value": VALUE}`. A batch: an array of these,
    /// or `{"reports": [..]}`, at most 1,000; the answer is `{"results": [..]}` in the same order. Everything may be sent
    /// again.
    pub fn report(&self, policy: &Policy, body: &[u8], now: Timestamp) -> Reply {
        match report::parse(body, self.settings.max_body_bytes) {
            Ok(Parsed::One(one)) => Reply::one(&self.take(policy, one, now)),
            Ok(Parsed::Batch(batch)) => {
                Reply::batch(batch.into_iter().map(|one| self.take(policy, one, now)))
            }
            Err(problem) => Reply::refused(&problem),
        }
    }

    fn take(&self, policy: &Policy, report: Result<Report, Reason>, now: Timestamp) -> Judged {
        let judged = report.and_then(|report| self.judge(policy, &report, now));
        let judged = judged.unwrap_or_else(|reason| Judged::refused(UNKNOWN, UNKNOWN, reason));
        let labels = [judged.experiment.as_str(), judged.outcome.as_str(), judged.verdict.as_str()];
        self.metrics.feedback.with_label_values(&labels).inc();
        judged
    }

    /// Finds the report's request and has its part of memory judge the report there, so that two copies of one
    /// report that arrive at once are not both joined.
    fn judge(&self, policy: &Policy, report: &Report, now: Timestamp) -> Result<Judged, Reason> {
        let (id, claims) = self.identify(report)?;
        let judge = |known: &mut Known| self.judge_known(policy, report, id, known, now);
        let told = claims.map(|claims| Known::new(Source::told(claims)));
        self.memory.with(id, told, judge).ok_or(Reason::Unknown)
    }

    /// The request that a report speaks of; a ticket is believed only if its signature is ours.
    fn identify(&self, report: &Report) -> Result<(RequestId, Option<Claims>), Reason> {
        let Some(ticket) = &report.ticket else { return report.id().map(|id| (id, None)) };
        let key = self.settings.ticket_key.as_ref().ok_or(Reason::NoTickets)?;
        let claims = Claims::verify(ticket, key).ok_or(Reason::BadTicket)?;
        let id = claims.id();
        if report.request_id.is_some() && report.id()? != id {
            return Err(Reason::OtherTicket);
        }
        Ok((id, Some(claims)))
    }

    fn judge_known(
        &self,
        policy: &Policy,
        report: &Report,
        id: RequestId,
        known: &mut Known,
        now: Timestamp,
    ) -> Judged {
        let Known { source, heard } = known;
        let Some(subject) = source.subject(policy) else {
            return Judged::refused(UNKNOWN, UNKNOWN, Reason::NoExperiment);
        };
        let experiment = subject.experiment.name.as_str();
        let Some((name, rule)) = subject.outcome(&report.outcome) else {
            return Judged::refused(experiment, UNDECLARED, Reason::Undeclared(report.outcome.clone()));
        };
        let judged = |verdict| Judged::new(experiment, name.as_str(), verdict);
        let reported = match value::read(rule.kind, &report.value, subject.shown) {
            Ok(reported) => reported,
            Err(reason) => return Judged::refused(experiment, name.as_str(), reason),
        };
        match heard.hear(name, &reported.value) {
            Hearing::New => {}
            Hearing::Again => return judged(Verdict::Duplicate),
            Hearing::Otherwise => return judged(Verdict::Conflict),
            Hearing::Enough => return Judged::refused(experiment, name.as_str(), Reason::TooMany),
        }
        let late = now.since(subject.time) > rule.window;
        let record = subject.record(id, name, &reported, late, now);
        if !self.recorder.hand_outcome(record) {
            return judged(Verdict::Busy);
        }
        heard.keep(name, reported.value);
        if late {
            return judged(Verdict::Late);
        }
        if let Some((shown, place)) = subject.credited_list(name).zip(reported.place) {
            heard.click(shown, place, |arm, by| self.move_wins(experiment, &subject.arms, arm, by));
        }
        judged(Verdict::Joined)
    }

    /// Moves the gauge of lists won by an arm.
    fn move_wins(&self, experiment: &str, arms: &[ModelName], arm: ArmId, by: i64) {
        if let Some(name) = arms.get(arm.index()) {
            self.metrics.interleaving_wins.with_label_values(&[experiment, name.as_str()]).add(by);
        }
    }
}

impl fmt::Debug for Feedback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Feedback").field("settings", &self.settings).finish_non_exhaustive()
    }
}
