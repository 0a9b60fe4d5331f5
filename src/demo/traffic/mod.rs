//! The demo's users: they send images through the gateway, and later say what was right or click what they like.
//!
//! Users know the gateway's two addresses and the truth about their own images; which model answered, they never
//! learn. Who sends what, and how each user would decide, is drawn from a seed before anything is sent.

mod audience;
mod client;
mod clicks;
mod counts;

#[cfg(test)]
mod tests;

pub use audience::Visit;
pub use audience::visits;
pub use clicks::ClickModel;
pub use client::Client;
pub use client::ClientError;
pub use client::Received;
pub use counts::Counts;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::time::Duration;

use http::StatusCode;
use serde_json::Value;
use serde_json::json;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio::time::sleep_until;

use crate::demo::digits::Digits;
use crate::demo::digits::PIXELS;
use crate::demo::models::document_place;
use crate::demo::serve::INFER_PATH;
use crate::demo::serve::RANK_PATH;
use crate::vocab::StrategyKind;

/// The header by which the demo's policy tells the strategies apart; its value is the strategy's word.
pub const SCENE_HEADER: &str = "x-demo";
/// The header that names the user.
pub const USER_HEADER: &str = "x-user-id";
/// The header of an answer that names the request.
pub const ID_HEADER: &str = "crossfade-id";
/// The outcome that tells an image's true digit.
pub const LABEL_OUTCOME: &str = "digit";
/// The outcome that tells which document was clicked.
pub const CLICK_OUTCOME: &str = "click";

const FEEDBACK_PATH: &str = "/feedback";
const LIST_LENGTH: usize = 10;

/// The traffic for one strategy.
#[derive(Debug, Clone)]
pub struct Campaign {
    /// The strategy it is for.
    pub strategy: StrategyKind,
    /// Where users send requests.
    pub data: SocketAddr,
    /// Where outcomes are reported.
    pub admin: SocketAddr,
    /// How many requests are sent.
    pub requests: usize,
    /// How many users send them.
    pub users: usize,
    /// How many connections they share.
    pub connections: usize,
    /// How many requests are sent in a second at most; `None`: as many as get answered.
    pub per_second: Option<u32>,
    /// What everything random is drawn from.
    pub seed: u64,
}

/// What the users' tasks share.
struct Crowd {
    campaign: Campaign,
    digits: Arc<Digits>,
    visits: Vec<Visit>,
    next: AtomicUsize,
    start: Instant,
    counts: Arc<Counts>,
}

/// Sends the traffic of a campaign and waits for its end. Dropping the future ends the traffic.
pub async fn send(campaign: Campaign, digits: Arc<Digits>, counts: Arc<Counts>) {
    let visits = visits(&campaign, digits.held_out.len());
    let connections = campaign.connections;
    let crowd = Arc::new(Crowd {
        campaign,
        digits,
        visits,
        next: AtomicUsize::new(0),
        start: Instant::now(),
        counts,
    });
    let mut users = JoinSet::new();
    for _ in 0..connections {
        users.spawn(browse(crowd.clone()));
    }
    while let Some(ended) = users.join_next().await {
        if let Err(error) = ended {
            crowd.counts.note(format!("a connection's users gave up: {error}"));
        }
    }
}

/// One connection's share of the traffic: takes the next visit until none is left.
async fn browse(crowd: Arc<Crowd>) {
    let mut gateway = Client::new(crowd.campaign.data);
    let mut feedback = Client::new(crowd.campaign.admin);
    while let Some((turn, visit)) = crowd.next() {
        sleep_until(crowd.moment(turn)).await;
        if let Some(received) = crowd.visit(&mut gateway, visit).await {
            for outcome in crowd.outcomes(visit, &received) {
                crowd.report(&mut feedback, &outcome).await;
            }
        }
    }
}

impl Crowd {
    fn next(&self) -> Option<(usize, &Visit)> {
        let turn = self.next.fetch_add(1, Ordering::Relaxed);
        self.visits.get(turn).map(|visit| (turn, visit))
    }

