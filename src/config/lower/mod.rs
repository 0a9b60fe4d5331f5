//! From the schema to the domain: every rule that a policy must keep is checked here.
//!
//! A value that is wrong is reported and lowering goes on, with a default where one is needed to go on with. What
//! comes out is thrown away when anything was reported, so a default never stands in for a wrong value.

mod allocation;
mod arms;
mod carriers;
mod compare;
mod decision;
mod deliver;
mod experiment;
mod judge;
mod limits;
mod matcher;
mod metric;
mod model;
mod outcome;
mod reach;
mod rewrite;
mod rollout;
mod service;
mod strategy;
mod tls;

use std::path::Path;

use crate::config::Config;
use crate::config::diagnostic::Place;
use crate::config::diagnostic::Report;
use crate::config::field::At;
use crate::config::schema;
use crate::policy::Policy;

/// Makes the configuration of a file that has the right shape.
pub(super) fn lower(file: At<schema::File>, path: &Path, hash: String, report: &Report) -> Option<Config> {
    let At { place, value: file } = file;
    let schema::File { listen, limits, record, feedback, webhooks, fleet, models, experiments, default } =
        file;
    let listen = service::listen(listen, report);
    let rollout = crate::rollout::Settings {
        webhooks: rollout::webhooks(webhooks, report),
        fleet: rollout::fleet(fleet, listen.token.is_some(), report),
    };
    let limits = limits::limits(limits, report);
    let (record, deliveries) = service::record(record, report);
    let feedback = service::feedback(feedback, report);
    let serves = |key, there| there || report.suggests(key, &place);
    if !serves("experiments", experiments.is_there()) && !serves("default", default.is_there()) {
        let hint = "add `experiments`, or the `default` model";
        report.add(&place, format!("no request would be served; hint: {hint}"));
    }
    let models = model::models(models, &place, report);
    let (experiments, judges) =
        experiment::experiments(experiments, &models, feedback.path.as_deref(), report);
    let default = default.given().and_then(|name| models.find(&name.place, &name.value.0, report));
    let model::Models { models, upstreams, .. } = models;
    let policy = Policy { hash, models, experiments: experiments?, default };
    Some(Config {
        path: path.to_owned(),
        listen,
        limits,
        record,
        deliveries,
        feedback,
        rollout,
        upstreams,
        judges,
        policy,
    })
}

/// Checks that no two keys are there that say different things of the same.
fn at_most_one(keys: &[(&str, bool)], place: &Place, report: &Report) {
    if keys.iter().filter(|(_, there)| *there).count() > 1 {
        exactly_one(keys, place, report);
    }
}

/// Checks that exactly one of the keys of a union is there.
fn exactly_one(keys: &[(&str, bool)], place: &Place, report: &Report) {
    let listed = |keys: &[&str]| format!("`{}`", keys.join("`, `"));
    let all: Vec<&str> = keys.iter().map(|(key, _)| *key).collect();
    let there: Vec<&str> = keys.iter().filter(|(_, there)| *there).map(|(key, _)| *key).collect();
    match there.len() {
        1 => {}
        0 if all.iter().any(|key| report.suggests(key, place)) => {}
        0 => report.add(place, format!("expected exactly one of {}, found none", listed(&all))),
        _ => report.add(place, format!("expected exactly one of {}, found {}", listed(&all), listed(&there))),
    }
}
