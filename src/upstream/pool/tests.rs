use bytes::Bytes;
use http_body_util::Empty;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::io::DuplexStream;
use tokio_util::task::AbortOnDropHandle;
use tokio_util::task::TaskTracker;

use crate::upstream::Bell;
use crate::upstream::pool::Link;
use crate::upstream::pool::Pool;

const KEY: u64 = 7;

/// A connection that can carry a request, and its other end.
async fn connection() -> (Link<Empty<Bytes>>, DuplexStream) {
    let (ours, theirs) = tokio::io::duplex(1024);
    let (mut sender, connection) = http1::handshake(TokioIo::new(ours)).await.unwrap();
    let driver = TaskTracker::new().spawn(async move { drop(connection.await) });
    sender.ready().await.unwrap();
    (Link { sender, bell: Bell::new(), _driver: AbortOnDropHandle::new(driver) }, theirs)
}

async fn filled(count: usize) -> (Pool<Empty<Bytes>>, Vec<DuplexStream>) {
    let pool = Pool::new();
    let mut ends = Vec::new();
    for _ in 0..count {
        let (link, end) = connection().await;
        pool.put(KEY, link);
        ends.push(end);
    }
    (pool, ends)
}

fn size(pool: &Pool<Empty<Bytes>>) -> usize {
    pool.0.borrow().get(&KEY).map_or(0, |idle| idle.links.len())
}

#[tokio::test]
async fn what_a_burst_leaves_behind_is_closed_and_what_is_in_use_is_kept() {
    let (pool, _ends) = filled(10).await;
    pool.sweep();
    assert_eq!(size(&pool), 10, "they have just come");
    for _ in 0..3 {
        let used = [pool.take(KEY).unwrap(), pool.take(KEY).unwrap()];
        used.into_iter().for_each(|link| pool.put(KEY, link));
        pool.sweep();
        assert_eq!(size(&pool), 2, "two were in use at a time");
    }
    pool.sweep();
    assert_eq!(size(&pool), 0);
    assert!(pool.0.borrow().is_empty(), "an endpoint without connections is forgotten");
}

#[tokio::test]
async fn the_connection_used_last_is_taken_first_and_a_closed_one_never() {
    let (pool, mut ends) = filled(3).await;
    drop(ends.pop());
    // Its task sees the close when it runs next.
    while size(&pool) == 3 {
        tokio::task::yield_now().await;
        pool.sweep();
        let open = pool.take(KEY).unwrap();
        pool.put(KEY, open);
    }
    assert_eq!(size(&pool), 2);
    assert!(pool.take(KEY).is_some_and(|link| link.sender.is_ready()));
    assert!(pool.take(8).is_none(), "another endpoint's are no one else's");
}
