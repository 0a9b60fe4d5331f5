//! The users of the chat demo: each holds a conversation of three turns about one term through the gateway, reads the
//! answers and says whether they helped.
//!
//! Users know which term they mean and nothing about the models. In an A/B test they read a stream and give a thumb
//! up or down; under a shadow they take whole answers, and a clerk files the right one for each.

pub mod questions;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::time::Duration;

use http::StatusCode;
use rand::RngExt;
use rand::SeedableRng;
use rand::rngs::Xoshiro256PlusPlus;
use serde_json::Value;
use serde_json::json;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio::time::sleep_until;

use crate::demo::chat::glossary::Entry;
use crate::demo::chat::glossary::Glossary;
use crate::demo::chat::openai::CHAT_PATH;
use crate::demo::chat::serve::MODEL_NAME;
use crate::demo::traffic::Client;
use crate::demo::traffic::Counts;
use crate::demo::traffic::ID_HEADER;
use crate::demo::traffic::Received;
use crate::demo::traffic::SCENE_HEADER;
use crate::demo::traffic::problem;
use crate::vocab::StrategyKind;

/// The header that names the conversation.
pub const CONVERSATION_HEADER: &str = "x-conversation-id";
/// Turns of a conversation.
pub const TURNS: usize = 3;
/// The outcome that holds the right answer.
pub const RIGHT_OUTCOME: &str = "right_answer";
/// The outcome that says whether an answer helped.
pub const THUMBS_OUTCOME: &str = "thumbs_up";

const FEEDBACK_PATH: &str = "/feedback";
/// How many users give a thumb at all, and how many of them up, after a right answer and after a wrong one.
const GIVEN: f64 = 0.8;
const UP_IF_RIGHT: f64 = 0.95;
const UP_IF_WRONG: f64 = 0.08;

/// The traffic for one strategy.
#[derive(Debug, Clone)]
pub struct Campaign {
    /// The strategy it is for.
    pub strategy: StrategyKind,
    /// Where users send requests.
    pub data: SocketAddr,
    /// Where outcomes are reported.
    pub admin: SocketAddr,
    /// How many conversations there are.
    pub conversations: usize,
    /// How many are held at one moment.
    pub connections: usize,
    /// How many requests are sent in a second at most; `None`: as many as get answered.
    pub per_second: Option<u32>,
    /// What everything random is drawn from.
    pub seed: u64,
}

/// A conversation that a user will hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conversation {
    /// Its name, as in `conversation-0042`.
    pub name: String,
    /// The place in the glossary of the term that the user means.
    pub entry: usize,
    /// What the user says.
    pub turns: [String; TURNS],
    /// How much the user is up to after each turn: whether to give a thumb, and whether up.
    mood: [(u32, u32); TURNS],
}

struct Crowd {
    campaign: Campaign,
    glossary: Arc<Glossary>,
    conversations: Vec<Conversation>,
    next: AtomicUsize,
    start: Instant,
    counts: Arc<Counts>,
}

/// Draws the conversations of a campaign.
pub fn conversations(campaign: &Campaign, glossary: &Glossary) -> Vec<Conversation> {
    let mut dice = Xoshiro256PlusPlus::seed_from_u64(campaign.seed);
    let conversation = |turn: usize| {
        let entry = dice.random_range(0..glossary.entries.len());
        let turns = questions::turns(&glossary.entries[entry], &mut dice);
        let mood = std::array::from_fn(|_| (dice.random(), dice.random()));
        Conversation { name: format!("conversation-{turn:04}"), entry, turns, mood }
    };
    (0..campaign.conversations).map(conversation).collect()
}

/// Holds the conversations of a campaign and waits for their end. Dropping the future ends them.
pub async fn send(campaign: Campaign, glossary: Arc<Glossary>, counts: Arc<Counts>) {
    let conversations = conversations(&campaign, &glossary);
    let connections = campaign.connections;
    let next = AtomicUsize::new(0);
    let crowd = Arc::new(Crowd { campaign, glossary, conversations, next, start: Instant::now(), counts });
    let mut users = JoinSet::new();
    for _ in 0..connections {
        users.spawn(converse(crowd.clone()));
    }
    while let Some(ended) = users.join_next().await {
        if let Err(error) = ended {
            crowd.counts.note(format!("a connection's users gave up: {error}"));
        }
    }
}

