//! Lowers the metrics: what each measures, with which options, and where the values stand.

use crate::config::diagnostic::Place;
use crate::config::diagnostic::Report;
use crate::config::diagnostic::did_you_mean;
use crate::config::field::At;
use crate::config::field::Either;
use crate::config::field::Entries;
use crate::config::field::Field;
use crate::config::lower::exactly_one;
use crate::config::lower::judge::Judges;
use crate::config::lower::matcher::key_as;
use crate::config::lower::outcome::Outcomes;
use crate::config::scalar::Class;
use crate::config::scalar::InAnswer;
use crate::config::scalar::Scalar;
use crate::config::scalar::Truth;
use crate::config::schema;
use crate::evaluate::measure::Average;
use crate::evaluate::measure::Choice;
use crate::evaluate::measure::Input;
use crate::evaluate::measure::Kind;
use crate::evaluate::measure::Measure;
use crate::policy::JudgeMode;
use crate::policy::Metric;
use crate::policy::OutcomeKind;
use crate::policy::Source;
use crate::protocol::JsonPath;
use crate::vocab::MetricName;

/// What the gateway measures of every call; `metrics` cannot be called so.
pub(super) const OWN: [&str; 8] = [
    "error_rate",
    "latency_p95",
    "latency_p99",
    "time",
    "cost",
    "time_per_unit",
    "cost_per_unit",
    COST_PER_SUCCESS,
];

/// The one of them that says of which outcome.
pub(super) const COST_PER_SUCCESS: &str = "cost_per_success";

/// What an outcome may be of which a value is taken.
const VALUES: [OutcomeKind; 4] =
    [OutcomeKind::Label, OutcomeKind::Binary, OutcomeKind::Number, OutcomeKind::Json];
const VALUES_AND_CLICKS: [OutcomeKind; 5] =
    [OutcomeKind::Label, OutcomeKind::Binary, OutcomeKind::Number, OutcomeKind::Json, OutcomeKind::Click];

/// The metrics of one experiment.
pub(super) struct Metrics {
    /// Every declared name, also of those that are wrong.
    pub(super) declared: Vec<String>,
    pub(super) list: Vec<Metric>,
}

impl Metrics {
    pub(super) fn new(
        raw: Field<Entries<schema::Metric>>,
        outcomes: &Outcomes,
        judges: &Judges,
        report: &Report,
    ) -> Self {
        let mut metrics = Self { declared: Vec::new(), list: Vec::new() };
        let entries = raw.value().map_or_else(Vec::new, |entries| entries.0);
        for (key, raw) in entries {
            if OWN.contains(&key.value.as_str()) {
                let hint = "give it another name";
                report.add(
                    &key.place,
                    format!("`{}` is what the gateway itself measures; hint: {hint}", key.value),
                );
            }
            let name = key_as::<MetricName>(&key, report);
            metrics.declared.push(key.value.clone());
            let metric = raw.given().and_then(|raw| match raw.value.judge.is_there() {
                true => judged(name?, raw, judges, report),
                false => metric(name?, &key, raw, outcomes, report),
            });
            metrics.list.extend(metric);
        }
        metrics
    }

    /// The metric of a name.
    pub(super) fn find(&self, name: &MetricName) -> Option<&Metric> {
        self.list.iter().find(|metric| metric.name == *name)
    }
}

/// A metric that is a judge's word.
fn judged(name: MetricName, raw: At<schema::Metric>, judges: &Judges, report: &Report) -> Option<Metric> {
    let schema::Metric {
        judge,
        kind,
        prediction,
        score,
        truth,
        context,
        labels,
        positive,
        average,
        k,
        beta,
        features,
    } = raw.value;
    let others = [
        kind.place(),
        prediction.place(),
        score.place(),
        truth.place(),
        context.place(),
        labels.place(),
        positive.place(),
        average.place(),
        k.place(),
        beta.place(),
        features.place(),
    ];
    for place in others.into_iter().flatten() {
        report.add(place, "a judge says all that there is to measure; hint: keep `judge` alone");
    }
    let judge = judges.refer(judge.given()?, report)?;
    let measure = Measure::of(match judge.mode {
        JudgeMode::Rules => Kind::JudgePass,
        JudgeMode::Pointwise | JudgeMode::Similarity => Kind::JudgeScore,
        JudgeMode::Pairwise | JudgeMode::Human => Kind::JudgePreference,
    });
    let [prediction, score, truth, context] = [const { None }; 4];
    Some(Metric { name, measure, prediction, score, truth, context, judge: Some(judge) })
}

