//! Calls to whoever judges: tried again where that may help, within one bound of time, and each counted.

use std::time::Duration;

use bytes::Bytes;
use http::HeaderValue;
use http::Request;
use http::StatusCode;
use http::header::AUTHORIZATION;
use http::header::CONTENT_TYPE;
use http::header::USER_AGENT;
use serde_json::Value;

use crate::judge::spend::Ledger;
use crate::outbound::CallError;
use crate::outbound::Target;
use crate::record::Missing;
use crate::vocab::Secret;

/// How often a call is tried.
const TRIES: u32 = 3;
/// The pause after the first failure; each is twice the one before.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
/// The most that is read of an answer.
const MAX_ANSWER_BYTES: usize = 1024 * 1024;

/// Whom to call, and how.
#[derive(Debug, Clone, Copy)]
pub(super) struct Line<'s> {
    pub(super) target: &'s Target,
    pub(super) path: &'static str,
    pub(super) key: Option<&'s Secret>,
    /// For all tries together.
    pub(super) timeout: Duration,
}

/// What one question took.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Tries {
    pub(super) calls: u32,
}

impl Line<'_> {
    /// Sends a document and gives what is answered with a status of success.
    ///
    /// # Errors
    /// What the record says of an answer that nobody judged.
    pub(super) async fn ask(
        &self,
        document: &Value,
        ledger: &Ledger,
        tries: &mut Tries,
    ) -> Result<Bytes, Missing> {
        let body = Bytes::from(document.to_string());
        let asking = async {
            let mut pause = FIRST_PAUSE;
            let mut why = Missing::Unreachable;
            for tried in 1..=TRIES {
                tries.calls += 1;
                ledger.count_call();
                match self.try_once(body.clone()).await {
                    Ok((status, body)) if status.is_success() => return Ok(body),
                    // Too many, or a fault of its own: later it may do better.
                    Ok((status, _))
                        if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS =>
                    {
                        why = Missing::Refused;
                    }
                    Ok((status, _)) => {
                        tracing::debug!(judge = %self.target.authority(), %status, "a judge refused a request");
                        return Err(Missing::Refused);
                    }
                    Err(CallError::TooSlow { .. }) => return Err(Missing::Timeout),
                    Err(error) => {
                        tracing::debug!(%error, "a judge could not be asked");
                        why = Missing::Unreachable;
                    }
                }
                if tried < TRIES {
                    tokio::time::sleep(pause).await;
                    pause *= 2;
                }
            }
            Err(why)
        };
        tokio::time::timeout(self.timeout, asking).await.unwrap_or(Err(Missing::Timeout))
    }

    async fn try_once(&self, body: Bytes) -> Result<(StatusCode, Bytes), CallError> {
        let mut request = Request::post(self.path)
            .header(CONTENT_TYPE, "application/json")
            .header(USER_AGENT, concat!("crossfade/", env!("CARGO_PKG_VERSION")))
            .body(body)
            .expect("the path and the headers are constants");
        if let Some(key) = self.key {
            let bearer = [b"Bearer ", key.expose()].concat();
            if let Ok(mut value) = HeaderValue::from_bytes(&bearer) {
                value.set_sensitive(true);
                request.headers_mut().insert(AUTHORIZATION, value);
            }
        }
        let answer = self.target.call(request, self.timeout, MAX_ANSWER_BYTES).await?;
        Ok((answer.status(), answer.into_body()))
    }
}