    fn moment(&self, turn: usize) -> Instant {
        let rate = self.campaign.per_second.unwrap_or(0);
        if rate == 0 {
            return self.start;
        }
        self.start + Duration::from_secs_f64(turn as f64 / f64::from(rate))
    }

    async fn visit(&self, gateway: &mut Client, visit: &Visit) -> Option<Received> {
        let pixels = &self.digits.held_out[visit.image].pixels;
        let (path, body) = match self.campaign.strategy {
            StrategyKind::Interleave => (RANK_PATH, ranking_request(&visit.user, pixels)),
            StrategyKind::Shadow | StrategyKind::Canary | StrategyKind::Ab => {
                (INFER_PATH, inference_request(pixels))
            }
        };
        let headers = [(SCENE_HEADER, self.campaign.strategy.as_str()), (USER_HEADER, visit.user.as_str())];
        match gateway.post(path, &headers, &body).await {
            Ok(received) if received.status.is_success() => {
                self.counts.count_answered();
                Some(received)
            }
            other => {
                self.counts.count_failed(problem(path, other));
                None
            }
        }
    }

    /// What a user reports of an answer: the true digit of a classified image, the clicks on a ranked list.
    fn outcomes(&self, visit: &Visit, received: &Received) -> Vec<Value> {
        let Some(id) = received.header(ID_HEADER) else {
            self.counts.note(format!("an answer has no {ID_HEADER}, so nothing can be reported of it"));
            return Vec::new();
        };
        let outcome = |name: &str, value: Value| json!({"request_id": id, "outcome": name, "value": value});
        match self.campaign.strategy {
            StrategyKind::Interleave => {
                let clicked = self.clicked_documents(visit, &received.body);
                clicked.into_iter().map(|item| outcome(CLICK_OUTCOME, json!({ "item": item }))).collect()
            }
            StrategyKind::Shadow | StrategyKind::Canary | StrategyKind::Ab => {
                vec![outcome(LABEL_OUTCOME, self.truth(visit).into())]
            }
        }
    }

    fn clicked_documents(&self, visit: &Visit, body: &[u8]) -> Vec<String> {
        let shown = shown_documents(body);
        let relevant: Vec<bool> =
            shown.iter().map(|document| self.shows(document, self.truth(visit))).collect();
        let clicked = ClickModel::default().clicks(&relevant, &mut visit.dice());
        clicked.into_iter().map(|place| shown[place].clone()).collect()
    }

    fn truth(&self, visit: &Visit) -> u8 {
        self.digits.held_out[visit.image].label
    }

    fn shows(&self, document: &str, digit: u8) -> bool {
        let image = document_place(document).and_then(|place| self.digits.train.get(place));
        image.is_some_and(|image| image.label == digit)
    }

    async fn report(&self, feedback: &mut Client, outcome: &Value) {
        match feedback.post(FEEDBACK_PATH, &[], outcome).await {
            Ok(Received { status: StatusCode::OK, .. }) => self.counts.count_reported(),
            other => self.counts.count_unreported(problem(FEEDBACK_PATH, other)),
        }
    }
}

pub(super) fn inference_request(pixels: &[f32; PIXELS]) -> Value {
    let image = json!({"name": "image", "datatype": "FP32", "shape": [1, PIXELS], "data": pixels.as_slice()});
    json!({ "inputs": [image] })
}

pub(super) fn ranking_request(user: &str, pixels: &[f32; PIXELS]) -> Value {
    json!({"user_id": user, "k": LIST_LENGTH, "query": pixels.as_slice()})
}

fn shown_documents(body: &[u8]) -> Vec<String> {
    let answer: Value = serde_json::from_slice(body).unwrap_or_default();
    let results = answer["results"].as_array().map_or(&[][..], Vec::as_slice);
    results.iter().filter_map(|result| result["doc_id"].as_str()).map(str::to_owned).collect()
}

pub(super) fn problem(path: &str, outcome: Result<Received, ClientError>) -> String {
    match outcome {
        Ok(received) => {
            let body: String = String::from_utf8_lossy(&received.body).chars().take(200).collect();
            format!("POST {path} was answered {}: {body}", received.status)
        }
        Err(error) => format!("POST {path} failed: {error}"),
    }
}
