//! What the integration tests stand on: a gateway in process, scripted models, and a client, all on real sockets.

mod certificates;
mod client;
mod gateway;
pub(crate) mod http2;
mod model;
mod process;
mod wire;

pub(crate) use certificates::Asks;
pub(crate) use certificates::Authority;
pub(crate) use certificates::Secrets;
pub(crate) use client::Client;
pub(crate) use client::Got;
pub(crate) use client::Sending;
pub(crate) use client::request;
pub(crate) use gateway::Rig;
pub(crate) use gateway::read_records;
pub(crate) use model::Front;
pub(crate) use model::Gate;
pub(crate) use model::Model;
pub(crate) use model::Reply;
pub(crate) use model::Seen;
pub(crate) use model::Step;
pub(crate) use process::Process;
pub(crate) use wire::Wire;
pub(crate) use wire::WireModel;

/// Waits until something holds, giving way to everybody else in between.
///
/// # Panics
///
/// When it does not hold within a minute.
pub(crate) async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let waited = tokio::time::timeout(std::time::Duration::from_secs(60), async {
        while !holds().await {
            tokio::time::sleep(std::time::Duration::from_millis(2)).await;
        }
    });
    assert!(waited.await.is_ok(), "waited a minute for: {what}");
}