/// One connection's share: holds the next conversation until none is left.
async fn converse(crowd: Arc<Crowd>) {
    let mut gateway = Client::new(crowd.campaign.data);
    let mut feedback = Client::new(crowd.campaign.admin);
    loop {
        let place = crowd.next.fetch_add(1, Ordering::Relaxed);
        let Some(conversation) = crowd.conversations.get(place) else { return };
        let mut messages = Vec::new();
        for turn in 0..TURNS {
            sleep_until(crowd.moment(place * TURNS + turn)).await;
            messages.push(json!({"role": "user", "content": conversation.turns[turn]}));
            let Some(received) = crowd.ask(&mut gateway, conversation, &messages).await else { break };
            let said = crowd.read(&received);
            if let Some(outcome) = crowd.outcome(conversation, turn, &received, &said) {
                crowd.report(&mut feedback, &outcome).await;
            }
            messages.push(json!({"role": "assistant", "content": said}));
        }
    }
}

impl Crowd {
    fn moment(&self, request: usize) -> Instant {
        let rate = self.campaign.per_second.unwrap_or(0);
        if rate == 0 {
            return self.start;
        }
        self.start + Duration::from_secs_f64(request as f64 / f64::from(rate))
    }

    async fn ask(
        &self,
        gateway: &mut Client,
        conversation: &Conversation,
        messages: &[Value],
    ) -> Option<Received> {
        let strategy = self.campaign.strategy;
        let headers = [(SCENE_HEADER, strategy.as_str()), (CONVERSATION_HEADER, conversation.name.as_str())];
        let body = request(strategy, messages);
        match gateway.post(CHAT_PATH, &headers, &body).await {
            Ok(received) if received.status.is_success() => {
                self.counts.count_answered();
                Some(received)
            }
            other => {
                self.counts.count_failed(problem(CHAT_PATH, other));
                None
            }
        }
    }

    fn read(&self, received: &Received) -> String {
        said(&received.body).unwrap_or_else(|| {
            let body = String::from_utf8_lossy(&received.body);
            let body: String = body.chars().take(200).collect();
            self.counts.note(format!("an answer says nothing or breaks off: {body}"));
            String::new()
        })
    }

    /// What is reported of an answer; `None`: this user gives no thumb.
    fn outcome(
        &self,
        conversation: &Conversation,
        turn: usize,
        received: &Received,
        said: &str,
    ) -> Option<Value> {
        let Some(id) = received.header(ID_HEADER) else {
            self.counts.note(format!("an answer has no {ID_HEADER}, so nothing can be reported of it"));
            return None;
        };
        let meant = &self.glossary.entries[conversation.entry];
        let outcome = |name: &str, value: Value| json!({"request_id": id, "outcome": name, "value": value});
        match self.campaign.strategy {
            StrategyKind::Shadow => Some(outcome(RIGHT_OUTCOME, meant.sentence().into())),
            _ => {
                let up = conversation.thumb(turn, is_right(meant, said))?;
                Some(outcome(THUMBS_OUTCOME, up.into()))
            }
        }
    }

    async fn report(&self, feedback: &mut Client, outcome: &Value) {
        match feedback.post(FEEDBACK_PATH, &[], outcome).await {
            Ok(Received { status: StatusCode::OK, .. }) => self.counts.count_reported(),
            other => self.counts.count_unreported(problem(FEEDBACK_PATH, other)),
        }
    }
}

impl Conversation {
    /// Whether the user gives a thumb up; `None`: no thumb.
    fn thumb(&self, turn: usize, is_right: bool) -> Option<bool> {
        let share = |drawn: u32| f64::from(drawn) / f64::from(u32::MAX);
        let (given, up) = self.mood[turn];
        let likely = if is_right { UP_IF_RIGHT } else { UP_IF_WRONG };
        (share(given) <= GIVEN).then(|| share(up) <= likely)
    }
}

/// What is sent to ask for the next answer of a conversation.
pub fn request(strategy: StrategyKind, messages: &[Value]) -> Value {
    if strategy == StrategyKind::Shadow {
        return json!({"model": MODEL_NAME, "messages": messages});
    }
    let options = json!({"include_usage": true});
    json!({"model": MODEL_NAME, "messages": messages, "stream": true, "stream_options": options})
}

/// Whether an answer is about the term that was meant.
pub fn is_right(meant: &Entry, said: &str) -> bool {
    said.split_once(": ").is_some_and(|(term, _)| term == meant.term)
}

/// What an answer says, streamed or whole; `None` when it is neither, or a stream without an end.
pub fn said(body: &[u8]) -> Option<String> {
    if let Ok(whole) = serde_json::from_slice::<Value>(body) {
        return whole["choices"][0]["message"]["content"].as_str().map(str::to_owned);
    }
    let text = std::str::from_utf8(body).ok()?;
    let mut said = String::new();
    for data in text.split("\n\n").filter_map(|event| event.strip_prefix("data: ")) {
        if data == "[DONE]" {
            return Some(said);
        }
        let chunk: Value = serde_json::from_str(data).ok()?;
        said.push_str(chunk["choices"][0]["delta"]["content"].as_str().unwrap_or_default());
    }
    None
}
