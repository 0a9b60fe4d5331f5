//! What a judge is: of which experiment, how it judges, and how much of the traffic.

use std::time::Duration;

use serde_json::Value;
use serde_json::json;
use sha2::Digest;
use sha2::Sha256;

use crate::assign::Share;
use crate::cost::Money;
use crate::cost::Rate;
use crate::judge::Rule;
use crate::judge::Template;
use crate::outbound::Target;
use crate::policy::JudgeDraw;
use crate::policy::JudgeMode;
use crate::protocol::JsonPath;
use crate::vocab::ExperimentName;
use crate::vocab::JudgeName;
use crate::vocab::Secret;

/// Counts up when prompts or the reading of verdicts change: judgements of before are another judge's.
const PROMPTS: u32 = 2;

/// One judge of one experiment.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// The experiment.
    pub experiment: ExperimentName,
    /// The name, unique in the experiment.
    pub name: JudgeName,
    /// The salt of its draw: `<experiment's salt>/judge/<name>`.
    pub salt: String,
    /// The share of requests that it judges.
    pub sample: Share,
    /// Whether it judges all requests of a unit or none.
    pub whole_units: bool,
    /// Where in an answer's JSON the text stands that is judged; `None`: where the APIs of language models have it, else
    /// the whole body.
    pub at: Option<JsonPath>,
    /// What it may take.
    pub budget: Budget,
    /// How it judges.
    pub way: Way,
}

/// What a judge may take of others' time and money. Days begin at midnight UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// Calls at one moment.
    pub in_flight: usize,
    /// Calls a day, of people the pairs that come before them; `None`: no bound.
    pub calls_per_day: Option<u64>,
    /// Tokens a day, input and output; `None`: no bound.
    pub tokens_per_day: Option<u64>,
    /// Money a day, by the judge's cost; `None`: no bound.
    pub money_per_day: Option<Money>,
}

/// How a judge judges.
#[derive(Debug, Clone, PartialEq)]
pub enum Way {
    /// By rules, all of which an answer must keep.
    Rules(Vec<Rule>),
    /// By asking a language model.
    Llm(Box<Llm>),
    /// By asking a service of the user's.
    Http(Service),
    /// By showing pairs to people.
    Human(Human),
    /// By how near answers are to legacy's in a space of embeddings.
    Embeddings(Box<Embeddings>),
}

/// People who judge.
#[derive(Debug, Clone, PartialEq)]
pub struct Human {
    /// What they are asked.
    pub question: String,
    /// What they may pick as their reasons.
    pub reasons: Vec<String>,
    /// Who may judge; empty: anybody who is let in.
    pub reviewers: Vec<String>,
    /// By how many each pair is judged, at least 1.
    pub each: usize,
}

/// A language model that judges, behind an API that is compatible with OpenAI's chat completions.
#[derive(Debug, Clone, PartialEq)]
pub struct Llm {
    /// Where it is: the API's base, or the whole URL up to `/chat/completions`.
    pub target: Target,
    /// The bearer token; `None`: it asks for none.
    pub key: Option<Secret>,
    /// The model's name there.
    pub model: String,
    /// What it is asked.
    pub template: Template,
    /// What a good answer is, in the user's words.
    pub rubric: String,
    /// Where in the request the answer stands that is known to be good.
    pub reference: Option<JsonPath>,
    /// Where in the request the passages stand that answers are to rest on.
    pub context: Option<JsonPath>,
    /// How long one call may take.
    pub timeout: Duration,
    /// What it charges; `None`: nothing is known of that.
    pub rate: Option<Rate>,
}

/// A model of embeddings, behind an API that is compatible with OpenAI's.
#[derive(Debug, Clone, PartialEq)]
pub struct Embeddings {
    /// Where it is: the API's base, or the whole URL up to `/embeddings`.
    pub target: Target,
    /// The bearer token; `None`: it asks for none.
    pub key: Option<Secret>,
    /// The model's name there.
    pub model: String,
    /// How long one call may take.
    pub timeout: Duration,
    /// What it charges; `None`: nothing is known of that.
    pub rate: Option<Rate>,
}

/// A service that judges.
#[derive(Debug, Clone, PartialEq)]
pub struct Service {
    /// Where it is.
    pub target: Target,
    /// The bearer token; `None`: it asks for none.
    pub key: Option<Secret>,
    /// Whether it scores answers or prefers one.
    pub mode: JudgeMode,
    /// What tells one version of it from another.
    pub version: String,
    /// How long one call may take.
    pub timeout: Duration,
}

impl Settings {
    /// What its judgements are like.
    pub fn mode(&self) -> JudgeMode {
        match &self.way {
            Way::Rules(_) => JudgeMode::Rules,
            Way::Llm(llm) if llm.template == Template::Pairwise => JudgeMode::Pairwise,
            Way::Llm(_) => JudgeMode::Pointwise,
            Way::Http(service) => service.mode,
            Way::Human(_) => JudgeMode::Human,
            Way::Embeddings(_) => JudgeMode::Similarity,
        }
    }

    /// Whether it asks a model or a service, which takes time and mostly money.
    pub fn asks(&self) -> bool {
        matches!(self.way, Way::Llm(_) | Way::Http(_) | Way::Embeddings(_))
    }

    /// The people who judge, where people do.
    pub fn human(&self) -> Option<&Human> {
        if let Way::Human(human) = &self.way { Some(human) } else { None }
    }

    /// What makes its judgements comparable, as 16 hexadecimal digits: a change of anything that a judgement depends on
    /// makes it another judge.
    pub fn version(&self) -> String {
        let path = |path: &Option<JsonPath>| path.as_ref().map(|path| path.as_str().to_owned());
        let way = match &self.way {
            Way::Rules(rules) => {
                let rules = rules.iter().map(|rule| json!([rule.key(), rule.asks()]));
                json!({"rules": rules.collect::<Value>()})
            }
            Way::Llm(llm) => json!({
                "llm": [PROMPTS, url(&llm.target), llm.model, llm.template.word(), llm.rubric],
                "reference": path(&llm.reference),
                "context": path(&llm.context),
            }),
            Way::Http(service) => {
                json!({"http": [url(&service.target), service.mode.as_str(), service.version]})
            }
            Way::Human(human) => json!({"human": human.question}),
            Way::Embeddings(embeddings) => {
                json!({"embeddings": [url(&embeddings.target), embeddings.model]})
            }
        };
        digest(&json!({"at": path(&self.at), "way": way}).to_string())
    }

    /// Which requests it is to judge.
    pub fn draw(&self) -> JudgeDraw {
        JudgeDraw {
            judge: self.name.clone(),
            salt: self.salt.clone(),
            billionths: self.sample.billionths(),
            whole_units: self.whole_units,
        }
    }
}

/// The first 16 hexadecimal digits of a text's SHA-256.
pub(super) fn digest(text: &str) -> String {
    Sha256::digest(text).iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

fn url(target: &Target) -> String {
    format!("{}://{}{}", target.url.scheme, target.url.authority, target.url.base_path)
}
