//! The review page, where people judge pairs, and the paths that it asks.
//!
//! Pages hold no script and no style of their own and load nothing from elsewhere, and what models wrote reaches them as
//! JSON, to be shown as text. Who logs in gets a cookie for these paths alone; it is no token, and holds for hours.

mod list;
mod session;

use bytes::Bytes;
use http::HeaderValue;
use http::Response;
use http::StatusCode;
use http::header;
use http::request::Parts;
use http_body_util::Full;
use serde::Deserialize;
use serde_json::json;

use crate::admin::Admin;
use crate::admin::answer::Problem;
use crate::admin::answer::json_answer;
use crate::admin::answer::text;
use crate::judge::ReviewError;
use crate::judge::Sheet;
use crate::judge::Word;
use crate::policy::decoded;
use crate::policy::query_values;

pub(super) use session::admits;

/// What the review's paths are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Page {
    /// All judges that are people.
    List,
    /// The page on which they judge.
    Sheet,
    /// What the pages look like.
    Style,
    /// What the page does.
    Script,
    /// Who brings the token gets a cookie.
    Login,
    /// The cookie goes.
    Logout,
    /// The next pair.
    Next,
    /// A reviewer's word.
    Verdict,
    /// A reviewer takes their word back.
    Undo,
}

/// What the browser may do with a page: nothing but what the page needs.
const CONTENT: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; \
                       form-action 'self'; base-uri 'none'; frame-ancestors 'none'";
const HTML: &str = "text/html; charset=utf-8";

impl Page {
    /// Whether anybody may ask, for it tells nothing.
    pub(super) fn is_open(self) -> bool {
        matches!(self, Page::Style | Page::Script | Page::Login | Page::Logout)
    }

    /// Whether it is a page, in the place of which the one for logging in is shown.
    pub(super) fn is_seen(self) -> bool {
        matches!(self, Page::List | Page::Sheet)
    }
}

/// Answers a request for one of the review's paths, of an experiment and a judge where it names them.
pub(super) fn answer(
    admin: &Admin,
    head: &Parts,
    page: Page,
    [experiment, judge]: [&str; 2],
    body: &[u8],
) -> Result<Response<Full<Bytes>>, Problem> {
    let none = || ReviewError::NoJudge { experiment: experiment.to_owned(), judge: judge.to_owned() };
    let judges = || admin.judges.as_ref().ok_or_else(none);
    let sheet = |sheet: Sheet| json_answer(StatusCode::OK, &json!(sheet));
    Ok(match page {
        Page::List => guarded(
            HTML,
            list::page(&admin.judges.as_ref().map(|judges| judges.reviews()).unwrap_or_default()),
        ),
        Page::Sheet => guarded(HTML, include_str!("sheet.html")),
        Page::Style => guarded("text/css; charset=utf-8", include_str!("review.css")),
        Page::Script => guarded("text/javascript; charset=utf-8", include_str!("review.js")),
        Page::Login => login(admin, head, body),
        Page::Logout => moved(session::none()),
        Page::Next => {
            let missing = || Problem::new(StatusCode::BAD_REQUEST, "say who reviews: `?reviewer=...`");
            let reviewer = query_values(head, "reviewer").next().ok_or_else(missing)?;
            sheet(judges()?.next_review(experiment, judge, &reviewer)?)
        }
        Page::Verdict => {
            let word: Word = read(head, body)?;
            sheet(judges()?.take_review(experiment, judge, word)?)
        }
        Page::Undo => {
            let Undo { reviewer } = read(head, body)?;
            sheet(judges()?.undo_review(experiment, judge, &reviewer)?)
        }
    })
}

/// The page for logging in, in the place of one that may not be shown.
pub(super) fn login_page(says: &str) -> Response<Full<Bytes>> {
    let wrong =
        if says.is_empty() { String::new() } else { format!(r#"<p class="wrong" role="alert">{says}</p>"#) };
    let mut page = guarded(HTML, include_str!("login.html").replace("<!--wrong-->", &wrong));
    *page.status_mut() = StatusCode::UNAUTHORIZED;
    page.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    page
}

/// Who takes their word back.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Undo {
    reviewer: String,
}

/// A body of JSON, which no form of another site can send.
fn read<'b, T: Deserialize<'b>>(head: &Parts, body: &'b [u8]) -> Result<T, Problem> {
    let kind = head.headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    let is_json =
        kind.is_some_and(|kind| kind.split(';').next().is_some_and(|kind| kind.trim() == "application/json"));
    if !is_json {
        let text = "expected a body of `content-type: application/json`";
        return Err(Problem::new(StatusCode::BAD_REQUEST, text));
    }
    let bad = |error| Problem::new(StatusCode::BAD_REQUEST, format!("the body is no verdict: {error}"));
    serde_json::from_slice(body).map_err(bad)
}

fn login(admin: &Admin, head: &Parts, body: &[u8]) -> Response<Full<Bytes>> {
    let Some(token) = &admin.token else { return moved(session::none()) };
    let body = String::from_utf8_lossy(body);
    let given = body.split('&').find_map(|pair| pair.strip_prefix("token=")).map(decoded);
    match given.is_some_and(|given| token.matches(given.trim().as_bytes())) {
        true => moved(session::begun(token, head)),
        false => login_page("That is not the token."),
    }
}

/// Back to the list, with another cookie.
fn moved(cookie: String) -> Response<Full<Bytes>> {
    let mut response = guarded(HTML, "");
    *response.status_mut() = StatusCode::SEE_OTHER;
    response.headers_mut().insert(header::LOCATION, HeaderValue::from_static("/review"));
    if let Ok(cookie) = HeaderValue::try_from(cookie) {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    response
}

fn guarded(kind: &'static str, body: impl Into<Bytes>) -> Response<Full<Bytes>> {
    let mut response = text(kind, body);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(CONTENT));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    response
}

impl From<ReviewError> for Problem {
    fn from(error: ReviewError) -> Self {
        let status = match error {
            ReviewError::NoJudge { .. } => StatusCode::NOT_FOUND,
            ReviewError::Name | ReviewError::Reason(_) | ReviewError::Note => StatusCode::BAD_REQUEST,
            ReviewError::Uninvited(_) => StatusCode::FORBIDDEN,
            ReviewError::Gone => StatusCode::GONE,
            ReviewError::Again | ReviewError::NothingToUndo => StatusCode::CONFLICT,
        };
        Problem::new(status, error.to_string())
    }
}
