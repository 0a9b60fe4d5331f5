//! Where an endpoint is: its host's addresses, looked up beside the answer path, and the way to one of them.
//!
//! A literal address needs nothing. A name in the policy is looked up when the policy is taken in and again and again
//! from then on, one look-up at a time, on the runtime beside the data plane: a connection finds addresses at hand,
//! and however slow the resolver is, it holds nobody up who has connected before. While look-ups fail or hang, the
//! last good addresses stay in use, for ten minutes. A name that was never found is waited for, within the deadline
//! for connecting.

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::net::IpAddr;
use std::net::SocketAddr;
use std::net::ToSocketAddrs;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::Weak;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio::time::timeout_at;
use tokio_util::task::TaskTracker;

/// How long addresses are taken for right.
const KEEP: Duration = Duration::from_secs(5);

/// How soon a failed look-up is tried again.
const RETRY: Duration = Duration::from_secs(1);

/// How old addresses may become while look-ups fail.
const STALE: Duration = Duration::from_secs(600);

/// Look-ups at a time; each holds a thread for as long as the system's resolver likes.
const LOOK_UPS: usize = 16;

/// Looks names up; cloning shares what is known.
#[derive(Clone)]
pub struct Resolver(Arc<Shared>);

struct Shared {
    names: Mutex<HashMap<String, Weak<Name>>>,
    look_up: Box<LookUp>,
    places: Arc<Semaphore>,
    beside: Handle,
    tasks: TaskTracker,
}

/// What asks the system; it may block.
type LookUp = dyn Fn(&str) -> io::Result<Vec<IpAddr>> + Send + Sync;

/// Where an endpoint is.
#[derive(Debug)]
pub(super) enum Host {
    /// At this address.
    Literal(IpAddr),
    /// Wherever the name leads.
    Named(Arc<Name>),
}

/// A name and what is known of it; looked up for as long as somebody holds it.
#[derive(Debug)]
pub(super) struct Name {
    host: String,
    known: watch::Sender<Known>,
    /// Which address is the next to be tried first.
    turn: AtomicUsize,
}

#[derive(Debug, Clone)]
enum Known {
    /// The first look-up is under way.
    Nothing,
    /// No look-up succeeded yet; why the last did not.
    Failed(String),
    /// The last good addresses; never empty.
    Found { addresses: Arc<[IpAddr]>, since: Instant },
}

impl Resolver {
    /// Looks names up by the system's resolver, on threads of this runtime.
    pub fn new(beside: Handle) -> Self {
        Self::asking(beside, |host| Ok((host, 0).to_socket_addrs()?.map(|address| address.ip()).collect()))
    }

    fn asking(
        beside: Handle,
        look_up: impl Fn(&str) -> io::Result<Vec<IpAddr>> + Send + Sync + 'static,
    ) -> Self {
        Self(Arc::new(Shared {
            names: Mutex::default(),
            look_up: Box::new(look_up),
            places: Arc::new(Semaphore::new(LOOK_UPS)),
            beside,
            tasks: TaskTracker::new(),
        }))
    }

    /// The place of a URL's host; a name begins to be looked up, unless it is already.
    pub(super) fn host(&self, host: &str) -> Host {
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        match bare.parse() {
            Ok(address) => Host::Literal(address),
            Err(_) => Host::Named(self.name(bare)),
        }
    }

    fn name(&self, host: &str) -> Arc<Name> {
        let shared = &self.0;
        // A panic under the lock can only have left a name out.
        let mut names = shared.names.lock().unwrap_or_else(PoisonError::into_inner);
        names.retain(|_, name| name.strong_count() > 0);
        if let Some(name) = names.get(host).and_then(Weak::upgrade) {
            return name;
        }
        let (host, known, turn) = (host.to_owned(), watch::Sender::new(Known::Nothing), AtomicUsize::new(0));
        let name = Arc::new(Name { host, known, turn });
        names.insert(name.host.clone(), Arc::downgrade(&name));
        shared.tasks.spawn_on(keep(Arc::clone(shared), Arc::downgrade(&name)), &shared.beside);
        name
    }
}