fn metric(
    name: MetricName,
    key: &At<String>,
    raw: At<schema::Metric>,
    outcomes: &Outcomes,
    report: &Report,
) -> Option<Metric> {
    let At { place, value: mut raw } = raw;
    let is_given = raw.kind.is_there();
    let given = std::mem::take(&mut raw.kind).scalar().map(|kind| (kind, None));
    let said = if is_given { given } else { of_name(key, report) };
    let (kind, average) = said?;
    if let (Some(_), Some(place)) = (average, raw.average.place()) {
        report.add(place, format!("`{}` says already how classes are averaged; hint: remove it", key.value));
    }
    let sources = Sources { kind, place: &place, outcomes, report };
    let [prediction, score, context] = [
        (Input::Prediction, std::mem::take(&mut raw.prediction)),
        (Input::Score, std::mem::take(&mut raw.score)),
        (Input::Context, std::mem::take(&mut raw.context)),
    ]
    .map(|(input, raw)| sources.source(input, raw));
    let truth = sources.truth(std::mem::take(&mut raw.truth));
    let measure = measure(kind, average, raw, &place, report);
    Some(Metric { name, measure, prediction, score, truth, context, judge: None })
}

/// What a metric's name says of what is measured.
fn of_name(key: &At<String>, report: &Report) -> Option<(Kind, Option<Average>)> {
    let kind = |word: &str| Kind::ALL.into_iter().find(|kind| kind.word() == word && !kind.is_judged());
    if let Some(kind) = kind(&key.value) {
        return Some((kind, None));
    }
    let prefixes = [("macro_", Average::Macro), ("micro_", Average::Micro), ("weighted_", Average::Weighted)];
    let averaged = prefixes.into_iter().find_map(|(prefix, average)| {
        let kind = kind(key.value.strip_prefix(prefix)?)?;
        kind.is_averaged().then_some((kind, Some(average)))
    });
    if averaged.is_none() {
        let near =
            did_you_mean(&key.value, Kind::ALL.into_iter().filter(|kind| !kind.is_judged()).map(Kind::word));
        let hint =
            if near.is_empty() { "; hint: say what it measures, as in `kind: accuracy`" } else { &near };
        report.add(
            &key.place,
            format!("`{}` does not say what is measured, and `kind` is missing{hint}", key.value),
        );
    }
    averaged
}

/// Where the values of one metric stand.
struct Sources<'a> {
    kind: Kind,
    place: &'a Place,
    outcomes: &'a Outcomes,
    report: &'a Report,
}

