//! An answer whose end is held back until the record has it, where the policy asks for a strict record.
//!
//! The user gets every byte as it comes but for the last piece, or the end where nobody knows that a piece is the last. So
//! whoever has a whole answer knows that it is on record, even if the gateway is killed the moment after. A record that
//! cannot be written holds nobody up for longer than its patience.

use std::fmt;
use std::pin::Pin;
use std::rc::Rc;
use std::task::Context;
use std::task::Poll;
use std::task::ready;

use bytes::Bytes;
use http::Response;
use http_body::Body;
use http_body::Frame;
use http_body::SizeHint;

use crate::proxy::leg::Pairing;
use crate::proxy::respond::AnswerBytes;
use crate::record::Observation;
use crate::vocab::Fate;

/// An answer and what its end waits for.
pub(super) struct Held {
    answer: AnswerBytes,
    pairing: Rc<Pairing>,
    end: End,
}

/// How far the answer is.
enum End {
    /// Its end has not come.
    Ahead,
    /// Its last step is held back until this is done.
    Waits(Pin<Box<dyn Future<Output = ()>>>, Option<Frame<Bytes>>),
    /// The user has it.
    Reached,
}

/// Holds an answer's end back until it is on record; waits for that here where the head is all there is.
pub(super) async fn until_on_record(
    response: Response<AnswerBytes>,
    pairing: Rc<Pairing>,
) -> Response<AnswerBytes> {
    if response.body().is_end_stream() {
        pairing.answered(observed(response.body())).await;
        return response;
    }
    response.map(|answer| AnswerBytes::Held(Box::new(Held { answer, pairing, end: End::Ahead })))
}

fn observed(answer: &AnswerBytes) -> Option<Observation> {
    match answer {
        AnswerBytes::Relay(relay) => Some(relay.observed()),
        // The calls that such an answer was made from are over, and with their pair.
        AnswerBytes::Whole(_) | AnswerBytes::Refused(..) | AnswerBytes::Held(_) => None,
    }
}

impl fmt::Debug for Held {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Held").field("answer", &self.answer).finish_non_exhaustive()
    }
}

impl Body for Held {
    type Data = Bytes;
    type Error = Fate;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Fate>>> {
        let Self { answer, pairing, end } = &mut *self;
        if matches!(end, End::Ahead) {
            let last = match ready!(Pin::new(&mut *answer).poll_frame(context)) {
                Some(Ok(frame)) if !answer.is_end_stream() => return Poll::Ready(Some(Ok(frame))),
                Some(Ok(frame)) => Some(frame),
                // An answer that breaks off is none.
                Some(Err(fate)) => {
                    *end = End::Reached;
                    return Poll::Ready(Some(Err(fate)));
                }
                None => None,
            };
            let (pairing, observed) = (Rc::clone(pairing), observed(answer));
            *end = End::Waits(Box::pin(async move { pairing.answered(observed).await }), last);
        }
        let End::Waits(written, last) = end else { return Poll::Ready(None) };
        ready!(written.as_mut().poll(context));
        let last = last.take();
        *end = End::Reached;
        Poll::Ready(last.map(Ok))
    }

    fn is_end_stream(&self) -> bool {
        matches!(self.end, End::Reached)
    }

    fn size_hint(&self) -> SizeHint {
        let held = match &self.end {
            End::Waits(_, Some(last)) => last.data_ref().map_or(0, Bytes::len) as u64,
            _ => 0,
        };
        match self.answer.size_hint().exact() {
            Some(coming) => SizeHint::with_exact(held + coming),
            None => SizeHint::default(),
        }
    }
}
