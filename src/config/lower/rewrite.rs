//! Lowers what a model's requests are changed to.

use http::HeaderName;
use http::HeaderValue;
use http::header;
use http::uri::PathAndQuery;

use crate::config::diagnostic::Report;
use crate::config::field::At;
use crate::config::field::Field;
use crate::config::lower::matcher::not_empty;
use crate::config::lower::service;
use crate::config::scalar::Scalar;
use crate::config::schema;
use crate::policy::Rewrite;
use crate::protocol::Protocol;
use crate::vocab::Secret;

const X_API_KEY: HeaderName = HeaderName::from_static("x-api-key");

/// Fields that say how a message is framed or routed: the gateway sets them itself.
const OWN: [&str; 12] = [
    "connection",
    "content-encoding",
    "content-length",
    "crossfade-shadow",
    "expect",
    "host",
    "keep-alive",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "via",
];

/// What requests are changed to, and whether an API key takes the place of the users' credentials.
pub(super) fn rewrite(raw: At<schema::Rewrite>, protocol: Protocol, report: &Report) -> (Rewrite, bool) {
    let At { value: schema::Rewrite { model, path, headers, secrets, api_key, include_usage }, .. } = raw;
    let mut set = Vec::new();
    for (key, text) in headers.entries() {
        let name = settable(&key, report);
        let value = HeaderValue::from_str(&text.value.0)
            .map_err(|_| report.add(&text.place, "no value of a header: expected printable characters"));
        set.extend(name.zip(value.ok()));
    }
    for (key, source) in secrets.entries() {
        let name = settable(&key, report);
        set.extend(name.zip(secret_value("", source, report)));
    }
    let has_key = api_key.is_there();
    if let Some(source) = api_key.given() {
        let (name, before) = match protocol {
            Protocol::Anthropic => (X_API_KEY, ""),
            Protocol::Http | Protocol::KserveV2 | Protocol::OpenAi => (header::AUTHORIZATION, "Bearer "),
        };
        set.extend(secret_value(before, source, report).map(|value| (name, value)));
    }
    if let Field::Given(At { place, value: Scalar(true) }) = &include_usage
        && protocol != Protocol::OpenAi
    {
        report.add(place, "only streams of `protocol: openai` are asked for their usage; hint: remove it");
    }
    if let (Field::Given(At { place, .. }), Protocol::Http) = (&model, protocol) {
        let hint = "add `protocol: openai`, `anthropic` or `kserve-v2`";
        report.add(place, format!("where the model's name stands depends on its protocol; hint: {hint}"));
    }
    let rewrite = Rewrite {
        model: model.given().and_then(|model| not_empty(model, report)),
        path: path.scalar().and_then(|path| PathAndQuery::try_from(path.0).ok()),
        headers: set,
        include_usage: include_usage.or(false),
    };
    (rewrite, has_key)
}

fn settable(key: &At<String>, report: &Report) -> Option<HeaderName> {
    let Ok(name) = HeaderName::from_bytes(key.value.as_bytes()) else {
        report.add(&key.place, format!("`{}` is not a header name", key.value));
        return None;
    };
    if OWN.contains(&name.as_str()) {
        let hint = "see `host`, `http_version` and `url` of the model for how it is reached";
        report.add(&key.place, format!("`{name}` is the gateway's own to set; hint: {hint}"));
        return None;
    }
    Some(name)
}

fn secret_value(before: &str, source: At<schema::SecretSource>, report: &Report) -> Option<HeaderValue> {
    let place = source.place.clone();
    let secret: Secret = service::secret(source, report)?;
    let Ok(mut value) = HeaderValue::from_bytes(&[before.as_bytes(), secret.expose()].concat()) else {
        report.add(
            &place,
            "this secret cannot stand in a header: it holds a line break or another control character",
        );
        return None;
    };
    value.set_sensitive(true);
    Some(value)
}
