//! Lowers who takes part in an experiment: legacy, the candidates, and each arm's share in an A/B test.

use crate::assign::Share;
use crate::config::diagnostic::Place;
use crate::config::diagnostic::Report;
use crate::config::field::At;
use crate::config::field::Entries;
use crate::config::field::Field;
use crate::config::lower::matcher::key_as;
use crate::config::lower::model::Models;
use crate::config::scalar::Scalar;
use crate::vocab::ModelId;
use crate::vocab::ModelName;

/// An `ArmId` is one byte, and legacy takes one of its values.
const MAX_ARMS: usize = 255;

/// Legacy and the candidates, as `legacy`, `candidate` and `candidates` name them.
pub(super) struct Sides {
    /// Nothing where the name is missing or unknown.
    pub(super) legacy: Option<ModelId>,
    /// The known ones.
    pub(super) candidates: Vec<ModelId>,
    /// Where the candidates are named, rightly or not; nothing where the file leaves them out.
    pub(super) named: Option<Place>,
}

/// An A/B test's arms, legacy first, with their shares.
pub(super) struct AbArms {
    pub(super) arms: Vec<ModelId>,
    pub(super) weights: Vec<Share>,
}

impl Sides {
    pub(super) fn new(
        legacy: Option<At<Scalar<ModelName>>>,
        candidate: Field<Scalar<ModelName>>,
        candidates: Field<Vec<Field<Scalar<ModelName>>>>,
        experiment: &Place,
        models: &Models,
        report: &Report,
    ) -> Self {
        if candidate.is_there() && candidates.is_there() {
            report.add(experiment, "`candidate` and `candidates` stand together, expected one of them");
        }
        let there = candidate.is_there() || candidates.is_there();
        let named = candidate.place().or(candidates.place()).or(there.then_some(experiment)).cloned();
        let names: Vec<_> = match candidate {
            Field::Absent => candidates.items().collect(),
            one => one.given().into_iter().collect(),
        };
        let legacy = legacy.and_then(|name| models.find(&name.place, &name.value.0, report));
        let mut sides = Self { legacy, candidates: Vec::new(), named };
        for At { place, value: Scalar(name) } in names {
            let Some(model) = models.find(&place, &name, report) else { continue };
            if sides.candidates.contains(&model) {
                report.add(&place, format!("the candidate `{name}` stands twice"));
            }
            sides.candidates.push(model);
        }
        sides
    }

    /// The arms of a strategy that takes them from `candidate` or `candidates`.
    pub(super) fn arms(&self, experiment: &Place, report: &Report) -> Option<Vec<ModelId>> {
        let Some(place) = &self.named else {
            report.add_missing("candidate", experiment);
            return None;
        };
        if self.candidates.is_empty() && !report.touches(&place.path) {
            report.add(place, "expected at least one candidate");
        }
        let arms = self.candidates.len() + 1;
        if arms > MAX_ARMS {
            report.add(place, format!("expected at most {MAX_ARMS} arms, legacy among them, found {arms}"));
        }
        let legacy = self.legacy?;
        Some(std::iter::once(legacy).chain(self.candidates.iter().copied()).collect())
    }

    /// The arms of an A/B test, which names them with their shares.
    pub(super) fn ab_arms(
        &self,
        raw: At<Entries<Scalar<Share>>>,
        models: &Models,
        report: &Report,
    ) -> Option<AbArms> {
        let At { place, value: Entries(entries) } = raw;
        let count = entries.len();
        if !(2..=MAX_ARMS).contains(&count) {
            report.add(&place, format!("expected 2 to {MAX_ARMS} arms, legacy among them, found {count}"));
        }
        let total: Option<u64> = entries.iter().map(|(_, share)| billionths(share)).sum();
        if let Some(total) = total.filter(|total| *total != billions(Share::ALL)) {
            report.add(&place, format!("weights add up to {} %, expected 100 %", percent(total)));
        }
        let mut arms = Vec::new();
        for (key, share) in entries {
            let model =
                key_as::<ModelName>(&key, report).and_then(|name| models.find(&key.place, &name, report));
            arms.extend(model.zip(share.value()).map(|(model, share)| (model, share.0)));
        }
        if report.touches(&place.path) {
            return None;
        }
        self.check_agreement(&arms, &place, models, report)?;
        arms.sort_by_key(|(model, _)| Some(*model) != self.legacy);
        let (arms, weights) = arms.into_iter().unzip();
        Some(AbArms { arms, weights })
    }

    /// Legacy is an arm, and where candidates are named, they are the other arms.
    fn check_agreement(
        &self,
        arms: &[(ModelId, Share)],
        place: &Place,
        models: &Models,
        report: &Report,
    ) -> Option<()> {
        let legacy = self.legacy?;
        if !arms.iter().any(|(model, _)| *model == legacy) {
            let text = format!("legacy, `{}`, is not among the arms", models.name(legacy));
            report.add(place, format!("{text}; hint: give it a share: it is the control"));
        }
        let candidates = &self.candidates;
        let agree = arms.iter().all(|(model, _)| *model == legacy || candidates.contains(model))
            && candidates.iter().all(|candidate| arms.iter().any(|(model, _)| model == candidate));
        if let Some(place) = &self.named
            && !agree
            && !report.touches(&place.path)
        {
            report.add(place, "the candidates are not the arms of `ab`; hint: leave them to `arms`");
        }
        Some(())
    }
}

fn billionths(share: &Field<Scalar<Share>>) -> Option<u64> {
    match share {
        Field::Given(at) => Some(billions(at.value.0)),
        Field::Absent | Field::Wrong => None,
    }
}

fn billions(share: Share) -> u64 {
    u64::from(share.billionths())
}

/// Billionths of the whole as a percentage, which may be above 100, unlike a share.
fn percent(billionths: u64) -> String {
    let (whole, fraction) = (billionths / 10_000_000, billionths % 10_000_000);
    let text = format!("{whole}.{fraction:07}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}
