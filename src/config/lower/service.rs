//! Lowers the gateway's own side: addresses, secrets, record, feedback.

use std::net::IpAddr;
use std::net::Ipv4Addr;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::Path;
use std::path::PathBuf;
use std::time::Duration;

use http::HeaderName;

use crate::config::Listen;
use crate::config::diagnostic::Place;
use crate::config::diagnostic::Report;
use crate::config::field::At;
use crate::config::field::Field;
use crate::config::field::Many;
use crate::config::file;
use crate::config::lower::at_most_one;
use crate::config::lower::deliver;
use crate::config::lower::exactly_one;
use crate::config::lower::matcher::not_empty;
use crate::config::lower::tls;
use crate::config::scalar::Bytes;
use crate::config::scalar::Scalar;
use crate::config::schema;
use crate::delivery;
use crate::feedback;
use crate::protocol::is_credential;
use crate::record;
use crate::record::HeaderChoice;
use crate::record::RedactTarget;
use crate::record::Sought;
use crate::vocab::Secret;

/// The shortest key that signs tickets, in bytes.
const MIN_KEY_BYTES: usize = 16;
/// The longest file of a secret, in bytes.
const MAX_SECRET_BYTES: usize = 64 * 1024;
/// The most threads of the data plane.
const MAX_WORKERS: usize = 1024;
/// The most that is held of one body.
const MAX_BODY_BYTES: usize = 1024 * 1024 * 1024;
/// How long an answer's end waits for a strict record.
const DEFAULT_PATIENCE: Duration = Duration::from_secs(1);
/// A record holds a request and its answers: at most two in most experiments, and there is more to it than bodies.
const BODIES_A_RECORD: usize = 4;

pub(super) fn listen(raw: Field<schema::Listen>, report: &Report) -> Listen {
    let schema::Listen { data, admin, token, drain, workers, max_connections, tls } =
        raw.value().unwrap_or_default();
    let guarded = token.is_there();
    let (data, data_place) = address(data, 8080);
    let (admin, admin_place) = address(admin, 9090);
    if let Some(place) = &admin_place {
        needs_token(admin, guarded, place, report);
    }
    if let Some(place) = admin_place.or(data_place)
        && overlap(data, admin)
    {
        report.add(&place, format!("data ({data}) and admin ({admin}) cannot share an address"));
    }
    Listen {
        data,
        admin,
        token: token.given().and_then(|source| secret(source, report)),
        drain: drain.or(Duration::from_secs(30)),
        workers: workers.given().and_then(|workers| threads(workers, report)),
        max_connections: max_connections.scalar().map_or(10_000, u32::from),
        tls: tls.given().and_then(|raw| tls::listen(raw, report)),
    }
}

/// Reports an operators' address that others can reach and nothing guards.
pub(super) fn needs_token(address: SocketAddr, guarded: bool, place: &Place, report: &Report) {
    if !address.ip().is_loopback() && !guarded {
        let hint = "add `listen.token`, or listen on 127.0.0.1";
        report.add(place, format!("{address} is not loopback, so it needs a token; hint: {hint}"));
    }
}

fn threads(workers: At<Scalar<NonZeroUsize>>, report: &Report) -> Option<usize> {
    let At { place, value: Scalar(workers) } = workers;
    if workers.get() > MAX_WORKERS {
        let text = "threads are more than any machine has use for";
        report.add(&place, format!("{workers} {text}, expected at most {MAX_WORKERS}"));
    }
    Some(workers.get())
}

fn address(field: Field<Scalar<SocketAddr>>, default_port: u16) -> (SocketAddr, Option<Place>) {
    match field.given() {
        Some(At { place, value: Scalar(address) }) => (address, Some(place)),
        None => (SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), default_port), None),
    }
}

/// Port 0 asks the system for a free port, so it never collides.
fn overlap(a: SocketAddr, b: SocketAddr) -> bool {
    let same_host = a.ip() == b.ip() || a.ip().is_unspecified() || b.ip().is_unspecified();
    a.port() != 0 && a.port() == b.port() && same_host
}

