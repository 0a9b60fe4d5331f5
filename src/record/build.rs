//! From a raw pair to its record: bodies are opened, redacted, measured, priced and compared.

use std::time::Duration;

use http::Method;

use crate::compare::Answer;
use crate::compare::CallAgreement;
use crate::policy::Experiment;
use crate::policy::Model;
use crate::policy::Policy;
use crate::policy::Unit;
use crate::protocol::Asked;
use crate::protocol::Protocol;
use crate::protocol::Reply;
use crate::protocol::ToolCall;
use crate::protocol::Usage;
use crate::record::CapturedRequest;
use crate::record::ComparisonRecord;
use crate::record::CostRecord;
use crate::record::DroppedRecord;
use crate::record::Guard;
use crate::record::Observation;
use crate::record::ObservationRecord;
use crate::record::Pair;
use crate::record::PairedRecord;
use crate::record::RequestRecord;
use crate::record::Shown;
use crate::record::ShownItemRecord;
use crate::record::ShownRecord;
use crate::record::Unread;
use crate::record::body::Content;
use crate::record::comparison::Comparison;
use crate::record::reading::Looked;
use crate::record::recorded_unit;
use crate::record::redact::Redactor;
use crate::record::said::said;
use crate::strategy::Strategy;
use crate::vocab::ArmId;
use crate::vocab::Fate;
use crate::vocab::ModelName;
use crate::vocab::Role;
use crate::vocab::is_error;

/// One request with its bodies opened.
pub(super) struct Opened<'p> {
    pub(super) pair: &'p Pair,
    pub(super) asked: Content,
    pub(super) legs: Vec<Leg<'p>>,
}

/// One call with its answer opened.
pub(super) struct Leg<'p> {
    pub(super) seen: &'p Observation,
    pub(super) content: Content,
    pub(super) reply: Reply,
}

impl<'p> Opened<'p> {
    /// Opens the bodies of a pair.
    pub(super) fn of(pair: &'p Pair) -> Self {
        let asked = Content::open(&pair.request.body, &pair.request.headers, true);
        let legs = pair.legs.iter().map(|seen| Leg::open(seen, &pair.policy)).collect();
        Self { pair, asked, legs }
    }
}

/// Makes the record of a pair. `identity` is its experiment's, as records show it; `looked` is what its metrics look at.
pub(super) fn paired_record(
    opened: &Opened<'_>,
    identity: &str,
    looked: &Looked,
    guard: &Guard,
) -> PairedRecord {
    let Opened { pair, asked, legs } = opened;
    let Pair { policy, id, time, stage, unit, assignment, served, marks, request, .. } = pair;
    let experiment = pair.experiment();
    let redactor = Redactor::new(guard, policy, experiment);
    let name = |arm: ArmId| experiment.arm_name(policy, arm).clone();
    PairedRecord {
        request_id: *id,
        time: *time,
        experiment: experiment.name.clone(),
        strategy: experiment.strategy.kind(),
        stage: *stage,
        policy: policy.hash.clone(),
        identity: identity.to_owned(),
        arms: experiment.arm_ids().map(name).collect(),
        unit: recorded_unit(experiment, unit).map(|unit| redactor.unit(unit)),
        unit_missing: *unit == Unit::Missing,
        assigned: name(assignment.arm),
        served: served.map(name),
        propensity: assignment.propensity,
        propensities: propensities(pair),
        enrolled: assignment.enrolled,
        forced: assignment.forced,
        retry: marks.retry,
        fallback: marks.fallback,
        held_back: marks.held_back,
        cancelled: marks.cancelled,
        truncated: request.body.truncated || pair.legs.iter().any(|leg| leg.body.truncated),
        degraded: marks.degraded,
        request: request_record(request, asked, looked, &redactor),
        observations: legs
            .iter()
            .map(|leg| leg.record(policy, experiment, asked, looked, &redactor))
            .collect(),
        dropped: pair
            .dropped
            .iter()
            .map(|copy| DroppedRecord { arm: name(copy.arm), role: copy.role, reason: copy.reason })
            .collect(),
        shown: pair.shown.as_ref().map(|shown| shown_record(shown, experiment, legs, &redactor, &name)),
        comparison: comparison(experiment, legs, &redactor, &name),
    }
}

