//! One call to one arm, observed while it runs, and the pair that the calls of one request make.
//!
//! Whatever happens to a leg, it ends exactly once: dropped before its end it is recorded as cancelled. When the
//! last leg of a request has ended, the pair goes to the record by itself; no task waits for it.

use std::cell::Cell;
use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use http::Version;
use http::header;
use http::request;
use http::response::Parts;
use http_body::Frame;
use prometheus::Histogram;
use prometheus::local::LocalHistogram;
use tokio::time::Instant;

use crate::policy::Unit;
use crate::protocol::grpc;
use crate::protocol::names_event_stream;
use crate::proxy::meters::LegMeters;
use crate::proxy::rewriting::Asked;
use crate::proxy::snapshot::Shared;
use crate::proxy::upload::Upload;
use crate::record::Captured;
use crate::record::Marks;
use crate::record::MemoryBudget;
use crate::record::Observation;
use crate::record::Pair;
use crate::record::Recorder;
use crate::telemetry::Metrics;
use crate::telemetry::traces::ClientSpan;
use crate::telemetry::traces::EndedSpan;
use crate::telemetry::traces::SpanParent;
use crate::upstream::Watch;
use crate::vocab::ArmId;
use crate::vocab::Fate;
use crate::vocab::ModelId;
use crate::vocab::RequestId;
use crate::vocab::Role;

/// A request of an experiment in progress: its legs write into one pair, and the last to go hands it on.
#[derive(Debug)]
pub(super) struct Pairing {
    id: RequestId,
    pair: RefCell<Option<Pair>>,
    upload: Upload,
    recorder: Recorder,
    metrics: Arc<Metrics>,
    begun: Instant,
    cap_bytes: usize,
    /// Where it is noted how long the user waited, where that is asked for.
    timed: Option<Histogram>,
    memory: MemoryBudget,
}

/// One call in progress.
#[derive(Debug)]
pub(super) struct Leg {
    pairing: Option<Rc<Pairing>>,
    meters: Arc<LegMeters>,
    metrics: Arc<Metrics>,
    span: Option<ClientSpan>,
    /// The span of the ended call, which the record completes.
    ended_span: Option<EndedSpan>,
    observation: Observation,
    begun: Instant,
    last_frame: Option<Instant>,
    /// Of a stream of events, the times between its chunks.
    gaps: Option<Box<LocalHistogram>>,
    ended: bool,
    /// How the leg ends when the gateway itself gives it up; while this says nothing, a leg that is dropped before
    /// its end was left by its client.
    given_up: Option<Rc<Cell<Option<Fate>>>>,
    /// The breaker that learns how the call went.
    watch: Option<Watch>,
    /// Where it is known whether the answer tells usage that its client did not ask for.
    unasked: Option<Asked>,
}

/// What a leg is: which arm, which model, what for.
#[derive(Debug, Clone, Copy)]
pub(super) struct LegOf {
    pub(super) arm: ArmId,
    pub(super) model: ModelId,
    pub(super) role: Role,
}

impl Pairing {
    /// Begins a pair; `pair.request.body` is filled in at its end.
    pub(super) fn new(
        pair: Pair,
        upload: Upload,
        shared: &Shared,
        begun: Instant,
        timed: Option<Histogram>,
    ) -> Rc<Self> {
        Rc::new(Self {
            id: pair.id,
            pair: RefCell::new(Some(pair)),
            upload,
            recorder: shared.recorder.clone(),
            metrics: Arc::clone(&shared.metrics),
            begun,
            cap_bytes: shared.body_cap_bytes,
            timed,
            memory: shared.memory.clone(),
        })
    }

    /// Notes that the user has the whole answer.
    fn time_user(&self, answer: &Observation) {
        let Observation { role, fate, skew, total, .. } = answer;
        if let Some(timed) = self.timed.as_ref().filter(|_| *role == Role::Answer && *fate == Fate::Complete)
        {
            timed.observe((*skew + *total).as_secs_f64());
        }
    }

    /// Sees what is known of the request by now, and the answer that the user is about to have, onto the record. Waits
    /// no longer than the record's patience; dropped, it is written all the same.
    pub(super) async fn answered(&self, answer: Option<Observation>) {
        let body = self.upload.so_far();
        let answered = self.pair.borrow().as_ref().map(|pair| pair.answered(answer, body));
        if let Some(answered) = answered
            && !self.recorder.see_written(answered).await
        {
            self.metrics.record_unconfirmed.inc();
        }
    }

