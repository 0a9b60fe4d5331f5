//! One request of an experiment and its answers, raw: as the data plane saw them, before redaction.
//!
//! Bodies are held as the frames that passed, large ones by reference; nothing is parsed or formatted here, for
//! this is still the answer path.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use http::Method;
use http::StatusCode;
use http::Uri;
use http::header;

use crate::policy::Due;
use crate::policy::Experiment;
use crate::policy::Policy;
use crate::policy::Split;
use crate::policy::Unit;
use crate::protocol::grpc;
use crate::protocol::names_event_stream;
use crate::record::Hold;
use crate::record::MemoryBudget;
use crate::strategy::Assignment;
use crate::strategy::interleave::Credit;
use crate::telemetry::traces::EndedSpan;
use crate::vocab::ArmId;
use crate::vocab::DropReason;
use crate::vocab::Fate;
use crate::vocab::ModelId;
use crate::vocab::RequestId;
use crate::vocab::Role;
use crate::vocab::Timestamp;

/// Frames up to this size are copied: held by reference, each would keep the whole read buffer, of 8 KiB or more,
/// that it came in. Measured: 5,000 events of 100 bytes held 21 MiB.
const SMALL_FRAME: usize = 4096;

/// What a frame takes in memory beside its bytes.
const FRAME_BYTES: usize = 64;

/// One request of an experiment with every answer it got.
#[derive(Debug)]
pub struct Pair {
    /// The policy that the request was served under.
    pub policy: Arc<Policy>,
    /// The experiment's place in that policy.
    pub experiment: usize,
    /// The request's id.
    pub id: RequestId,
    /// When its head arrived.
    pub time: Timestamp,
    /// Which attempt of the experiment it belongs to, from 1.
    pub attempt: u32,
    /// The number of the canary's stage, or of the split; `None` where weights are fixed.
    pub stage: Option<u32>,
    /// The shares that it was drawn with in an A/B test.
    pub split: Option<Arc<Split>>,
    /// What was randomised.
    pub unit: Unit,
    /// The draw.
    pub assignment: Assignment,
    /// The arm whose answer the user got; `None`: it was a mixed one, or the gateway's own, or there was none.
    pub served: Option<ArmId>,
    /// What was unusual.
    pub marks: Marks,
    /// The request.
    pub request: CapturedRequest,
    /// The calls, in the order of their beginning.
    pub legs: Vec<Observation>,
    /// Copies that the plan asked for and that were not sent.
    pub dropped: Vec<DroppedCopy>,
    /// The list that the user got, where lists were mixed.
    pub shown: Option<Arc<Shown>>,
    /// What the day's budget waits for: what each copy that was sent cost, by arm and role.
    pub dues: Vec<(ArmId, Role, Due)>,
    /// The spans of calls that have ended, where requests are traced.
    pub spans: Vec<(ArmId, Role, EndedSpan)>,
}

/// What was unusual about a request. All false for most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Marks {
    /// The client sent this request before; it adds no event to the statistics.
    pub retry: bool,
    /// The assigned arm failed before its first byte and legacy answered.
    pub fallback: bool,
    /// The client left before it had the whole answer.
    pub cancelled: bool,
    /// Lists were to be mixed and were not.
    pub degraded: Option<Degraded>,
    /// Copies were drawn and held back, to learn what copies cost users.
    pub held_back: bool,
}

/// Why an answer that was to be mixed shows one model's list unmixed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Degraded {
    /// A model was not done at the deadline.
    Deadline,
    /// A model could not be reached, broke off, or answered with another status than 2xx.
    Failed,
    /// An answer was no JSON, or held no list where one was expected.
    NoList,
    /// An answer was above the cap, or a stream of events.
    TooLarge,
}

/// A request as it arrived.
#[derive(Debug)]
pub struct CapturedRequest {
    /// The method.
    pub method: Method,
    /// Path and query.
    pub uri: Uri,
    /// All headers, unredacted.
    pub headers: HeaderMap,
    /// The body.
    pub body: Captured,
}

