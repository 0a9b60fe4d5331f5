//! Which settings of models and experiments differ, by the keys that the policy file has for them.

use serde::Serialize;

use crate::forecast::against::Side;
use crate::policy::Experiment;
use crate::policy::Model;
use crate::strategy::Strategy;
use crate::upstream;
use crate::vocab::ModelName;

/// A model that is new, gone or reached in another way.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct ModelChange {
    /// Its name.
    pub model: ModelName,
    /// Whether the old policy has it.
    pub before: bool,
    /// Whether the new policy has it.
    pub after: bool,
    /// The keys that differ, where both have it.
    pub changed: Vec<&'static str>,
}

/// Every model that is not as it was, in the order of the new policy; then those that are gone.
pub(super) fn of_models(old: &Side<'_>, new: &Side<'_>) -> Vec<ModelChange> {
    let mut changes = Vec::new();
    for (model, reached) in new.models() {
        let before = old.models().find(|(known, _)| known.name == model.name);
        let changed = before.map_or(Vec::new(), |before| of_model(before, (model, reached)));
        if before.is_none() || !changed.is_empty() {
            changes.push(ModelChange {
                model: model.name.clone(),
                before: before.is_some(),
                after: true,
                changed,
            });
        }
    }
    let gone = old.models().filter(|(model, _)| new.models().all(|(known, _)| known.name != model.name));
    changes.extend(gone.map(|(model, _)| ModelChange {
        model: model.name.clone(),
        before: true,
        after: false,
        changed: Vec::new(),
    }));
    changes
}

fn of_model(old: (&Model, &upstream::Settings), new: (&Model, &upstream::Settings)) -> Vec<&'static str> {
    let ((old, by), (new, now_by)) = (old, new);
    let parts = [
        ("url", by.endpoints != now_by.endpoints),
        ("protocol", old.protocol != new.protocol),
        ("cost", old.rate != new.rate),
        ("credentials", old.credentials != new.credentials),
        ("timeout", by.timeouts != now_by.timeouts),
        ("max_in_flight", by.max_in_flight != now_by.max_in_flight),
        ("host", by.host != now_by.host),
        ("http_version", by.http != now_by.http),
        ("tls", by.tls != now_by.tls),
        ("breaker", by.breaker != now_by.breaker),
    ];
    named(&parts)
}

/// The keys of an experiment that differ.
pub(super) fn of_experiments(
    old: (&Side<'_>, &Experiment),
    new: (&Side<'_>, &Experiment),
) -> Vec<&'static str> {
    let ((old_side, old), (new_side, new)) = (old, new);
    let arms = arms(old_side, old) != arms(new_side, new);
    let parts = [
        ("match", old.matcher != new.matcher),
        ("arms", arms),
        ("unit", old.unit != new.unit),
        ("salt", old.salts != new.salts),
        ("strategy", old.strategy != new.strategy),
        ("schedule", old.schedule != new.schedule),
        ("outcomes", old.outcomes != new.outcomes),
        ("compare", old.compare != new.compare),
        ("metrics", old.metrics != new.metrics),
        ("guardrails, primary_metric, alpha or times", old.decision != new.decision),
        ("show_unit", old.hash_unit != new.hash_unit),
        ("expose_arm", old.expose_arm != new.expose_arm),
        ("force_header", old.force_header != new.force_header),
        ("credentials", !arms && old.credentials != new.credentials),
    ];
    named(&parts)
}

/// Why the evidence of an experiment does not go on; empty: it does.
pub(super) fn of_identities(
    old: (&Side<'_>, &Experiment),
    new: (&Side<'_>, &Experiment),
) -> Vec<&'static str> {
    let ((old_side, old), (new_side, new)) = (old, new);
    if old.identity == new.identity {
        return Vec::new();
    }
    let arms = arms(old_side, old) != arms(new_side, new);
    let urls = urls(old_side, old) != urls(new_side, new);
    let parts = [
        ("the models", arms),
        ("a model's url", !arms && urls),
        ("the salt", old.salts != new.salts),
        ("the unit", old.unit != new.unit),
        ("allocation", allocates(old) != allocates(new)),
    ];
    let found = named(&parts);
    // The rest of the identity: what is weighed, and by which metrics.
    if found.is_empty() || old.decision != new.decision {
        [found, vec!["what it is decided by"]].concat()
    } else {
        found
    }
}

fn allocates(experiment: &Experiment) -> bool {
    matches!(&experiment.strategy, Strategy::Ab(settings) if settings.allocation.is_some())
}

/// The models' names, legacy first.
pub(super) fn arms<'p>(side: &Side<'p>, experiment: &Experiment) -> Vec<&'p ModelName> {
    experiment.arms.iter().map(|model| &side.policy.model(*model).name).collect()
}

fn urls<'p>(side: &Side<'p>, experiment: &Experiment) -> Vec<&'p [upstream::Endpoint]> {
    experiment.arms.iter().map(|model| &side.upstreams[model.index()].endpoints[..]).collect()
}

fn named(parts: &[(&'static str, bool)]) -> Vec<&'static str> {
    parts.iter().filter(|(_, differs)| *differs).map(|(key, _)| *key).collect()
}