impl Sources<'_> {
    fn source(&self, input: Input, raw: Field<Either<Scalar<JsonPath>, schema::Source>>) -> Option<Source> {
        let At { place, value } = self.required(input, raw)?;
        match value {
            Either::Short(Scalar(path)) => Some(Source::Answer(path)),
            Either::Long(raw) => self.long(&place, raw, &VALUES),
        }
    }

    fn truth(&self, raw: Field<Either<Scalar<Truth>, schema::Source>>) -> Option<Source> {
        let kinds = if self.kind.judges_rankings() { &VALUES_AND_CLICKS[..] } else { &VALUES };
        let At { place, value } = self.required(Input::Truth, raw)?;
        match value {
            Either::Short(Scalar(Truth(name))) => {
                let to = At { place, value: Scalar(name) };
                self.outcomes.refer(to, kinds, self.report).map(Source::Outcome)
            }
            Either::Long(raw) => {
                if let Some(place) = raw.answer.place().filter(|_| !self.kind.is_verdict_on_answer()) {
                    let hint = "take an outcome, or a place of the request";
                    self.report.add(place, format!("the answer does not hold its own truth; hint: {hint}"));
                }
                self.long(&place, raw, kinds)
            }
        }
    }

    /// What stands under a key, which must be there if the measure says nothing without it.
    fn required<T>(&self, input: Input, raw: Field<T>) -> Option<At<T>> {
        match self.kind.inputs().contains(&input) {
            true => raw.required(input.key(), self.place, self.report),
            false => raw.given(),
        }
    }

    fn long(&self, place: &Place, raw: schema::Source, kinds: &[OutcomeKind]) -> Option<Source> {
        let schema::Source { answer, request, outcome } = raw;
        let keys =
            [("answer", answer.is_there()), ("request", request.is_there()), ("outcome", outcome.is_there())];
        exactly_one(&keys, place, self.report);
        let outcome = outcome.given().and_then(|name| self.outcomes.refer(name, kinds, self.report));
        let answer = answer.scalar().map(|place| match place {
            InAnswer::Text => Source::AnswerText,
            InAnswer::ToolCalls => Source::AnswerToolCalls,
            InAnswer::At(path) => Source::Answer(path),
        });
        answer.or(request.scalar().map(Source::Request)).or(outcome.map(Source::Outcome))
    }
}

/// The measure with its options. `average` is what the metric's name says.
fn measure(
    kind: Kind,
    average: Option<Average>,
    raw: schema::Metric,
    place: &Place,
    report: &Report,
) -> Measure {
    for choice in Choice::ALL {
        check_choice(kind, choice, &raw, place, report);
    }
    let schema::Metric { labels, positive, average: given, k, beta, features, .. } = raw;
    let labels = labels_of(labels, report);
    if let Field::Given(At { place, value: Class(positive) }) = &positive
        && !labels.is_empty()
        && !labels.contains(positive)
    {
        let hint = did_you_mean(positive, labels.iter().map(String::as_str));
        report.add(place, format!("the positive class `{positive}` is not among the labels{hint}"));
    }
    Measure {
        kind,
        labels,
        positive: positive.value().map(|class| class.0),
        average: average.or(given.scalar()),
        k: k.scalar().map(usize::from),
        beta: beta.scalar().map(|beta| beta.0),
        features: features.scalar().map(usize::from),
    }
}

/// Reports an option that the measure does not know, or that it cannot do without.
fn check_choice(kind: Kind, choice: Choice, raw: &schema::Metric, place: &Place, report: &Report) {
    let schema::Metric { labels, positive, average, k, beta, features, .. } = raw;
    let (is_there, at) = match choice {
        Choice::Labels => (labels.is_there(), labels.place()),
        Choice::Positive => (positive.is_there(), positive.place()),
        Choice::Average => (average.is_there(), average.place()),
        Choice::K => (k.is_there(), k.place()),
        Choice::Beta => (beta.is_there(), beta.place()),
        Choice::Features => (features.is_there(), features.place()),
    };
    let (key, word) = (choice.key(), kind.word());
    if !is_there && kind.required_choice() == Some(choice) {
        report.add_missing(key, place);
    }
    let Some(at) = at.filter(|_| !kind.choices().contains(&choice)) else { return };
    let known: Vec<&str> = kind.choices().iter().map(|choice| choice.key()).collect();
    let hint = match known.as_slice() {
        [] => "remove it".to_owned(),
        known => format!("it takes `{}`", known.join("`, `")),
    };
    report.add(at, format!("`{key}` changes nothing of `{word}`; hint: {hint}"));
}

fn labels_of(raw: Field<Vec<Field<Class>>>, report: &Report) -> Vec<String> {
    if let Field::Given(At { place, value }) = &raw
        && value.is_empty()
    {
        report.add(place, "expected at least one class");
    }
    let mut labels: Vec<String> = Vec::new();
    for At { place, value: Class(label) } in raw.items() {
        if labels.contains(&label) {
            report.add(&place, format!("the class `{label}` stands twice"));
        }
        labels.push(label);
    }
    labels
}