/// A body's frames, kept up to a cap.
#[derive(Debug, Default)]
pub struct Captured {
    /// The frames, in order; all of the body unless `truncated`.
    pub frames: Vec<Bytes>,
    /// The size of the whole body, kept or not, as far as it was seen.
    pub total_bytes: u64,
    /// Whether frames were let go: beyond the cap, or because memory was short.
    pub truncated: bool,
    /// The memory that the frames take.
    pub hold: Hold,
}

/// One call to one arm, as seen.
#[derive(Debug)]
pub struct Observation {
    /// The arm.
    pub arm: ArmId,
    /// The arm's model.
    pub model: ModelId,
    /// What the call was for.
    pub role: Role,
    /// How it ended.
    pub fate: Fate,
    /// The status; `None` when no head came.
    pub status: Option<StatusCode>,
    /// How the call ended to gRPC; `None` where it is none, or did not come to its end.
    pub grpc_status: Option<grpc::Status>,
    /// The answer's headers.
    pub headers: HeaderMap,
    /// The answer's body.
    pub body: Captured,
    /// From the arrival of the request's head to the beginning of this call.
    pub skew: Duration,
    /// From the beginning of this call to the answer's head.
    pub head: Option<Duration>,
    /// From the beginning of this call to the first byte of the body.
    pub first_byte: Option<Duration>,
    /// From the beginning of this call to the last chunk of the body that came; `None`: none came, or it was not noted.
    pub last_byte: Option<Duration>,
    /// From the beginning of this call to its end.
    pub total: Duration,
    /// How many frames the answer's body came in.
    pub chunks: u32,
    /// The longest wait between two frames.
    pub longest_gap: Duration,
}

/// A copy that was not sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DroppedCopy {
    /// The arm that was to get it.
    pub arm: ArmId,
    /// What it was for.
    pub role: Role,
    /// Why it was not sent.
    pub reason: DropReason,
}

/// The list that a user got, and which arm placed which item.
#[derive(Debug, Clone, PartialEq)]
pub struct Shown {
    /// The items from the top.
    pub items: Vec<ShownItem>,
    /// Whether every arm offered the same list, so that nothing can be learnt.
    pub no_contrast: bool,
}

/// One item of a mixed list.
#[derive(Debug, Clone, PartialEq)]
pub struct ShownItem {
    /// Its id, as text.
    pub id: String,
    /// What a click on it tells of the arms.
    pub credit: Credit,
    /// The arm that placed it; `None`: nobody's.
    pub team: Option<ArmId>,
}

impl Pair {
    /// The experiment.
    pub fn experiment(&self) -> &Experiment {
        &self.policy.experiments[self.experiment]
    }

    /// What is known of the request while its user's answer ends; `answer` is the call that gave it, unless it is among
    /// the legs.
    pub fn answered(&self, answer: Option<Observation>, body: Captured) -> Self {
        let CapturedRequest { method, uri, headers, .. } = &self.request;
        let (method, uri, headers) = (method.clone(), uri.clone(), headers.clone());
        Self {
            policy: Arc::clone(&self.policy),
            split: self.split.clone(),
            unit: self.unit.clone(),
            request: CapturedRequest { method, uri, headers, body },
            legs: self.legs.iter().map(Observation::copied).chain(answer).collect(),
            dropped: self.dropped.clone(),
            shown: self.shown.clone(),
            // The pair itself settles them.
            dues: Vec::new(),
            spans: Vec::new(),
            ..*self
        }
    }

    /// Counts the pair's heads against the budget too, where its bodies are counted as they come; gives what it holds
    /// in all, in bytes.
    pub fn hold(&mut self) -> usize {
        let bodies =
            self.request.body.held_bytes() + self.legs.iter().map(|leg| leg.body.held_bytes()).sum::<usize>();
        let all = self.held_bytes();
        self.request.body.hold.add(all - bodies);
        all
    }

