//! The four strategies in the policy file.

use std::num::NonZeroU32;
use std::num::NonZeroU64;
use std::num::NonZeroUsize;
use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::assign::Share;
use crate::config::field::Entries;
use crate::config::field::Field;
use crate::config::scalar::Approve;
use crate::config::scalar::Bytes;
use crate::config::scalar::Fallback;
use crate::config::scalar::OnVerdict;
use crate::config::scalar::Positive;
use crate::config::scalar::Scalar;
use crate::config::scalar::Until;
use crate::config::schema::decision::decided;
use crate::cost::Money;
use crate::protocol::JsonPath;
use crate::protocol::ListPath;
use crate::strategy::interleave::Method;
use crate::strategy::interleave::SharedPrefix;
use crate::strategy::interleave::Tau;
use crate::vocab::MetricName;
use crate::vocab::OutcomeName;

/// What is done with the requests. Exactly one key.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("minProperties" = 1, "maxProperties" = 1))]
pub(crate) struct Strategy {
    /// Legacy answers; candidates get copies that no user sees.
    #[serde(default)]
    pub(crate) shadow: Field<Shadow>,
    /// The candidate answers a share of the users that grows step by step.
    #[serde(default)]
    pub(crate) canary: Field<Canary>,
    /// A fixed split of a share of the traffic over two or more arms.
    #[serde(default)]
    pub(crate) ab: Field<Ab>,
    /// All models answer, one list is made of their lists, and clicks credit a model.
    #[serde(default)]
    pub(crate) interleave: Field<Interleave>,
}

decided! {
    /// Legacy answers; candidates get copies that no user sees.
    pub(crate) struct Shadow {
        /// The share of requests that the candidates get a copy of. Default: 100%.
        #[serde(default)]
        pub(crate) sample: Field<Scalar<Share>>,
        /// The share of requests that legacy gets a second time, to measure how much it differs from itself.
        /// Default: 0%.
        #[serde(default)]
        pub(crate) control: Field<Scalar<Share>>,
        /// The share of the requests to be copied whose copies are held back, drawn at random, so that users' latency
        /// with copies can be held against that without. Default: 1%.
        #[serde(default)]
        pub(crate) held_back: Field<Scalar<Share>>,
        /// How long a copy may take. Default: 30s.
        #[serde(default)]
        pub(crate) deadline: Field<Scalar<Positive>>,
        /// The hard bounds on copies.
        #[serde(default)]
        pub(crate) budget: Field<Budget>,
    }
}

/// The hard bounds on copies; beyond them copies are dropped and counted.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Budget {
    /// Copies in flight at one moment. Default: 256.
    #[serde(default)]
    pub(crate) in_flight: Field<Scalar<NonZeroU32>>,
    /// Bytes of request bodies held for copies at one moment. Default: 64MiB.
    #[serde(default)]
    pub(crate) in_flight_bytes: Field<Scalar<Bytes>>,
    /// Copies begun in any one second. Absent: no bound.
    #[serde(default)]
    pub(crate) per_second: Field<Scalar<NonZeroU32>>,
    /// US dollars spent on copies between midnights UTC, by the models' `cost`. Absent: no bound.
    #[serde(default)]
    pub(crate) usd_per_day: Field<Scalar<Money>>,
    /// Tokens of copies between midnights UTC, of every kind, input and output. Absent: no bound.
    #[serde(default)]
    pub(crate) tokens_per_day: Field<Scalar<NonZeroU64>>,
    /// Copies in all; then the shadow experiment ends. Absent: no bound.
    #[serde(default)]
    pub(crate) total_copies: Field<Scalar<NonZeroU64>>,
    /// US dollars spent on copies in all; then the shadow experiment ends. Absent: no bound.
    #[serde(default)]
    pub(crate) total_usd: Field<Scalar<Money>>,
}

decided! {
    /// The candidate answers a share of the users that grows step by step; who is in stays in.
    pub(crate) struct Canary {
        /// The steps in order; their weights never shrink.
        #[schemars(extend("minItems" = 1))]
        pub(crate) steps: Field<Vec<Field<Step>>>,
        /// The share of requests that the arm which does not answer gets a copy of. Default: 0%.
        #[serde(default)]
        pub(crate) pair: Field<Scalar<Share>>,
        /// How long such a copy may take. Default: 30s.
        #[serde(default)]
        pub(crate) deadline: Field<Scalar<Positive>>,
        /// The hard bounds on copies.
        #[serde(default)]
        pub(crate) budget: Field<Budget>,
        /// Who answers when the candidate fails before its first byte; that still counts against the candidate.
        /// Absent: nobody.
        #[serde(default)]
        pub(crate) fallback: Field<Scalar<Fallback>>,
    }
}

