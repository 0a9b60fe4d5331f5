//! Lowers the judges of an experiment, and what refers to them by name.

use std::sync::Arc;
use std::time::Duration;

use crate::assign::Share;
use crate::config::diagnostic::Place;
use crate::config::diagnostic::Report;
use crate::config::diagnostic::did_you_mean;
use crate::config::field::At;
use crate::config::field::Entries;
use crate::config::field::Field;
use crate::config::lower::exactly_one;
use crate::config::lower::matcher::key_as;
use crate::config::lower::matcher::not_empty;
use crate::config::lower::matcher::whole_units;
use crate::config::lower::model::rate;
use crate::config::lower::rollout::target;
use crate::config::lower::service::secret;
use crate::config::scalar::Literal;
use crate::config::scalar::Scalar;
use crate::config::schema;
use crate::judge::Budget;
use crate::judge::Embeddings;
use crate::judge::Human;
use crate::judge::Llm;
use crate::judge::Rule;
use crate::judge::Service;
use crate::judge::Settings;
use crate::judge::Template;
use crate::judge::Way;
use crate::policy::JudgeMode;
use crate::policy::JudgedBy;
use crate::protocol::JsonPath;
use crate::strategy::Strategy;
use crate::vocab::ExperimentName;
use crate::vocab::JudgeName;
use crate::vocab::Secret;

const TIMEOUT: Duration = Duration::from_secs(30);
const IN_FLIGHT: usize = 4;
const QUESTION: &str = "Which answer is better?";
/// By how many people one pair may be judged.
const MOST_REVIEWERS: usize = 20;
/// The longest name of a reviewer and the longest reason, in characters.
const LONGEST: usize = 64;
const TWO_PERCENT: Share = Share::from_billionths(20_000_000).expect("it is below 100 %");
const FIVE_PERCENT: Share = Share::from_billionths(50_000_000).expect("it is below 100 %");

/// The judges of one experiment.
pub(super) struct Judges {
    /// Every declared name, also of those that are wrong.
    declared: Vec<String>,
    pub(super) list: Vec<Settings>,
    /// Where those of `list` stand.
    places: Vec<Place>,
}

impl Judges {
    /// `salt` is the experiment's, and so is the unit, if it `has_unit`.
    pub(super) fn new(
        raw: Field<Entries<schema::Judge>>,
        experiment: Option<&ExperimentName>,
        salt: &str,
        has_unit: bool,
        report: &Report,
    ) -> Self {
        let mut judges = Self { declared: Vec::new(), list: Vec::new(), places: Vec::new() };
        let mut checking = Vec::new();
        for (key, raw) in raw.value().map_or_else(Vec::new, |entries| entries.0) {
            let name = key_as::<JudgeName>(&key, report);
            judges.declared.push(key.value);
            let raw = raw.given();
            let judge_place = raw.as_ref().map(|raw| raw.place.clone());
            let said = raw.and_then(|raw| said(raw, has_unit, report));
            if let (Some(experiment), Some(name), Some(said)) = (experiment, name, said) {
                let Said { way, at, sample: Sampled { share: sample, whole_units, places }, budget, checks } =
                    said;
                if let Some(checks) = checks {
                    checking.push((name.clone(), checks, places));
                }
                let (experiment, salt) = (experiment.clone(), format!("{salt}/judge/{name}"));
                judges.list.push(Settings { experiment, name, salt, sample, whole_units, at, budget, way });
                judges.places.extend(judge_place);
            }
        }
        for (name, checks, places) in checking {
            judges.check(&name, checks, places, report);
        }
        judges
    }

    /// Has people's requests drawn among those of the judge that they check.
    fn check(
        &mut self,
        name: &JudgeName,
        checks: At<Scalar<JudgeName>>,
        sampled: SampledAt,
        report: &Report,
    ) {
        let At { place, value: Scalar(checked) } = checks;
        if !self.is_declared(&checked, &place, report) {
            return;
        }
        let Some(other) = self.list.iter().find(|judge| judge.name == checked) else { return };
        let (salt, most, whole_units) = (other.salt.clone(), other.sample, other.whole_units);
        if other.human().is_some() {
            report.add(&place, format!("`{checked}` is people too, expected a judge of another kind"));
        }
        let Some(own) = self.list.iter_mut().find(|judge| judge.name == *name) else { return };
        own.salt = salt;
        if own.sample.probability() > most.probability() {
            let text = format!("is {}, expected at most the {most} of `{checked}`", own.sample);
            report.add(sampled.sample.as_ref().unwrap_or(&place), format!("`sample` {text}"));
        }
        if let (Some(place), true) = (&sampled.sample_by, own.whole_units != whole_units) {
            let its = if whole_units { "unit" } else { "request" };
            let hint = "remove it, for both are drawn alike";
            report.add(place, format!("`{checked}` is sampled by `{its}`, expected the same; hint: {hint}"));
        }
        own.whole_units = whole_units;
    }

