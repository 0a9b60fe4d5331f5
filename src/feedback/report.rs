//! Reports as they arrive and answers as they leave.

use http::StatusCode;
use serde::Deserialize;
use serde::Serialize;
use serde_json::Value;
use serde_json::json;

use crate::vocab::RequestId;

/// How many reports a batch may hold: it is judged in one go, on the data port by a thread that serves users.
const MOST: usize = 1_000;

/// One report.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Report {
    pub(super) request_id: Option<String>,
    pub(super) ticket: Option<String>,
    pub(super) outcome: String,
    pub(super) value: Value,
}

/// What a body holds.
#[derive(Debug)]
pub(super) enum Parsed {
    One(Result<Report, Reason>),
    Batch(Vec<Result<Report, Reason>>),
}

/// Why a body is refused whole.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unfit {
    #[error("the body is larger than {max_bytes} bytes")]
    TooLarge { max_bytes: usize },
    #[error("the batch holds {found} reports, expected at most {MOST}; send the rest by itself")]
    TooMany { found: usize },
    #[error("the body is not JSON: {0}")]
    NotJson(#[from] serde_json::Error),
}

/// What became of a report. A metric label, so the set is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It was joined with its request and handed to the record. 200.
    Joined,
    /// The same was reported before; nothing changed. 200.
    Duplicate,
    /// The outcome's window was over: it is on record, marked as late, and counts nowhere. 200.
    Late,
    /// The outcome has another value already, which stays; this one is not on record. 409.
    Conflict,
    /// The request is not known here, or no more, and no ticket came with the report. 404.
    Unknown,
    /// The ticket is not one that this gateway's key signed, or not of that request. 403.
    Forbidden,
    /// It is no report of an outcome that the policy declares; the reason tells. 422.
    Rejected,
    /// The record's queue is full, or the gateway stops, and nothing was kept: report it again. 503.
    Busy,
}

/// Why a report was not joined.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Reason {
    #[error("not a report: {0}; expected request_id or ticket, outcome and value")]
    Shape(String),
    #[error("`{0}` is not a request id: expected the value of the answer's `crossfade-id`")]
    BadId(String),
    #[error("neither request_id nor ticket is given")]
    NoId,
    #[error("no such request is remembered here; send the answer's `crossfade-ticket` as `ticket`")]
    Unknown,
    #[error("the policy has no key for tickets (`feedback.tickets.key`)")]
    NoTickets,
    #[error("the ticket was not signed by this gateway's key")]
    BadTicket,
    #[error("the ticket belongs to another request than request_id names")]
    OtherTicket,
    #[error("the ticket's experiment is not in the policy")]
    NoExperiment,
    #[error("outcome `{0}` is not declared under `outcomes` of the request's experiment")]
    Undeclared(String),
    #[error("{0}")]
    Value(&'static str),
    #[error("no such item was shown at that place")]
    NotShown,
    #[error("too many reports of this request")]
    TooMany,
}

/// What a report came to, with the labels that it is counted under.
#[derive(Debug)]
pub(super) struct Judged {
    pub(super) experiment: String,
    pub(super) outcome: String,
    pub(super) verdict: Verdict,
    reason: Option<Reason>,
}

/// The answer to the reporter.
#[derive(Debug, Clone, PartialEq)]
pub struct Reply {
    /// The status; a batch is 200 whatever became of its reports, unless one must be sent again: 503.
    pub status: StatusCode,
    /// `{"result": ..}`, with a `reason` where it was not joined; of a batch `{"results": [..]}`.
    pub body: Value,
}

/// Reads a body: one report, an array of them, or `{"reports": [..]}`.
pub(super) fn parse(body: &[u8], max_bytes: usize) -> Result<Parsed, Unfit> {
    if body.len() > max_bytes {
        return Err(Unfit::TooLarge { max_bytes });
    }
    Ok(match serde_json::from_slice(body)? {
        Value::Array(items) => batch(items)?,
        Value::Object(mut members) => match members.remove("reports") {
            Some(Value::Array(items)) if members.is_empty() => batch(items)?,
            Some(_) => Parsed::One(Err(Reason::Shape("`reports` is an array and stands alone".to_owned()))),
            None => Parsed::One(Report::read(Value::Object(members))),
        },
        other => Parsed::One(Report::read(other)),
    })
}

