//! How a model is reached: its endpoints, deadlines and limits, as `config` lowers them.

use std::sync::Arc;
use std::time::Duration;

use http::uri::Authority;
use http::uri::Scheme;

use crate::tls::ClientFiles;
use crate::tls::Live;
use crate::upstream::BreakerSettings;

/// How one model is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The endpoints; never empty. A request goes to the less loaded of two random ones.
    pub endpoints: Vec<Endpoint>,
    /// Its deadlines.
    pub timeouts: Timeouts,
    /// Calls in flight at one moment, from this gateway, over all endpoints.
    pub max_in_flight: u32,
    /// Which `host` header it sees.
    pub host: HostHeader,
    /// Which version of HTTP it is spoken to in.
    pub http: HttpVersion,
    /// How it is reached over TLS; there when the scheme of an endpoint is `https`.
    pub tls: Option<Arc<Live<ClientFiles>>>,
    /// When users' calls leave an endpoint alone; `None`: never. Copies have a breaker always.
    pub breaker: Option<BreakerSettings>,
}

/// One address of a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// `http` or `https`.
    pub scheme: Scheme,
    /// Host and port; a port that the URL leaves out is the scheme's.
    pub authority: Authority,
    /// What is put before the request's path, without a trailing slash; mostly empty.
    pub base_path: String,
}

/// A model's deadlines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// To make a connection.
    pub connect: Duration,
    /// From the sending of the request to the answer's head.
    pub first_byte: Duration,
    /// Between two pieces of the answer's body.
    pub idle: Duration,
    /// From the sending of the request to the answer's last byte.
    pub total: Duration,
}

/// Which `host` header a model sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HostHeader {
    /// The one that the client sent.
    Original,
    /// The endpoint's own authority.
    Upstream,
}

/// Which version of HTTP a model is spoken to in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HttpVersion {
    /// Over TLS what the model chooses; without, HTTP/1.1, and HTTP/2 for gRPC, which is nothing else.
    Auto,
    /// HTTP/1.1 always.
    One,
    /// HTTP/2 always, without asking where there is no TLS.
    Two,
}

impl Endpoint {
    /// The host as systems name it: an address of IP version 6 without its brackets.
    pub fn host(&self) -> &str {
        self.authority.host().trim_start_matches('[').trim_end_matches(']')
    }

    /// The port.
    pub fn port(&self) -> u16 {
        let default = if self.scheme == Scheme::HTTPS { 443 } else { 80 };
        self.authority.port_u16().unwrap_or(default)
    }
}

impl Default for Timeouts {
    /// One second to connect, thirty to the head, thirty between pieces, ten minutes in all: what the common
    /// model clients allow in all, and an LLM's first token at its slowest.
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self { connect: seconds(1), first_byte: seconds(30), idle: seconds(30), total: seconds(600) }
    }
}
