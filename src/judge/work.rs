//! One judge at work on one case: what it says becomes the judgement that goes on record.

use std::time::SystemTime;

use sha2::Digest;
use sha2::Sha256;

use crate::cost::Money;
use crate::judge::Case;
use crate::judge::Rule;
use crate::judge::Said;
use crate::judge::Settings;
use crate::judge::Way;
use crate::judge::cache::Cache;
use crate::judge::case::Came;
use crate::judge::embeddings;
use crate::judge::llm;
use crate::judge::rules;
use crate::judge::service;
use crate::judge::spend::Ledger;
use crate::judge::text::text_of;
use crate::policy::JudgeMode;
use crate::protocol::Usage;
use crate::record::CostRecord;
use crate::record::JudgedAnswer;
use crate::record::JudgementRecord;
use crate::record::Missing;
use crate::record::ObservationRecord;
use crate::record::Preference;
use crate::vocab::Timestamp;

/// How much of a judge's own words is kept, in bytes.
const WORDS: usize = 4 * 1024;

/// What a judge has beside its settings.
#[derive(Debug)]
pub(super) struct Means {
    pub(super) ledger: Ledger,
    pub(super) cache: Cache,
}

/// What asking took.
#[derive(Debug, Clone, Default)]
pub(super) struct Took {
    pub(super) calls: u32,
    pub(super) tokens: Option<Usage>,
    pub(super) cost: Option<CostRecord>,
    pub(super) model: Option<String>,
}

/// An answer of a case and what it says.
#[derive(Debug)]
pub(super) struct Entry<'c> {
    pub(super) seen: &'c ObservationRecord,
    pub(super) came: Came,
    pub(super) said: Result<Said, Missing>,
}

/// Judges a case.
pub(super) async fn judge(settings: &Settings, means: &Means, case: &Case) -> JudgementRecord {
    let mut judgement = blank(settings, case);
    let entries: Vec<Entry<'_>> = case.answers().map(|seen| Entry::of(settings, seen)).collect();
    let mut took = Took::default();
    judgement.answers = match &settings.way {
        Way::Rules(rules) => entries.iter().map(|entry| by_rules(rules, entry)).collect(),
        Way::Embeddings(model) => embeddings::score(model, settings, means, case, &mut took).await,
        _ if settings.mode() == JudgeMode::Pairwise => {
            prefer(settings, means, case, &entries, &mut took).await
        }
        _ => score(settings, means, case, &entries, &mut took).await,
    };
    judgement.cached =
        took.calls == 0 && settings.asks() && judgement.answers.iter().any(|it| !it.raw.is_empty());
    let Took { calls, tokens, cost, model } = took;
    JudgementRecord { time: Timestamp::from(SystemTime::now()), calls, tokens, cost, model, ..judgement }
}

/// A judgement that says nothing yet.
pub(super) fn blank(settings: &Settings, case: &Case) -> JudgementRecord {
    let record = &case.record;
    JudgementRecord {
        request_id: record.request_id,
        time: record.time,
        request_time: record.time,
        experiment: record.experiment.clone(),
        identity: record.identity.clone(),
        stage: record.stage,
        unit: record.unit.clone(),
        judge: settings.name.clone(),
        version: settings.version(),
        mode: settings.mode(),
        propensity: settings.sample.probability(),
        answers: Vec::new(),
        model: None,
        calls: 0,
        tokens: None,
        cost: None,
        cached: false,
        reviewer: None,
        reasons: Vec::new(),
        left: None,
        each: None,
        panel: Vec::new(),
        people: false,
    }
}

fn by_rules(rules: &[Rule], entry: &Entry<'_>) -> JudgedAnswer {
    let mut answer = entry.blank();
    match (entry.came, &entry.said) {
        (Came::Unknown, _) => answer.missing = Some(Missing::NoAnswer),
        // An answer that never came keeps no rule.
        (Came::Failed, _) => answer.score = Some(0.0),
        (Came::Answer, Ok(said)) => {
            answer.broken = rules::broken(rules, said);
            answer.score = Some(if answer.broken.is_empty() { 1.0 } else { 0.0 });
        }
        // What is not at its place is no answer either, unless the record lacks the body.
        (Came::Answer, Err(_)) if entry.seen.is_whole_json() => answer.score = Some(0.0),
        (Came::Answer, Err(why)) => answer.missing = Some(*why),
    }
    answer
}