fn batch(items: Vec<Value>) -> Result<Parsed, Unfit> {
    if items.len() > MOST {
        return Err(Unfit::TooMany { found: items.len() });
    }
    Ok(Parsed::Batch(items.into_iter().map(Report::read).collect()))
}

impl Report {
    fn read(value: Value) -> Result<Self, Reason> {
        serde_json::from_value(value).map_err(|error| Reason::Shape(error.to_string()))
    }

    /// The request that the report names by id.
    pub(super) fn id(&self) -> Result<RequestId, Reason> {
        let text = self.request_id.as_ref().ok_or(Reason::NoId)?;
        text.parse().map_err(|_| Reason::BadId(text.chars().take(80).collect()))
    }
}

impl Verdict {
    /// The word that metrics and answers use.
    pub fn as_str(self) -> &'static str {
        match self {
            Verdict::Joined => "joined",
            Verdict::Duplicate => "duplicate",
            Verdict::Late => "late",
            Verdict::Conflict => "conflict",
            Verdict::Unknown => "unknown",
            Verdict::Forbidden => "forbidden",
            Verdict::Rejected => "rejected",
            Verdict::Busy => "busy",
        }
    }

    /// The status of an answer to a single report.
    pub fn status(self) -> StatusCode {
        match self {
            Verdict::Joined | Verdict::Duplicate | Verdict::Late => StatusCode::OK,
            Verdict::Conflict => StatusCode::CONFLICT,
            Verdict::Unknown => StatusCode::NOT_FOUND,
            Verdict::Forbidden => StatusCode::FORBIDDEN,
            Verdict::Rejected => StatusCode::UNPROCESSABLE_ENTITY,
            Verdict::Busy => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}

impl Reason {
    fn verdict(&self) -> Verdict {
        match self {
            Reason::Unknown => Verdict::Unknown,
            Reason::NoTickets | Reason::BadTicket | Reason::OtherTicket => Verdict::Forbidden,
            _ => Verdict::Rejected,
        }
    }
}

impl Judged {
    /// A report that was understood.
    pub(super) fn new(experiment: &str, outcome: &str, verdict: Verdict) -> Self {
        Self { experiment: experiment.to_owned(), outcome: outcome.to_owned(), verdict, reason: None }
    }

    /// A report that was not.
    pub(super) fn refused(experiment: &str, outcome: &str, reason: Reason) -> Self {
        Self { reason: Some(reason.clone()), ..Self::new(experiment, outcome, reason.verdict()) }
    }

    fn body(&self) -> Value {
        let result = self.verdict.as_str();
        match (&self.reason, self.verdict) {
            (Some(reason), _) => json!({"result": result, "reason": reason.to_string()}),
            (None, Verdict::Conflict) => {
                json!({"result": result, "reason": "another value was reported first"})
            }
            (None, Verdict::Busy) => {
                json!({"result": result, "reason": "the record takes nothing more at present; try again"})
            }
            (None, _) => json!({"result": result}),
        }
    }
}

impl Reply {
    pub(super) fn one(judged: &Judged) -> Self {
        Self { status: judged.verdict.status(), body: judged.body() }
    }

    pub(super) fn batch(judged: impl Iterator<Item = Judged>) -> Self {
        let mut status = StatusCode::OK;
        let mut results = Vec::new();
        for judged in judged {
            if judged.verdict == Verdict::Busy {
                status = Verdict::Busy.status();
            }
            results.push(judged.body());
        }
        Self { status, body: json!({"results": results}) }
    }

    pub(super) fn refused(problem: &Unfit) -> Self {
        let status = match problem {
            Unfit::TooLarge { .. } | Unfit::TooMany { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Unfit::NotJson(_) => StatusCode::BAD_REQUEST,
        };
        Self { status, body: json!({"result": "rejected", "reason": problem.to_string()}) }
    }
}
