//! Runs what HTTP/2 does beside a request on the thread of its connection, where the drain can wait for it.

use tokio_util::task::TaskTracker;

/// Runs HTTP/2's tasks on the thread that asks, through a tracker.
#[derive(Debug, Clone)]
pub struct OnThisThread(pub TaskTracker);

impl<F> hyper::rt::Executor<F> for OnThisThread
where
    F: Future<Output = ()> + 'static,
{
    fn execute(&self, future: F) {
        self.0.spawn_local(future);
    }
}
