//! A model in the policy file.

use std::num::NonZeroU32;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::config::field::Field;
use crate::config::field::Many;
use crate::config::scalar::Currency;
use crate::config::scalar::Positive;
use crate::config::scalar::Scalar;
use crate::cost::Money;
use crate::protocol::Protocol;
use crate::upstream::Endpoint;
use crate::upstream::HostHeader;

/// A model: where it is, what it speaks, what it may take and what it costs.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Model {
    /// Its URL, or a list of them: a request goes to the less loaded of two random ones. A path is put before the
    /// request's own.
    pub(crate) url: Field<Many<Scalar<Endpoint>>>,
    /// What its bodies mean, which tells the tokens it used. Default: http, which means nothing is known.
    #[serde(default)]
    pub(crate) protocol: Field<Scalar<Protocol>>,
    /// Its deadlines.
    #[serde(default)]
    pub(crate) timeout: Field<Timeouts>,
    /// Calls in flight at one moment, over all URLs; beyond it a copy is dropped and a user is answered 503.
    /// Default: 1024.
    #[serde(default)]
    pub(crate) max_in_flight: Field<Scalar<NonZeroU32>>,
    /// Leaves a URL alone whose calls fail, so that users need not wait for each to fail: they are answered by
    /// `fallback`, or 503. Absent: every call is tried. Copies are held back from a failing model always.
    #[serde(default)]
    pub(crate) breaker: Field<Breaker>,
    /// The host header it sees: the client's (original) or the URL's (upstream). Default: original.
    #[serde(default)]
    pub(crate) host: Field<Scalar<HostHeader>>,
    /// What it charges. Absent: no cost is reported.
    #[serde(default)]
    pub(crate) cost: Field<Cost>,
}

/// A model's deadlines.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Timeouts {
    /// To make a connection. Default: 1s.
    #[serde(default)]
    pub(crate) connect: Field<Scalar<Positive>>,
    /// From sending the request to the head of the answer. Default: 30s.
    #[serde(default)]
    pub(crate) first_byte: Field<Scalar<Positive>>,
    /// Between two pieces of the answer's body. Default: 30s.
    #[serde(default)]
    pub(crate) idle: Field<Scalar<Positive>>,
    /// From sending the request to the last byte of the answer. Default: 10m.
    #[serde(default)]
    pub(crate) total: Field<Scalar<Positive>>,
}

/// When a URL is left alone, and when it is tried again.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Breaker {
    /// Calls in a row that must fail: no connection, a reset, a timeout. A status is an answer. Default: 10.
    #[serde(default)]
    pub(crate) failures: Field<Scalar<NonZeroU32>>,
    /// The longest pause between two calls that try whether it is well again; the first pause is 250ms, and each is
    /// twice the one before. Default: 4s.
    #[serde(default)]
    pub(crate) pause: Field<Scalar<Positive>>,
}

/// What a model charges; each part that is absent costs nothing. Amounts have at most 12 digits after the point.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Cost {
    /// The currency's ISO 4217 code. Default: USD.
    #[serde(default)]
    pub(crate) currency: Field<Scalar<Currency>>,
    /// For each call that reached the model.
    #[serde(default)]
    pub(crate) per_request: Field<Scalar<Money>>,
    /// For each second of a call: the price of a machine of one's own.
    #[serde(default)]
    pub(crate) per_second: Field<Scalar<Money>>,
    /// For each million input tokens that no cache gave.
    #[serde(default)]
    pub(crate) per_million_input_tokens: Field<Scalar<Money>>,
    /// For each million input tokens that a cache gave.
    #[serde(default)]
    pub(crate) per_million_cached_input_tokens: Field<Scalar<Money>>,
    /// For each million output tokens.
    #[serde(default)]
    pub(crate) per_million_output_tokens: Field<Scalar<Money>>,
}