    /// Reports the judges that hold two models' answers against each other where no request gets two.
    pub(super) fn check_pairs(&self, strategy: &Strategy, report: &Report) {
        if strategy.makes_pairs() {
            return;
        }
        let kind = strategy.kind().as_str();
        for (judge, place) in self.list.iter().zip(&self.places) {
            let Settings { experiment, name, way, .. } = judge;
            let alone = match way {
                _ if !judge.mode().holds_against_legacy() => continue,
                Way::Llm(_) => "`template: pointwise`",
                Way::Http(_) => "`mode: pointwise`",
                Way::Rules(_) | Way::Human(_) | Way::Embeddings(_) => "`rules`",
            };
            let hint = format!(
                "set `pair` under `strategy.{kind}`, as in `pair: 5%`, or judge each answer by itself, by {alone}"
            );
            report.add(
                place,
                format!(
                    "`{name}` holds two models' answers to one request against each other, and under `{kind}` every request of \
                     `{experiment}` goes to one model alone; hint: {hint}"
                ),
            );
        }
    }

    fn is_declared(&self, name: &JudgeName, place: &Place, report: &Report) -> bool {
        let is_declared = self.declared.iter().any(|known| known == name.as_str());
        if !is_declared {
            let hint = match self.declared.is_empty() {
                true => "; hint: declare it under `judges`".to_owned(),
                false => did_you_mean(name.as_str(), self.declared.iter().map(String::as_str)),
            };
            report.add(place, format!("unknown judge `{name}`{hint}"));
        }
        is_declared
    }

    /// Checks that a name refers to a declared judge, and reports it otherwise.
    pub(super) fn refer(&self, to: At<Scalar<JudgeName>>, report: &Report) -> Option<JudgedBy> {
        let At { place, value: Scalar(name) } = to;
        self.is_declared(&name, &place, report);
        let judge = self.list.iter().find(|judge| judge.name == name)?;
        Some(JudgedBy { name, mode: judge.mode(), version: judge.version() })
    }
}

/// What the policy says of one judge, all but its name.
struct Said {
    way: Way,
    at: Option<JsonPath>,
    sample: Sampled,
    budget: Budget,
    /// The judge whose draws it shares.
    checks: Option<At<Scalar<JudgeName>>>,
}

/// A share of requests, or of units with all their requests.
struct Sampled {
    share: Share,
    whole_units: bool,
    places: SampledAt,
}

/// Where the keys of a sample stand if they do.
struct SampledAt {
    sample: Option<Place>,
    sample_by: Option<Place>,
}

fn said(raw: At<schema::Judge>, has_unit: bool, report: &Report) -> Option<Said> {
    let At { place, value: raw } = raw;
    let schema::Judge { rules, llm, http, human, embeddings, at, sample, sample_by, budget } = raw;
    let keys = [
        ("rules", rules.is_there()),
        ("llm", llm.is_there()),
        ("http", http.is_there()),
        ("human", human.is_there()),
        ("embeddings", embeddings.is_there()),
    ];
    exactly_one(&keys, &place, report);
    let is_by_rules = rules.is_there();
    if let (true, Some(place)) = (is_by_rules, budget.place()) {
        report.add(place, "rules ask nobody, so there is nothing to bound; hint: remove it");
    }
    let usual = match (llm.is_there() || embeddings.is_there(), human.is_there()) {
        (true, _) => FIVE_PERCENT,
        (_, true) => TWO_PERCENT,
        _ => Share::ALL,
    };
    let (human, checks) = self::human(human, report).unzip();
    let asked = self::llm(llm, report).or(self::http(http, report)).or(self::embeddings(embeddings, report));
    let way = self::rules(rules, report).or(asked).or(human);
    let budget = self::budget(budget, way.as_ref().filter(|_| !is_by_rules), report);
    let places = SampledAt { sample: sample.place().cloned(), sample_by: sample_by.place().cloned() };
    let whole_units = whole_units(sample_by, has_unit, report);
    let sample = Sampled { share: sample.or(usual), whole_units, places };
    Some(Said { way: way?, at: at.scalar(), sample, budget, checks: checks.flatten() })
}

