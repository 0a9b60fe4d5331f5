//! An experiment in the policy file.

use http::HeaderName;
use http::Method;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::config::field::Entries;
use crate::config::field::Field;
use crate::config::field::Many;
use crate::config::scalar::Host;
use crate::config::scalar::Literal;
use crate::config::scalar::Positive;
use crate::config::scalar::SampleBy;
use crate::config::scalar::Scalar;
use crate::config::schema::Comparison;
use crate::config::schema::Judge;
use crate::config::schema::Metric;
use crate::config::schema::Schedule;
use crate::config::schema::Strategy;
use crate::policy::Absent;
use crate::policy::OutcomeKind;
use crate::policy::PathPattern;
use crate::protocol::JsonPath;
use crate::vocab::ExperimentName;
use crate::vocab::ModelName;

/// A test of one or more candidates against legacy.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Experiment {
    /// Its name, unique in the file; a label of metrics and a field of records.
    pub(crate) name: Field<Scalar<ExperimentName>>,
    /// The requests it takes. Absent or empty: all that no earlier experiment took.
    #[serde(default, rename = "match")]
    pub(crate) matcher: Field<Match>,
    /// The model that is known to work: the control.
    pub(crate) legacy: Field<Scalar<ModelName>>,
    /// The model that is tested. An A/B test may leave it to its arms.
    #[serde(default)]
    pub(crate) candidate: Field<Scalar<ModelName>>,
    /// The models that are tested, instead of `candidate`.
    #[serde(default)]
    pub(crate) candidates: Field<Vec<Field<Scalar<ModelName>>>>,
    /// What is randomised: where the user's name stands. The first that a request has counts. Absent: each request
    /// on its own.
    #[serde(default)]
    pub(crate) unit: Field<Vec<Field<UnitSource>>>,
    /// What copies are drawn by: each request on its own (request), or all requests of a unit or none (unit), as
    /// for conversations. Default: request.
    #[serde(default)]
    pub(crate) sample_by: Field<Scalar<SampleBy>>,
    /// Whether records hold the unit itself and not its hash. Default: false.
    #[serde(default)]
    pub(crate) show_unit: Field<Scalar<bool>>,
    /// What the draws are salted with; experiments of one salt assign alike. Default: the name.
    #[serde(default)]
    pub(crate) salt: Field<Scalar<String>>,
    /// Whether answers tell their arm in `crossfade-arm`. Default: false.
    #[serde(default)]
    pub(crate) expose_arm: Field<Scalar<bool>>,
    /// A request header that forces the arm of the model it names. Absent: nobody may.
    #[serde(default)]
    pub(crate) force_header: Field<Scalar<HeaderName>>,
    /// Sends copies so that the model uses no tools (`tool_choice: none`), for what a vendor's own tools do is done
    /// twice otherwise. Default: false.
    #[serde(default)]
    pub(crate) suppress_tools: Field<Scalar<bool>>,
    /// When it runs. Absent: always.
    #[serde(default)]
    pub(crate) schedule: Field<Schedule>,
    /// What is done with the requests.
    pub(crate) strategy: Field<Strategy>,
    /// What may be reported later of a request, by name.
    #[serde(default)]
    pub(crate) outcomes: Field<Entries<Outcome>>,
    /// The fields by which two answers are compared, by name. Absent: whole answers.
    #[serde(default)]
    pub(crate) compare: Field<Entries<Comparison>>,
    /// Who says how good answers are, by name.
    #[serde(default)]
    pub(crate) judges: Field<Entries<Judge>>,
    /// How answers are measured, by the metric's name.
    #[serde(default)]
    pub(crate) metrics: Field<Entries<Metric>>,
}

/// The requests of an experiment; every part that is given must hold.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Match {
    /// The path, without the query; a trailing `/*` takes everything below too.
    #[serde(default)]
    pub(crate) path: Field<Scalar<PathPattern>>,
    /// The method, or a list of them.
    #[serde(default)]
    pub(crate) method: Field<Many<Scalar<Method>>>,
    /// The host, without a port, or a list of them.
    #[serde(default)]
    pub(crate) host: Field<Many<Scalar<Host>>>,
    /// Headers that have exactly this value.
    #[serde(default)]
    pub(crate) headers: Field<Entries<Scalar<String>>>,
    /// Query parameters that have exactly this value, percent-decoded.
    #[serde(default)]
    pub(crate) query: Field<Entries<Scalar<String>>>,
    /// RFC 9535 paths that select this value in a JSON body. A body above the cap matches none.
    #[serde(default)]
    pub(crate) json: Field<Entries<Literal>>,
}

/// Where the user's name stands. Exactly one key.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("minProperties" = 1, "maxProperties" = 1))]
pub(crate) struct UnitSource {
    /// In this header.
    #[serde(default)]
    pub(crate) header: Field<Scalar<HeaderName>>,
    /// In the cookie of this name.
    #[serde(default)]
    pub(crate) cookie: Field<Scalar<String>>,
    /// In this query parameter.
    #[serde(default)]
    pub(crate) query: Field<Scalar<String>>,
    /// At this RFC 9535 path of a JSON body.
    #[serde(default)]
    pub(crate) json: Field<Scalar<JsonPath>>,
}

/// Something that may be reported later of a request.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Outcome {
    /// click: an item of the answer, by id or place; label: the true class; binary: yes or no; number: a rating,
    /// revenue; json: any JSON of at most 16 KiB, such as a list, boxes, a reference text.
    #[serde(rename = "type")]
    pub(crate) kind: Field<Scalar<OutcomeKind>>,
    /// How long after the request it still counts. Default: 24h.
    #[serde(default)]
    pub(crate) window: Field<Scalar<Positive>>,
    /// What it means when none arrives: nothing is known (missing), or it did not happen (none). Default: missing.
    #[serde(default)]
    pub(crate) absent: Field<Scalar<Absent>>,
}
