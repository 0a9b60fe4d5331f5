//! The users' port: one acceptor hands every connection to the worker with the fewest.
//!
//! Few long-lived connections, as sidecars and HTTP/2 clients keep them, would spread badly if the kernel chose.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::OwnedSemaphorePermit;
use tokio::sync::Semaphore;

use crate::proxy::Drain;
use crate::proxy::Shared;
use crate::proxy::Workers;
use crate::proxy::worker::Seat;
use crate::proxy::worker::Socket;
use crate::record::Want;

/// How long to wait when the system is out of file descriptors.
const BACK_OFF: Duration = Duration::from_millis(50);
/// How often to ask whether there is memory again.
const MEMORY_TICK: Duration = Duration::from_millis(10);

/// Accepts connections until the drain begins; at most `max_connections` are open at a time, and none is accepted
/// while the memory budget is spent. Further ones wait in the kernel's queue.
pub fn accept(
    listener: TcpListener,
    workers: &Workers,
    shared: &Arc<Shared>,
    max_connections: usize,
    drain: Drain,
) -> impl Future<Output = ()> + Send + use<> {
    let (seats, shared) = (workers.seats(), Arc::clone(shared));
    async move {
        tokio::select! {
            () = hand_out(listener, seats, &shared, max_connections) => {}
            () = drain.begun() => {}
        }
    }
}

async fn hand_out(listener: TcpListener, seats: Vec<Seat>, shared: &Shared, max_connections: usize) {
    let places = Arc::new(Semaphore::new(max_connections));
    while let Some(permit) = place(&places, shared).await {
        match next(&listener).await {
            Ok((stream, peer)) => {
                memory(shared).await;
                if let Some(seat) = seats.iter().min_by_key(|seat| seat.load()) {
                    seat.take(Socket { stream, peer, permit }).await;
                }
            }
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                count_pause(shared, "descriptors");
                tokio::time::sleep(BACK_OFF).await;
            }
        }
    }
}

/// Waits until there is a place for another connection.
async fn place(places: &Arc<Semaphore>, shared: &Shared) -> Option<OwnedSemaphorePermit> {
    if places.available_permits() == 0 {
        count_pause(shared, "connections");
    }
    Arc::clone(places).acquire_owned().await.ok()
}

/// Waits until there is memory for another connection.
async fn memory(shared: &Shared) {
    if shared.memory.allows(Want::Connection) {
        return;
    }
    count_pause(shared, "memory");
    while !shared.memory.allows(Want::Connection) {
        tokio::time::sleep(MEMORY_TICK).await;
    }
}

fn count_pause(shared: &Shared, reason: &str) {
    shared.metrics.accept_pauses.with_label_values(&[reason]).inc();
}

async fn next(listener: &TcpListener) -> io::Result<(std::net::TcpStream, std::net::SocketAddr)> {
    let (stream, peer) = listener.accept().await?;
    // Leaves this runtime's reactor; the worker registers it with its own.
    Ok((stream.into_std()?, peer))
}
