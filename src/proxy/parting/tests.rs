use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use tokio::io::DuplexStream;
use tokio::io::duplex;
use tokio::time::Instant;
use tokio::time::timeout;

use crate::proxy::exchange::Exchange;
use crate::proxy::inspect::Inspected;
use crate::proxy::limits::Limits;
use crate::proxy::parting::ASKS;
use crate::proxy::parting::INTERIM;
use crate::proxy::parting::LINGER_BYTES;
use crate::proxy::parting::LINGERS;
use crate::proxy::parting::LISTENS;
use crate::proxy::parting::Parting;
use crate::proxy::watch::Doing;
use crate::proxy::watch::Watch;
use crate::proxy::watch::Watchlist;
use crate::telemetry::Metrics;

const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nhost: a\r\n\r\n";

/// A client, its connection, and the watch over it.
fn connection(buffer: usize) -> (DuplexStream, Parting<DuplexStream>, Rc<Watch>) {
    let (client, server) = duplex(buffer);
    let limits = Limits::default();
    let watch = Watchlist::new(&limits, &Arc::new(Metrics::new())).watch(Doing::Resting);
    (client, Parting::new(Inspected::new(server, &limits), Rc::clone(&watch)), watch)
}

/// Sends a request, reads it, and ends the client's sending side.
async fn ask(client: &mut DuplexStream, parting: &mut Parting<DuplexStream>) {
    client.write_all(REQUEST).await.unwrap();
    let mut read = [0; REQUEST.len()];
    parting.read_exact(&mut read).await.unwrap();
    client.shutdown().await.unwrap();
}

/// How long a read takes to find the end of the stream; `None`: it does not within an hour.
async fn end_after(parting: &mut Parting<DuplexStream>) -> Option<Duration> {
    let begun = Instant::now();
    let read = timeout(Duration::from_secs(3_600), parting.read(&mut [0; 64])).await;
    read.ok().map(|read| {
        assert_eq!(read.unwrap(), 0);
        begun.elapsed()
    })
}

#[tokio::test(start_paused = true)]
async fn an_idle_connection_ends_at_once() {
    let (mut client, mut parting, watch) = connection(1024);
    let turn = Exchange::http1(&watch);
    ask(&mut client, &mut parting).await;
    drop(turn);
    assert_eq!(end_after(&mut parting).await, Some(Duration::ZERO));
}