/// The probabilities of all arms, where the assignment was a draw among them.
fn propensities(pair: &Pair) -> Vec<f64> {
    let (experiment, assignment) = (pair.experiment(), &pair.assignment);
    if !assignment.enrolled {
        return Vec::new();
    }
    let own = assignment.propensity;
    match &experiment.strategy {
        Strategy::Canary(_) => {
            experiment.arm_ids().map(|arm| if arm == assignment.arm { own } else { 1.0 - own }).collect()
        }
        Strategy::Ab(settings) => {
            let traffic = settings.traffic.probability();
            let weights = pair.split.as_ref().map_or(&settings.weights, |split| &split.weights);
            weights.iter().map(|weight| traffic * weight.probability()).collect()
        }
        Strategy::Shadow(_) | Strategy::Interleave(_) => Vec::new(),
    }
}

fn request_record(
    request: &CapturedRequest,
    content: &Content,
    looked: &Looked,
    redactor: &Redactor<'_>,
) -> RequestRecord {
    let CapturedRequest { method, uri, headers, body } = request;
    let written = redactor.request_headers(headers);
    let path = redactor.path(uri.path());
    let query = uri.query().map(|query| redactor.query(query));
    let shown = redactor.request_body(content);
    let is_whole =
        path == uri.path() && query.as_deref() == uri.query() && content.is_shown_by(shown.as_ref());
    RequestRecord {
        method: method_word(method).to_owned(),
        path,
        query,
        redacted: !is_whole,
        unmarked: false,
        readings: looked.in_request(content, redactor),
        headers: written.headers,
        headers_left_out: written.left_out,
        bytes: body.total_bytes,
        truncated: body.truncated,
        body: shown,
    }
}

/// A method of one's own making may be anything.
fn method_word(method: &Method) -> &str {
    let known = [
        Method::GET,
        Method::POST,
        Method::PUT,
        Method::DELETE,
        Method::HEAD,
        Method::OPTIONS,
        Method::PATCH,
        Method::TRACE,
        Method::CONNECT,
    ];
    if known.contains(method) { method.as_str() } else { "_OTHER" }
}

