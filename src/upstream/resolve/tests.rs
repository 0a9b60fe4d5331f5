use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::sync::mpsc::SyncSender;
use std::sync::mpsc::sync_channel;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::net::TcpSocket;
use tokio::net::TcpStream;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio::time::Instant;
use tokio::time::advance;

use crate::upstream::resolve::Host;
use crate::upstream::resolve::KEEP;
use crate::upstream::resolve::Known;
use crate::upstream::resolve::LOOK_UPS;
use crate::upstream::resolve::Name;
use crate::upstream::resolve::Resolver;
use crate::upstream::resolve::STALE;

type Found = io::Result<Vec<IpAddr>>;

const FIRST: &str = "127.0.0.2";
const SECOND: &str = "127.0.0.3";

/// A system's resolver in the hands of a test: each look-up waits for the test to take it, and then for its result.
struct System {
    asked: Receiver<(String, SyncSender<Found>)>,
    places: Arc<Semaphore>,
}

impl System {
    fn start() -> (Resolver, Self) {
        let (asking, asked) = sync_channel(64);
        let resolver = Resolver::asking(Handle::current(), move |host| {
            let (result, found) = sync_channel(1);
            asking.send((host.to_owned(), result)).map_err(io::Error::other)?;
            found.recv().map_err(io::Error::other)?
        });
        let places = Arc::clone(&resolver.0.places);
        (resolver, Self { asked, places })
    }

    /// The next look-up, whenever it comes: while none is under way, the clock goes on.
    async fn asked(&self) -> (String, SyncSender<Found>) {
        loop {
            if let Ok(asked) = self.asked.try_recv() {
                return asked;
            }
            if self.places.available_permits() == LOOK_UPS {
                advance(Duration::from_millis(10)).await;
            }
            std::thread::yield_now();
            tokio::task::yield_now().await;
        }
    }

    fn is_asked(&self) -> bool {
        self.asked.try_recv().is_ok()
    }
}

fn addresses(texts: &[&str]) -> Vec<IpAddr> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

fn name(resolver: &Resolver, host: &str) -> Arc<Name> {
    match resolver.host(host) {
        Host::Named(name) => name,
        Host::Literal(address) => panic!("{address} is no name"),
    }
}

/// Lets the task that keeps a name take in what it was told.
async fn until_known(name: &Name, expected: &[&str]) {
    let mut known = name.known.subscribe();
    let is_expected = |found: &Known| match found {
        Known::Found { addresses: found, .. } => found[..] == addresses(expected)[..],
        _ => false,
    };
    known.wait_for(is_expected).await.unwrap();
}

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(10)
}

#[tokio::test]
async fn a_literal_address_is_never_looked_up() {
    let (resolver, system) = System::start();
    for literal in ["127.0.0.1", "[::1]", "::1"] {
        assert!(matches!(resolver.host(literal), Host::Literal(_)), "{literal}");
    }
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    resolver.host("127.0.0.1").connect(port, soon()).await.unwrap();
    assert!(!system.is_asked());
}

#[tokio::test(start_paused = true)]
async fn addresses_are_renewed_and_the_old_ones_serve_while_a_look_up_hangs_or_fails() {
    let (resolver, system) = System::start();
    let name = name(&resolver, "model.example");
    let (host, first) = system.asked().await;
    assert_eq!(host, "model.example");
    first.send(Ok(addresses(&[FIRST, FIRST]))).unwrap();
    assert_eq!(name.addresses().await.unwrap()[..], addresses(&[FIRST])[..], "each address once");
    let (_, hanging) = system.asked().await;
    assert_eq!(name.addresses().await.unwrap()[..], addresses(&[FIRST])[..], "while a look-up hangs");
    assert!(!system.is_asked(), "one look-up at a time");
    hanging.send(Err(io::Error::other("the resolver is gone"))).unwrap();
    let (_, renewed) = system.asked().await;
    assert_eq!(name.addresses().await.unwrap()[..], addresses(&[FIRST])[..], "after a failure");
    renewed.send(Ok(addresses(&[SECOND]))).unwrap();
    until_known(&name, &[SECOND]).await;
}

#[tokio::test(start_paused = true)]
async fn old_addresses_serve_for_ten_minutes_and_no_longer() {
    let (resolver, system) = System::start();
    let name = name(&resolver, "model.example");
    system.asked().await.1.send(Ok(addresses(&[FIRST]))).unwrap();
    until_known(&name, &[FIRST]).await;
    advance(STALE - Duration::from_secs(1)).await;
    let (_, late) = system.asked().await;
    assert!(name.addresses().await.is_ok());
    advance(Duration::from_secs(1)).await;
    late.send(Err(io::Error::other("the resolver is gone"))).unwrap();
    assert_eq!(name.addresses().await.unwrap_err().to_string(), "the resolver is gone");
}

