//! Carries records into a table of ClickHouse, over its HTTP interface.
//!
//! Rows are the columns of [`crate::columns`]. A portion that is sent again carries the same token where it holds the same
//! lines, which ClickHouse drops where it keeps such tokens; whatever else comes twice, the table's engine merges by `id`.

use std::fmt::Write as _;
use std::io::Write as _;
use std::time::Duration;

use bytes::Bytes;
use http::HeaderName;
use http::HeaderValue;
use http::Method;
use http::Request;
use http::Response;
use http::StatusCode;
use http::header::CONTENT_ENCODING;
use zstd::stream::write::Encoder;

use crate::delivery::ClickHouse;
use crate::delivery::failure::Failure;
use crate::delivery::stretch::Stretch;
use crate::delivery::target::Carried;
use crate::delivery::target::Carrying;
use crate::delivery::target::Target;
use crate::delivery::target::blocking;

/// How long one portion may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// The longest answer: a successful one is empty.
const MOST_ANSWER_BYTES: usize = 64 * 1024;

const USER: HeaderName = HeaderName::from_static("x-clickhouse-user");
const KEY: HeaderName = HeaderName::from_static("x-clickhouse-key");
const EXCEPTION: HeaderName = HeaderName::from_static("x-clickhouse-exception-code");

/// A table.
pub(super) struct Table {
    settings: ClickHouse,
}

/// Rows as they are sent.
struct Rows {
    /// The first and the last line.
    ids: Option<(String, String)>,
    body: Vec<u8>,
    carried: Carried,
}

impl Table {
    pub(super) fn of(settings: ClickHouse) -> Self {
        Self { settings }
    }

    async fn insert(&self, rows: Rows) -> Result<Carried, Failure> {
        let Some((first, last)) = &rows.ids else { return Ok(rows.carried) };
        let mut request = Request::new(Bytes::from(rows.body));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.path(&format!("{first}..{last}")).parse().expect("a query that is escaped");
        let ClickHouse { server, user, password, .. } = &self.settings;
        let headers = request.headers_mut();
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static("zstd"));
        if let Some(user) = user.as_ref().and_then(|user| HeaderValue::from_str(user).ok()) {
            headers.insert(USER, user);
        }
        let password = password.as_ref().map(|password| HeaderValue::from_bytes(password.expose()));
        if let Some(Ok(mut password)) = password {
            password.set_sensitive(true);
            headers.insert(KEY, password);
        }
        let answer = server.call(request, PATIENCE, MOST_ANSWER_BYTES).await?;
        match refusal(&answer) {
            None => Ok(rows.carried),
            Some(answer) => Err(Failure::Refused {
                authority: server.authority(),
                answer,
                hint: "make the tables of deploy/analytics/clickhouse, and let `user` insert into them",
            }),
        }
    }

    fn path(&self, token: &str) -> String {
        let ClickHouse { database, table, .. } = &self.settings;
        let query = format!("INSERT INTO {}.{} FORMAT JSONEachRow", quoted(database), quoted(table));
        let settings = [
            ("query", query.as_str()),
            ("date_time_input_format", "best_effort"),
            // A table of before a column was added.
            ("input_format_skip_unknown_fields", "1"),
            ("insert_deduplication_token", token),
            ("wait_end_of_query", "1"),
        ];
        let pairs = settings.map(|(name, value)| format!("{name}={}", escaped(value)));
        format!("/?{}", pairs.join("&"))
    }
}

impl Target for Table {
    fn carry(&mut self, stretch: Stretch) -> Carrying<'_> {
        Box::pin(async {
            let rows = blocking(move || Rows::of(stretch)).await?;
            self.insert(rows).await
        })
    }
}

impl Rows {
    fn of(mut stretch: Stretch) -> Result<Self, Failure> {
        let mut body = Encoder::new(Vec::new(), 1).map_err(|_| Failure::Fault)?;
        let mut ids: Option<(String, String)> = None;
        stretch.each(|row| {
            let first = ids.take().map_or_else(|| row.id.to_string(), |(first, _)| first);
            ids = Some((first, row.id.to_string()));
            serde_json::to_writer(&mut body, row).map_err(|_| Failure::Fault)?;
            body.write_all(b"\n").map_err(|_| Failure::Fault)
        })?;
        Ok(Self { ids, body: body.finish().map_err(|_| Failure::Fault)?, carried: stretch.carried() })
    }
}

/// What ClickHouse says against it; `None`: it has the rows. Its texts quote what it was sent, which belongs in no log, so
/// only the code and the name of the error are told.
fn refusal(answer: &Response<Bytes>) -> Option<String> {
    let code = answer.headers().get(EXCEPTION);
    if answer.status() == StatusCode::OK && code.is_none() {
        return None;
    }
    let mut told = answer.status().as_u16().to_string();
    if let Some(code) = code.and_then(|code| code.to_str().ok()) {
        let _ = write!(told, ", code {code}");
    }
    let text = String::from_utf8_lossy(answer.body());
    let mut names = text.split(['(', ')']).filter(|part| {
        part.contains('_') && part.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_')
    });
    if let Some(name) = names.next_back() {
        let _ = write!(told, ", {name}");
    }
    Some(told)
}

/// A name as SQL quotes it.
fn quoted(name: &str) -> String {
    format!("`{}`", name.replace('\\', "\\\\").replace('`', "\\`"))
}

/// A value as a query string has it.
fn escaped(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    for byte in value.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => text.push(byte.into()),
            _ => {
                let _ = write!(text, "%{byte:02X}");
            }
        }
    }
    text
}
