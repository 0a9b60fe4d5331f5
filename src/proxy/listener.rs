//! The users' port: one acceptor hands every connection to the worker with the fewest.
//!
//! Few long-lived connections, as sidecars and HTTP/2 clients keep them, would spread badly if the kernel chose.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::Semaphore;

use crate::proxy::Drain;
use crate::proxy::Workers;
use crate::proxy::worker::Seat;
use crate::proxy::worker::Socket;

/// How long to wait when the system is out of file descriptors.
const BACK_OFF: Duration = Duration::from_millis(50);

/// Accepts connections until the drain begins; at most `max_connections` are open at a time, further ones wait in
/// the kernel's queue.
pub fn accept(
    listener: TcpListener,
    workers: &Workers,
    max_connections: usize,
    drain: Drain,
) -> impl Future<Output = ()> + Send + use<> {
    let seats = workers.seats();
    async move {
        tokio::select! {
            () = hand_out(listener, seats, max_connections) => {}
            () = drain.begun() => {}
        }
    }
}

async fn hand_out(listener: TcpListener, seats: Vec<Seat>, max_connections: usize) {
    let permits = Arc::new(Semaphore::new(max_connections));
    while let Ok(permit) = Arc::clone(&permits).acquire_owned().await {
        match next(&listener).await {
            Ok((stream, peer)) => {
                if let Some(seat) = seats.iter().min_by_key(|seat| seat.load()) {
                    seat.take(Socket { stream, peer, permit }).await;
                }
            }
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(BACK_OFF).await;
            }
        }
    }
}

async fn next(listener: &TcpListener) -> io::Result<(std::net::TcpStream, std::net::SocketAddr)> {
    let (stream, peer) = listener.accept().await?;
    // Leaves this runtime's reactor; the worker registers it with its own.
    Ok((stream.into_std()?, peer))
}