/// Scores each answer by itself.
async fn score(
    settings: &Settings,
    means: &Means,
    case: &Case,
    entries: &[Entry<'_>],
    took: &mut Took,
) -> Vec<JudgedAnswer> {
    let mut answers = Vec::new();
    for entry in entries {
        let mut answer = entry.blank();
        match (entry.came, &entry.said) {
            (Came::Unknown, _) => answer.missing = Some(Missing::NoAnswer),
            (Came::Failed, _) => answer.score = Some(0.0),
            (Came::Answer, Err(why)) => answer.missing = Some(*why),
            (Came::Answer, Ok(said)) => {
                let asked = ask(settings, means, case, &[said], took).await;
                answer = asked.of_entry(entry);
            }
        }
        answers.push(answer);
    }
    answers
}

/// Holds each candidate's answer against legacy's.
async fn prefer(
    settings: &Settings,
    means: &Means,
    case: &Case,
    entries: &[Entry<'_>],
    took: &mut Took,
) -> Vec<JudgedAnswer> {
    let is_legacy = |entry: &&Entry<'_>| case.record.arms.first() == Some(&entry.seen.arm);
    let Some(legacy) = entries.iter().find(is_legacy) else { return Vec::new() };
    let mut answers = Vec::new();
    for entry in entries.iter().filter(|entry| !is_legacy(entry)) {
        answers.push(match (without_asking(legacy, entry), &legacy.said, &entry.said) {
            (None, Ok(legacy), Ok(own)) => {
                ask(settings, means, case, &[legacy, own], took).await.of_entry(entry)
            }
            (settled, ..) => settled.unwrap_or_else(|| entry.blank()),
        });
    }
    answers
}

/// What can be said of a candidate's answer against legacy's without asking anybody; `None`: somebody is to be asked,
/// and both answers have a text.
pub(super) fn without_asking(legacy: &Entry<'_>, own: &Entry<'_>) -> Option<JudgedAnswer> {
    let mut answer = own.blank();
    match (legacy.came, own.came) {
        (Came::Unknown, _) | (_, Came::Unknown) | (Came::Failed, Came::Failed) => {
            answer.missing = Some(Missing::NoAnswer);
        }
        (Came::Answer, Came::Failed) => answer.against_legacy = Some(Preference::Loss),
        (Came::Failed, Came::Answer) => answer.against_legacy = Some(Preference::Win),
        (Came::Answer, Came::Answer) => match (&legacy.said, &own.said) {
            // Two answers that are one are no evidence.
            (Ok(legacy), Ok(own)) if legacy.text == own.text => {
                answer.against_legacy = Some(Preference::Tie);
            }
            (Ok(_), Ok(_)) => return None,
            (Err(why), _) | (_, Err(why)) => answer.missing = Some(*why),
        },
    }
    Some(answer)
}

/// Asks about one answer, or legacy's and a candidate's; the same question is asked once.
async fn ask(
    settings: &Settings,
    means: &Means,
    case: &Case,
    said: &[&Said],
    took: &mut Took,
) -> JudgedAnswer {
    let request = case.request();
    let question = question(settings, case, &request, said);
    if let Some(known) = means.cache.find(&question) {
        return known;
    }
    let mut answer = match &settings.way {
        Way::Llm(llm) => llm::ask(llm, &means.ledger, case, &request, said, took).await,
        Way::Http(service) => service::ask(service, settings, &means.ledger, case, said, took).await,
        Way::Rules(_) | Way::Human(_) | Way::Embeddings(_) => return unasked(case),
    }
    .unwrap_or_else(|why| JudgedAnswer { missing: Some(why), ..unasked(case) });
    answer.explanation = answer.explanation.map(cut);
    answer.label = answer.label.map(cut);
    answer.raw = answer.raw.into_iter().map(cut).collect();
    means.cache.remember(question, &answer);
    answer
}

/// An answer of which nothing was said; whose it is, is set by whoever asked.
pub(super) fn unasked(case: &Case) -> JudgedAnswer {
    JudgedAnswer::of(case.record.assigned.clone(), crate::vocab::Role::Answer)
}

/// What makes two questions one: all that the judge is shown, and the judge.
pub(super) fn question(settings: &Settings, case: &Case, request: &str, said: &[&Said]) -> [u8; 32] {
    let version = settings.version();
    let (reference, context) = match &settings.way {
        Way::Llm(llm) => (case.at(llm.reference.as_ref()), case.at(llm.context.as_ref())),
        _ => (None, None),
    };
    // A service is sent all of the request, a language model its texts.
    let whole = matches!(settings.way, Way::Http(_)).then(|| case.request_json().to_string());
    let parts = [version.as_str(), whole.as_deref().unwrap_or(request)].into_iter();
    let parts = parts.chain([&reference, &context].map(|part| part.as_deref().unwrap_or_default()));
    let parts = parts.chain(said.iter().map(|said| said.text.as_str()));
    let hash = parts.fold(Sha256::new(), |hash, part| {
        hash.chain_update((part.len() as u64).to_le_bytes()).chain_update(part)
    });
    hash.finalize().into()
}

fn cut(mut text: String) -> String {
    if text.len() > WORDS {
        let end = (0..=WORDS).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        text.truncate(end);
        text.push('…');
    }
    text
}

impl<'c> Entry<'c> {
    pub(super) fn of(settings: &Settings, seen: &'c ObservationRecord) -> Self {
        Self { seen, came: Came::of(seen), said: text_of(seen, settings.at.as_ref()) }
    }

    pub(super) fn blank(&self) -> JudgedAnswer {
        JudgedAnswer::of(self.seen.arm.clone(), self.seen.role)
    }
}

impl JudgedAnswer {
    /// The same, of this answer.
    pub(super) fn of_entry(self, entry: &Entry<'_>) -> Self {
        Self { arm: entry.seen.arm.clone(), role: entry.seen.role, ..self }
    }
}

impl Took {
    /// Adds what one call used.
    pub(super) fn add(&mut self, tokens: Option<Usage>, cost: Option<(Money, &str)>) {
        if let Some(tokens) = tokens {
            self.tokens.get_or_insert_default().add(tokens);
        }
        if let Some((amount, currency)) = cost {
            let cost = self.cost.get_or_insert_with(|| CostRecord {
                amount: Money::ZERO,
                currency: currency.to_owned(),
                tokens_unknown: false,
                estimated: false,
            });
            cost.amount = Money::from_picos(cost.amount.picos().saturating_add(amount.picos()));
            cost.tokens_unknown |= tokens.is_none();
        }
    }
}
