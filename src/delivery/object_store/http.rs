//! Lets the object stores' client call over the gateway's own HTTP and TLS, and no other.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use http::Uri;
use http::uri::Scheme;
use http_body_util::BodyExt;
use object_store::ClientOptions;
use object_store::client::HttpClient;
use object_store::client::HttpConnector;
use object_store::client::HttpError;
use object_store::client::HttpErrorKind;
use object_store::client::HttpRequest;
use object_store::client::HttpResponse;
use object_store::client::HttpResponseBody;
use object_store::client::HttpService;

use crate::outbound::CallError;
use crate::outbound::Target;
use crate::tls::ClientFiles;
use crate::tls::Live;
use crate::upstream::Endpoint;

/// How long one call may take; the longest brings a part of 8 MiB.
const PATIENCE: Duration = Duration::from_secs(60);

/// The longest answer.
const MOST_ANSWER_BYTES: usize = 16 * 1024 * 1024;

/// Makes clients.
#[derive(Debug, Clone)]
pub(super) struct Connector {
    pub(super) tls: Arc<Live<ClientFiles>>,
}

impl HttpConnector for Connector {
    fn connect(&self, _: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(self.clone()))
    }
}

impl HttpService for Connector {
    // What `async_trait` makes of an asynchronous function, which is how the trait is declared.
    fn call<'s, 'c>(&'s self, request: HttpRequest) -> Calling<'c>
    where
        's: 'c,
        Self: 'c,
    {
        Box::pin(async move {
            let (mut head, body) = request.into_parts();
            let body = body.collect().await?.to_bytes();
            let target = self.target(&head.uri)?;
            let path = head.uri.path_and_query().map_or("/", |path| path.as_str()).parse();
            head.uri = path.map_err(|error| HttpError::new(HttpErrorKind::Unknown, error))?;
            let request = http::Request::from_parts(head, body);
            let answer = target.call(request, PATIENCE, MOST_ANSWER_BYTES).await.map_err(failed)?;
            Ok(answer.map(HttpResponseBody::from))
        })
    }
}

/// A call being made.
type Calling<'c> = Pin<Box<dyn Future<Output = Result<HttpResponse, HttpError>> + Send + 'c>>;

impl Connector {
    fn target(&self, uri: &Uri) -> Result<Target, HttpError> {
        let (Some(scheme), Some(authority)) = (uri.scheme(), uri.authority()) else {
            return Err(HttpError::new(HttpErrorKind::Unknown, NoAddress));
        };
        let url = Endpoint { scheme: scheme.clone(), authority: authority.clone(), base_path: String::new() };
        Ok(Target { url, tls: (*scheme == Scheme::HTTPS).then(|| Arc::clone(&self.tls)) })
    }
}

/// Says that a URI has no host.
#[derive(Debug, thiserror::Error)]
#[error("a call to no host")]
struct NoAddress;

fn failed(error: CallError) -> HttpError {
    let kind = match error {
        CallError::Unreachable { .. } => HttpErrorKind::Connect,
        CallError::Http { .. } => HttpErrorKind::Request,
        CallError::TooSlow { .. } => HttpErrorKind::Timeout,
        CallError::TooLong { .. } => HttpErrorKind::Unknown,
    };
    HttpError::new(kind, error)
}