/// The list as shown. An id that rules hide in the answers it came from is hidden here too.
fn shown_record(
    shown: &Shown,
    experiment: &Experiment,
    legs: &[Leg<'_>],
    redactor: &Redactor<'_>,
    name: &dyn Fn(ArmId) -> ModelName,
) -> ShownRecord {
    let hidden = redactor.reads_json() && !ids_are_spared(experiment, legs, redactor);
    let id = |id: &str| if hidden { redactor.hidden_id(id) } else { redactor.told(id.to_owned()) };
    let items = shown.items.iter().map(|item| ShownItemRecord {
        id: id(&item.id),
        team: item.team.map(name),
        credit: item.credit.clone(),
    });
    let method = match &experiment.strategy {
        Strategy::Interleave(settings) => Some(settings.mixing.method),
        Strategy::Shadow(_) | Strategy::Canary(_) | Strategy::Ab(_) => None,
    };
    ShownRecord { method, no_contrast: shown.no_contrast, items: items.collect() }
}

/// Says whether the lists of items can be read in all answers and no rule touches them.
fn ids_are_spared(experiment: &Experiment, legs: &[Leg<'_>], redactor: &Redactor<'_>) -> bool {
    let Strategy::Interleave(settings) = &experiment.strategy else { return false };
    let Ok(items) = settings.items.as_str().parse() else { return false };
    let spared = |leg: &Leg<'_>| leg.content.whole().is_some_and(|answer| redactor.spares(&items, answer));
    !legs.is_empty() && legs.iter().all(spared)
}

/// Holds every whole answer against legacy's.
fn comparison(
    experiment: &Experiment,
    legs: &[Leg<'_>],
    redactor: &Redactor<'_>,
    name: &dyn Fn(ArmId) -> ModelName,
) -> Vec<ComparisonRecord> {
    let is_legacy = |leg: &&Leg<'_>| leg.seen.arm == ArmId::LEGACY && leg.seen.role != Role::Control;
    let Some(legacy) = legs.iter().find(is_legacy).filter(|leg| leg.is_answer()) else { return Vec::new() };
    let others = legs.iter().filter(|leg| !is_legacy(leg) && leg.is_answer());
    others
        .filter_map(|other| {
            let compared = Comparison::of(experiment, redactor, legacy.answer()?, other.answer()?);
            // Whole answers of different status differ, though their bodies be equal; a field stands for itself.
            let apart = experiment.compare.is_empty() && legacy.seen.status != other.seen.status;
            let compared = if apart { compared.apart() } else { compared };
            let Comparison { fields, scores, ratios, paths, paths_truncated } = compared;
            let (arm, role) = (name(other.seen.arm), other.seen.role);
            let tool_calls = CallAgreement::of(legacy.tool_calls(), other.tool_calls());
            Some(ComparisonRecord { arm, role, fields, scores, ratios, paths, paths_truncated, tool_calls })
        })
        .collect()
}

impl<'p> Leg<'p> {
    fn open(seen: &'p Observation, policy: &Policy) -> Self {
        let content = Content::open(&seen.body, &seen.headers, seen.fate == Fate::Complete);
        let content_type = seen.headers.get(http::header::CONTENT_TYPE);
        let content_type = content_type.and_then(|value| value.to_str().ok());
        let reply = Reply::read(policy.model(seen.model).protocol, content_type, content.readable());
        Self { seen, content, reply }
    }

    fn record(
        &self,
        policy: &Policy,
        experiment: &Experiment,
        asked: &Content,
        looked: &Looked,
        redactor: &Redactor<'_>,
    ) -> ObservationRecord {
        let Self { seen, content, reply } = self;
        let model = policy.model(seen.model);
        let tokens = self.usage(model, asked);
        let may_tell = !redactor.searches() || !matches!(content.text(), Err(Unread::NotText));
        let written = redactor.headers(&seen.headers);
        let shown = redactor.answer_body(content);
        ObservationRecord {
            arm: experiment.arm_name(policy, seen.arm).clone(),
            role: seen.role,
            fate: seen.fate,
            status: seen.status.map(|status| status.as_u16()),
            grpc_status: seen.grpc_status.map(|status| status.0),
            skew_ms: milliseconds(seen.skew),
            head_ms: seen.head.map(milliseconds),
            first_byte_ms: seen.first_byte.map(milliseconds),
            total_ms: milliseconds(seen.total),
            chunks: seen.chunks,
            longest_gap_ms: milliseconds(seen.longest_gap),
            cost: self.cost(model, tokens.as_ref()),
            tokens,
            said: said(reply, content.whole().is_none() || reply.is_cut(), may_tell, redactor),
            readings: looked.in_answer(seen, content, reply, redactor),
            headers: written.headers,
            headers_left_out: written.left_out,
            bytes: seen.body.total_bytes,
            truncated: seen.body.truncated,
            redacted: !content.is_shown_by(shown.as_ref()),
            body: shown,
        }
    }

    /// The tools that the answer calls.
    fn tool_calls(&self) -> &[ToolCall] {
        self.reply.first().map_or(&[], |choice| &choice.tool_calls)
    }

    /// Whether this is a whole answer that is no error.
    fn is_answer(&self) -> bool {
        let failed = is_error(self.seen.judged_status(), self.seen.fate);
        self.seen.fate == Fate::Complete && !failed && self.content.whole().is_some()
    }

    /// The whole answer, with what it says.
    fn answer(&self) -> Option<Answer<'_>> {
        self.content.whole().map(|body| Answer::new(body, &self.reply))
    }

    /// What the call used. Where the answer of a language model does not tell all, the rest is estimated, if the model
    /// began to answer what can be read.
    fn usage(&self, model: &Model, asked: &Content) -> Option<Usage> {
        let Self { seen, content, reply } = self;
        let began = seen.judged_status().is_some_and(|status| (200..300).contains(&status));
        let speaks = matches!(model.protocol, Protocol::OpenAi | Protocol::Anthropic);
        if !began || !speaks || seen.fate.is_unsent() {
            return reply.reported.usage();
        }
        let asked = || asked.json().map(|body| Asked::read(model.protocol, body));
        let kept = seen.body.frames.iter().map(|frame| frame.len() as u64).sum();
        let scale = if seen.body.truncated { (seen.body.total_bytes, kept) } else { (1, 1) };
        reply.used(asked, content.whole().is_none(), scale)
    }

    /// What the call cost; nothing when it never reached the model.
    fn cost(&self, model: &Model, usage: Option<&Usage>) -> Option<CostRecord> {
        let rate = model.rate.as_ref()?;
        if self.seen.fate.is_unsent() {
            return None;
        }
        Some(CostRecord {
            amount: rate.price(usage, self.seen.total),
            currency: rate.currency.clone(),
            tokens_unknown: usage.is_none() && rate.charges_tokens(),
            estimated: usage.is_some_and(|usage| usage.estimated) && rate.charges_tokens(),
        })
    }
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_micros() as f64 / 1000.0
}
