//! Lowers the experiments, and checks the rules between one and another.

use std::sync::Arc;

use crate::assign::Salts;
use crate::assign::Share;
use crate::config::diagnostic::Report;
use crate::config::field::At;
use crate::config::field::Field;
use crate::config::lower::arms::Sides;
use crate::config::lower::compare;
use crate::config::lower::decision;
use crate::config::lower::judge::Judges;
use crate::config::lower::matcher;
use crate::config::lower::matcher::not_empty;
use crate::config::lower::metric::Metrics;
use crate::config::lower::model::Models;
use crate::config::lower::outcome::Outcomes;
use crate::config::lower::reach;
use crate::config::lower::reach::Reach;
use crate::config::lower::rollout;
use crate::config::lower::strategy;
use crate::config::lower::strategy::Chosen;
use crate::config::scalar::Scalar;
use crate::config::schema;
use crate::judge;
use crate::policy::Experiment;
use crate::policy::Matcher;
use crate::policy::Phase;
use crate::policy::Ramp;
use crate::policy::Shares;
use crate::policy::Spend;
use crate::policy::Stage;
use crate::protocol::Protocol;
use crate::strategy::Strategy;
use crate::strategy::ab;
use crate::vocab::ExperimentName;
use crate::vocab::ModelId;

/// Nothing when any experiment is wrong.
pub(super) fn experiments(
    raw: Field<Vec<Field<schema::Experiment>>>,
    models: &Models,
    feedback_path: Option<&str>,
    report: &Report,
) -> (Option<Vec<Experiment>>, Vec<judge::Settings>) {
    let (mut experiments, mut judges) = (Vec::new(), Vec::new());
    let mut names = Vec::new();
    let mut reaches = Vec::new();
    for mut raw in raw.items() {
        let name = std::mem::take(&mut raw.value.name).required("name", &raw.place, report);
        check_unique(name.as_ref(), &names, report);
        names.extend(name.as_ref().map(|name| (name.value.0.clone(), name.place.line)));
        let (matcher, reach) = matcher_of(&mut raw, name.as_ref(), report);
        reaches.extend(reach);
        let name = name.map(|name| name.value.0);
        experiments.push(experiment(name, matcher, raw, models, &mut judges, report));
    }
    reach::check(&reaches, report);
    reach::check_feedback(&reaches, feedback_path, report);
    (experiments.into_iter().collect(), judges)
}

fn check_unique(name: Option<&At<Scalar<ExperimentName>>>, known: &[(ExperimentName, u32)], report: &Report) {
    let Some(At { place, value: Scalar(name) }) = name else { return };
    if let Some((_, line)) = known.iter().find(|(known, _)| known == name) {
        report.add(place, format!("another experiment is called `{name}` too, in line {line}"));
    }
}

/// A matcher with a problem takes no part in the search for unreachable experiments: it looks wider than it is.
fn matcher_of(
    raw: &mut At<schema::Experiment>,
    name: Option<&At<Scalar<ExperimentName>>>,
    report: &Report,
) -> (Matcher, Option<Reach>) {
    let field = std::mem::take(&mut raw.value.matcher);
    let place = field.place().unwrap_or(&raw.place).clone();
    let matcher = matcher::matcher(field, report);
    let sound = !report.touches(&format!("{}.match", raw.place.path));
    let reach = name.filter(|_| sound).map(|name| Reach {
        name: name.value.0.clone(),
        place,
        matcher: matcher.clone(),
    });
    (matcher, reach)
}

