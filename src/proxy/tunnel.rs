//! Tunnels: connections that become another protocol's, WebSocket's mostly (RFC 9110, section 7.8).
//!
//! A request that asks for one goes to one model and no other: what follows it cannot be copied, mixed or sent
//! again. The tunnel opens after a 101 that names a protocol that was asked for, and ends when either side breaks
//! off, when both have said their last, or when neither has said anything for a while.

use std::cell::Cell;
use std::io;
use std::rc::Rc;
use std::time::Duration;

use http::HeaderMap;
use http::HeaderValue;
use http::Response;
use http::header;
use http::request;
use http::response;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::io::AsyncRead;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWrite;
use tokio::io::AsyncWriteExt;
use tokio::sync::oneshot;
use tokio::time::Instant;
use tokio::time::sleep_until;

use crate::protocol::http1::asks_for_tunnel;
use crate::proxy::connection::Client;
use crate::proxy::headers;
use crate::proxy::parting;
use crate::proxy::respond::AnswerBytes;
use crate::proxy::upload::Outgoing;
use crate::proxy::worker::Worker;
use crate::upstream::Answer;

/// What is read at a time, in bytes.
const PIECE: usize = 8 * 1024;

/// A client's wish for a tunnel.
pub(super) struct Asked {
    protocols: Vec<HeaderValue>,
    /// Will let the connection go once the 101 is sent, and counts as open for as long as the tunnel is.
    client: Rc<Client>,
}

/// Bytes both ways.
pub(super) trait Duplex: AsyncRead + AsyncWrite + Unpin {}

impl<S: AsyncRead + AsyncWrite + Unpin> Duplex for S {}

/// What becomes of a connection that HTTP/1 lets go of; as a rule nothing.
#[derive(Default)]
pub(super) struct Sequel(Cell<Option<Next>>);

enum Next {
    Close,
    Tunnel(oneshot::Sender<Box<dyn Duplex>>),
}

impl Sequel {
    /// Lets the sequel begin, where there is one.
    pub(super) async fn begin(&self, connection: impl Duplex + 'static) {
        match self.0.take() {
            None => {}
            Some(Next::Close) => parting::close(connection).await,
            // Whoever waits for it may have been cut off by the drain.
            Some(Next::Tunnel(end)) => drop(end.send(Box::new(connection))),
        }
    }
}

/// Says whether bytes of a tunnel may follow this request. They are not looked at, so that any answer but a 101 must
/// close the connection: see [`decline`].
pub(super) fn may_follow(head: &request::Parts) -> bool {
    // HTTP puts this there with every `upgrade` field of HTTP/1.1: an ordinary request costs no look at its fields.
    head.extensions.get::<OnUpgrade>().is_some() && protocols(&head.headers).next().is_some()
}

/// Closes the connection after an answer that opens no tunnel. HTTP lets the connection go in that case too, and
/// leaves its end to whoever has it.
pub(super) fn decline(client: &Client, answer: &mut HeaderMap) {
    answer.insert(header::CONNECTION, HeaderValue::from_static("close"));
    client.sequel.0.set(Some(Next::Close));
}

/// Takes the wish for a tunnel off a request. A wish that is not whole, or that comes with a body, is overlooked,
/// which the RFC leaves to servers.
pub(super) fn asked(head: &mut request::Parts, has_body: bool, client: &Rc<Client>) -> Option<Asked> {
    head.extensions.remove::<OnUpgrade>()?;
    let protocols: Vec<HeaderValue> = protocols(&head.headers).cloned().collect();
    let whole = !protocols.is_empty() && headers::nominates(&head.headers, header::UPGRADE.as_str());
    (whole && !has_body).then(|| Asked { protocols, client: Rc::clone(client) })
}

fn protocols(headers: &HeaderMap) -> impl Iterator<Item = &HeaderValue> {
    headers.get_all(header::UPGRADE).iter().filter(|value| asks_for_tunnel(value.as_bytes()))
}

impl Asked {
    /// Puts the wish on a prepared request.
    pub(super) fn put_on(&self, headers: &mut HeaderMap) {
        name_protocols(headers, self.protocols.iter().cloned());
    }

    /// Says whether a 101 names what was asked for.
    pub(super) fn is_met_by(&self, head: &response::Parts) -> bool {
        let asked: Vec<&str> = self.protocols.iter().flat_map(headers::elements).collect();
        let mut agreed = head.headers.get_all(header::UPGRADE).iter().flat_map(headers::elements).peekable();
        agreed.peek().is_some() && agreed.all(|name| asked.iter().any(|it| it.eq_ignore_ascii_case(name)))
    }
}

fn name_protocols(headers: &mut HeaderMap, protocols: impl IntoIterator<Item = HeaderValue>) {
    headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
    for protocol in protocols {
        headers.append(header::UPGRADE, protocol);
    }
}

/// Opens the tunnel that a model agreed to: gives the client's 101, and carries the bytes in a task of its own.
pub(super) fn open(
    worker: &Worker,
    asked: Asked,
    answer: Box<Answer<Outgoing>>,
    idle: Duration,
) -> Response<AnswerBytes> {
    let Answer { head, body } = *answer;
    let mut response = Response::from_parts(head, AnswerBytes::Whole(None));
    let model = hyper::upgrade::on(&mut response);
    let headers = response.headers_mut();
    let agreed: Vec<HeaderValue> = headers.get_all(header::UPGRADE).iter().cloned().collect();
    headers::strip_hop_by_hop(headers);
    headers.remove(header::CONTENT_LENGTH);
    name_protocols(headers, agreed);
    let Asked { client, .. } = asked;
    let (end, connection) = oneshot::channel();
    client.sequel.0.set(Some(Next::Tunnel(end)));
    worker.tunnels.spawn_local(async move {
        if let (Ok(connection), Ok(model)) = (connection.await, model.await) {
            carry(connection, TokioIo::new(model), idle).await;
        }
        // Both count until here: the client's connection as open, the model's call as in flight.
        drop((client, body));
    });
    response
}

/// Carries bytes both ways, until both sides have ended or one broke off, or nothing came for `idle`.
async fn carry(client: impl AsyncRead + AsyncWrite, model: impl AsyncRead + AsyncWrite, idle: Duration) {
    let heard = Cell::new(Instant::now());
    let (from_client, to_client) = tokio::io::split(client);
    let (from_model, to_model) = tokio::io::split(model);
    let both =
        async { tokio::try_join!(pump(from_client, to_model, &heard), pump(from_model, to_client, &heard)) };
    tokio::select! {
        // How it ended, both sides see for themselves.
        _ = both => {}
        () = silence(&heard, idle) => {}
    }
}

/// Carries bytes one way; the end of the one side becomes the end of the other.
async fn pump(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    heard: &Cell<Instant>,
) -> io::Result<()> {
    let mut bytes = vec![0; PIECE];
    loop {
        let length = from.read(&mut bytes).await?;
        if length == 0 {
            return to.shutdown().await;
        }
        heard.set(Instant::now());
        to.write_all(&bytes[..length]).await?;
        to.flush().await?;
    }
}

async fn silence(heard: &Cell<Instant>, idle: Duration) {
    while heard.get().elapsed() < idle {
        sleep_until(heard.get() + idle).await;
    }
}
