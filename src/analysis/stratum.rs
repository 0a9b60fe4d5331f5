//! Strata: requests that were drawn with the same probabilities, and what was watched of them.
//!
//! Counts are never pooled across stages of a ramp, nor across changes of weight: error rates drift while weights
//! change, and a pooled comparison would take the drift for a difference (Simpson's paradox).

use indexmap::IndexMap;
use serde::Deserialize;
use serde::Serialize;

use crate::analysis::buckets::Buckets;
use crate::analysis::buckets::Mean;
use crate::analysis::ledger::Ledger;
use crate::analysis::units::ArmUnits;
use crate::analysis::watch::Signal;
use crate::analysis::watch::Watch;
use crate::policy::Watched;
use crate::record::PairedRecord;
use crate::stats::StageEvents;
use crate::vocab::ModelName;
use crate::vocab::OutcomeName;
use crate::vocab::RequestId;

/// How many strata one experiment has at most. A ramp has a dozen; more is somebody setting weights by hand all day.
const MOST: usize = 256;

/// Requests of one stage and one set of weights.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Stratum {
    pub(super) stage: Option<u32>,
    /// The arms' probabilities, in the order of the arms.
    pub(super) propensities: Vec<f64>,
    /// Requests by arm.
    pub(super) assigned: Vec<u64>,
    /// Units with at least one request.
    pub(super) drawn: ArmUnits,
    /// Units with at least one report of an outcome.
    #[serde(with = "indexmap::map::serde_seq")]
    pub(super) joined: IndexMap<OutcomeName, ArmUnits>,
    #[serde(with = "indexmap::map::serde_seq")]
    events: IndexMap<Watched, Events>,
    #[serde(with = "indexmap::map::serde_seq")]
    numbers: IndexMap<Watched, Vec<Buckets>>,
    /// What each arm spent; empty where nothing of that is watched.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    ledgers: Vec<Ledger>,
}

/// An event that happens or not, by arm.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Events {
    /// Requests of which it is known.
    pub(super) known: Vec<u64>,
    /// Requests in which it happened.
    pub(super) happened: Vec<u64>,
    /// Units to whom it happened; each counts once.
    pub(super) units: ArmUnits,
}

/// The strata of one experiment.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Strata(Vec<Stratum>);

/// Where and for whom something is counted.
#[derive(Debug, Clone, Copy)]
pub(super) struct At<'u> {
    pub(super) stratum: usize,
    pub(super) arm: usize,
    pub(super) unit: Option<&'u str>,
    pub(super) request: RequestId,
}

impl Strata {
    /// Counts a request's draw and says where it belongs; `None`: its arm was not drawn, or the record is damaged.
    pub(super) fn enter(&mut self, record: &PairedRecord) -> Option<usize> {
        if record.propensities.is_empty() || record.propensities.len() != record.arms.len() {
            return None;
        }
        let place = match self.0.iter().rposition(|stratum| stratum.holds(record)) {
            Some(place) => place,
            None if self.0.len() < MOST => {
                self.0.push(Stratum::of(record));
                self.0.len() - 1
            }
            None => return None,
        };
        let arm = position(&record.arms, &record.assigned)?;
        let stratum = &mut self.0[place];
        *stratum.assigned.get_mut(arm)? += 1;
        stratum.drawn.count(arm, record.unit.as_deref());
        Some(place)
    }

    /// Counts that an outcome came in.
    pub(super) fn join(&mut self, at: At<'_>, outcome: &OutcomeName) {
        let Some(stratum) = self.0.get_mut(at.stratum) else { return };
        let arms = stratum.propensities.len();
        let joined = stratum.joined.entry(outcome.clone()).or_insert_with(|| ArmUnits::of(arms));
        joined.count(at.arm, at.unit);
    }

    /// Counts what a request said of a watched figure. Says whether that made it an event of one unit more.
    pub(super) fn signal(&mut self, at: At<'_>, watched: &Watched, signal: Signal) -> bool {
        let Some(stratum) = self.0.get_mut(at.stratum) else { return false };
        let arms = stratum.propensities.len();
        match signal {
            Signal::Event(happened) => stratum.events_of(watched, arms).count(at, happened),
            Signal::Number(number) => {
                stratum.number(at, watched, number, 1.0);
                false
            }
        }
    }

    /// Counts a request whose number is 0 until an outcome says otherwise.
    pub(super) fn expect_number(&mut self, at: At<'_>, watched: &Watched) {
        if let Some(stratum) = self.0.get_mut(at.stratum) {
            stratum.number(at, watched, 0.0, 1.0);
        }
    }

    /// Adds the number of a request that was counted before.
    pub(super) fn fulfil_number(&mut self, at: At<'_>, watched: &Watched, number: f64) {
        if let Some(stratum) = self.0.get_mut(at.stratum) {
            stratum.number(at, watched, number, 0.0);
        }
    }

