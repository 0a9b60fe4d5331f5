//! Where the gateways of a fleet are, what they know, and how they are told.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::Method;
use http::Request;
use http::header::AUTHORIZATION;
use http::header::CONTENT_TYPE;
use http::uri::Scheme;
use serde::Deserialize;
use tokio::task::JoinSet;

use crate::analysis::Analysis;
use crate::outbound::Target;
use crate::rollout::ControllerSettings;
use crate::rollout::Replicas;
use crate::rollout::State;
use crate::tls::ClientFiles;
use crate::tls::Live;
use crate::upstream::Endpoint;
use crate::vocab::Secret;

/// How long one gateway, or Prometheus, may take to answer.
const TIMEOUT: Duration = Duration::from_secs(2);
/// The most that is read of one gateway's figures.
const MAX_EVIDENCE_BYTES: usize = 64 * 1024 * 1024;
/// The most that is read of any other answer.
const MAX_ANSWER_BYTES: usize = 4 * 1024 * 1024;

/// What went wrong with whom at the last look; only what is new is worth a line in the log.
#[derive(Debug, Default)]
struct Complaints(Vec<String>);

/// The gateways of a fleet.
#[derive(Debug)]
pub(super) struct Fleet {
    replicas: Vec<Replicas>,
    tls: Option<Arc<Live<ClientFiles>>>,
    token: Option<Secret>,
    /// Whom each revision was told, and who are there to be told.
    told: HashMap<String, u64>,
    present: Vec<Endpoint>,
    unheard: Complaints,
    untold: Complaints,
}

impl Fleet {
    pub(super) fn new(settings: &ControllerSettings, token: Option<Secret>) -> Self {
        let (replicas, tls) = (settings.replicas.clone(), settings.tls.clone());
        Self {
            replicas,
            tls,
            token,
            told: HashMap::new(),
            present: Vec::new(),
            unheard: Complaints::default(),
            untold: Complaints::default(),
        }
    }

    /// Where they are at present. Where that cannot be told, they are taken to be where they were.
    pub(super) async fn find(&mut self) -> Result<Vec<Endpoint>, String> {
        let mut found: Vec<Endpoint> = Vec::new();
        for way in &self.replicas {
            let more = match way {
                Replicas::Url(url) => vec![url.clone()],
                Replicas::Dns(name) => addresses(name).await?,
                Replicas::Prometheus { url, query } => self.instances(url, query).await?,
            };
            found.extend(more);
        }
        found.sort_by(|a, b| a.authority.as_str().cmp(b.authority.as_str()));
        found.dedup_by(|a, b| a.authority == b.authority);
        self.present.clone_from(&found);
        self.told.retain(|authority, _| found.iter().any(|url| url.authority.as_str() == authority));
        Ok(found)
    }

    /// What each of them knows; whoever does not answer is left out and warned of.
    pub(super) async fn gather(&mut self) -> Vec<(String, Analysis)> {
        let mut asking = JoinSet::new();
        for url in &self.present {
            let (target, request) =
                (self.target(url), self.request(Method::GET, "/api/v1/evidence", Bytes::new()));
            asking.spawn(async move {
                let answer = target.call(request, TIMEOUT, MAX_EVIDENCE_BYTES).await;
                let answer = answer.map_err(|error| error.to_string())?;
                if !answer.status().is_success() {
                    return Err(format!("{} answered {}", target.authority(), answer.status()));
                }
                let analysis = Analysis::from_json(answer.body());
                let analysis = analysis.map_err(|problem| {
                    format!("{} sent figures that make no sense: {problem}", target.authority())
                })?;
                Ok((target.authority(), analysis))
            });
        }
        let (mut gathered, mut problems) = (Vec::new(), Vec::new());
        while let Some(joined) = asking.join_next().await {
            match joined.unwrap_or_else(|error| Err(error.to_string())) {
                Ok(known) => gathered.push(known),
                Err(problem) => problems.push(problem),
            }
        }
        self.unheard.hear(problems, "a gateway's figures are missing");
        gathered
    }

