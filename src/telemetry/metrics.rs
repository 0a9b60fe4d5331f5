//! The metric catalogue: every metric is declared here, once, and nowhere else.
//!
//! Labels come from the policy and from closed enums only, so that the number of series is bounded by the policy,
//! whatever clients send. A field's doc comment is the metric's help text, word for word.

use prometheus::CounterVec;
use prometheus::Gauge;
use prometheus::GaugeVec;
use prometheus::HistogramOpts;
use prometheus::HistogramVec;
use prometheus::IntCounter;
use prometheus::IntCounterVec;
use prometheus::IntGauge;
use prometheus::IntGaugeVec;
use prometheus::Opts;
use prometheus::Registry;
use prometheus::TextEncoder;
use prometheus::core::Collector;

/// The value of the label `experiment` for requests that no experiment matched.
pub const DEFAULT_ROUTE: &str = "_default";

/// The value of the label `model` for the users' side.
pub const LISTENER: &str = "_listen";

/// What every gateway shows: the query that finds all that a Prometheus scrapes.
pub const GATEWAYS_QUERY: &str = "crossfade_build_info";

/// Seconds: OpenTelemetry's boundaries for HTTP, finer below 5 ms and reaching 60 s for language models.
const SECONDS: [f64; 19] = [
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0,
    30.0, 60.0,
];

/// What metrics are called whose histograms count in another unit than seconds: events a second.
const RATE: &str = "_per_second";

/// Events a second: from what people read to what they do not see come.
const PER_SECOND: [f64; 16] =
    [1.0, 2.5, 5.0, 10.0, 15.0, 20.0, 30.0, 40.0, 50.0, 75.0, 100.0, 150.0, 200.0, 300.0, 500.0, 1000.0];