    /// The ledger that a request belongs into.
    pub(super) fn ledger(&mut self, at: At<'_>) -> Option<&mut Ledger> {
        let stratum = self.0.get_mut(at.stratum)?;
        if stratum.ledgers.is_empty() {
            stratum.ledgers = vec![Ledger::default(); stratum.propensities.len()];
        }
        stratum.ledgers.get_mut(at.arm)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Stratum> {
        self.0.iter()
    }

    /// Begins to count a figure anew, because it is defined otherwise now.
    pub(super) fn forget(&mut self, watched: &Watched) {
        for stratum in &mut self.0 {
            stratum.events.shift_remove(watched);
            stratum.numbers.shift_remove(watched);
        }
    }

    /// Where each stratum of these is among those, once they were merged.
    pub(super) fn places_in(&self, merged: &Strata) -> Vec<Option<usize>> {
        let place = |own: &Stratum| merged.0.iter().position(|it| it.is_like(own.stage, &own.propensities));
        self.0.iter().map(place).collect()
    }

    /// Takes in the strata of another gateway.
    pub(super) fn merge(&mut self, other: &Strata) {
        for theirs in &other.0 {
            match self.0.iter().position(|own| own.is_like(theirs.stage, &theirs.propensities)) {
                Some(place) => self.0[place].merge(theirs),
                None if self.0.len() < MOST => self.0.push(theirs.clone()),
                None => {}
            }
        }
        self.0.sort_by_key(|stratum| stratum.stage);
    }
}

impl Stratum {
    fn of(record: &PairedRecord) -> Self {
        let arms = record.arms.len();
        Self {
            stage: record.stage,
            propensities: record.propensities.clone(),
            assigned: vec![0; arms],
            drawn: ArmUnits::of(arms),
            joined: IndexMap::new(),
            events: IndexMap::new(),
            numbers: IndexMap::new(),
            ledgers: Vec::new(),
        }
    }

    fn holds(&self, record: &PairedRecord) -> bool {
        self.is_like(record.stage, &record.propensities)
    }

    /// Probabilities are shares in billionths; what differs by less is rounding.
    fn is_like(&self, stage: Option<u32>, propensities: &[f64]) -> bool {
        let same = |(one, other): (&f64, &f64)| (one - other).abs() < 5e-10;
        self.stage == stage
            && self.propensities.len() == propensities.len()
            && self.propensities.iter().zip(propensities).all(same)
    }

    /// The candidate's share of the traffic that it and legacy get; `None`: nobody does.
    pub(super) fn share(&self, candidate: usize) -> Option<f64> {
        let (own, legacy) = (*self.propensities.get(candidate)?, *self.propensities.first()?);
        (own + legacy > 0.0).then(|| own / (own + legacy))
    }

    /// What is known of an event.
    pub(super) fn events(&self, watched: &Watched) -> Option<&Events> {
        self.events.get(watched)
    }

    /// A candidate's and legacy's units to whom an event happened; `None`: one of them gets no traffic here.
    pub(super) fn stage_events(&self, watched: &Watched, candidate: usize) -> Option<StageEvents> {
        let share = self.share(candidate).filter(|share| *share > 0.0 && *share < 1.0)?;
        let units = |arm| self.events(watched).map_or(0, |events| events.units.of_arm(arm));
        Some(StageEvents { share, candidate: units(candidate), legacy: units(0) })
    }

    /// An arm's mean of a number.
    pub(super) fn mean(&self, watch: &Watch, arm: usize) -> Option<Mean> {
        match watch.is_of_ledger() {
            true => self.ledgers.get(arm)?.mean(&watch.of),
            false => self.numbers.get(&watch.of)?.get(arm)?.mean(),
        }
    }

    fn events_of(&mut self, watched: &Watched, arms: usize) -> &mut Events {
        self.events.entry(watched.clone()).or_insert_with(|| Events {
            known: vec![0; arms],
            happened: vec![0; arms],
            units: ArmUnits::of(arms),
        })
    }

    fn number(&mut self, at: At<'_>, watched: &Watched, number: f64, requests: f64) {
        let arms = self.propensities.len();
        let numbers = self.numbers.entry(watched.clone()).or_insert_with(|| vec![Buckets::default(); arms]);
        if let Some(buckets) = numbers.get_mut(at.arm) {
            buckets.add(at.unit, at.request, number, requests);
        }
    }

    fn merge(&mut self, other: &Stratum) {
        add(&mut self.assigned, &other.assigned);
        self.drawn.merge(&other.drawn);
        for (outcome, theirs) in &other.joined {
            let arms = self.propensities.len();
            self.joined.entry(outcome.clone()).or_insert_with(|| ArmUnits::of(arms)).merge(theirs);
        }
        for (watched, theirs) in &other.events {
            let own = self.events_of(watched, theirs.known.len());
            add(&mut own.known, &theirs.known);
            add(&mut own.happened, &theirs.happened);
            own.units.merge(&theirs.units);
        }
        for (watched, theirs) in &other.numbers {
            let own =
                self.numbers.entry(watched.clone()).or_insert_with(|| vec![Buckets::default(); theirs.len()]);
            own.iter_mut().zip(theirs).for_each(|(own, theirs)| own.merge(theirs));
        }
        if self.ledgers.is_empty() {
            self.ledgers.clone_from(&other.ledgers);
        } else {
            self.ledgers.iter_mut().zip(&other.ledgers).for_each(|(own, theirs)| own.merge(theirs));
        }
    }
}

impl Events {
    fn count(&mut self, At { arm, unit, .. }: At<'_>, happened: bool) -> bool {
        let Some(known) = self.known.get_mut(arm) else { return false };
        *known += 1;
        self.happened[arm] += u64::from(happened);
        happened && self.units.count(arm, unit)
    }
}

fn add(own: &mut [u64], theirs: &[u64]) {
    own.iter_mut().zip(theirs).for_each(|(own, more)| *own += more);
}

/// An arm's place.
pub(super) fn position(arms: &[ModelName], arm: &ModelName) -> Option<usize> {
    arms.iter().position(|name| name == arm)
}