/// Reads a secret from where the policy says it is.
pub(super) fn secret(source: At<schema::SecretSource>, report: &Report) -> Option<Secret> {
    let At { place, value: schema::SecretSource { from_env, from_file } } = source;
    exactly_one(&[("from_env", from_env.is_there()), ("from_file", from_file.is_there())], &place, report);
    let (place, read) = match (from_env, from_file) {
        (Field::Given(name), _) => (name.place, from_variable(&name.value.0)),
        (_, Field::Given(path)) => (path.place, from_file_at(&path.value.0)),
        _ => return None,
    };
    match read {
        Ok(bytes) => Some(Secret::new(bytes.trim_ascii())),
        Err(problem) => {
            report.add(&place, problem);
            None
        }
    }
}

fn from_variable(name: &str) -> Result<Vec<u8>, String> {
    let bytes = match std::env::var_os(name) {
        Some(value) => value.into_encoded_bytes(),
        None => return Err(format!("the environment variable `{name}` is not set")),
    };
    if bytes.trim_ascii().is_empty() {
        return Err(format!("the environment variable `{name}` is empty"));
    }
    Ok(bytes)
}

fn from_file_at(path: &str) -> Result<Vec<u8>, String> {
    let bytes = file::read(Path::new(path), MAX_SECRET_BYTES)
        .map_err(|error| format!("`{path}` cannot be read: {error}"))?;
    if bytes.len() > MAX_SECRET_BYTES {
        return Err(format!("`{path}` has more than {MAX_SECRET_BYTES} bytes, which is the most"));
    }
    if bytes.trim_ascii().is_empty() {
        return Err(format!("`{path}` is empty"));
    }
    Ok(bytes)
}

pub(super) fn record(
    raw: Field<schema::Record>,
    report: &Report,
) -> (record::Settings, Vec<delivery::Settings>) {
    let schema::Record {
        dir,
        body_cap,
        rotate,
        keep,
        sync_every,
        encrypt,
        strict,
        queue,
        headers,
        hash_key,
        redact,
        deliver,
    } = raw.value().unwrap_or_default();
    let rotate = rotate.value().unwrap_or_default();
    let keep = keep.value().unwrap_or_default();
    let queue = queue.value().unwrap_or_default();
    let default = record::Settings::default();
    let bounds = queue.bytes.place().or(body_cap.place()).cloned();
    let body_cap_bytes = body_cap_bytes(body_cap, default.body_cap_bytes, report);
    let queue_bytes = memory(queue.bytes, default.queue_bytes, report);
    if let Some(place) = bounds
        && body_cap_bytes <= MAX_BODY_BYTES
        && queue_bytes < BODIES_A_RECORD * body_cap_bytes
    {
        let hint = "let `queue.bytes` be at least four times `body_cap`";
        let text = format!("would never fit into the queue of {queue_bytes} bytes; hint: {hint}");
        report.add(&place, format!("a record of large bodies {text}"));
    }
    let deliveries = deliver::deliveries(deliver, report);
    let settings = record::Settings {
        dir: dir.given().and_then(|dir| not_empty(dir, report)).map_or(default.dir, PathBuf::from),
        body_cap_bytes,
        rotate: record::Rotation {
            bytes: rotate.bytes.scalar().map_or(default.rotate.bytes, |bytes| bytes.0),
            every: rotate.every.scalar().map_or(default.rotate.every, |every| every.0),
            pack: rotate.pack.scalar().unwrap_or(default.rotate.pack),
        },
        keep: record::Keep {
            bytes: keep.bytes.scalar().map(|bytes| bytes.0),
            age: keep.age.scalar().map(|age| age.0),
        },
        encrypt: encrypt.given().and_then(|source| record_key(source, report)),
        strict: strict.value().map(|schema::Strict { patience }| {
            patience.scalar().map_or(DEFAULT_PATIENCE, |patience| patience.0)
        }),
        sync_every: sync_every.scalar().map_or(default.sync_every, |every| every.0),
        queue_bytes,
        queue_records: queue.records.scalar().map_or(default.queue_records, usize::from),
        redact: redact.items().filter_map(|rule| redaction(rule, report)).collect(),
        headers: listed(headers, report),
        hash_key: hash_key.given().and_then(|source| key(source, report)),
    };
    (settings, deliveries)
}

/// The key of the files of records, which this process can read from now on.
fn record_key(source: At<schema::SecretSource>, report: &Report) -> Option<record::RecordKey> {
    let place = source.place.clone();
    match record::RecordKey::parse(secret(source, report)?.expose()) {
        Ok(key) => {
            key.remember();
            Some(key)
        }
        Err(problem) => {
            report.add(&place, format!("no key of 256 bits: {problem}"));
            None
        }
    }
}