    /// Tells everybody who has not heard of it where experiments stand.
    pub(super) async fn tell(&mut self, state: &State) {
        let body = Bytes::from(state.in_short().to_json());
        let mut telling = JoinSet::new();
        for url in &self.present {
            let authority = url.authority.to_string();
            if self.told.get(&authority).is_some_and(|told| *told >= state.revision) {
                continue;
            }
            let (target, request) =
                (self.target(url), self.request(Method::PUT, "/api/v1/rollout", body.clone()));
            telling.spawn(async move {
                let answer = target.call(request, TIMEOUT, MAX_ANSWER_BYTES).await;
                let answer = answer.map_err(|error| error.to_string())?;
                match answer.status().is_success() {
                    true => Ok(authority),
                    false => Err(format!("{authority} answered {}", answer.status())),
                }
            });
        }
        let mut problems = Vec::new();
        while let Some(joined) = telling.join_next().await {
            match joined.unwrap_or_else(|error| Err(error.to_string())) {
                Ok(authority) => _ = self.told.insert(authority, state.revision),
                Err(problem) => problems.push(problem),
            }
        }
        self.untold.hear(problems, "a gateway is not told; its file tells it later");
    }

    async fn instances(&self, url: &Endpoint, query: &str) -> Result<Vec<Endpoint>, String> {
        let path = format!("/api/v1/query?query={}", encoded(query));
        let request = Request::get(path).body(Bytes::new()).map_err(|error| error.to_string())?;
        let answer = self.target(url).call(request, TIMEOUT, MAX_ANSWER_BYTES).await;
        let answer = answer.map_err(|error| error.to_string())?;
        if !answer.status().is_success() {
            return Err(format!("Prometheus answered {}", answer.status()));
        }
        let answer: Answer = serde_json::from_slice(answer.body())
            .map_err(|error| format!("Prometheus' answer makes no sense: {error}"))?;
        let mut found: Vec<String> =
            answer.data.result.into_iter().map(|series| series.metric.instance).collect();
        found.sort();
        found.dedup();
        let endpoint = |instance: String| self.endpoint(&instance);
        found.into_iter().map(endpoint).collect()
    }

    /// An instance as Prometheus names it: a host and a port.
    fn endpoint(&self, instance: &str) -> Result<Endpoint, String> {
        let scheme = if self.tls.is_some() { Scheme::HTTPS } else { Scheme::HTTP };
        let authority = instance.parse().map_err(|_| format!("the instance `{instance}` is no address"))?;
        Ok(Endpoint { scheme, authority, base_path: String::new() })
    }

    fn target(&self, url: &Endpoint) -> Target {
        let tls = self.tls.clone().filter(|_| url.scheme == Scheme::HTTPS);
        Target { url: url.clone(), tls }
    }

    fn request(&self, method: Method, path: &'static str, body: Bytes) -> Request<Bytes> {
        let mut request = Request::new(body);
        *request.method_mut() = method;
        *request.uri_mut() = http::Uri::from_static(path);
        let headers = request.headers_mut();
        headers.insert(CONTENT_TYPE, http::HeaderValue::from_static("application/json"));
        let bearer = self.token.as_ref().map(|token| [b"Bearer ", token.expose()].concat());
        if let Some(mut bearer) = bearer.and_then(|bearer| http::HeaderValue::from_bytes(&bearer).ok()) {
            bearer.set_sensitive(true);
            headers.insert(AUTHORIZATION, bearer);
        }
        request
    }
}

impl Complaints {
    /// Warns of what was not complained of at the last look.
    fn hear(&mut self, problems: Vec<String>, message: &str) {
        for problem in problems.iter().filter(|problem| !self.0.contains(problem)) {
            tracing::warn!(problem, "{message}");
        }
        self.0 = problems;
    }
}

/// Every address of a name with a port.
async fn addresses(name: &str) -> Result<Vec<Endpoint>, String> {
    let found = tokio::net::lookup_host(name).await.map_err(|error| format!("`{name}`: {error}"))?;
    let mut found: Vec<String> = found.map(|address| address.to_string()).collect();
    found.sort();
    found.dedup();
    let endpoint = |address: String| {
        let authority = address.parse().map_err(|_| format!("`{address}` is no address"))?;
        Ok(Endpoint { scheme: Scheme::HTTP, authority, base_path: String::new() })
    };
    found.into_iter().map(endpoint).collect()
}

/// A query as it stands in a URL.
fn encoded(query: &str) -> String {
    let byte = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => char::from(byte).to_string(),
        other => format!("%{other:02X}"),
    };
    query.bytes().map(byte).collect()
}

/// Prometheus' answer to an instant query.
#[derive(Debug, Deserialize)]
struct Answer {
    data: Data,
}

#[derive(Debug, Deserialize)]
struct Data {
    result: Vec<Series>,
}

#[derive(Debug, Deserialize)]
struct Series {
    metric: Labels,
}

#[derive(Debug, Deserialize)]
struct Labels {
    instance: String,
}
