//! What a judge is: of which experiment, how it judges, and how much of the traffic.

use serde_json::json;
use sha2::Digest;
use sha2::Sha256;

use crate::assign::Share;
use crate::assign::bucket;
use crate::judge::Rule;
use crate::policy::JudgeMode;
use crate::protocol::JsonPath;
use crate::vocab::ExperimentName;
use crate::vocab::JudgeName;
use crate::vocab::RequestId;

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
    /// Where in an answer's JSON the text stands that is judged; `None`: where the APIs of language models have it, else
    /// the whole body.
    pub at: Option<JsonPath>,
    /// How it judges.
    pub way: Way,
}

/// How a judge judges.
#[derive(Debug, Clone, PartialEq)]
pub enum Way {
    /// By rules, all of which an answer must keep.
    Rules(Vec<Rule>),
}

impl Settings {
    /// What its judgements are like.
    pub fn mode(&self) -> JudgeMode {
        match &self.way {
            Way::Rules(_) => JudgeMode::Rules,
        }
    }

    /// What makes its judgements comparable, as 16 hexadecimal digits: a change of anything that a judgement depends on
    /// makes it another judge.
    pub fn version(&self) -> String {
        let Self { at, way, .. } = self;
        let way = match way {
            Way::Rules(rules) => {
                json!({"rules": rules.iter().map(|rule| [rule.key().into(), rule.asks()]).collect::<Vec<_>>()})
            }
        };
        let whole = json!({"at": at.as_ref().map(JsonPath::as_str), "way": way});
        Sha256::digest(whole.to_string()).iter().take(8).map(|byte| format!("{byte:02x}")).collect()
    }

    /// Says whether it judges this request: a draw by the request's id, which every replica makes alike.
    pub fn draws(&self, request: RequestId) -> bool {
        self.sample.admits(bucket(&self.salt, request.as_bytes()))
    }
}
