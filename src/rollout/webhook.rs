//! Webhooks: whoever the policy names is told of every change, signed, more than once if need be, and never waited for.
//!
//! A message is a POST of JSON with the headers of the Standard Webhooks specification: `webhook-id` is the same in every
//! try, so that a receiver can tell repetitions; `webhook-signature` is `v1,` and the base64 of the HMAC-SHA256 of
//! `id.timestamp.body`. What does not fit in the queue, or fails for ten minutes, is counted and given up.

use std::sync::Arc;
use std::time::Duration;
use std::time::SystemTime;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use hmac::Hmac;
use hmac::KeyInit;
use hmac::Mac;
use http::Request;
use http::header::CONTENT_TYPE;
use http::header::USER_AGENT;
use serde_json::json;
use sha2::Sha256;
use tokio::sync::Mutex;
use tokio::sync::mpsc;
use tokio::sync::mpsc::Receiver;
use tokio::sync::mpsc::Sender;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use crate::rollout::Event;
use crate::rollout::Webhook;
use crate::telemetry::Metrics;
use crate::vocab::Secret;

/// Messages that wait for one receiver; a ramp makes a dozen in days.
const QUEUE: usize = 64;
/// The pause after the first failure; each is twice the one before.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// How often a message is tried, over some ten minutes.
const TRIES: u32 = 15;
/// The most that is read of an answer.
const MAX_ANSWER_BYTES: usize = 64 * 1024;
/// A secret as the specification writes it.
const PREFIX: &[u8] = b"whsec_";

/// Everybody who is told.
#[derive(Debug)]
pub(super) struct Hooks {
    hooks: Vec<Hook>,
    metrics: Arc<Metrics>,
}

#[derive(Debug)]
struct Hook {
    settings: Webhook,
    queue: Sender<Message>,
    waiting: Mutex<Receiver<Message>>,
}

#[derive(Debug)]
struct Message {
    id: String,
    body: Bytes,
}

impl Hooks {
    pub(super) fn new(settings: Vec<Webhook>, metrics: Arc<Metrics>) -> Self {
        let hook = |settings| {
            let (queue, waiting) = mpsc::channel(QUEUE);
            Hook { settings, queue, waiting: Mutex::new(waiting) }
        };
        Self { hooks: settings.into_iter().map(hook).collect(), metrics }
    }

    /// Puts a message in every queue.
    pub(super) fn tell(&self, event: &Event) {
        if self.hooks.is_empty() {
            return;
        }
        let id = format!("msg_{}", Uuid::now_v7().simple());
        let body = json!({
            "type": "crossfade.experiment.changed",
            "timestamp": event.change.time,
            "data": event,
        });
        let body = Bytes::from(body.to_string());
        for hook in &self.hooks {
            if hook.queue.try_send(Message { id: id.clone(), body: body.clone() }).is_err() {
                self.count(hook, "dropped");
                tracing::warn!(webhook = %hook.settings.name, "a message is dropped: the queue is full");
            }
        }
    }

    /// Delivers until `stop`; what waits then gets one last try.
    pub(super) async fn run(self: &Arc<Self>, stop: CancellationToken) {
        let tasks = TaskTracker::new();
        for place in 0..self.hooks.len() {
            let (hooks, stop) = (Arc::clone(self), stop.clone());
            tasks.spawn(async move { hooks.deliver_all(&hooks.hooks[place], stop).await });
        }
        tasks.close();
        tasks.wait().await;
    }

    async fn deliver_all(&self, hook: &Hook, stop: CancellationToken) {
        let mut waiting = hook.waiting.lock().await;
        while let Some(Some(message)) = stop.run_until_cancelled(waiting.recv()).await {
            self.deliver(hook, &message, &stop).await;
        }
        while let Ok(message) = waiting.try_recv() {
            self.deliver(hook, &message, &stop).await;
        }
    }

    async fn deliver(&self, hook: &Hook, message: &Message, stop: &CancellationToken) {
        let mut pause = FIRST_PAUSE;
        for tried in 1..=TRIES {
            let problem = match send(&hook.settings, message).await {
                Ok(()) => return self.count(hook, "sent"),
                Err(problem) => problem,
            };
            tracing::warn!(webhook = %hook.settings.name, id = message.id, tried, problem, "a message was not delivered");
            let waited = stop.run_until_cancelled(tokio::time::sleep(pause)).await;
            if waited.is_none() {
                break;
            }
            pause = (2 * pause).min(LONGEST_PAUSE);
        }
        self.count(hook, "failed");
    }

    fn count(&self, hook: &Hook, result: &str) {
        let labels = [hook.settings.name.as_str(), result];
        self.metrics.webhook_deliveries.with_label_values(&labels).inc();
    }
}

/// One try. Any status of success will do.
async fn send(settings: &Webhook, message: &Message) -> Result<(), String> {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
    let mut request = Request::post("/")
        .header(CONTENT_TYPE, "application/json")
        .header(USER_AGENT, concat!("crossfade/", env!("CARGO_PKG_VERSION")))
        .header("webhook-id", &message.id)
        .header("webhook-timestamp", now);
    if let Some(secret) = &settings.secret {
        request = request.header("webhook-signature", signature(secret, &message.id, now, &message.body));
    }
    let request = request.body(message.body.clone()).map_err(|error| error.to_string())?;
    let answer = settings.target.call(request, settings.timeout, MAX_ANSWER_BYTES).await;
    let status = answer.map_err(|error| error.to_string())?.status();
    if status.is_success() { Ok(()) } else { Err(format!("it answered {status}")) }
}

fn signature(secret: &Secret, id: &str, seconds: u64, body: &[u8]) -> String {
    let written = secret.expose();
    let decoded = written.strip_prefix(PREFIX).and_then(|text| STANDARD.decode(text).ok());
    let key = decoded.as_deref().unwrap_or(written);
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("a key of any length will do");
    mac.update(format!("{id}.{seconds}.").as_bytes());
    mac.update(body);
    format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
}