/// One step of a canary. All its conditions must hold before the next begins.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Step {
    /// The share of users that the candidate answers, more than 0%.
    pub(crate) weight: Field<Scalar<Share>>,
    /// The least time that the step lasts. Default: 0s.
    #[serde(default)]
    pub(crate) hold: Field<Scalar<Duration>>,
    /// The least number of requests that the candidate was assigned during the step. Default: 0.
    #[serde(default)]
    pub(crate) min_requests: Field<Scalar<u64>>,
    /// manual: a person must promote, through the admin API. Absent: nobody need.
    #[serde(default)]
    pub(crate) approve: Field<Scalar<Approve>>,
    /// verdict: every guardrail must be proven inside its `max_ratio`; after the last step the verdict must be promote.
    /// Absent: time, requests and approval alone decide.
    #[serde(default)]
    pub(crate) until: Field<Scalar<Until>>,
    /// After so much running time a step that is not done is held, until a person promotes or resumes. Absent: never.
    #[serde(default)]
    pub(crate) timeout: Field<Scalar<Positive>>,
}

decided! {
    /// A fixed split of a share of the traffic over two or more arms.
    pub(crate) struct Ab {
        /// The share of units that take part; the others get legacy and are recorded as not enrolled. Default: 100%.
        #[serde(default)]
        pub(crate) traffic: Field<Scalar<Share>>,
        /// Each model's share of those, legacy among them; they add up to 100%.
        #[schemars(extend("minProperties" = 2))]
        pub(crate) arms: Field<Entries<Scalar<Share>>>,
        /// The share of requests that one other arm gets a copy of. Default: 0%.
        #[serde(default)]
        pub(crate) pair: Field<Scalar<Share>>,
        /// How long such a copy may take. Default: 30s.
        #[serde(default)]
        pub(crate) deadline: Field<Scalar<Positive>>,
        /// The hard bounds on copies.
        #[serde(default)]
        pub(crate) budget: Field<Budget>,
        /// Who answers when another arm fails before its first byte; that still counts against that arm.
        /// Absent: nobody.
        #[serde(default)]
        pub(crate) fallback: Field<Scalar<Fallback>>,
        /// What happens once the verdict is that a candidate may be promoted: the test is over, and legacy alone answers
        /// until the policy says otherwise (end), or it goes on (continue). Default: end.
        #[serde(default)]
        pub(crate) on_verdict: Field<Scalar<OnVerdict>>,
        /// Lets the shares follow what the arms come to, from `arms` on; there is then no verdict. Absent: they stay.
        #[serde(default)]
        pub(crate) allocation: Field<Allocation>,
    }
}

/// How the shares of an A/B test follow what is learnt.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Allocation {
    /// Top-two Thompson sampling.
    pub(crate) thompson: Field<Thompson>,
}

/// More for the arms that may be the best, by what is yes or no for each request. One of `outcome` and `metric`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Thompson {
    /// An outcome of type binary, of which more is better.
    #[serde(default)]
    pub(crate) outcome: Field<Scalar<OutcomeName>>,
    /// A metric that each answer meets or not, as accuracy.
    #[serde(default)]
    pub(crate) metric: Field<Scalar<MetricName>>,
    /// The least share of any arm. Default: 5%.
    #[serde(default)]
    pub(crate) floor: Field<Scalar<Share>>,
    /// How often the shares are set anew. Default: 1m.
    #[serde(default)]
    pub(crate) every: Field<Scalar<Positive>>,
}

decided! {
    /// All models answer, one list is made of their lists, and clicks credit a model.
    pub(crate) struct Interleave {
        /// How lists are mixed; balanced and probabilistic mix two models. Default: team_draft.
        #[serde(default)]
        pub(crate) method: Field<Scalar<Method>>,
        /// Under team_draft, whose the items are that begin all lists alike. standard: the model's that places them;
        /// neutral: nobody's, so that clicks on them add no noise. Default: standard.
        #[serde(default)]
        pub(crate) shared_prefix: Field<Scalar<SharedPrefix>>,
        /// Under probabilistic, how readily an item is drawn: in proportion to 1 / rank^tau, with tau from 0 to 10.
        /// Default: 3.
        #[serde(default)]
        pub(crate) tau: Field<Scalar<Tau>>,
        /// The list in an answer: plain members and a final `[*]`, as in `$.results[*]`.
        pub(crate) items: Field<Scalar<ListPath>>,
        /// An item's id, as an RFC 9535 path relative to the item.
        pub(crate) id: Field<Scalar<JsonPath>>,
        /// How many items are shown at most. Default: 100.
        #[serde(default)]
        pub(crate) depth: Field<Scalar<NonZeroUsize>>,
        /// How long the slower model is waited for. Default: 1s.
        #[serde(default)]
        pub(crate) deadline: Field<Scalar<Positive>>,
        /// The outcome, of type click, that credits a model.
        pub(crate) credit: Field<Scalar<OutcomeName>>,
    }
}
