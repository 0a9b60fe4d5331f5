//! The gateway as a strict intermediary: raw bytes in, raw bytes out, as RFC 9110, 9112 and 9113 have them.

mod answers;
mod ends;
mod expect;
mod fields;
mod requests;
mod stress;
mod tunnels;

use std::time::Duration;

use tokio::time::timeout;

use crate::rig::Rig;
use crate::rig::Wire;
use crate::rig::WireModel;

/// A gateway that passes everything on to one model, which the test plays.
async fn start() -> (Rig, WireModel) {
    let model = WireModel::start().await;
    let rig = Rig::start(&passthrough(&model.url())).await;
    (rig, model)
}

fn passthrough(url: &str) -> String {
    format!("models: {{m: {{url: \"{url}\"}}}}\ndefault: m\n")
}

async fn connect(rig: &Rig) -> Wire {
    Wire::connect(rig.gateway().data_addr()).await
}

/// An answer of this text.
fn ok(text: &str) -> String {
    format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{text}", text.len())
}

/// Says that something which must not happen has not happened yet. What it guards against happens at once.
async fn does_not<T>(what: &str, happening: impl Future<Output = T>) {
    assert!(timeout(Duration::from_millis(50), happening).await.is_err(), "{what}");
}
