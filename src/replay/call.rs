//! One call to a target, over the gateway's own client, and what was seen of it.

use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use http::HeaderName;
use http::HeaderValue;
use http::Request;
use http::Uri;
use http::Version;
use http::header;
use http_body_util::Full;
use tokio::time::Instant;

use crate::protocol::grpc;
use crate::record::Captured;
use crate::record::Observation;
use crate::replay::rebuilt::Asked;
use crate::upstream::Answer;
use crate::upstream::CallError;
use crate::upstream::Client;
use crate::upstream::Deadlines;
use crate::upstream::HostHeader;
use crate::upstream::Permit;
use crate::upstream::Repeat;
use crate::vocab::ArmId;
use crate::vocab::Fate;
use crate::vocab::ModelId;
use crate::vocab::Role;

/// Tells a model that no user waits, as on every copy.
const CROSSFADE_SHADOW: HeaderName = HeaderName::from_static("crossfade-shadow");

impl Repeat for Full<Bytes> {
    fn repeat(&self) -> Option<Self> {
        Some(self.clone())
    }
}

/// Sends a request and reads the answer whole; `Err`: no connection came about, so that nothing is known of the model.
pub(super) async fn call(
    client: &Client<Full<Bytes>>,
    permit: Permit,
    asked: Asked,
    model: ModelId,
    body_cap_bytes: usize,
) -> Result<Observation, CallError> {
    let deadlines = Deadlines::from_now(&permit.model().settings.timeouts);
    let request = Box::new(addressed(asked, &permit));
    let begun = Instant::now();
    let mut seen = Observation {
        arm: ArmId(1),
        model,
        role: Role::Shadow,
        fate: Fate::Complete,
        status: None,
        grpc_status: None,
        headers: HeaderMap::new(),
        body: Captured::default(),
        skew: Duration::ZERO,
        head: None,
        first_byte: None,
        last_byte: None,
        total: Duration::ZERO,
        chunks: 0,
        longest_gap: Duration::ZERO,
    };
    match client.call(permit, request, deadlines).await {
        Ok(answer) => read(*answer, &mut seen, begun, body_cap_bytes).await,
        Err(error @ CallError::Connect { .. }) => return Err(error),
        Err(error) => seen.fate = error.fate(),
    }
    seen.total = begun.elapsed();
    Ok(seen)
}

async fn read(answer: Answer<Full<Bytes>>, seen: &mut Observation, begun: Instant, body_cap_bytes: usize) {
    let Answer { head, mut body } = answer;
    seen.head = Some(begun.elapsed());
    seen.status = Some(head.status);
    seen.grpc_status = (head.version == Version::HTTP_2).then(|| grpc::Status::of(&head.headers)).flatten();
    seen.headers = head.headers;
    let mut last: Option<Instant> = None;
    while let Some(frame) = body.frame().await {
        let frame = match frame {
            Ok(frame) => frame,
            Err(fate) => return seen.fate = fate,
        };
        if let Some(trailers) = frame.trailers_ref() {
            seen.grpc_status = grpc::Status::of(trailers).or(seen.grpc_status);
        }
        let Some(bytes) = frame.data_ref().filter(|bytes| !bytes.is_empty()) else { continue };
        let now = Instant::now();
        seen.first_byte.get_or_insert(now - begun);
        seen.last_byte = Some(now - begun);
        if let Some(last) = last.replace(now) {
            seen.longest_gap = seen.longest_gap.max(now - last);
        }
        seen.chunks = seen.chunks.saturating_add(1);
        seen.body.push(bytes, body_cap_bytes);
    }
}

/// A request as the target is to see it.
fn addressed(asked: Asked, permit: &Permit) -> Request<Full<Bytes>> {
    let Asked { method, uri, headers, body } = asked;
    let endpoint = permit.endpoint();
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let mut request = Request::new(Full::new(body.clone()));
    *request.method_mut() = method;
    *request.uri_mut() = Uri::try_from(format!("{}{path}", endpoint.base_path)).unwrap_or(uri.clone());
    let is_grpc = grpc::is_grpc(&headers);
    *request.version_mut() = if is_grpc { Version::HTTP_2 } else { Version::HTTP_11 };
    *request.headers_mut() = headers;
    let fields = request.headers_mut();
    fields.insert(CROSSFADE_SHADOW, HeaderValue::from_static("1"));
    if !body.is_empty() {
        fields.insert(header::CONTENT_LENGTH, HeaderValue::from(body.len()));
    }
    if is_grpc {
        fields.insert(header::TE, HeaderValue::from_static("trailers"));
    }
    let named = permit.model().settings.host == HostHeader::Original && fields.contains_key(header::HOST);
    if let (false, Ok(host)) = (named, HeaderValue::from_str(endpoint.authority.as_str())) {
        fields.insert(header::HOST, host);
    }
    request
}
