use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::task::Context;
use std::task::Poll;
use std::task::Wake;
use std::task::Waker;

use bytes::Bytes;
use http_body::Body;
use http_body::Frame;

use crate::upstream::tether::CutShort;
use crate::upstream::tether::Tethered;

/// A body that says this once and then nothing more.
struct Saying<E>(Option<Result<&'static str, E>>);

impl<E: Unpin> Body for Saying<E> {
    type Data = Bytes;
    type Error = E;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, E>>> {
        let said =
            self.0.take().map(|said| said.map(|text| Frame::data(Bytes::from_static(text.as_bytes()))));
        said.map_or(Poll::Pending, |said| Poll::Ready(Some(said)))
    }
}

#[derive(Default)]
struct Woken(AtomicUsize);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn a_body_whose_call_is_given_up_ends_and_who_waits_for_it_is_woken() {
    let woken = Arc::new(Woken::default());
    let waker = Waker::from(Arc::clone(&woken));
    let mut context = Context::from_waker(&waker);
    let (tether, mut body) = Tethered::new(Saying::<Infallible>(Some(Ok("first"))));
    let mut next = || Pin::new(&mut body).poll_frame(&mut context);
    assert!(matches!(next(), Poll::Ready(Some(Ok(frame))) if frame.data_ref().unwrap() == "first"));
    assert!(next().is_pending());
    assert!(!tether.is_broken());
    drop(tether);
    assert_eq!(woken.0.load(Ordering::Relaxed), 1);
    assert!(matches!(next(), Poll::Ready(Some(Err(CutShort::GivenUp)))));
}

#[test]
fn a_body_that_breaks_off_tells_its_call() {
    let mut context = Context::from_waker(Waker::noop());
    let (tether, mut body) = Tethered::new(Saying(Some(Err("gone"))));
    let cut = Pin::new(&mut body).poll_frame(&mut context);
    assert!(matches!(cut, Poll::Ready(Some(Err(CutShort::Broken(_))))));
    assert!(tether.is_broken());
}