#[tokio::test(start_paused = true)]
async fn a_client_that_owes_the_rest_of_its_request_ends_at_once() {
    let (mut client, mut parting, watch) = connection(1024);
    let _turn = Exchange::http1(&watch);
    client.write_all(b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\n\r\n").await.unwrap();
    client.shutdown().await.unwrap();
    assert!(parting.read(&mut [0; 64]).await.unwrap() > 0);
    assert_eq!(end_after(&mut parting).await, Some(Duration::ZERO));
}

#[tokio::test(start_paused = true)]
async fn a_client_that_listens_is_asked_now_and_then_and_waited_for() {
    let (mut client, mut parting, watch) = connection(1024);
    let _turn = Exchange::http1(&watch);
    watch.set_knows_interim(true);
    ask(&mut client, &mut parting).await;
    let begun = Instant::now();
    let listening = async {
        let mut heard = Vec::new();
        let mut interim = [0; INTERIM.len()];
        while heard.last().is_none_or(|at| *at < Duration::from_secs(60)) {
            client.read_exact(&mut interim).await.unwrap();
            assert_eq!(interim, INTERIM);
            heard.push(begun.elapsed());
        }
        heard.iter().map(Duration::as_secs).collect::<Vec<_>>()
    };
    let mut end = [0; 64];
    tokio::select! {
        _ = parting.read(&mut end) => panic!("it listens"),
        heard = listening => assert_eq!(heard, [1, 2, 4, 8, 16, 32, 64]),
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_listen_is_found_out() {
    let (mut client, mut parting, watch) = connection(1024);
    let _turn = Exchange::http1(&watch);
    watch.set_knows_interim(true);
    ask(&mut client, &mut parting).await;
    drop(client);
    let ended = end_after(&mut parting).await.unwrap();
    assert!(ended >= ASKS && ended < 2 * ASKS, "{ended:?}");
}

#[tokio::test(start_paused = true)]
async fn nothing_is_said_into_an_answer() {
    let (mut client, mut parting, watch) = connection(1024);
    let turn = Exchange::http1(&watch);
    watch.set_knows_interim(true);
    ask(&mut client, &mut parting).await;
    watch.answer_begins();
    let ended = end_after(&mut parting).await.unwrap();
    assert!(ended >= LISTENS && ended < LISTENS + Duration::from_secs(1), "{ended:?}");
    drop((turn, parting));
    assert_eq!(client.read(&mut [0; 64]).await.unwrap(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_client_of_http_1_0_that_waits_for_its_answer_is_given_a_moment() {
    let (mut client, mut parting, watch) = connection(1024);
    let _turn = Exchange::http1(&watch);
    ask(&mut client, &mut parting).await;
    let ended = end_after(&mut parting).await.unwrap();
    assert!(ended >= LISTENS && ended < LISTENS + Duration::from_secs(1), "{ended:?}");
}

#[tokio::test(start_paused = true)]
async fn a_client_that_takes_its_answer_is_given_all_the_time_it_needs() {
    let (mut client, mut parting, watch) = connection(1024);
    let turn = Exchange::http1(&watch);
    ask(&mut client, &mut parting).await;
    assert!(timeout(LISTENS / 2, parting.read(&mut [0; 64])).await.is_err());
    parting.write_all(b"the answer begins").await.unwrap();
    assert_eq!(end_after(&mut parting).await, None);
    drop(turn);
    assert_eq!(end_after(&mut parting).await, Some(Duration::ZERO));
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_made_and_not_written_yet_is_still_owed() {
    let (mut client, mut parting, watch) = connection(64);
    let turn = Exchange::http1(&watch);
    ask(&mut client, &mut parting).await;
    drop(turn);
    assert!(timeout(LISTENS / 2, parting.write_all(&[b'x'; 100])).await.is_err());
    assert!(end_after(&mut parting).await.unwrap() >= LISTENS);
}

#[tokio::test(start_paused = true)]
async fn after_the_last_answer_what_still_comes_is_read_within_a_time() {
    let (mut client, mut parting, _watch) = connection(64 * 1024);
    client.write_all(REQUEST).await.unwrap();
    parting.read_exact(&mut [0; REQUEST.len()]).await.unwrap();
    parting.write_all(b"the last answer").await.unwrap();
    let begun = Instant::now();
    client.write_all(&[b'x'; 1024]).await.unwrap();
    parting.shutdown().await.unwrap();
    assert!(begun.elapsed() >= LINGERS && begun.elapsed() < LINGERS + Duration::from_secs(1));
    let mut answer = Vec::new();
    client.read_to_end(&mut answer).await.unwrap();
    assert_eq!(answer, b"the last answer");
}

#[tokio::test(start_paused = true)]
async fn after_the_last_answer_what_still_comes_is_read_within_a_size() {
    let (mut client, mut parting, _watch) = connection(64 * 1024);
    parting.write_all(b"the last answer").await.unwrap();
    let mut sent = 0;
    let flood = async {
        while client.write_all(&[b'x'; 1024]).await.is_ok() {
            sent += 1024;
        }
    };
    let closing = async {
        parting.shutdown().await.unwrap();
        drop(parting);
    };
    tokio::join!(flood, closing);
    assert!((LINGER_BYTES..LINGER_BYTES + 128 * 1024).contains(&sent), "{sent}");
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_rests_closes_at_once() {
    let (_client, mut parting, _watch) = connection(1024);
    parting.write_all(b"an answer").await.unwrap();
    assert!(timeout(Duration::from_secs(1), parting.read(&mut [0; 64])).await.is_err());
    let begun = Instant::now();
    parting.shutdown().await.unwrap();
    assert_eq!(begun.elapsed(), Duration::ZERO);
}
