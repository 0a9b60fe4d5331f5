//! Many clients at once, some of them gone in the middle, some answered early or slowly: each reads its own answer.

use std::time::Duration;

use http::StatusCode;
use http_body_util::BodyExt;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::rig::Client;
use crate::rig::Rig;
use crate::rig::request;
use crate::rig::until;
use crate::strict::passthrough;

const CLIENTS: usize = 24;
const REQUESTS: usize = 60;

/// A model that answers every request with its path, in a way that depends on the path's number: whole, in chunks,
/// slowly, before the request's body is read, or with a close after it.
async fn serve(listener: TcpListener) {
    let mut connections = JoinSet::new();
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        // A client or the gateway that leaves breaks the connection, which is nothing to report.
        connections.spawn(async move { drop(converse(stream).await) });
    }
}

async fn converse(mut stream: TcpStream) -> std::io::Result<()> {
    let mut read = Vec::new();
    loop {
        let head = loop {
            if let Some(end) = read.windows(4).position(|four| four == b"\r\n\r\n") {
                break read.drain(..end + 4).collect::<Vec<u8>>();
            }
            if stream.read_buf(&mut read).await? == 0 {
                return Ok(());
            }
        };
        let head = String::from_utf8(head).unwrap();
        let path = head.split(' ').nth(1).unwrap().to_owned();
        let manner = number(&path) % 5;
        if manner == 3 {
            // Early, and the rest of the request stays unread.
            stream.write_all(answer(&path).as_bytes()).await?;
            return Ok(());
        }
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap_or("0");
        let length: usize = length.parse().unwrap();
        while read.len() < length {
            if stream.read_buf(&mut read).await? == 0 {
                return Ok(());
            }
        }
        read.drain(..length);
        match manner {
            0 => stream.write_all(answer(&path).as_bytes()).await?,
            1 => {
                let head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
                stream.write_all(format!("{head}{:x}\r\n{path}\r\n", path.len()).as_bytes()).await?;
                tokio::task::yield_now().await;
                stream.write_all(b"0\r\n\r\n").await?;
            }
            2 => {
                for byte in answer(&path).as_bytes() {
                    stream.write_all(&[*byte]).await?;
                    tokio::task::yield_now().await;
                }
            }
            _ => {
                let answer = answer(&path).replace("OK", "OK\r\nconnection: close");
                return stream.write_all(answer.as_bytes()).await;
            }
        }
    }
}

fn answer(path: &str) -> String {
    format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{path}", path.len())
}

fn number(path: &str) -> usize {
    path.rsplit('/').next().unwrap().parse().unwrap()
}

/// One client's requests, a third of which it gives up at some moment. Returns how many answers it read whole.
async fn use_it(addr: std::net::SocketAddr, client: usize, http2: bool) -> usize {
    let connect = async || if http2 { Client::http2(addr).await } else { Client::http1(addr).await };
    let mut connection = connect().await;
    let mut whole = 0;
    for round in 0..REQUESTS {
        let path = format!("/{client}/{}", client * 7 + round);
        let target = if http2 { format!("http://a.example{path}") } else { path.clone() };
        let body = "b".repeat((client * 31 + round * 577) % 40_000);
        let asked = async {
            let (head, body) = connection.head(request("POST", &target, &[], &body)).await?.into_parts();
            body.collect().await.map(|body| (head.status, body.to_bytes()))
        };
        let patience = if round % 3 == 0 {
            Duration::from_micros((round * client * 13) as u64)
        } else {
            Duration::from_secs(10)
        };
        match timeout(patience, asked).await {
            // A model that closes before it has read the request may break the connection under its own answer.
            Ok(Ok((StatusCode::BAD_GATEWAY, _))) => {}
            Ok(Ok((status, body))) => {
                assert_eq!((status, String::from_utf8_lossy(&body)), (StatusCode::OK, path.into()));
                whole += 1;
            }
            // A connection that was given up, or closed after an early answer, serves no further request.
            Ok(Err(_)) | Err(_) => connection = connect().await,
        }
    }
    whole
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_answer_ever_reaches_another_user() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let mut model = JoinSet::new();
    model.spawn(serve(listener));
    let rig = Rig::start(&passthrough(&url)).await;
    let addr = rig.gateway().data_addr();
    let mut clients = JoinSet::new();
    for client in 0..CLIENTS {
        clients.spawn(use_it(addr, client, client.is_multiple_of(4)));
    }
    let whole: usize = clients.join_all().await.into_iter().sum();
    assert!(whole > CLIENTS * REQUESTS / 3, "only {whole} answers came whole");
    until("every call's end", async || rig.metric("crossfade_model_in_flight_requests", &[]).await == 0.0)
        .await;
}