fn budget(raw: Field<schema::JudgeBudget>, way: Option<&Way>, report: &Report) -> Budget {
    let schema::JudgeBudget { in_flight, calls_per_day, tokens_per_day, usd_per_day } =
        raw.value().unwrap_or_default();
    if let Some(Way::Human(_)) = way {
        let others = [in_flight.place(), tokens_per_day.place(), usd_per_day.place()];
        for place in others.into_iter().flatten() {
            report.add(place, "people are bounded by the pairs they are shown; hint: use `calls_per_day`");
        }
    }
    let rate = match way {
        Some(Way::Llm(llm)) => Some(&llm.rate),
        Some(Way::Embeddings(embeddings)) => Some(&embeddings.rate),
        _ => None,
    };
    match (usd_per_day.place(), way) {
        // What is wrong with it has been reported.
        (None, _) | (_, None | Some(Way::Human(_))) => {}
        (Some(place), Some(Way::Llm(_) | Way::Embeddings(_))) => match rate.and_then(Option::as_ref) {
            Some(rate) if rate.currency != "USD" => {
                report.add(place, format!("the judge is priced in {}, expected USD", rate.currency));
            }
            Some(_) => {}
            None => report.add(place, "the judge has no `cost`; hint: say what it charges"),
        },
        (Some(place), Some(_)) => {
            report.add(place, "a service tells no cost; hint: bound its calls by `calls_per_day`");
        }
    }
    Budget {
        in_flight: in_flight.scalar().map_or(IN_FLIGHT, |most| most.get() as usize),
        calls_per_day: calls_per_day.scalar().map(u64::from),
        tokens_per_day: tokens_per_day.scalar().map(u64::from),
        money_per_day: usd_per_day.scalar(),
    }
}

fn llm(raw: Field<schema::Llm>, report: &Report) -> Option<Way> {
    let At { place, value: raw } = raw.given()?;
    let schema::Llm { url, model, key, tls, template, rubric, reference, context, timeout, cost } = raw;
    let url = url.required("url", &place, report);
    let model = model.required("model", &place, report).and_then(|model| not_empty(model, report));
    let key = key.given().map(|source| secret(source, report));
    let template = template.or(Template::Pairwise);
    let needed = [
        ("context", template.needs_context() && !context.is_there()),
        ("reference", template.needs_reference() && !reference.is_there()),
    ];
    for (key, _) in needed.into_iter().filter(|(_, lacks)| *lacks) {
        report.add(&place, format!("`{key}` is missing, without which `{}` says nothing", template.word()));
    }
    Some(Way::Llm(Box::new(Llm {
        target: target(url?.value.0, tls, &place, report)?,
        key: key_of(key)?,
        model: model?,
        template,
        rubric: rubric.scalar().unwrap_or_default(),
        reference: reference.scalar(),
        context: context.scalar(),
        timeout: timeout.scalar().map_or(TIMEOUT, |span| span.0),
        rate: cost.value().map(rate),
    })))
}

fn embeddings(raw: Field<schema::Embeddings>, report: &Report) -> Option<Way> {
    let At { place, value: raw } = raw.given()?;
    let schema::Embeddings { url, model, key, tls, timeout, cost } = raw;
    let url = url.required("url", &place, report);
    let model = model.required("model", &place, report).and_then(|model| not_empty(model, report));
    let key = key.given().map(|source| secret(source, report));
    Some(Way::Embeddings(Box::new(Embeddings {
        target: target(url?.value.0, tls, &place, report)?,
        key: key_of(key)?,
        model: model?,
        timeout: timeout.scalar().map_or(TIMEOUT, |span| span.0),
        rate: cost.value().map(rate),
    })))
}

fn http(raw: Field<schema::HttpJudge>, report: &Report) -> Option<Way> {
    let At { place, value: schema::HttpJudge { url, key, tls, mode, version, timeout } } = raw.given()?;
    let url = url.required("url", &place, report);
    let key = key.given().map(|source| secret(source, report));
    Some(Way::Http(Service {
        target: target(url?.value.0, tls, &place, report)?,
        key: key_of(key)?,
        mode: mode.or(JudgeMode::Pairwise),
        version: version.scalar().unwrap_or_default(),
        timeout: timeout.scalar().map_or(TIMEOUT, |span| span.0),
    }))
}

