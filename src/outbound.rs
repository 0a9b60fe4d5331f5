//! Calls beside the answer path: to webhooks, to the other gateways of a fleet, to Prometheus.
//!
//! They are few, so each has a connection of its own; they run on the side runtime, where no user waits for them.

#[cfg(test)]
mod tests;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::HeaderValue;
use http::Request;
use http::Response;
use http::Uri;
use http::header::HOST;
use http_body_util::BodyExt;
use http_body_util::Full;
use http_body_util::LengthLimitError;
use http_body_util::Limited;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::io::AsyncRead;
use tokio::io::AsyncWrite;
use tokio::net::TcpStream;

use crate::tls;
use crate::tls::ClientFiles;
use crate::tls::Live;
use crate::upstream::Endpoint;

/// Somebody to call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Where they are.
    pub url: Endpoint,
    /// How they are reached over TLS; there when the scheme is `https`.
    pub tls: Option<Arc<Live<ClientFiles>>>,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// No connection, or it broke.
    #[error("cannot reach {authority}: {source}")]
    Unreachable {
        /// Who was called.
        authority: String,
        /// What the system said.
        source: io::Error,
    },
    /// What came back was no HTTP.
    #[error("{authority} does not speak HTTP as expected: {source}")]
    Http {
        /// Who was called.
        authority: String,
        /// What was wrong.
        source: hyper::Error,
    },
    /// It took too long.
    #[error("{authority} did not answer within {seconds} s")]
    TooSlow {
        /// Who was called.
        authority: String,
        /// How long it was waited for, in seconds.
        seconds: f64,
    },
    /// The answer was too long.
    #[error("{authority} answered with more than {most} bytes")]
    TooLong {
        /// Who was called.
        authority: String,
        /// The bound.
        most: usize,
    },
}

impl Target {
    /// Sends a request whose URI is a path with a query, and returns the whole answer, of at most `most` bytes.
    ///
    /// # Errors
    /// When no whole answer came in time; a status is an answer.
    pub async fn call(
        &self,
        mut request: Request<Bytes>,
        timeout: Duration,
        most: usize,
    ) -> Result<Response<Bytes>, CallError> {
        let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
        // `/` asks for the URL itself, which may have no slash at its end.
        let path = match (path, self.url.base_path.as_str()) {
            ("/", base) if !base.is_empty() => base.to_owned(),
            (path, base) => format!("{base}{path}"),
        };
        *request.uri_mut() = path.parse().unwrap_or_else(|_| Uri::from_static("/"));
        if let Ok(host) = HeaderValue::from_str(self.url.authority.as_str()) {
            request.headers_mut().insert(HOST, host);
        }
        let answer = tokio::time::timeout(timeout, self.answer(request, most)).await;
        answer.unwrap_or_else(|_| {
            Err(CallError::TooSlow { authority: self.authority(), seconds: timeout.as_secs_f64() })
        })
    }

    /// Whom it is.
    pub fn authority(&self) -> String {
        self.url.authority.to_string()
    }

    async fn answer(&self, request: Request<Bytes>, most: usize) -> Result<Response<Bytes>, CallError> {
        let unreachable = |source| CallError::Unreachable { authority: self.authority(), source };
        let address = (self.url.host(), self.url.port());
        let stream = TcpStream::connect(address).await.map_err(unreachable)?;
        stream.set_nodelay(true).map_err(unreachable)?;
        match &self.tls {
            None => self.converse(stream, request, most).await,
            Some(tls) => {
                let stream = tls.connect(self.url.host(), &[tls::HTTP_1_1], stream).await;
                self.converse(stream.map_err(unreachable)?, request, most).await
            }
        }
    }

    async fn converse<S>(
        &self,
        stream: S,
        request: Request<Bytes>,
        most: usize,
    ) -> Result<Response<Bytes>, CallError>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let broken = |source| CallError::Http { authority: self.authority(), source };
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(broken)?;
        let exchange = async {
            let (head, body) =
                sender.send_request(request.map(Full::new)).await.map_err(broken)?.into_parts();
            let body = Limited::new(body, most).collect().await.map_err(|error| {
                if error.is::<LengthLimitError>() {
                    return CallError::TooLong { authority: self.authority(), most };
                }
                let source = error.downcast::<hyper::Error>().map_or_else(io::Error::other, io::Error::other);
                CallError::Unreachable { authority: self.authority(), source }
            })?;
            Ok(Response::from_parts(head, body.to_bytes()))
        };
        let (mut connection, mut exchange) = (std::pin::pin!(connection), std::pin::pin!(exchange));
        tokio::select! {
            answer = &mut exchange => answer,
            // What the connection has received is still to be read.
            _ = &mut connection => exchange.await,
        }
    }
}
