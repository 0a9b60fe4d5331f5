use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http::uri::Scheme;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use tokio_util::task::TaskTracker;

use crate::outbound::CallError;
use crate::outbound::Target;
use crate::upstream::Endpoint;

/// Somebody who answers one call with these bytes, or hangs up where there are none, and the head that they were sent.
async fn somebody(answer: &'static [u8]) -> (Target, tokio::task::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let authority = listener.local_addr().unwrap().to_string().parse().unwrap();
    let url = Endpoint { scheme: Scheme::HTTP, authority, base_path: "/base".to_owned() };
    let heard = TaskTracker::new().spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut heard = Vec::new();
        while !heard.ends_with(b"hello") {
            let mut piece = [0; 1024];
            let length = stream.read(&mut piece).await.unwrap();
            heard.extend_from_slice(&piece[..length]);
        }
        stream.write_all(answer).await.unwrap();
        String::from_utf8(heard).unwrap()
    });
    (Target { url, tls: None }, heard)
}

fn request() -> Request<Bytes> {
    Request::post("/path?x=1").body(Bytes::from_static(b"hello")).unwrap()
}

const SOON: Duration = Duration::from_secs(10);

#[tokio::test]
async fn a_call_goes_below_the_base_path_and_brings_the_whole_answer() {
    let (target, heard) = somebody(b"HTTP/1.1 201 Created\r\ncontent-length: 3\r\n\r\nyes").await;
    let answer = target.call(request(), SOON, 3).await.unwrap();
    assert_eq!((answer.status().as_u16(), &answer.body()[..]), (201, &b"yes"[..]));
    let heard = heard.await.unwrap();
    assert!(heard.starts_with("POST /base/path?x=1 HTTP/1.1\r\n"), "{heard}");
    assert!(heard.contains(&format!("host: {}\r\n", target.authority())), "{heard}");
}

#[tokio::test]
async fn what_is_no_answer_is_an_error_that_names_who_was_called() {
    let (target, _heard) = somebody(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nlong").await;
    let error = target.call(request(), SOON, 3).await.unwrap_err();
    assert_eq!(error.to_string(), format!("{} answered with more than 3 bytes", target.authority()));
    let (target, _heard) = somebody(b"").await;
    assert!(matches!(target.call(request(), SOON, 3).await.unwrap_err(), CallError::Http { .. }));
    let (target, _heard) = somebody(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nlo").await;
    assert!(matches!(target.call(request(), SOON, 9).await.unwrap_err(), CallError::Unreachable { .. }));
}

#[tokio::test(start_paused = true)]
async fn who_does_not_answer_is_given_up() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let authority = listener.local_addr().unwrap().to_string().parse().unwrap();
    let url = Endpoint { scheme: Scheme::HTTP, authority, base_path: String::new() };
    let target = Target { url, tls: None };
    let error = target.call(request(), Duration::from_secs(5), 3).await.unwrap_err();
    assert_eq!(error.to_string(), format!("{} did not answer within 5 s", target.authority()));
}