/// People, and the judge that they check.
fn human(raw: Field<schema::Human>, report: &Report) -> Option<(Way, Option<At<Scalar<JudgeName>>>)> {
    let At { place: _, value: schema::Human { question, reasons, reviewers, each, checks } } = raw.given()?;
    let question = question.given().and_then(|question| not_empty(question, report));
    let each_place = each.place().cloned();
    let each = each.scalar().map_or(1, |each| each.get() as usize);
    if let (true, Some(place)) = (each > MOST_REVIEWERS, &each_place) {
        report.add(place, format!("is {each}, expected at most {MOST_REVIEWERS}"));
    }
    let reviewers_place = reviewers.place().cloned();
    let (reasons, reviewers) =
        (texts(reasons, report), reviewers.is_there().then(|| texts(reviewers, report)));
    if let (Some(reviewers), Some(place)) = (&reviewers, &reviewers_place)
        && reviewers.len() < each
    {
        let few = reviewers.len();
        report.add(place, format!("{few} reviewers cannot judge each pair {each} times; hint: lower `each`"));
    }
    let question = question.unwrap_or_else(|| QUESTION.to_owned());
    let human = Human { question, reasons, reviewers: reviewers.unwrap_or_default(), each };
    Some((Way::Human(human), checks.given()))
}

/// A list of short texts, none of which is there twice.
fn texts(raw: Field<Vec<Field<Scalar<String>>>>, report: &Report) -> Vec<String> {
    let mut texts = Vec::new();
    for text in raw.value().unwrap_or_default().into_iter().filter_map(Field::given) {
        let place = text.place.clone();
        let Some(text) = not_empty(text, report) else { continue };
        if text.trim() != text || text.chars().count() > LONGEST || text.chars().any(char::is_control) {
            report
                .add(&place, format!("`{text}` is no short text: at most {LONGEST} characters in one line"));
        } else if texts.contains(&text) {
            report.add(&place, format!("`{text}` is there twice"));
        }
        texts.push(text);
    }
    texts
}

/// A key that is there must be good.
fn key_of(key: Option<Option<Secret>>) -> Option<Option<Secret>> {
    match key {
        Some(None) => None,
        Some(Some(key)) => Some(Some(key)),
        None => Some(None),
    }
}

fn rules(raw: Field<Vec<Field<schema::Rule>>>, report: &Report) -> Option<Way> {
    let At { place, value } = raw.given()?;
    if value.is_empty() {
        report.add(&place, "expected at least one rule");
    }
    let rules = value.into_iter().filter_map(Field::given).filter_map(|raw| rule(raw, report)).collect();
    Some(Way::Rules(rules))
}

fn rule(raw: At<schema::Rule>, report: &Report) -> Option<Rule> {
    let At { place, value } = raw;
    let schema::Rule { json_schema, regex, contains, not_contains, length, language } = value;
    let keys = [
        ("json_schema", json_schema.is_there()),
        ("regex", regex.is_there()),
        ("contains", contains.is_there()),
        ("not_contains", not_contains.is_there()),
        ("length", length.is_there()),
        ("language", language.is_there()),
    ];
    exactly_one(&keys, &place, report);
    let text = |field: Field<Scalar<String>>| field.given().and_then(|text| not_empty(text, report));
    let contains = text(contains).map(Rule::Contains);
    let not_contains = text(not_contains).map(Rule::NotContains);
    let schema = json_schema.given().and_then(|raw| json_schema_of(raw, report));
    let length = length.given().and_then(|raw| length_of(raw, report));
    let rule = schema.or(contains).or(not_contains).or(length);
    rule.or(regex.scalar().map(Rule::Regex)).or(language.scalar().map(Rule::Language))
}

fn json_schema_of(raw: At<Literal>, report: &Report) -> Option<Rule> {
    let At { place, value: Literal(schema) } = raw;
    match jsonschema::validator_for(&schema) {
        Ok(validator) => Some(Rule::JsonSchema { schema, validator: Arc::new(validator) }),
        Err(error) => {
            let at = error.instance_path().to_string();
            let at = if at.is_empty() { String::new() } else { format!(" at `{at}`") };
            report.add(&place, format!("this is no JSON Schema: {error}{at}"));
            None
        }
    }
}

fn length_of(raw: At<schema::Length>, report: &Report) -> Option<Rule> {
    let At { place, value: schema::Length { min, max } } = raw;
    let is_there = min.is_there() || max.is_there();
    let min = usize::try_from(min.or(0)).unwrap_or(usize::MAX);
    if !is_there {
        report.add(&place, "expected `min`, `max` or both");
    }
    check_order(min, max, &place, report)
}

fn check_order(
    min: usize,
    max: Field<Scalar<std::num::NonZeroUsize>>,
    place: &Place,
    report: &Report,
) -> Option<Rule> {
    let at = max.place().unwrap_or(place).clone();
    let max = max.scalar().map_or(usize::MAX, usize::from);
    if min > max {
        report.add(&at, format!("`max` is {max}, expected at least `min`, which is {min}"));
        return None;
    }
    Some(Rule::Length { min, max })
}