macro_rules! catalogue {
    ($($(#[doc = $help:literal])+ $field:ident: $type:ident = $name:literal [$($label:literal),*],)+) => {
        /// Every metric of the gateway, registered in a registry of its own.
        #[derive(Debug)]
        pub struct Metrics {
            registry: Registry,
            $($(#[doc = $help])+ pub $field: $type,)+
        }

        impl Metrics {
            /// Declares every metric.
            pub fn new() -> Self {
                let registry = Registry::new();
                $(let $field = declare::<$type>(&registry, $name, concat!($($help),+), &[$($label),*]);)+
                register(&registry, prometheus::process_collector::ProcessCollector::for_self());
                let metrics = Self { registry, $($field,)+ };
                metrics.build_info.with_label_values(&[env!("CARGO_PKG_VERSION")]).set(1);
                metrics
            }
        }
    };
}

catalogue! {
    /// Calls to models that ended, by what the call was for and its status class or the way it failed.
    requests: IntCounterVec = "crossfade_requests_total" ["experiment", "arm", "role", "code"],
    /// Time from the beginning of a call to a model to the last byte of its answer, in seconds.
    request_duration: HistogramVec = "crossfade_request_duration_seconds" ["experiment", "arm", "role"],
    /// Time from the beginning of a call to a model to the first byte of its answer, in seconds.
    first_byte: HistogramVec = "crossfade_first_byte_seconds" ["experiment", "arm", "role"],
    /// Time between two chunks of an answer that comes as a stream of events, as they arrive from the model, in seconds.
    inter_chunk: HistogramVec = "crossfade_inter_chunk_seconds" ["experiment", "arm", "role"],
    /// Output tokens after the first, by the time from the first to the last chunk of the answer; of whole streams whose models told their tokens.
    token_rate: HistogramVec = "crossfade_output_tokens_per_second" ["experiment", "arm", "role"],
    /// Requests whose body was above the cap where a match needed to read it; they match no such experiment.
    unmatched_bodies: IntCounter = "crossfade_unmatched_bodies_total" [],
    /// Requests that entered an experiment, by the arm they were assigned to and whether they count in the comparison.
    assigned: IntCounterVec = "crossfade_assigned_total" ["experiment", "arm", "enrolled"],
    /// Requests by what was unusual about them.
    marked: IntCounterVec = "crossfade_marked_requests_total" ["experiment", "mark"],
    /// What calls to models cost, in the currency's unit, by what the call was for.
    cost: CounterVec = "crossfade_cost_total" ["experiment", "arm", "role", "currency"],
    /// Tokens that calls used, by kind (cache_write_input is a part of input, reasoning a part of output) and by whether models said so; estimated are those of calls whose answer did not tell all of it.
    tokens: IntCounterVec = "crossfade_tokens_total" ["experiment", "arm", "role", "kind", "source"],
    /// Answers of language models, by why they ended.
    finishes: IntCounterVec = "crossfade_finishes_total" ["experiment", "arm", "role", "finish"],
    /// Pairs of whole answers of which one at least calls tools, by whether the calls agree, or which part of them differs.
    tool_calls: IntCounterVec = "crossfade_tool_call_comparisons_total" ["experiment", "arm", "role", "result"],
    /// Time from the arrival of a request that copies were drawn for to the last byte of the model's answer to its user, in seconds, by whether the copies were let go or held back.
    user_duration: HistogramVec = "crossfade_shadow_user_duration_seconds" ["experiment", "copied"],
    /// Copies of requests that were sent.
    copies_sent: IntCounterVec = "crossfade_copies_sent_total" ["experiment", "arm", "role"],
    /// Copies of requests that the plan asked for and that were not sent, by reason.
    copies_dropped: IntCounterVec = "crossfade_copies_dropped_total" ["experiment", "arm", "role", "reason"],
    /// Copies in flight.
    copies_in_flight: IntGaugeVec = "crossfade_copies_in_flight" ["experiment"],
    /// Bytes of request bodies held for copies in flight.
    copies_bytes: IntGaugeVec = "crossfade_copies_in_flight_bytes" ["experiment"],
    /// Requests for which two arms or more gave a whole answer.
    pairs: IntCounterVec = "crossfade_pairs_total" ["experiment"],
    /// Fields of two answers to one request that were compared, by what the comparison said.
    comparisons: IntCounterVec = "crossfade_comparisons_total" ["experiment", "arm", "field", "result"],
    /// Mixed lists that were shown, by whether something could be learnt from them.
    impressions: IntCounterVec = "crossfade_interleaving_impressions_total" ["experiment", "kind"],
    /// Mixed lists on which an arm earned more of the clicks than the others; moves as clicks arrive.
    interleaving_wins: IntGaugeVec = "crossfade_interleaving_wins" ["experiment", "arm"],
    /// Reports of outcomes, by what became of them.
    feedback: IntCounterVec = "crossfade_feedback_total" ["experiment", "outcome", "result"],
    /// Answers held against a label that was reported for them, by whether they were right.
    labelled: IntCounterVec = "crossfade_labelled_answers_total" ["experiment", "arm", "role", "metric", "result"],
    /// What judges said of answers, by result; missing where nothing could be said.
    judgements: IntCounterVec = "crossfade_judgements_total" ["experiment", "judge", "result"],
    /// Requests that were drawn for a judge and not judged, by reason.
    judge_drops: IntCounterVec = "crossfade_judge_drops_total" ["experiment", "judge", "reason"],
    /// Pairs that wait for people to judge them.
    judge_waiting: IntGaugeVec = "crossfade_judge_waiting" ["experiment", "judge"],
    /// The share of pairs on which a judge said the same in both orders of the answers; below 0.7 it is of no use.
    judge_consistency: GaugeVec = "crossfade_judge_consistency_ratio" ["experiment", "judge"],
    /// How a judge agrees with people beyond chance (Cohen's kappa), with its 95 % interval; below 0.4 over 100 pairs nothing is decided by it.
    judge_kappa: GaugeVec = "crossfade_judge_kappa" ["experiment", "judge", "bound"],
    /// The share of pairs that a candidate wins, a tie counted half: by the judge, by people, and the judge's put right by people's.
    judge_wins: GaugeVec = "crossfade_judge_win_ratio" ["experiment", "judge", "candidate", "by"],
    /// How long all answers to a unit (a user, a conversation) take together, with a confidence sequence.
    unit_seconds: GaugeVec = "crossfade_unit_duration_seconds" ["experiment", "arm", "bound"],
    /// What all answers to a unit cost together, with a confidence sequence.
    unit_cost: GaugeVec = "crossfade_unit_cost" ["experiment", "arm", "currency", "bound"],
    /// What requests cost for each success, with a confidence sequence: an outcome reported as true, or as a click.
    success_cost: GaugeVec = "crossfade_success_cost" ["experiment", "arm", "outcome", "currency", "bound"],
    /// The share of units with at least one success, with a confidence sequence.
    completed: GaugeVec = "crossfade_completed_ratio" ["experiment", "arm", "outcome", "bound"],
    /// The verdict on a candidate: 1 for the present state, 0 for the others.
    verdict_state: GaugeVec = "crossfade_verdict_state" ["experiment", "candidate", "state"],
    /// How far a candidate is from legacy on a figure, with a confidence sequence; scale says in what.
    effect: GaugeVec = "crossfade_effect" ["experiment", "candidate", "figure", "scale", "bound"],
    /// The natural logarithm of the e-value that a candidate is better or worse than legacy on a figure.
    evidence: GaugeVec = "crossfade_evidence_log_e" ["experiment", "candidate", "figure", "direction"],
    /// What the natural logarithm of an e-value must reach for promotion.
    evidence_needed: GaugeVec = "crossfade_evidence_needed_log_e" ["experiment", "candidate"],
    /// The natural logarithm of the e-value that units reach the arms, or outcomes join, in other shares than drawn; from 6.9 verdicts are void.
    sample_ratio: GaugeVec = "crossfade_sample_ratio_mismatch_log_e" ["experiment", "of"],
    /// How well the answers of an arm do on a metric, by what its calls were for.
    quality: GaugeVec = "crossfade_quality" ["experiment", "arm", "role", "metric"],
    /// The share of units or requests that an arm answers, from 0 to 1.
    weight: GaugeVec = "crossfade_traffic_weight_ratio" ["experiment", "arm"],
    /// The step of the canary's ramp, from 1; 0 when the candidate is out.
    ramp_step: IntGaugeVec = "crossfade_ramp_step" ["experiment"],
    /// What the experiment is doing: 1 for the present phase, 0 for the others.
    ramp_phase: IntGaugeVec = "crossfade_ramp_phase" ["experiment", "phase"],
    /// Changes of experiments, by the phase that they came to and what moved them.
    rollout_changes: IntCounterVec = "crossfade_rollout_changes_total" ["experiment", "phase", "cause"],
    /// Messages to webhooks, by what became of them.
    webhook_deliveries: IntCounterVec = "crossfade_webhook_deliveries_total" ["hook", "result"],
    /// When the fleet's controller was last heard of, in seconds since 1970; only where one decides.
    controller_heard: GaugeVec = "crossfade_controller_heard_timestamp_seconds" [],
    /// Gateways that the controller knows, by whether they were heard of lately.
    controller_replicas: IntGaugeVec = "crossfade_controller_replicas" ["state"],
    /// Calls to a model in flight.
    in_flight: IntGaugeVec = "crossfade_model_in_flight_requests" ["model"],
    /// Connections made to a model.
    model_connections: IntCounterVec = "crossfade_model_connections_total" ["model"],
    /// Endpoints of a model that are left alone because calls to them failed, by what the calls are for.
    breakers_open: IntGaugeVec = "crossfade_breakers_open" ["model", "calls"],
    /// Changes of a model's breakers, by the state that they came to.
    breaker_changes: IntCounterVec = "crossfade_breaker_changes_total" ["model", "calls", "state"],
    /// Connections from users that are open.
    connections: IntGauge = "crossfade_connections" [],
    /// Connections from users that ended in the TLS handshake.
    failed_handshakes: IntCounter = "crossfade_tls_handshakes_failed_total" [],
    /// Whether the certificates in use are those of the files: 0 while changed files cannot be used.
    certificates_current: IntGaugeVec = "crossfade_tls_certificates_current" ["model"],
    /// Connections, requests and streams of users that were ended because they met a limit.
    limited: IntCounterVec = "crossfade_limited_total" ["limit"],
    /// Times at which no connection was accepted for a while, by what had run out.
    accept_pauses: IntCounterVec = "crossfade_accept_pauses_total" ["reason"],
    /// Panics, each of which ended one request, copy or record, by where it happened.
    panics: IntCounterVec = "crossfade_panics_total" ["plane"],
    /// Memory that captured bodies and waiting records hold, in bytes.
    memory_held: IntGauge = "crossfade_memory_held_bytes" [],
    /// Memory that captured bodies and waiting records may hold, in bytes.
    memory_budget: IntGauge = "crossfade_memory_budget_bytes" [],
    /// Bodies that were captured in part only, because memory was short.
    bodies_shed: IntCounter = "crossfade_bodies_shed_total" [],
    /// Answers that the gateway gave itself, by status and reason.
    gateway_answers: IntCounterVec = "crossfade_gateway_answers_total" ["code", "reason"],
    /// Records that wait for the writer.
    record_queue: IntGauge = "crossfade_record_queue_records" [],
    /// Memory of the records that wait for the writer, in bytes.
    record_queue_bytes: IntGauge = "crossfade_record_queue_bytes" [],
    /// Records written to the log, by kind.
    records_written: IntCounterVec = "crossfade_records_written_total" ["experiment", "kind"],
    /// Records lost, by kind and reason. Requests of an experiment are its records of kind pair, written and lost.
    records_lost: IntCounterVec = "crossfade_records_lost_total" ["experiment", "kind", "reason"],
    /// Bytes written to the log.
    record_bytes: IntCounter = "crossfade_record_written_bytes_total" [],
    /// Answers that users got whole before a strict record had them, for it could not be written in time.
    record_unconfirmed: IntCounter = "crossfade_record_unconfirmed_total" [],
    /// Files of records of which the disk did not say that it has them. Each was left and another begun.
    record_sync_failures: IntCounter = "crossfade_record_sync_failures_total" [],
    /// Runs before this one that were killed, as found in the directory of records at start.
    record_crashes: IntCounter = "crossfade_record_crashes_total" [],
    /// Torn last lines that such runs left and that were cut off.
    record_torn: IntCounter = "crossfade_record_torn_total" [],
    /// Records that a delivery's target has taken; one that it took twice is counted twice.
    delivered: IntCounterVec = "crossfade_delivered_records_total" ["delivery"],
    /// Tries to deliver records that failed; what they held waits in the log and is tried again.
    delivery_failures: IntCounterVec = "crossfade_delivery_failures_total" ["delivery"],
    /// Records that wait in the log to be delivered, in bytes.
    delivery_lag_bytes: IntGaugeVec = "crossfade_delivery_lag_bytes" ["delivery"],
    /// The age of the oldest record that waits to be delivered, in seconds; 0 when none does.
    delivery_lag_seconds: GaugeVec = "crossfade_delivery_lag_seconds" ["delivery"],
    /// Records that were passed over because they could not be read or are larger than the target takes, by reason.
    delivery_skipped: IntCounterVec = "crossfade_delivery_skipped_records_total" ["delivery", "reason"],
    /// Records that were deleted from the log, as record.keep says, before they were delivered, in bytes.
    delivery_lost: IntCounterVec = "crossfade_delivery_lost_bytes_total" ["delivery"],
    /// Reloads of the policy, by result.
    policy_reloads: IntCounterVec = "crossfade_policy_reloads_total" ["result"],
    /// Whether the last reload of the policy was successful.
    policy_ok: IntGauge = "crossfade_policy_last_reload_successful" [],
    /// When the policy was last reloaded successfully, in seconds since 1970.
    policy_time: Gauge = "crossfade_policy_last_reload_success_timestamp_seconds" [],
    /// The version that runs.
    build_info: IntGaugeVec = "crossfade_build_info" ["version"],
}

impl Metrics {
    /// Everything in Prometheus' text format, version 0.0.4.
    pub fn render(&self) -> String {
        let mut text = String::new();
        // Writing to a string fails only where metric families contradict each other, which registration refused.
        if let Err(error) = TextEncoder::new().encode_utf8(&self.registry.gather(), &mut text) {
            tracing::error!(%error, "metrics could not be rendered");
        }
        text
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

/// A kind of metric that the catalogue can declare.
trait Declared: Collector + Clone + Sized + 'static {
    fn build(name: &str, help: &str, labels: &[&str]) -> prometheus::Result<Self>;
}

macro_rules! declared {
    ($($type:ident),+) => {
        $(impl Declared for $type {
            fn build(name: &str, help: &str, labels: &[&str]) -> prometheus::Result<Self> {
                $type::new(Opts::new(name, help).into(), labels)
            }
        })+
    };
}

declared!(IntCounterVec, CounterVec, IntGaugeVec, GaugeVec);

impl Declared for HistogramVec {
    fn build(name: &str, help: &str, labels: &[&str]) -> prometheus::Result<Self> {
        let buckets = if name.ends_with(RATE) { PER_SECOND.to_vec() } else { SECONDS.to_vec() };
        HistogramVec::new(HistogramOpts::new(name, help).buckets(buckets), labels)
    }
}

macro_rules! declared_single {
    ($($type:ident),+) => {
        $(impl Declared for $type {
            fn build(name: &str, help: &str, _: &[&str]) -> prometheus::Result<Self> {
                $type::new(name, help)
            }
        })+
    };
}

declared_single!(IntCounter, IntGauge, Gauge);

fn declare<M: Declared>(registry: &Registry, name: &str, help: &str, labels: &[&str]) -> M {
    let metric = M::build(name, help.trim(), labels).expect("the catalogue's names and labels are valid");
    register(registry, metric.clone());
    metric
}

fn register(registry: &Registry, metric: impl Collector + 'static) {
    registry.register(Box::new(metric)).expect("the catalogue names each metric once");
}