#[tokio::test(start_paused = true)]
async fn a_name_that_was_never_found_is_waited_for_within_the_deadline_and_then_fails_at_once() {
    let (resolver, system) = System::start();
    let host = resolver.host("nowhere.example");
    let (_, first) = system.asked().await;
    let deadline = Instant::now() + Duration::from_secs(1);
    let connecting = host.connect(80, deadline);
    tokio::pin!(connecting);
    assert!(futures_pending(connecting.as_mut()).await);
    advance(Duration::from_secs(1)).await;
    assert_eq!(connecting.await.unwrap_err().kind(), io::ErrorKind::TimedOut);
    first.send(Err(io::Error::other("no such name"))).unwrap();
    assert_eq!(host.connect(80, soon()).await.unwrap_err().to_string(), "no such name");
    system.asked().await.1.send(Ok(Vec::new())).unwrap();
    let (_, found) = system.asked().await;
    assert_eq!(host.connect(80, soon()).await.unwrap_err().to_string(), "the name has no address");
    found.send(Ok(addresses(&["127.0.0.1"]))).unwrap();
}

/// Says whether a future has nothing to give yet.
async fn futures_pending(future: impl Future) -> bool {
    tokio::pin!(future);
    std::future::poll_fn(|context| std::task::Poll::Ready(future.as_mut().poll(context).is_pending())).await
}

#[tokio::test(start_paused = true)]
async fn a_name_is_shared_by_all_who_use_it_and_looked_up_no_more_when_they_are_gone() {
    let (resolver, system) = System::start();
    let (one, other) = (name(&resolver, "model.example"), name(&resolver, "model.example"));
    assert!(Arc::ptr_eq(&one, &other));
    system.asked().await.1.send(Ok(addresses(&[FIRST]))).unwrap();
    until_known(&one, &[FIRST]).await;
    drop((one, other));
    advance(KEEP).await;
    resolver.0.tasks.close();
    resolver.0.tasks.wait().await;
    assert!(!system.is_asked());
    name(&resolver, "another.example");
    assert_eq!(resolver.0.names.lock().unwrap().len(), 1, "what is gone is forgotten");
}

#[tokio::test(start_paused = true)]
async fn a_bounded_number_of_look_ups_hold_threads() {
    let (resolver, system) = System::start();
    let names: Vec<_> = (0..LOOK_UPS + 1).map(|n| name(&resolver, &format!("m{n}.example"))).collect();
    let mut hanging = Vec::new();
    for _ in 0..LOOK_UPS {
        hanging.push(system.asked().await);
    }
    assert_eq!(resolver.0.places.available_permits(), 0);
    assert!(!system.is_asked());
    let (_, first) = hanging.swap_remove(0);
    first.send(Ok(addresses(&[FIRST]))).unwrap();
    let (_, last) = system.asked().await;
    last.send(Ok(addresses(&[FIRST]))).unwrap();
    drop((hanging, names));
}

#[tokio::test]
async fn addresses_take_turns_and_a_dead_or_silent_one_leaves_time_for_the_next() {
    let resolver = Resolver::asking(Handle::current(), |_| Ok(addresses(&[FIRST, SECOND])));
    let host = resolver.host("model.example");
    let alive = TcpListener::bind((FIRST, 0)).await.unwrap();
    let port = alive.local_addr().unwrap().port();
    let peer = |stream: TcpStream| stream.peer_addr().unwrap().ip().to_string();
    for _ in 0..4 {
        assert_eq!(peer(host.connect(port, soon()).await.unwrap()), FIRST, "the other one is dead");
    }
    // A listener whose queue is full answers nothing at all.
    let silent = TcpSocket::new_v4().unwrap();
    silent.bind(format!("{SECOND}:{port}").parse().unwrap()).unwrap();
    let silent = silent.listen(0).unwrap();
    let _queued = TcpStream::connect((SECOND, port)).await.unwrap();
    for _ in 0..4 {
        let deadline = Instant::now() + Duration::from_millis(400);
        assert_eq!(peer(host.connect(port, deadline).await.unwrap()), FIRST, "the other one is silent");
    }
    drop(silent);
    let both = TcpListener::bind((SECOND, port)).await.unwrap();
    let mut peers = Vec::new();
    for _ in 0..4 {
        peers.push(peer(host.connect(port, soon()).await.unwrap()));
    }
    peers.sort();
    assert_eq!(peers, [FIRST, FIRST, SECOND, SECOND]);
    drop(both);
}