    /// Changes the pair: a mark, the served arm, a dropped copy.
    pub(super) fn note(&self, change: impl FnOnce(&mut Pair)) {
        if let Some(pair) = self.pair.borrow_mut().as_mut() {
            change(pair);
        }
    }
}

impl Drop for Pairing {
    /// Runs when the last leg is gone, thus exactly once a request, also when the runtime goes down.
    fn drop(&mut self) {
        if let Some(mut pair) = self.pair.take() {
            pair.request.body = self.upload.captured();
            pair.legs.sort_by_key(|leg| leg.skew);
            count_marks(&pair, &self.metrics);
            self.recorder.hand(pair);
        }
    }
}

fn count_marks(pair: &Pair, metrics: &Metrics) {
    let Marks { retry, fallback, cancelled, degraded, held_back } = pair.marks;
    let marks = [
        ("retry", retry),
        ("fallback", fallback),
        ("cancelled", cancelled),
        ("degraded", degraded.is_some()),
        ("held_back", held_back),
        ("forced", pair.assignment.forced),
        ("unit_missing", pair.unit == Unit::Missing),
    ];
    for (mark, _) in marks.into_iter().filter(|(_, is_set)| *is_set) {
        metrics.marked.with_label_values(&[pair.experiment().name.as_str(), mark]).inc();
    }
}

impl Leg {
    /// Begins to observe a call. Without a pairing only the metrics see it.
    pub(super) fn begin(
        of: LegOf,
        pairing: Option<Rc<Pairing>>,
        meters: Arc<LegMeters>,
        metrics: Arc<Metrics>,
    ) -> Box<Self> {
        let begun = Instant::now();
        let skew = pairing.as_ref().map_or(Duration::ZERO, |pairing| begun - pairing.begun);
        let LegOf { arm, model, role } = of;
        let observation = Observation {
            arm,
            model,
            role,
            fate: Fate::Cancelled,
            status: None,
            grpc_status: None,
            headers: HeaderMap::new(),
            body: pairing
                .as_ref()
                .map_or_else(Captured::default, |pairing| Captured::within(&pairing.memory)),
            skew,
            head: None,
            first_byte: None,
            last_byte: None,
            total: Duration::ZERO,
            chunks: 0,
            longest_gap: Duration::ZERO,
        };
        // Boxed, as it is handed from hand to hand.
        Box::new(Self {
            pairing,
            meters,
            metrics,
            observation,
            begun,
            last_frame: None,
            gaps: None,
            ended: false,
            given_up: None,
            span: None,
            ended_span: None,
            watch: None,
            unasked: None,
        })
    }

    /// Begins the leg's span and writes its context into the headers that the model gets.
    pub(super) fn trace(&mut self, parent: &SpanParent, head: &mut request::Parts) {
        let request_id = self.pairing.as_ref().map(|pairing| pairing.id);
        let request::Parts { method, uri, headers, .. } = head;
        self.span = Some(parent.client_span(self.meters.traced(request_id, method, uri.path()), headers));
    }

    /// Lets a breaker learn how the call goes.
    pub(super) fn watch(&mut self, mut watch: Option<Watch>) {
        if let Some(watch) = &mut watch {
            watch.begins(self.begun);
        }
        self.watch = watch;
    }

    /// Lets `fate` say, at the time, how the leg ends when it is dropped before its end.
    pub(super) fn may_be_given_up(&mut self, fate: Rc<Cell<Option<Fate>>>) {
        self.given_up = Some(fate);
    }

    /// Lets the answer be freed of usage that its client did not ask for.
    pub(super) fn hides_usage(&mut self, unasked: Option<Asked>) {
        self.unasked = unasked;
    }

    /// Where it is known whether the answer must be freed of its usage; `None`: it need not.
    pub(super) fn unasked(&self) -> Option<Asked> {
        self.unasked.clone()
    }

    /// The user gets this leg's answer: from now on only the client can end it early.
    pub(super) fn serves(&mut self) {
        self.given_up = None;
    }

