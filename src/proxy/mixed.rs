//! Interleaving: every arm is asked, and their lists become one.
//!
//! The answer is legacy's own document with the mixed list in its place. When an arm is late, fails or answers with
//! something that holds no list, nobody waits longer for it: one arm's answer is served as it is, and the impression
//! is marked degraded.

use std::cell::Cell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::Arc;

use bytes::Bytes;
use http::HeaderMap;
use http::HeaderValue;
use http::Response;
use http::header;
use http::request::Parts;
use http::response;
use serde_json::Value;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio::time::sleep_until;

use crate::proxy::dispatch;
use crate::proxy::dispatch::Served;
use crate::proxy::handler::Visit;
use crate::proxy::headers;
use crate::proxy::leg::Leg;
use crate::proxy::relay::Relay;
use crate::proxy::respond::AnswerBytes;
use crate::proxy::respond::Refusal;
use crate::proxy::respond::refusal;
use crate::proxy::tunnel::Asked;
use crate::proxy::upload::Outgoing;
use crate::record::Degraded;
use crate::record::Shown;
use crate::record::ShownItem;
use crate::strategy::interleave;
use crate::strategy::interleave::Mixed;
use crate::strategy::interleave::Settings;
use crate::upstream::Answer;
use crate::upstream::AnswerBody;
use crate::vocab::ArmId;
use crate::vocab::Fate;
use crate::vocab::Role;

/// What came of asking one arm.
enum Outcome {
    /// An answer with a list whose items all have ids.
    Listed(Box<Listed>),
    /// Another whole answer.
    Plain(response::Parts, Bytes),
    /// An answer too large to hold, or a stream of events: its beginning, and what still comes.
    Large(Box<Large>),
    /// No answer.
    Failed(Fate),
}

struct Listed {
    head: response::Parts,
    document: Value,
    bytes: Bytes,
    ids: Vec<String>,
}

struct Large {
    head: response::Parts,
    first: VecDeque<Bytes>,
    body: AnswerBody<Outgoing>,
    leg: Box<Leg>,
}

/// Asks every arm and answers with the mixed list, or with one arm's answer as it is.
pub(super) async fn answer(
    visit: &Rc<Visit>,
    settings: &Settings,
    mut head: Box<Parts>,
) -> (Served, Option<Arc<Shown>>) {
    if headers::is_grpc(&head) {
        // Its messages are no JSON, and how a call ended stands behind them.
        return (degrade_unasked(visit, head, Degraded::NoList).await, None);
    }
    if !visit.upload.is_whole() {
        return (degrade_unasked(visit, head, Degraded::TooLarge).await, None);
    }
    head.headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    let (outcomes, late) = ask_all(visit, settings, head).await;
    let lists = outcomes.iter().map(|outcome| match outcome {
        Some(Outcome::Listed(listed)) => Some(listed.ids.clone()),
        _ => None,
    });
    match lists.collect::<Option<Vec<_>>>() {
        Some(lists) => {
            let mut dice = interleave::dice(&visit.experiment().salts, visit.id.as_bytes());
            let mixed = interleave::mix(&settings.mixing, &lists, settings.depth, &mut dice);
            count(visit, if mixed.no_contrast { "no_contrast" } else { "mixed" });
            let (response, shown) = serve_mixed(settings, outcomes, mixed);
            (Served { response, arm: None }, Some(Arc::new(shown)))
        }
        None => (degrade(visit, outcomes, late), None),
    }
}

fn count(visit: &Visit, kind: &str) {
    let impressions = &visit.worker.shared.metrics.impressions;
    impressions.with_label_values(&[visit.experiment().name.as_str(), kind]).inc();
}

/// Legacy alone answers a request for a tunnel: two cannot be mixed.
pub(super) async fn tunnel(visit: &Rc<Visit>, head: Box<Parts>, asked: Asked) -> Served {
    count(visit, "degraded");
    visit.pairing.note(|pair| pair.marks.degraded = Some(Degraded::NoList));
    dispatch::tunnel(visit, ArmId::LEGACY, head, asked).await
}

/// Legacy alone answers a request that holds no list, or whose body is above the cap and cannot be sent twice.
async fn degrade_unasked(visit: &Rc<Visit>, head: Box<Parts>, reason: Degraded) -> Served {
    count(visit, "degraded");
    visit.pairing.note(|pair| pair.marks.degraded = Some(reason));
    dispatch::answer(visit, ArmId::LEGACY, false, head).await
}