fn experiment(
    name: Option<ExperimentName>,
    matcher: Matcher,
    raw: At<schema::Experiment>,
    models: &Models,
    judges: &mut Vec<judge::Settings>,
    report: &Report,
) -> Option<Experiment> {
    let At { place, value: raw } = raw;
    let legacy = raw.legacy.required("legacy", &place, report);
    let sides = Sides::new(legacy, raw.candidate, raw.candidates, &place, models, report);
    let has_unit = raw.unit.is_there();
    let unit = matcher::unit(raw.unit, report);
    let outcomes = Outcomes::new(raw.outcomes, report);
    let compare = compare::fields(raw.compare, report);
    let salt = raw.salt.given().and_then(|salt| salt_of(salt, report));
    let salt = salt.or_else(|| name.as_ref().map(ToString::to_string));
    let own = Judges::new(raw.judges, name.as_ref(), salt.as_deref().unwrap_or_default(), has_unit, report);
    let metrics = Metrics::new(raw.metrics, &outcomes, &own, report);
    let schedule = rollout::schedule(raw.schedule, report);
    let context = strategy::Context {
        place: &place,
        sides: &sides,
        has_unit: has_unit && !unit.is_empty() || report.touches(&format!("{}.unit", place.path)),
        outcomes: &outcomes,
        metrics: &metrics,
        models,
        report,
    };
    let chosen = context.strategy(raw.strategy);
    if let Some(chosen) = &chosen {
        own.check_pairs(&chosen.strategy, report);
    }
    let draws = own.list.iter().map(judge::Settings::draw).collect();
    judges.extend(own.list);
    let Chosen { strategy, arms, decision } = chosen?;
    let name = name?;
    let salt = salt?;
    let identity = {
        let arms: Vec<String> = arms.iter().map(|arm| models.identity(*arm)).collect();
        let (arms, unit) = (arms.join(";"), matcher::unit_identity(&unit));
        let decision = decision::identity(&decision, &metrics);
        format!("arms={arms};salt={salt};unit={unit}{decision}{}", allocation_identity(&strategy))
    };
    let credentials = arms.iter().map(|arm| models.credentials(*arm, arms[0])).collect();
    let whole_units = matcher::whole_units(raw.sample_by, has_unit, report);
    let suppresses_tools = suppresses_tools(raw.suppress_tools, &arms, models, report);
    Some(Experiment {
        matcher,
        arms,
        credentials,
        suppresses_tools,
        unit,
        whole_units,
        hash_unit: !raw.show_unit.or(false),
        salts: Salts::of(&salt),
        outcomes: outcomes.rules,
        compare,
        metrics: metrics.list,
        judges: draws,
        decision,
        expose_arm: raw.expose_arm.or(false),
        force_header: raw.force_header.scalar(),
        identity,
        schedule,
        ramp: Arc::new(Ramp::new(first_stage(&strategy))),
        shares: Arc::new(Shares::new(first_shares(&strategy))),
        spend: Arc::new(Spend::default()),
        name,
        strategy,
    })
}

/// Copies without tools can be had where the arms' protocols have a word for it.
fn suppresses_tools(raw: Field<Scalar<bool>>, arms: &[ModelId], models: &Models, report: &Report) -> bool {
    let Field::Given(At { place, value: Scalar(true) }) = raw else { return false };
    let has_word = |protocol| matches!(protocol, Protocol::OpenAi | Protocol::Anthropic);
    if let Some(arm) = arms.iter().find(|arm| models.protocol(**arm).is_some_and(|known| !has_word(known))) {
        let hint = "give it `protocol: openai` or `anthropic`, or remove `suppress_tools`";
        report.add(
            &place,
            format!("how `{}` is told to use no tools is not known; hint: {hint}", models.name(*arm)),
        );
    }
    true
}

/// A canary begins at its first step; the other strategies leave the ramp alone.
fn first_stage(strategy: &Strategy) -> Stage {
    let weight = match strategy {
        Strategy::Canary(settings) => settings.steps.first().map_or(Share::NONE, |step| step.weight),
        Strategy::Shadow(_) | Strategy::Ab(_) | Strategy::Interleave(_) => Share::NONE,
    };
    Stage::first(Phase::Running, weight)
}

/// An A/B test begins with the shares of the policy.
fn first_shares(strategy: &Strategy) -> Vec<Share> {
    match strategy {
        Strategy::Ab(settings) => settings.weights.clone(),
        Strategy::Shadow(_) | Strategy::Canary(_) | Strategy::Interleave(_) => Vec::new(),
    }
}

/// What was drawn by shares that follow is never counted together with what was not.
fn allocation_identity(strategy: &Strategy) -> &'static str {
    match strategy {
        Strategy::Ab(ab::Settings { allocation: Some(_), .. }) => ";allocation=thompson",
        _ => "",
    }
}

fn salt_of(salt: At<Scalar<String>>, report: &Report) -> Option<String> {
    if salt.value.0.contains('\0') {
        // The hash separates salt and unit by a zero byte.
        report.add(&salt.place, "a salt cannot hold a zero byte");
    }
    not_empty(salt, report)
}