    /// Notes the answer's head.
    pub(super) fn head(&mut self, head: &Parts) {
        self.note_head(head);
        if self.pairing.is_some() {
            self.observation.headers = head.headers.clone();
        }
        // Once a user has the head, nothing that a breaker could decide helps any more.
        if !self.observation.role.is_copy() {
            self.watch.take().into_iter().for_each(Watch::succeeded);
        }
    }

    /// Notes the head of a copy's answer, which nobody else needs.
    pub(super) fn own_head(&mut self, head: Parts) {
        self.note_head(&head);
        self.observation.headers = head.headers;
    }

    fn note_head(&mut self, head: &Parts) {
        self.observation.head = Some(self.begun.elapsed());
        self.observation.status = Some(head.status);
        if head.headers.get(header::CONTENT_TYPE).is_some_and(names_event_stream) {
            self.gaps = Some(Box::new(self.meters.inter_chunk(&self.metrics)));
        }
        if head.version == Version::HTTP_2 {
            self.observation.grpc_status = grpc::Status::of(&head.headers);
        }
    }

    /// Notes one frame of the answer's body, or its trailers, which tell how a gRPC call ended.
    pub(super) fn frame(&mut self, frame: &Frame<Bytes>) {
        if let Some(trailers) = frame.trailers_ref() {
            self.observation.grpc_status = grpc::Status::of(trailers).or(self.observation.grpc_status);
        }
        let Some(bytes) = frame.data_ref().filter(|bytes| !bytes.is_empty()) else { return };
        let now = Instant::now();
        let Self { observation, begun, last_frame, gaps, pairing, .. } = self;
        let since = now - *begun;
        observation.first_byte.get_or_insert(since);
        observation.last_byte = Some(since);
        if let Some(last) = last_frame.replace(now) {
            let gap = now - last;
            observation.longest_gap = observation.longest_gap.max(gap);
            gaps.iter().for_each(|gaps| gaps.observe(gap.as_secs_f64()));
        }
        observation.chunks = observation.chunks.saturating_add(1);
        match pairing {
            Some(pairing) => observation.body.push(bytes, pairing.cap_bytes),
            None => observation.body.total_bytes += bytes.len() as u64,
        }
    }

    /// What was seen so far.
    pub(super) fn observed(&self) -> Observation {
        self.observation.copied()
    }

    /// The size of the answer's body so far, in bytes.
    pub(super) fn answer_bytes(&self) -> u64 {
        self.observation.body.total_bytes
    }

    /// Ends the leg of a copy whose answer is too long to read on. That is nobody's error, but a model that floods is
    /// as costly as one that fails.
    pub(super) fn cut_off(&mut self) {
        self.watch.take().into_iter().for_each(Watch::failed);
        self.end(Fate::Cancelled);
    }

    /// Ends the leg; a second end changes nothing.
    pub(super) fn end(&mut self, fate: Fate) {
        if std::mem::replace(&mut self.ended, true) {
            return;
        }
        let Self { observation, begun, meters, metrics, .. } = self;
        observation.fate = fate;
        observation.total = begun.elapsed();
        meters.observe(metrics, observation);
        // Which hands on what it holds.
        self.gaps = None;
        if let Some(pairing) = &self.pairing {
            pairing.time_user(observation);
        }
        if let Some(watch) = self.watch.take() {
            watch.ended(fate, self.observation.total);
        }
        if let Some(span) = self.span.take() {
            self.ended_span = span.finish(self.observation.status, fate);
        }
    }
}

impl Drop for Leg {
    fn drop(&mut self) {
        let given_up = self.given_up.as_ref().and_then(|fate| fate.get());
        self.end(given_up.unwrap_or(Fate::Cancelled));
        if let Some(pairing) = self.pairing.take() {
            let nothing =
                Observation { headers: HeaderMap::new(), body: Captured::default(), ..self.observation };
            let observation = std::mem::replace(&mut self.observation, nothing);
            let cancelled = observation.fate == Fate::Cancelled;
            let span = self.ended_span.take();
            let left = cancelled && given_up.is_none() && !observation.role.is_copy();
            pairing.note(|pair| {
                pair.marks.cancelled |= left;
                pair.spans.extend(span.map(|span| (observation.arm, observation.role, span)));
                pair.legs.push(observation);
            });
        }
    }
}