/// The headers that are written beside those that always are.
fn listed(raw: Field<Many<Scalar<HeaderName>>>, report: &Report) -> HeaderChoice {
    let mut names = Vec::new();
    let mut all = false;
    for At { place, value: Scalar(name) } in raw.each() {
        if is_credential(&name) {
            report.add(
                &place,
                format!("`{name}` carries credentials and is never written; hint: leave it out"),
            );
        }
        match name.as_str() {
            "all" => all = true,
            _ => names.push(name),
        }
    }
    if all { HeaderChoice::All } else { HeaderChoice::Listed(names) }
}

fn body_cap_bytes(field: Field<Scalar<Bytes>>, default: usize, report: &Report) -> usize {
    let place = field.place().cloned();
    let bytes = memory(field, default, report);
    if let Some(place) = place.filter(|_| bytes > MAX_BODY_BYTES) {
        report
            .add(&place, format!("{bytes} bytes are more than a body may be held of, expected at most 1GiB"));
    }
    bytes
}

/// A size that must fit into the address space.
fn memory(field: Field<Scalar<Bytes>>, default: usize, report: &Report) -> usize {
    let Some(At { place, value: Scalar(Bytes(bytes)) }) = field.given() else { return default };
    usize::try_from(bytes).unwrap_or_else(|_| {
        report.add(&place, format!("{bytes} bytes are more than this machine can address"));
        default
    })
}

fn redaction(rule: At<schema::Redact>, report: &Report) -> Option<record::Redact> {
    let At { place, value: schema::Redact { header, query, json, pattern, regex, action } } = rule;
    let places = [("header", header.is_there()), ("query", query.is_there()), ("json", json.is_there())];
    let sought = [("pattern", pattern.is_there()), ("regex", regex.is_there())];
    at_most_one(&places, &place, report);
    at_most_one(&sought, &place, report);
    if !places.iter().chain(&sought).any(|(_, there)| *there) && !report.suggests("header", &place) {
        let hint = "say where by `header`, `query` or `json`, or what by `pattern` or `regex`";
        report.add(&place, format!("the rule speaks of everything there is; hint: {hint}"));
    }
    let action = action.required("action", &place, report);
    let target = match (header, query, json) {
        (Field::Given(name), ..) => RedactTarget::Header(name.value.0),
        (_, Field::Given(name), _) => RedactTarget::Query(not_empty(name, report)?),
        (_, _, Field::Given(path)) => RedactTarget::Json(path.value.0),
        (Field::Absent, Field::Absent, Field::Absent) => RedactTarget::Everywhere,
        _ => return None,
    };
    let sought = match (pattern, regex) {
        (Field::Given(pattern), _) => Sought::Pattern(pattern.value.0),
        (_, Field::Given(regex)) => Sought::Regex(regex.value.0),
        (Field::Absent, Field::Absent) => Sought::All,
        _ => return None,
    };
    Some(record::Redact { target, sought, action: action?.value.0 })
}

pub(super) fn feedback(raw: Field<schema::Feedback>, report: &Report) -> feedback::Settings {
    let schema::Feedback { path, tickets, remember } = raw.value().unwrap_or_default();
    let default = feedback::Settings::default();
    feedback::Settings {
        path: path.scalar().map(|path| path.0),
        ticket_key: tickets.given().and_then(|tickets| ticket_key(tickets, report)),
        remember: remember.scalar().map_or(default.remember, usize::from),
        ..default
    }
}

fn ticket_key(tickets: At<schema::Tickets>, report: &Report) -> Option<Secret> {
    let At { place, value: schema::Tickets { key } } = tickets;
    self::key(key.required("key", &place, report)?, report)
}

/// Reads a key that signs.
pub(super) fn key(source: At<schema::SecretSource>, report: &Report) -> Option<Secret> {
    let place = source.place.clone();
    let key = secret(source, report)?;
    let length = key.expose().len();
    if length < MIN_KEY_BYTES {
        let hint = "make one with `openssl rand -hex 32`";
        report.add(
            &place,
            format!("the key has {length} bytes, expected at least {MIN_KEY_BYTES}; hint: {hint}"),
        );
    }
    Some(key)
}
