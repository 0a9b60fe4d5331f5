//! A model in the policy file.

use std::num::NonZeroU32;

use rustls::pki_types::ServerName;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::config::field::Entries;
use crate::config::field::Field;
use crate::config::field::Many;
use crate::config::scalar::Currency;
use crate::config::scalar::Positive;
use crate::config::scalar::Scalar;
use crate::config::scalar::UrlPath;
use crate::config::schema::SecretSource;
use crate::cost::Money;
use crate::policy::Credentials;
use crate::protocol::Protocol;
use crate::upstream::Endpoint;
use crate::upstream::HostHeader;
use crate::upstream::HttpVersion;

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
    /// Which HTTP it is spoken to in: 1 (HTTP/1.1), 2, or auto: over TLS what it chooses, else 1, and 2 for gRPC.
    /// Default: auto.
    #[serde(default)]
    pub(crate) http_version: Field<Scalar<HttpVersion>>,
    /// How it is reached over TLS, where its URL is https. Absent: the system's certificate authorities decide.
    #[serde(default)]
    pub(crate) tls: Field<Tls>,
    /// Whether it gets the users' credentials (authorization, cookies, API keys). Default: pass them to legacy, to the
    /// default model, and to a candidate all of whose URLs are on legacy's hosts; strip them from other candidates.
    #[serde(default)]
    pub(crate) credentials: Field<Scalar<Credentials>>,
    /// What its requests are changed to, so that another vendor's model can stand behind the same route. Absent: they
    /// pass as they come.
    #[serde(default)]
    pub(crate) rewrite: Field<Rewrite>,
    /// What it charges. Absent: no cost is reported.
    #[serde(default)]
    pub(crate) cost: Field<Cost>,
}

/// What requests to one model are changed to, users' and copies alike.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rewrite {
    /// What the vendor calls the model: written into `model` of JSON bodies (openai, anthropic), or into the path
    /// (kserve-v2). Default: what the client says.
    #[serde(default)]
    pub(crate) model: Field<Scalar<String>>,
    /// The path that its requests go to, in place of their own; the query stays. Default: the client's path.
    #[serde(default)]
    pub(crate) path: Field<Scalar<UrlPath>>,
    /// Headers that are set, in place of the client's.
    #[serde(default)]
    pub(crate) headers: Field<Entries<Scalar<String>>>,
    /// Headers whose values are secret.
    #[serde(default)]
    pub(crate) secrets: Field<Entries<SecretSource>>,
    /// The vendor's API key, sent as the protocol wants it: `x-api-key` for anthropic, else `authorization: Bearer`. No
    /// user's credentials are sent then.
    #[serde(default)]
    pub(crate) api_key: Field<SecretSource>,
    /// Asks streams for their usage (`stream_options.include_usage`, protocol openai), and takes it out again for clients
    /// who did not ask. Default: false, and usage that is not told is estimated.
    #[serde(default)]
    pub(crate) include_usage: Field<Scalar<bool>>,
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

/// How a model is reached over TLS. Changed files are taken up within seconds.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Tls {
    /// The PEM file of the certificate authorities that it is verified against. Default: the system's.
    #[serde(default)]
    pub(crate) ca_file: Field<Scalar<String>>,
    /// The PEM file of the gateway's own certificate, with those between it and its authority. Default: none.
    #[serde(default)]
    pub(crate) cert_file: Field<Scalar<String>>,
    /// The PEM file of that certificate's private key.
    #[serde(default)]
    pub(crate) key_file: Field<Scalar<String>>,
    /// The name that the model's certificate must bear. Default: the URL's host.
    #[serde(default)]
    pub(crate) server_name: Field<Scalar<ServerName<'static>>>,
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
    /// For each million of these input tokens that were written to a cache. Default: `per_million_input_tokens`.
    #[serde(default)]
    pub(crate) per_million_cache_write_input_tokens: Field<Scalar<Money>>,
    /// For each million output tokens.
    #[serde(default)]
    pub(crate) per_million_output_tokens: Field<Scalar<Money>>,
    /// For each million of these output tokens that were reasoning. Default: `per_million_output_tokens`.
    #[serde(default)]
    pub(crate) per_million_reasoning_tokens: Field<Scalar<Money>>,
}
