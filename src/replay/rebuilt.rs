//! From a record back to what it was made of: the request as it may be sent, and the answer that was given.

use std::collections::BTreeMap;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::HeaderMap;
use http::HeaderName;
use http::HeaderValue;
use http::Method;
use http::StatusCode;
use http::Uri;
use http::header;

use crate::dataset::is_made;
use crate::policy::Model;
use crate::protocol::Edit;
use crate::protocol::Rewriter;
use crate::protocol::grpc;
use crate::protocol::is_credential;
use crate::record::Body;
use crate::record::Captured;
use crate::record::HeaderRecord;
use crate::record::Observation;
use crate::record::ObservationRecord;
use crate::record::PairedRecord;
use crate::vocab::ArmId;
use crate::vocab::ModelId;
use crate::vocab::Role;

/// What stands in records for a value that was masked.
const MASK: &str = "\"***\"";

/// A request as it may be sent.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    pub(super) method: Method,
    pub(super) uri: Uri,
    /// Without those that belonged to the old connection, and those that redaction made.
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

impl Asked {
    /// The request as this model is to get it, with headers that come from elsewhere.
    pub(super) fn fitted(
        &self,
        model: &Model,
        suppresses_tools: bool,
        extra: &[(HeaderName, HeaderValue)],
    ) -> Self {
        let mut fitted = self.clone();
        extra.iter().for_each(|(name, value)| drop(fitted.headers.insert(name, value.clone())));
        model.rewrite_head(&mut fitted.uri, &mut fitted.headers);
        let edit = model.edit(suppresses_tools);
        if edit != Edit::default() {
            fitted.body = Rewriter::whole(edit, &self.body).0.into();
        }
        fitted
    }
}

/// Rebuilds the request of a record of which nothing is hidden; headers that redaction made are counted. `None`: it cannot
/// be read as a request.
pub(super) fn asked(record: &PairedRecord, left_out: &mut BTreeMap<String, u64>) -> Option<Asked> {
    let request = &record.request;
    let target = match &request.query {
        Some(query) => format!("{}?{query}", request.path),
        None => request.path.clone(),
    };
    let mut headers = headers(&request.headers);
    let names: Vec<HeaderName> = headers.keys().cloned().collect();
    for name in names {
        let is_redacted = |value: &HeaderValue| value.to_str().map_or(true, is_made);
        if headers.get_all(&name).iter().any(is_redacted) {
            *left_out.entry(name.to_string()).or_default() += 1;
            headers.remove(&name);
        } else if is_of_connection(&name) || is_credential(&name) {
            headers.remove(&name);
        }
    }
    Some(Asked {
        method: request.method.parse().ok()?,
        uri: target.parse().ok()?,
        headers,
        body: request.body.as_ref().map_or_else(|| Some(Bytes::new()), content)?,
    })
}

/// The answer that was given, as legacy's; `None`: there is none on record. With it whether redaction changed it, so that
/// nothing can be compared with it.
pub(super) fn answered(record: &PairedRecord, model: ModelId) -> Option<(Observation, bool)> {
    let legacy = record.arms.first()?;
    let is_own = |seen: &&ObservationRecord| seen.arm == *legacy && seen.role != Role::Control;
    let seen = record.observations.iter().find(is_own)?;
    let mut headers = headers(&seen.headers);
    // Bodies are on record as they are without it.
    headers.remove(header::CONTENT_ENCODING);
    let is_changed = seen.redacted || seen.body.as_ref().is_some_and(is_hidden);
    let mut body =
        Captured { total_bytes: seen.bytes, truncated: seen.truncated || is_changed, ..Captured::default() };
    if let Some(bytes) = seen.body.as_ref().filter(|_| !is_changed).and_then(content) {
        body.frames.push(bytes);
    }
    let millis = |milliseconds: f64| Duration::from_secs_f64(milliseconds.max(0.0) / 1000.0);
    let observation = Observation {
        arm: ArmId::LEGACY,
        model,
        role: Role::Answer,
        fate: seen.fate,
        status: seen.status.and_then(|status| StatusCode::from_u16(status).ok()),
        grpc_status: seen.grpc_status.map(grpc::Status),
        headers,
        body,
        skew: millis(seen.skew_ms),
        head: seen.head_ms.map(millis),
        first_byte: seen.first_byte_ms.map(millis),
        last_byte: None,
        total: millis(seen.total_ms),
        chunks: seen.chunks,
        longest_gap: millis(seen.longest_gap_ms),
    };
    Some((observation, is_changed))
}

fn is_hidden(body: &Body) -> bool {
    match body {
        Body::Withheld(_) => true,
        Body::Json(raw) => raw.get().contains(MASK),
        Body::Text(_) | Body::Base64(_) => false,
    }
}

/// The bytes of a body; `None`: they are not on record.
fn content(body: &Body) -> Option<Bytes> {
    Some(match body {
        Body::Json(raw) => Bytes::copy_from_slice(raw.get().as_bytes()),
        Body::Text(text) => Bytes::copy_from_slice(text.as_bytes()),
        Body::Base64(text) => STANDARD.decode(text).ok()?.into(),
        Body::Withheld(_) => return None,
    })
}

fn headers(recorded: &HeaderRecord) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let recorded = serde_json::to_value(recorded).unwrap_or_default();
    for (name, values) in recorded.as_object().into_iter().flatten() {
        for value in values.as_array().into_iter().flatten().filter_map(|value| value.as_str()) {
            if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::from_str(value)) {
                headers.append(name, value);
            }
        }
    }
    headers
}

/// Fields that say how a message passed over its connection, not what it says.
fn is_of_connection(name: &HeaderName) -> bool {
    const NAMES: [&str; 14] = [
        "connection",
        "content-encoding",
        "content-length",
        "expect",
        "forwarded",
        "host",
        "http2-settings",
        "keep-alive",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "via",
    ];
    NAMES.contains(&name.as_str()) || name.as_str().starts_with("x-forwarded-")
}
