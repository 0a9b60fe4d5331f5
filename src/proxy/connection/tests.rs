use std::convert::Infallible;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::task::Context;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use http::HeaderValue;
use http::Request;
use http::Response;
use http::StatusCode;
use http_body::Body;
use http_body::Frame;
use http_body_util::BodyExt;
use http_body_util::Empty;
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use serde_json::json;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use tokio::io::DuplexStream;
use tokio::sync::Semaphore;
use tokio::task::LocalSet;
use tokio_util::task::TaskTracker;

use crate::proxy::connection::Client;
use crate::proxy::connection::OnThisThread;
use crate::proxy::connection::Open;
use crate::proxy::connection::converse;
use crate::proxy::exchange::Exchange;
use crate::proxy::exchange::Inlet;
use crate::proxy::exchange::Outlet;
use crate::proxy::headers::Downstream;
use crate::proxy::limits::Limits;
use crate::proxy::parting::Breaks;
use crate::proxy::respond::AnswerBytes;
use crate::proxy::respond::json_answer;
use crate::proxy::tunnel::Sequel;
use crate::proxy::watch::Doing;
use crate::proxy::watch::Watch;
use crate::proxy::watch::Watchlist;
use crate::telemetry::Metrics;
use crate::vocab::Fate;

/// A body that says a little, waits a moment and then panics.
struct Cursed(u8);

impl Body for Cursed {
    type Data = Bytes;
    type Error = Fate;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Fate>>> {
        self.0 += 1;
        match self.0 {
            1 => Poll::Ready(Some(Ok(Frame::data("begun".into())))),
            2 => {
                context.waker().wake_by_ref();
                Poll::Pending
            }
            _ => panic!("cursed"),
        }
    }
}

/// Answers with the request's path; `/panic` panics.
async fn answer(
    exchange: Exchange,
    request: Request<Incoming>,
) -> Result<Response<Outlet<AnswerBytes>>, Infallible> {
    let answer = async |request: Request<Inlet>| {
        // Once the task has been away, a panic comes out of another poll than the first.
        tokio::task::yield_now().await;
        assert_ne!(request.uri().path(), "/panic");
        json_answer(StatusCode::OK, &json!(request.uri().path()))
    };
    exchange.carry_out(request, answer).await
}

/// Answers with a body that panics.
async fn answer_cursed(
    exchange: Exchange,
    _: Request<Incoming>,
) -> Result<Response<Outlet<Cursed>>, Infallible> {
    Ok(Response::new(Outlet::of(Cursed(0), exchange)))
}

fn list() -> Rc<Watchlist> {
    Watchlist::new(&Limits::default(), &Arc::new(Metrics::new()))
}

fn nobody() -> Rc<Client> {
    let permit = Arc::new(Semaphore::new(1)).try_acquire_owned().unwrap();
    let open = Open::new(Arc::new(AtomicUsize::new(1)), Metrics::new().connections.clone());
    let downstream = Downstream { peer: HeaderValue::from_static("192.0.2.1"), scheme: "http" };
    Rc::new(Client { downstream, sequel: Sequel::default(), _permit: permit, _open: open })
}

/// A connection that is served on this thread, and the watch over it.
impl Breaks for DuplexStream {
    fn break_off(&self) {}
}

fn connect<A, F, B>(list: &Rc<Watchlist>, answer: A) -> (DuplexStream, Rc<Watch>)
where
    A: Fn(Exchange, Request<Incoming>) -> F + Clone + 'static,
    F: Future<Output = Result<Response<B>, Infallible>> + 'static,
    B: Body<Data = Bytes, Error = Fate> + 'static,
{
    let (theirs, ours) = tokio::io::duplex(64 * 1024);
    let watch = list.watch(Doing::Resting);
    let tasks = TaskTracker::new();
    tasks.spawn_local(converse(ours, nobody(), Rc::clone(&watch), tasks.clone(), answer));
    (theirs, watch)
}

/// Lets time pass for tasks and watch alike.
async fn pass(list: &Watchlist, seconds: u64) {
    for _ in 0..seconds {
        tokio::time::sleep(Duration::from_secs(1)).await;
        list.look();
    }
    tokio::time::sleep(Duration::from_millis(1)).await;
}

/// Reads until the end of this.
async fn read_to(stream: &mut DuplexStream, end: &str) -> String {
    let mut read = Vec::new();
    while !read.ends_with(end.as_bytes()) {
        let bytes = stream.read_buf(&mut read).await.unwrap();
        assert!(bytes > 0, "ended after {:?}", String::from_utf8_lossy(&read));
    }
    String::from_utf8(read).unwrap()
}

fn panics(list: &Watchlist) -> u64 {
    list.metrics().panics.with_label_values(&["answer"]).get()
}