/// Asks every arm at once and waits: for all of them until the deadline, past it for the first that can be served.
/// The flag says whether the deadline cut somebody off.
async fn ask_all(visit: &Rc<Visit>, settings: &Settings, head: Box<Parts>) -> (Vec<Option<Outcome>>, bool) {
    let experiment = visit.experiment();
    let deadline = sleep_until(Instant::now() + settings.deadline);
    tokio::pin!(deadline);
    // An arm that is still busy when the others are served missed the deadline; when the client leaves, none did.
    let given_up = Rc::new(Cell::new(None));
    let mut asked = JoinSet::new();
    for arm in experiment.arm_ids() {
        let (visit, settings, head) = (Rc::clone(visit), settings.clone(), head.clone());
        let mut leg = visit.begin(arm, Role::Interleaved);
        leg.may_be_given_up(Rc::clone(&given_up));
        asked.spawn_local(async move { (arm, ask(&visit, arm, leg, &settings, head).await) });
    }
    let mut outcomes: Vec<Option<Outcome>> = experiment.arm_ids().map(|_| None).collect();
    let mut late = false;
    loop {
        tokio::select! {
            joined = asked.join_next() => match joined {
                Some(Ok((arm, outcome))) => outcomes[arm.index()] = Some(outcome),
                Some(Err(_)) => {}
                None => return (outcomes, late),
            },
            () = &mut deadline, if !late => late = true,
        }
        let legacy_streams = matches!(outcomes[0], Some(Outcome::Large(_)));
        if legacy_streams || late && outcomes.iter().flatten().any(Outcome::is_good) {
            let cut_off = outcomes.iter().any(Option::is_none);
            given_up.set(Some(if late { Fate::Timeout } else { Fate::Cancelled }));
            return (outcomes, late && cut_off);
        }
    }
}

async fn ask(visit: &Visit, arm: ArmId, leg: Box<Leg>, settings: &Settings, head: Box<Parts>) -> Outcome {
    match dispatch::ask(visit, arm, leg, head, None).await {
        Ok((answer, leg)) => collect(answer, leg, settings, visit.worker.shared.body_cap_bytes).await,
        Err((mut leg, fate)) => {
            leg.end(fate);
            Outcome::Failed(fate)
        }
    }
}

async fn collect(
    answer: Box<Answer<Outgoing>>,
    mut leg: Box<Leg>,
    settings: &Settings,
    cap_bytes: usize,
) -> Outcome {
    let Answer { head, mut body } = *answer;
    let mut frames = VecDeque::new();
    let streams = content_type(&head).is_some_and(|it| it.starts_with("text/event-stream"));
    while !streams && leg.answer_bytes() <= cap_bytes as u64 {
        match body.frame().await {
            Some(Ok(frame)) => {
                leg.frame(&frame);
                frames.extend(frame.into_data().ok());
            }
            Some(Err(fate)) => {
                leg.end(fate);
                return Outcome::Failed(fate);
            }
            None => {
                leg.end(Fate::Complete);
                let bytes = Vec::from(frames).concat().into();
                return understood(head, bytes, settings);
            }
        }
    }
    // It came in time; when another answer is served, nobody is to blame that this one is not read on.
    leg.may_be_given_up(Rc::new(Cell::new(Some(Fate::Cancelled))));
    Outcome::Large(Box::new(Large { head, first: frames, body, leg }))
}

fn understood(head: response::Parts, bytes: Bytes, settings: &Settings) -> Outcome {
    let readable = head.status.is_success() && content_type(&head).is_some_and(|it| it.contains("json"));
    let document: Option<Value> = readable.then(|| serde_json::from_slice(&bytes).ok()).flatten();
    let ids = document.as_ref().and_then(|document| ids(document, settings));
    match (document, ids) {
        (Some(document), Some(ids)) => Outcome::Listed(Box::new(Listed { head, document, bytes, ids })),
        _ => Outcome::Plain(head, bytes),
    }
}

fn content_type(head: &response::Parts) -> Option<&str> {
    head.headers.get(header::CONTENT_TYPE)?.to_str().ok()
}

fn ids(document: &Value, settings: &Settings) -> Option<Vec<String>> {
    let id = |item| match settings.id.first(item)? {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    };
    settings.items.list(document)?.iter().map(id).collect()
}