/// Looks a name up until nobody needs it any more.
async fn keep(shared: Arc<Shared>, name: Weak<Name>) {
    while let Some(host) = name.upgrade().map(|name| name.host.clone()) {
        let found = look_up(&shared, host).await;
        let pause = if found.is_ok() { KEEP } else { RETRY };
        match name.upgrade() {
            Some(name) => name.learn(found, Instant::now()),
            None => return,
        }
        tokio::time::sleep(pause).await;
    }
}

async fn look_up(shared: &Arc<Shared>, host: String) -> Result<Vec<IpAddr>, String> {
    let place = Arc::clone(&shared.places).acquire_owned().await;
    let asking = Arc::clone(shared);
    let asked = tokio::task::spawn_blocking(move || {
        let _place = place;
        (asking.look_up)(&host)
    });
    let mut addresses = asked.await.map_err(|error| error.to_string())?.map_err(|error| error.to_string())?;
    let mut seen = Vec::new();
    addresses.retain(|address| {
        !seen.contains(address) && {
            seen.push(*address);
            true
        }
    });
    if addresses.is_empty() { Err("the name has no address".to_owned()) } else { Ok(addresses) }
}

impl Name {
    fn learn(&self, found: Result<Vec<IpAddr>, String>, now: Instant) {
        match found {
            Ok(addresses) => {
                self.known.send_replace(Known::Found { addresses: addresses.into(), since: now });
            }
            Err(why) => {
                tracing::debug!(host = self.host, error = why, "a name was not found");
                self.known.send_if_modified(|known| {
                    let failed = known.fresh(now).is_none();
                    if failed {
                        *known = Known::Failed(why);
                    }
                    failed
                });
            }
        }
    }

    /// The addresses; waited for only while nothing is known.
    async fn addresses(&self) -> io::Result<Arc<[IpAddr]>> {
        let mut known = self.known.subscribe();
        let told = |known: &Known| match known {
            Known::Failed(_) => true,
            known => known.fresh(Instant::now()).is_some(),
        };
        // Only who is without a sender waits in vain, and `self` holds it.
        let known = known.wait_for(told).await.map_err(io::Error::other)?;
        match &*known {
            Known::Found { addresses, .. } => Ok(Arc::clone(addresses)),
            Known::Failed(why) => Err(io::Error::other(why.clone())),
            Known::Nothing => Err(io::ErrorKind::NotFound.into()),
        }
    }
}

impl Known {
    /// Addresses that may still be used.
    fn fresh(&self, now: Instant) -> Option<&Arc<[IpAddr]>> {
        match self {
            Known::Found { addresses, since } => (now - *since < STALE).then_some(addresses),
            Known::Nothing | Known::Failed(_) => None,
        }
    }
}

impl Host {
    /// Connects to one of the host's addresses: each is tried in turn, the first being another each time, and has an
    /// equal share of the time that is left.
    pub(super) async fn connect(&self, port: u16, deadline: Instant) -> io::Result<TcpStream> {
        let name = match self {
            Host::Literal(address) => return connect_by(SocketAddr::new(*address, port), deadline).await,
            Host::Named(name) => name,
        };
        let addresses = timeout_at(deadline, name.addresses()).await.map_err(|_| late("the name"))??;
        // Relaxed: a count whose exact order matters to nobody.
        let first = name.turn.fetch_add(1, Ordering::Relaxed) % addresses.len();
        let mut failure = late("a connection");
        for tried in 0..addresses.len() {
            let address = addresses[(first + tried) % addresses.len()];
            let (now, left) = (Instant::now(), (addresses.len() - tried) as u32);
            let share = deadline.saturating_duration_since(now) / left;
            match connect_by(SocketAddr::new(address, port), now + share).await {
                Ok(stream) => return Ok(stream),
                Err(error) => failure = error,
            }
        }
        Err(failure)
    }
}

async fn connect_by(address: SocketAddr, deadline: Instant) -> io::Result<TcpStream> {
    timeout_at(deadline, TcpStream::connect(address)).await.unwrap_or_else(|_| Err(late("a connection")))
}

fn late(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, format!("the deadline for {what} passed"))
}

impl fmt::Debug for Resolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Resolver").finish_non_exhaustive()
    }
}