#[tokio::test(start_paused = true)]
async fn a_connection_at_rest_goes_on_with_the_next_byte() {
    LocalSet::new()
        .run_until(async {
            let list = list();
            let (mut client, watch) = connect(&list, answer);
            for round in 0..5 {
                client.write_all(b"GET /a HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
                read_to(&mut client, "\"/a\"").await;
                assert_eq!(watch.doing(), Doing::Lingering);
                pass(&list, round).await;
                let resting = if round >= 2 { Doing::Resting } else { watch.doing() };
                assert_eq!(watch.doing(), resting, "after {round} s");
            }
        })
        .await;
}

#[tokio::test(start_paused = true)]
async fn the_beginning_of_a_next_request_is_not_lost_when_a_connection_is_put_to_rest() {
    LocalSet::new()
        .run_until(async {
            let list = list();
            let (mut client, watch) = connect(&list, answer);
            client.write_all(b"GET /a HTTP/1.1\r\nhost: a\r\n\r\nGET /b HTTP/1.1\r\nho").await.unwrap();
            read_to(&mut client, "\"/a\"").await;
            pass(&list, 3).await;
            assert_eq!(watch.doing(), Doing::Head);
            client.write_all(b"st: a\r\n\r\nGET /c HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
            read_to(&mut client, "\"/b\"").await;
            read_to(&mut client, "\"/c\"").await;
        })
        .await;
}

#[tokio::test(start_paused = true)]
async fn an_idle_connection_is_closed_and_a_head_that_does_not_end_is_told_so() {
    LocalSet::new()
        .run_until(async {
            let list = list();
            let (mut silent, _watch) = connect(&list, answer);
            let (mut kept, _watch) = connect(&list, answer);
            kept.write_all(b"GET /a HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
            read_to(&mut kept, "\"/a\"").await;
            let (mut slow, _watch) = connect(&list, answer);
            slow.write_all(b"G").await.unwrap();
            pass(&list, 5).await;
            slow.write_all(b"ET / HTTP/1.1\r\n").await.unwrap();
            pass(&list, 6).await;
            let mut told = String::new();
            slow.read_to_string(&mut told).await.unwrap();
            assert!(told.starts_with("HTTP/1.1 408 Request Timeout\r\n"), "{told}");
            assert!(told.ends_with("\"reason\":\"head_late\"}"), "{told}");
            pass(&list, 65).await;
            assert_eq!(silent.read(&mut [0]).await.unwrap(), 0);
            assert_eq!(kept.read(&mut [0]).await.unwrap(), 0);
        })
        .await;
}

#[tokio::test(start_paused = true)]
async fn a_preface_in_pieces_is_still_a_preface_and_anything_else_is_http1() {
    LocalSet::new()
        .run_until(async {
            let list = list();
            let (mut http2, _watch) = connect(&list, answer);
            for byte in b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0" {
                http2.write_all(&[*byte]).await.unwrap();
                tokio::task::yield_now().await;
            }
            let mut head = [0; 9];
            http2.read_exact(&mut head).await.unwrap();
            assert_eq!(head[3], 4, "SETTINGS");
            let (mut http1, _watch) = connect(&list, answer);
            for byte in b"PRIVATE /a HTTP/1.1\r\nhost: a\r\n\r\n" {
                http1.write_all(&[*byte]).await.unwrap();
                tokio::task::yield_now().await;
            }
            read_to(&mut http1, "\"/a\"").await;
        })
        .await;
}

#[tokio::test]
async fn a_panic_over_a_request_is_its_answer_and_the_connection_goes_on() {
    LocalSet::new()
        .run_until(async {
            let list = list();
            let (mut client, _watch) = connect(&list, answer);
            client.write_all(b"GET /panic HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
            let told = read_to(&mut client, "}").await;
            assert!(told.starts_with("HTTP/1.1 500 Internal Server Error\r\n"), "{told}");
            client.write_all(b"GET /a HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
            read_to(&mut client, "\"/a\"").await;
            assert_eq!(panics(&list), 1);
        })
        .await;
}

#[tokio::test]
async fn a_panic_in_one_stream_leaves_the_other_streams_of_its_connection_alone() {
    LocalSet::new()
        .run_until(async {
            let list = list();
            let (client, _watch) = connect(&list, answer);
            let statuses = statuses(client, ["/a", "/panic", "/b"]).await;
            assert_eq!(statuses, [Ok(200), Ok(500), Ok(200)]);
            assert_eq!(panics(&list), 1);
        })
        .await;
}

#[tokio::test]
async fn a_panic_in_an_answers_body_tears_that_answer_and_no_other() {
    LocalSet::new()
        .run_until(async {
            let list = list();
            let (mut http1, _watch) = connect(&list, answer_cursed);
            http1.write_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
            let mut torn = String::new();
            http1.read_to_string(&mut torn).await.unwrap();
            assert!(torn.contains("begun") && !torn.contains("0\r\n\r\n"), "{torn}");
            assert_eq!(panics(&list), 1);
            let (http2, _watch) = connect(&list, answer_cursed);
            let statuses = statuses(http2, ["/", "/", "/"]).await;
            assert_eq!(statuses, [Err(200), Err(200), Err(200)]);
            assert_eq!(panics(&list), 4);
        })
        .await;
}

/// Sends requests over one HTTP/2 connection at once; an error is the status of an answer that broke off.
async fn statuses(stream: DuplexStream, paths: [&str; 3]) -> Vec<Result<u16, u16>> {
    let executor = OnThisThread { users: TaskTracker::new(), newest: Rc::default() };
    let handshake = hyper::client::conn::http2::handshake(executor, TokioIo::new(stream));
    let (sender, connection) = handshake.await.unwrap();
    TaskTracker::new().spawn_local(async move { drop(connection.await) });
    let mut answers = Vec::new();
    for path in paths {
        let request = Request::get(format!("http://a{path}")).body(Empty::<Bytes>::new()).unwrap();
        answers.push(sender.clone().send_request(request));
    }
    let mut statuses = Vec::new();
    for answer in answers {
        let (head, body) = answer.await.unwrap().into_parts();
        let status = head.status.as_u16();
        statuses.push(body.collect().await.map(|_| status).map_err(|_| status));
    }
    statuses
}
