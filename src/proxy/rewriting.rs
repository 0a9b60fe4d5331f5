//! What a request is changed to for one model: its path, its headers, and members of its JSON body.
//!
//! A body that is whole in hand is changed at once and its length told; one that still comes is changed as it passes.
//! What is compressed or no JSON passes as it came. The record has the client's own request.

use std::cell::Cell;
use std::pin::Pin;
use std::rc::Rc;
use std::task::Context;
use std::task::Poll;
use std::task::ready;

use bytes::Bytes;
use http::HeaderMap;
use http::HeaderValue;
use http::header;
use http::request::Parts;
use http_body::Body;
use http_body::Frame;
use http_body::SizeHint;

use crate::policy::Model;
use crate::protocol::Edit;
use crate::protocol::Rewriter;
use crate::proxy::exchange::BrokenOff;
use crate::proxy::upload::Outgoing;
use crate::proxy::watch::Watch;

/// Whether usage was asked for that the client did not ask for. Known when the request has been sent.
pub(super) type Asked = Rc<Cell<bool>>;

/// A body that is changed.
#[derive(Debug)]
pub(super) struct Rewritten {
    edit: Edit,
    asked: Asked,
    client: Rc<Watch>,
    body: Changed,
}

#[derive(Debug)]
enum Changed {
    /// All of it; whether it was sent.
    Whole(Bytes, bool),
    Passing(Box<Passing>),
}

#[derive(Debug)]
struct Passing {
    body: Outgoing,
    rewriter: Rewriter,
    /// What came behind the last byte.
    trailers: Option<HeaderMap>,
    ended: bool,
}

/// Changes a request to what its model's policy says; a copy may be kept from using tools besides. Says where it will be
/// known whether an answer tells usage that nobody asked for.
pub(super) fn rewrite(
    model: &Model,
    suppresses_tools: bool,
    head: &mut Parts,
    body: Outgoing,
) -> (Outgoing, Option<Asked>) {
    if model.rewrite.is_none() && !suppresses_tools {
        return (body, None);
    }
    model.rewrite_head(&mut head.uri, &mut head.headers);
    let edit = model.edit(suppresses_tools);
    let is_plain = !head.headers.contains_key(header::CONTENT_ENCODING);
    if edit == Edit::default() || !is_plain || body.is_end_stream() {
        return (body, None);
    }
    if edit.include_usage {
        // What is compressed could not be taken out again.
        head.headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    }
    let asked = Asked::default();
    let includes = edit.include_usage.then(|| Rc::clone(&asked));
    let body = Rewritten::new(body, edit, asked);
    match body.size_hint().exact() {
        Some(bytes) => head.headers.insert(header::CONTENT_LENGTH, HeaderValue::from(bytes)),
        None => head.headers.remove(header::CONTENT_LENGTH),
    };
    (Outgoing::Rewritten(Box::new(body)), includes)
}

impl Rewritten {
    fn new(body: Outgoing, edit: Edit, asked: Asked) -> Self {
        let client = body.client();
        let body = match body.whole() {
            Some(bytes) => {
                let (bytes, has_asked) = Rewriter::whole(edit.clone(), &bytes);
                asked.set(has_asked);
                Changed::Whole(bytes.into(), false)
            }
            None => {
                let rewriter = Rewriter::new(edit.clone());
                Changed::Passing(Box::new(Passing { body, rewriter, trailers: None, ended: false }))
            }
        };
        Self { edit, asked, client, body }
    }

    pub(super) fn client(&self) -> Rc<Watch> {
        Rc::clone(&self.client)
    }

    pub(super) fn is_in_hand(&self) -> bool {
        match &self.body {
            Changed::Whole(..) => true,
            Changed::Passing(passing) => passing.body.is_in_hand(),
        }
    }

    /// The same from its first byte, if that can be had.
    pub(super) fn repeat(&self, repeat: impl FnOnce(&Outgoing) -> Option<Outgoing>) -> Option<Self> {
        let (edit, asked) = (self.edit.clone(), Rc::clone(&self.asked));
        match &self.body {
            Changed::Whole(bytes, _) => {
                let body = Changed::Whole(bytes.clone(), false);
                Some(Self { edit, asked, client: self.client(), body })
            }
            Changed::Passing(passing) => Some(Self::new(repeat(&passing.body)?, edit, asked)),
        }
    }
}

impl Passing {
    fn poll(
        &mut self,
        asked: &Asked,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BrokenOff>>> {
        let mut out = Vec::new();
        while !self.ended {
            match ready!(Pin::new(&mut self.body).poll_frame(context)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(bytes) => self.rewriter.push(&bytes, &mut out),
                    Err(frame) => self.trailers = frame.into_trailers().ok(),
                },
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => {
                    self.ended = true;
                    self.rewriter.finish(&mut out);
                }
            }
            asked.set(self.rewriter.has_asked());
            if !out.is_empty() {
                return Poll::Ready(Some(Ok(Frame::data(out.into()))));
            }
        }
        Poll::Ready(self.trailers.take().map(|trailers| Ok(Frame::trailers(trailers))))
    }
}

impl Body for Rewritten {
    type Data = Bytes;
    type Error = BrokenOff;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BrokenOff>>> {
        let Self { asked, body, .. } = self.get_mut();
        match body {
            Changed::Whole(_, true) => Poll::Ready(None),
            Changed::Whole(bytes, sent) => {
                *sent = true;
                Poll::Ready(Some(Ok(Frame::data(bytes.clone()))))
            }
            Changed::Passing(passing) => passing.poll(asked, context),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.body {
            Changed::Whole(_, sent) => *sent,
            Changed::Passing(passing) => passing.ended && passing.trailers.is_none(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.body {
            Changed::Whole(_, true) => SizeHint::with_exact(0),
            Changed::Whole(bytes, false) => SizeHint::with_exact(bytes.len() as u64),
            Changed::Passing(_) => SizeHint::default(),
        }
    }
}