impl Outcome {
    /// Says whether a user is well served with it.
    fn is_good(&self) -> bool {
        match self {
            Outcome::Listed(_) => true,
            Outcome::Plain(head, _) => head.status.is_success(),
            Outcome::Large(large) => large.head.status.is_success(),
            Outcome::Failed(_) => false,
        }
    }

    /// Why a list could not be mixed with this.
    fn trouble(&self) -> Option<Degraded> {
        match self {
            Outcome::Listed(_) => None,
            Outcome::Plain(head, _) if head.status.is_success() => Some(Degraded::NoList),
            Outcome::Plain(..) | Outcome::Failed(_) => Some(Degraded::Failed),
            Outcome::Large(_) => Some(Degraded::TooLarge),
        }
    }

    fn into_response(self, visit: &Visit) -> Response<AnswerBytes> {
        match self {
            Outcome::Listed(listed) => whole(listed.head, listed.bytes),
            Outcome::Plain(head, bytes) => whole(head, bytes),
            Outcome::Large(large) => {
                let Large { mut head, first, body, mut leg } = *large;
                leg.serves();
                headers::strip_hop_by_hop(&mut head.headers);
                head.version = http::Version::HTTP_11;
                Response::from_parts(head, AnswerBytes::Relay(Box::new(Relay::resumed(first, body, leg))))
            }
            Outcome::Failed(fate) => refusal(Refusal::Model(fate), &visit.worker.shared.metrics),
        }
    }
}

/// Serves one arm's answer unmixed: a good one before any other, legacy's before the others'.
fn degrade(visit: &Visit, mut outcomes: Vec<Option<Outcome>>, late: bool) -> Served {
    count(visit, "degraded");
    let trouble = outcomes.iter().flatten().find_map(Outcome::trouble).unwrap_or(Degraded::Failed);
    let reason = if late { Degraded::Deadline } else { trouble };
    let good = outcomes.iter().position(|outcome| outcome.as_ref().is_some_and(Outcome::is_good));
    let answered = |outcome: &Option<Outcome>| !matches!(outcome, None | Some(Outcome::Failed(_)));
    let served = good.or_else(|| outcomes.iter().position(answered));
    visit.pairing.note(|pair| pair.marks.degraded = Some(reason));
    let outcome = outcomes[served.unwrap_or(0)].take().unwrap_or(Outcome::Failed(Fate::Reset));
    let arm = served.map(|place| ArmId(place as u8));
    Served { response: outcome.into_response(visit), arm }
}

/// Puts the mixed list into legacy's document.
fn serve_mixed(
    settings: &Settings,
    outcomes: Vec<Option<Outcome>>,
    mixed: Mixed,
) -> (Response<AnswerBytes>, Shown) {
    let listed = outcomes.into_iter().filter_map(|outcome| match outcome {
        Some(Outcome::Listed(listed)) => Some(*listed),
        _ => None,
    });
    let mut listed: Vec<Listed> = listed.collect();
    let item =
        |from: ArmId, place: usize| settings.items.list(&listed[from.index()].document)?.get(place).cloned();
    let items: Vec<Value> = mixed.items.iter().filter_map(|placed| item(placed.from, placed.place)).collect();
    let Listed { mut head, mut document, .. } = listed.swap_remove(ArmId::LEGACY.index());
    if let Some(list) = settings.items.list_mut(&mut document) {
        *list = items;
    }
    let shown =
        |placed: interleave::Placed| ShownItem { id: placed.id, credit: placed.credit, team: placed.team };
    let items = mixed.items.into_iter().map(shown).collect();
    strip_description(&mut head.headers);
    (whole(head, document.to_string().into()), Shown { items, no_contrast: mixed.no_contrast })
}

/// Takes the fields off that describe the bytes as legacy sent them.
fn strip_description(headers: &mut HeaderMap) {
    for name in [header::CONTENT_LENGTH, header::ETAG, header::CONTENT_RANGE, header::ACCEPT_RANGES] {
        headers.remove(name);
    }
    for name in ["content-md5", "digest", "content-digest", "repr-digest"] {
        headers.remove(name);
    }
}

/// An answer whose whole body is here.
fn whole(mut head: response::Parts, bytes: Bytes) -> Response<AnswerBytes> {
    headers::strip_hop_by_hop(&mut head.headers);
    head.headers.remove(header::TRAILER);
    head.version = http::Version::HTTP_11;
    // No body is told from an empty one by who writes the length: a 204 has none.
    Response::from_parts(head, AnswerBytes::Whole((!bytes.is_empty()).then_some(bytes)))
}
