//! Strata: requests that were drawn with the same probabilities.
//!
//! Counts are never pooled across stages of a ramp, nor across changes of weight: error rates drift while weights
//! change, and a pooled comparison would take the drift for a difference (Simpson's paradox).

use crate::analysis::units::Units;
use crate::record::PairedRecord;
use crate::vocab::ModelName;

/// Requests of one stage and one set of weights.
#[derive(Debug, Clone)]
pub(super) struct Stratum {
    pub(super) stage: Option<u32>,
    /// The arms' probabilities, in the order of the arms.
    pub(super) propensities: Vec<f64>,
    pub(super) arms: Vec<StratumArm>,
    units: UnitsBy,
}

/// Units that were counted already, by what they were counted for.
#[derive(Debug, Clone, Default)]
struct UnitsBy {
    drawn: Units,
    labelled: Units,
    wrong: Units,
}

/// One arm in a stratum.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct StratumArm {
    pub(super) assigned: u64,
    /// Units with at least one request.
    pub(super) drawn_units: u64,
    pub(super) judged: u64,
    /// Units with at least one label.
    pub(super) labelled_units: u64,
    pub(super) wrong: u64,
    /// Units with at least one wrong answer; each counts once, for the answers of one unit are alike.
    pub(super) bad_units: u64,
}

/// The strata of one experiment.
#[derive(Debug, Clone, Default)]
pub(super) struct Strata(Vec<Stratum>);

impl Strata {
    /// Counts a request's draw and says where it belongs; `None`: its arm was not drawn.
    pub(super) fn enter(&mut self, record: &PairedRecord) -> Option<usize> {
        if record.propensities.is_empty() {
            return None;
        }
        let found = self.0.iter().rposition(|stratum| stratum.holds(record));
        let place = found.unwrap_or_else(|| {
            self.0.push(Stratum::of(record));
            self.0.len() - 1
        });
        let arm = position(&record.arms, &record.assigned)?;
        let Stratum { arms, units, .. } = &mut self.0[place];
        let arm = arms.get_mut(arm)?;
        arm.assigned += 1;
        arm.drawn_units += u64::from(units.drawn.count_named(record.unit.as_deref()));
        Some(place)
    }

    /// Counts whether an arm's answer to a user was right. Where no unit is named each request is its own.
    pub(super) fn judge(&mut self, place: usize, arm: usize, unit: Option<&str>, right: bool) {
        let Some(Stratum { arms, units, .. }) = self.0.get_mut(place) else { return };
        let Some(arm) = arms.get_mut(arm) else { return };
        arm.judged += 1;
        arm.labelled_units += u64::from(units.labelled.count_named(unit));
        if !right {
            arm.wrong += 1;
            arm.bad_units += u64::from(units.wrong.count_named(unit));
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Stratum> {
        self.0.iter()
    }
}

impl Stratum {
    fn of(record: &PairedRecord) -> Self {
        Self {
            stage: record.stage,
            propensities: record.propensities.clone(),
            arms: vec![StratumArm::default(); record.arms.len()],
            units: UnitsBy::default(),
        }
    }

    /// Probabilities are shares in billionths; what differs by less is rounding.
    fn holds(&self, record: &PairedRecord) -> bool {
        let same = |(one, other): (&f64, &f64)| (one - other).abs() < 5e-10;
        self.stage == record.stage
            && self.propensities.len() == record.propensities.len()
            && self.propensities.iter().zip(&record.propensities).all(same)
    }

    /// The candidate's share of the traffic that it and legacy get; `None`: nobody does.
    pub(super) fn share(&self, candidate: usize) -> Option<f64> {
        let (own, legacy) = (*self.propensities.get(candidate)?, *self.propensities.first()?);
        (own + legacy > 0.0).then(|| own / (own + legacy))
    }
}

/// An arm's place.
pub(super) fn position(arms: &[ModelName], arm: &ModelName) -> Option<usize> {
    arms.iter().position(|name| name == arm)
}