    /// What the pair holds in memory, roughly, for the queue's bound.
    pub fn held_bytes(&self) -> usize {
        let part = |headers: &HeaderMap, body: &Captured| 512 + held_by(headers) + body.held_bytes();
        let CapturedRequest { uri, headers, body, .. } = &self.request;
        let path = uri.path_and_query().map_or(0, |path| path.as_str().len());
        let shown = self.shown.as_ref().map_or(0, |shown| shown.held_bytes());
        path + self.unit.held_bytes()
            + shown
            + part(headers, body)
            + self.legs.iter().map(|leg| part(&leg.headers, &leg.body)).sum::<usize>()
            + self.spans.iter().map(|(.., span)| span.held_bytes()).sum::<usize>()
    }
}

impl Observation {
    /// The same once more; frames of the body are shared.
    pub fn copied(&self) -> Self {
        let Captured { frames, total_bytes, truncated, .. } = &self.body;
        let body = Captured {
            frames: frames.clone(),
            total_bytes: *total_bytes,
            truncated: *truncated,
            hold: Hold::default(),
        };
        Self { headers: self.headers.clone(), body, ..*self }
    }

    /// Says whether the answer comes as server-sent events.
    pub fn is_event_stream(&self) -> bool {
        self.headers.get(header::CONTENT_TYPE).is_some_and(names_event_stream)
    }

    /// The status by which the answer is judged: for gRPC, which answers 200 whatever happened, the one of HTTP that
    /// says the same.
    pub fn judged_status(&self) -> Option<u16> {
        let http = || self.status.map(|status| status.as_u16());
        self.grpc_status.map(grpc::Status::as_http).or_else(http)
    }
}

impl Shown {
    /// What the list holds in memory, roughly.
    pub fn held_bytes(&self) -> usize {
        let item = |item: &ShownItem| size_of::<ShownItem>() + item.id.len() + item.credit.held_bytes();
        self.items.iter().map(item).sum()
    }
}

fn held_by(headers: &HeaderMap) -> usize {
    headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum()
}

impl Captured {
    /// Nothing yet of a body whose frames take of this budget.
    pub fn within(budget: &MemoryBudget) -> Self {
        Self { hold: budget.hold(), ..Self::default() }
    }

    /// A frame as it is best held for long.
    pub fn held(frame: &Bytes) -> Bytes {
        if frame.len() <= SMALL_FRAME { Bytes::copy_from_slice(frame) } else { frame.clone() }
    }

    /// What a held frame takes in memory.
    pub fn frame_bytes(frame: &Bytes) -> usize {
        FRAME_BYTES + frame.len()
    }

    fn held_bytes(&self) -> usize {
        self.frames.iter().map(Self::frame_bytes).sum()
    }

    /// Keeps a frame, or its beginning where the cap falls into it; beyond the cap, and once memory was short, only
    /// the size is counted.
    pub fn push(&mut self, frame: &Bytes, cap_bytes: usize) {
        let before = self.total_bytes;
        self.total_bytes += frame.len() as u64;
        if self.truncated || frame.is_empty() {
            return;
        }
        if !self.hold.may_capture() {
            self.truncated = true;
            return;
        }
        let room = usize::try_from((cap_bytes as u64).saturating_sub(before)).unwrap_or(usize::MAX);
        self.truncated = frame.len() > room;
        if room > 0 {
            self.keep(Self::held(&frame.slice(..room.min(frame.len()))));
        }
    }

    fn keep(&mut self, frame: Bytes) {
        self.hold.add(Self::frame_bytes(&frame));
        self.frames.push(frame);
    }

    /// The kept bytes in one piece; no copy when there is at most one frame.
    pub fn joined(&self) -> Bytes {
        match self.frames.as_slice() {
            [] => Bytes::new(),
            [one] => one.clone(),
            many => many.concat().into(),
        }
    }
}
