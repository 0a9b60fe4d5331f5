//! Users who ask at the same time, over HTTP/1.1 and HTTP/2, and know what legacy answers each of them.

use tokio::task::JoinSet;

use crate::rig::Client;
use crate::rig::Model;
use crate::rig::Reply;
use crate::rig::Rig;

/// Users at a time; every second one speaks HTTP/2.
const USERS: usize = 8;

/// What users ask for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Crowd {
    /// How often each user asks.
    pub(super) each: usize,
    pub(super) body_bytes: usize,
}

/// What a crowd saw.
#[derive(Debug)]
pub(super) struct Saw {
    pub(super) requests: usize,
    /// The most copies in flight at a moment.
    pub(super) copies: f64,
    /// The most bytes held for them.
    pub(super) bytes: f64,
    /// How much more memory the process had at a moment than before, in bytes.
    pub(super) grown: u64,
}

/// A legacy whose answer to each request is another.
pub(super) async fn legacy() -> Model {
    Model::start(|seen| {
        let name = seen.headers["x-user-id"].to_str().unwrap();
        Reply::text(expected(name, seen.body.len()))
    })
    .await
}

fn expected(name: &str, body_bytes: usize) -> String {
    format!("legacy's answer to {name}, who sent {body_bytes} bytes: ") + &name.repeat(100)
}

impl Crowd {
    pub(super) fn requests(self) -> usize {
        USERS * self.each
    }

    /// Lets every user ask and checks that each answer is legacy's, byte for byte.
    pub(super) async fn ask(self, rig: &Rig) -> Saw {
        let before = resident_bytes();
        let mut asking = JoinSet::new();
        let addr = rig.gateway().data_addr();
        for user in 0..USERS {
            asking.spawn(async move {
                let mut client =
                    if user % 2 == 0 { Client::http1(addr).await } else { Client::http2(addr).await };
                let body = "b".repeat(self.body_bytes);
                for request in 0..self.each {
                    let name = format!("user-{user}-{request}");
                    let got = client.post("/ask", &[("x-user-id", &name)], &body).await;
                    assert_eq!(got.status, 200, "{name}: {}", got.text());
                    assert_eq!(got.text(), expected(&name, self.body_bytes));
                }
            });
        }
        let mut saw = Saw { requests: self.requests(), copies: 0.0, bytes: 0.0, grown: 0 };
        while !asking.is_empty() {
            saw.copies = saw.copies.max(rig.metric("crossfade_copies_in_flight", &[]).await);
            saw.bytes = saw.bytes.max(rig.metric("crossfade_copies_in_flight_bytes", &[]).await);
            saw.grown = saw.grown.max(resident_bytes().saturating_sub(before));
            while let Some(ended) = asking.try_join_next() {
                ended.unwrap();
            }
        }
        saw
    }
}

/// The memory of this process that is in use: gateway, models and users together.
fn resident_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB"));
    line.map_or(0, |kilobytes| kilobytes.parse::<u64>().unwrap() * 1024)
}
