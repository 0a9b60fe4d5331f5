//! One thread of the data plane: a runtime, connections and pools of its own.

use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::runtime::Builder;
use tokio::runtime::LocalOptions;
use tokio::sync::OwnedSemaphorePermit;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio::time::MissedTickBehavior;
use tokio::time::timeout_at;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::proxy::connection::serve;
use crate::proxy::snapshot::Shared;
use crate::proxy::upload::Outgoing;
use crate::proxy::watch::Watchlist;
use crate::upstream::Client;

/// Connections that may wait for a worker to take them; the listener itself waits beyond.
const HAND_OVER: usize = 1024;

/// Half of what a connection to a model may stay unused: most servers close theirs after 60 s or more.
const SWEEP_EVERY: Duration = Duration::from_secs(15);

/// What the requests of one thread share.
pub(super) struct Worker {
    pub(super) shared: Arc<Shared>,
    pub(super) answers: Client<Outgoing>,
    pub(super) copies: Client<Outgoing>,
    pub(super) copies_under_way: Rc<TaskTracker>,
    pub(super) watchlist: Rc<Watchlist>,
    pub(super) tunnels: TaskTracker,
}

/// The order to stop: no new work, and until when what is under way may still go on.
#[derive(Debug, Clone)]
pub struct Drain {
    begun: CancellationToken,
    time: Duration,
}

/// The running workers.
#[derive(Debug)]
pub struct Workers {
    seats: Vec<Seat>,
    threads: Vec<JoinHandle<()>>,
    drain: Drain,
}

/// One worker as the listener sees it.
#[derive(Debug, Clone)]
pub(super) struct Seat {
    sockets: mpsc::Sender<Socket>,
    connections: Arc<AtomicUsize>,
}

/// A connection on its way to its worker.
#[derive(Debug)]
pub(super) struct Socket {
    pub(super) stream: std::net::TcpStream,
    pub(super) peer: SocketAddr,
    pub(super) permit: OwnedSemaphorePermit,
}

impl Drain {
    /// An order that is not given yet.
    pub fn new(time: Duration) -> Self {
        Self { begun: CancellationToken::new(), time }
    }

    /// Gives the order.
    pub fn begin(&self) {
        self.begun.cancel();
    }

    /// Waits for the order.
    pub async fn begun(&self) {
        self.begun.cancelled().await;
    }
}

impl Workers {
    /// Starts this many threads.
    pub fn start(count: usize, shared: &Arc<Shared>, drain: &Drain) -> io::Result<Self> {
        let mut workers = Self { seats: Vec::new(), threads: Vec::new(), drain: drain.clone() };
        for number in 0..count {
            let (sockets, arrivals) = mpsc::channel(HAND_OVER);
            let runtime = Builder::new_current_thread().enable_all().build_local(LocalOptions::default());
            // A local runtime stays on its thread; this one only shows that the system can make another.
            drop(runtime?);
            let connections = Arc::new(AtomicUsize::new(0));
            workers.seats.push(Seat { sockets, connections: Arc::clone(&connections) });
            let (shared, drain) = (Arc::clone(shared), drain.clone());
            let thread = std::thread::Builder::new().name(format!("crossfade-data-{number}"));
            workers.threads.push(thread.spawn(move || run(shared, arrivals, connections, &drain))?);
        }
        Ok(workers)
    }

    pub(super) fn seats(&self) -> Vec<Seat> {
        self.seats.clone()
    }

    /// Waits until every worker has ended, which begins with the drain. Blocks.
    pub fn join(self) {
        let Self { seats, threads, drain } = self;
        drop(seats);
        drain.begin();
        for thread in threads {
            if thread.join().is_err() {
                tracing::error!("a worker of the data plane panicked");
            }
        }
    }
}

impl Seat {
    pub(super) fn load(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }

    /// Hands a connection over; it is closed when the worker has gone.
    pub(super) async fn take(&self, socket: Socket) {
        // Relaxed: the listener's guess of how busy the worker is.
        self.connections.fetch_add(1, Ordering::Relaxed);
        if self.sockets.send(socket).await.is_err() {
            self.connections.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

/// The life of one worker: connections until the drain, then what is under way, within the drain's time.
fn run(shared: Arc<Shared>, arrivals: mpsc::Receiver<Socket>, connections: Arc<AtomicUsize>, drain: &Drain) {
    let built = Builder::new_current_thread().enable_all().build_local(LocalOptions::default());
    let runtime = match built {
        Ok(runtime) => runtime,
        Err(error) => return tracing::error!(%error, "a worker of the data plane could not start"),
    };
    runtime.block_on(work(shared, arrivals, connections, drain));
    // Dropping the runtime drops what is still under way; its legs end as cancelled and its pairs are handed on.
}

async fn work(
    shared: Arc<Shared>,
    mut arrivals: mpsc::Receiver<Socket>,
    connections: Arc<AtomicUsize>,
    drain: &Drain,
) {
    let (users, models, copies) =
        (TaskTracker::new(), Rc::new(TaskTracker::new()), Rc::new(TaskTracker::new()));
    let watchlist = Watchlist::new(&shared.limits, &shared.metrics);
    let worker = Rc::new(Worker {
        shared,
        answers: Client::new(Rc::clone(&models)),
        copies: Client::new(models),
        copies_under_way: Rc::clone(&copies),
        watchlist: Rc::clone(&watchlist),
        tunnels: TaskTracker::new(),
    });
    let mut sweep = tokio::time::interval(SWEEP_EVERY);
    let mut look = tokio::time::interval(watchlist.interval());
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            arrival = arrivals.recv() => match arrival {
                Some(socket) => {
                    users.spawn_local(serve(Rc::clone(&worker), socket, users.clone(), Arc::clone(&connections)));
                }
                None => break,
            },
            _ = sweep.tick() => {
                worker.answers.sweep();
                worker.copies.sweep();
            }
            _ = look.tick() => watchlist.look(),
            () = drain.begun() => break,
        }
    }
    drop(arrivals);
    watchlist.drain();
    let end = Instant::now() + drain.time;
    users.close();
    worker.tunnels.close();
    copies.close();
    let _ = timeout_at(end, users.wait()).await;
    let _ = timeout_at(end, worker.tunnels.wait()).await;
    // Users are done or out of time; copies get what is left of it.
    let _ = timeout_at(end, copies.wait()).await;
}
