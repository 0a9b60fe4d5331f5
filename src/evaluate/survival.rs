//! How well risk scores foretell when something happens, when some subjects left before it did.
//!
//! The conventions are those of scikit-survival, except that risks are tied only when they are equal, not when they
//! are within 1e-8, and that a censoring distribution that reaches 0 matters only where its weight is used.

#[cfg(test)]
mod tests;

use serde::Serialize;

use crate::evaluate::NoValue;
use crate::evaluate::sound;

const NO_PAIRS: NoValue = NoValue::Undefined("no two subjects can be compared");

/// Subjects that were followed until an event or until they left, each with the risk that a model gave it.
#[derive(Debug, Clone, PartialEq)]
pub struct Cohort {
    /// Latest time first.
    subjects: Vec<Subject>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct Subject {
    time: f64,
    end: End,
    risk: f64,
}

/// How the time of a subject ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum End {
    /// With the event.
    Event,
    /// Without it: the subject left, or the study ended.
    Censored,
}

/// The concordance index (Harrell, Lee and Mark 1996) and the counts of pairs behind it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Concordance {
    /// The share of concordant pairs among the comparable ones, a tie counted half.
    pub value: f64,
    /// Pairs in which the subject whose event came first had the higher risk.
    pub concordant: u64,
    /// Pairs in which it had the lower one.
    pub discordant: u64,
    /// Pairs with equal risks.
    pub tied_risk: u64,
}

/// The area under the cumulative/dynamic ROC curve at each time (Uno, Cai, Tian and Wei 2007).
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TimeDependentAuc {
    /// The times asked for, ascending, each once.
    pub times: Vec<f64>,
    /// The area at each time.
    pub auc: Vec<f64>,
    /// The mean of the areas, weighted by how many events fall between the times (Lambert and Chevret 2016).
    pub mean_auc: f64,
}

/// One subject with an event, against all that it can be compared with: those that were followed longer, and those
/// censored at the same time.
struct Compared {
    time: f64,
    lower: u64,
    tied: u64,
    all: u64,
}

impl Cohort {
    /// Takes subjects as columns: times, how they ended, and risks, where a higher risk means an earlier event.
    ///
    /// # Errors
    /// [`NoValue::Invalid`] when lengths differ or a number is not finite; [`NoValue::Undefined`] without subjects.
    pub fn new(times: &[f64], ends: &[End], risks: &[f64]) -> Result<Self, NoValue> {
        sound::same_length(times.len(), ends.len())?;
        sound::same_length(times.len(), risks.len())?;
        sound::all_finite(times)?;
        sound::all_finite(risks)?;
        if times.is_empty() {
            return Err(NoValue::Undefined("there are no subjects"));
        }
        let columns = times.iter().zip(ends).zip(risks);
        let mut subjects: Vec<_> =
            columns.map(|((time, end), risk)| Subject { time: *time, end: *end, risk: *risk }).collect();
        subjects.sort_by(|one, other| sound::ascending(other.time, one.time));
        Ok(Self { subjects })
    }

    /// The concordance index. Two subjects are comparable when the earlier time ended with the event, at equal times
    /// when just one did. Takes n log n steps for n subjects.
    ///
    /// # Errors
    /// [`NoValue::Undefined`] when no two subjects are comparable.
    pub fn concordance(&self) -> Result<Concordance, NoValue> {
        let (mut concordant, mut tied_risk, mut all) = (0, 0, 0);
        for compared in self.compared() {
            concordant += compared.lower;
            tied_risk += compared.tied;
            all += compared.all;
        }
        if all == 0 {
            return Err(NO_PAIRS);
        }
        let value = (concordant as f64 + tied_risk as f64 / 2.0) / all as f64;
        Ok(Concordance { value, concordant, discordant: all - concordant - tied_risk, tied_risk })
    }

    /// The concordance index with each pair weighted by the inverse square of the probability of not being censored
    /// before its event, so that it does not depend on the censoring (Uno and others 2011). Events at `tau` and
    /// later are left out; `None`: none are.
    ///
    /// # Errors
    /// [`NoValue::Undefined`] when no two subjects are comparable, or the probability is 0 for an event that counts;
    /// [`NoValue::Invalid`] for a tau that is not finite.
    pub fn concordance_ipcw(&self, tau: Option<f64>) -> Result<f64, NoValue> {
        sound::all_finite(tau.as_slice())?;
        let uncensored = Steps::kaplan_meier(self, End::Censored);
        let counts = |compared: &Compared| tau.is_none_or(|tau| compared.time < tau);
        let (mut concordant, mut all) = (0.0, 0.0);
        for compared in self.compared().into_iter().filter(counts) {
            let weight = uncensored.inverse_at(compared.time)?.powi(2);
            concordant += weight * (compared.lower as f64 + compared.tied as f64 / 2.0);
            all += weight * compared.all as f64;
        }
        if all == 0.0 { Err(NO_PAIRS) } else { sound::in_range(concordant / all) }
    }

    /// How well the risk tells subjects whose event came by a time from those followed beyond it, at several times,
    /// with events weighted by the inverse of the probability of not being censored before them. Takes n log n steps
    /// a time.
    ///
    /// # Errors
    /// [`NoValue::Undefined`] without times, or when no event came by a time, nobody was followed beyond it, or the
    /// probability is 0 for an event; [`NoValue::Invalid`] for a time that is not finite.
    pub fn auc_at(&self, times: &[f64]) -> Result<TimeDependentAuc, NoValue> {
        sound::all_finite(times)?;
        let mut times = times.to_vec();
        times.sort_by(|one, other| sound::ascending(*one, *other));
        times.dedup();
        let Some(last) = times.last() else { return Err(NoValue::Undefined("there are no times")) };
        let uncensored = Steps::kaplan_meier(self, End::Censored);
        let by_risk = self.by_risk();
        let areas = times.iter().map(|time| area_at(*time, &by_risk, &uncensored));
        let auc = areas.collect::<Result<Vec<_>, _>>()?;
        let surviving = Steps::kaplan_meier(self, End::Event);
        let mut before = 1.0;
        let mut weighted = 0.0;
        for (time, area) in times.iter().zip(&auc) {
            let now = surviving.at(*time);
            weighted += area * (before - now);
            before = now;
        }
        let mean_auc = if auc.len() == 1 { auc[0] } else { weighted / (1.0 - surviving.at(*last)) };
        Ok(TimeDependentAuc { mean_auc: sound::in_range(mean_auc)?, times, auc })
    }

    /// Each event against the subjects that it can be compared with. Subjects are entered latest first, so that
    /// those entered so far are the ones to compare with.
    fn compared(&self) -> Vec<Compared> {
        let mut risks: Vec<f64> = self.subjects.iter().map(|subject| subject.risk).collect();
        risks.sort_by(|one, other| sound::ascending(*one, *other));
        risks.dedup();
        let rank = |risk: f64| risks.partition_point(|known| *known < risk);
        let mut entered = Ranks::new(risks.len());
        let mut compared = Vec::new();
        for together in self.subjects.chunk_by(|one, other| one.time == other.time) {
            let ended = |end| together.iter().filter(move |subject| subject.end == end);
            ended(End::Censored).for_each(|subject| entered.enter(rank(subject.risk)));
            compared.extend(ended(End::Event).map(|subject| {
                let (lower, with_tied) =
                    (entered.below(rank(subject.risk)), entered.below(rank(subject.risk) + 1));
                Compared {
                    time: subject.time,
                    lower,
                    tied: with_tied - lower,
                    all: entered.below(risks.len()),
                }
            }));
            ended(End::Event).for_each(|subject| entered.enter(rank(subject.risk)));
        }
        compared
    }

    fn by_risk(&self) -> Vec<Subject> {
        let mut subjects = self.subjects.clone();
        subjects.sort_by(|one, other| sound::ascending(one.risk, other.risk));
        subjects
    }
}

/// The area under the ROC curve at one time, over subjects in ascending order of risk.
fn area_at(time: f64, by_risk: &[Subject], uncensored: &Steps) -> Result<f64, NoValue> {
    let (mut won, mut cases, mut controls) = (0.0, 0.0, 0.0);
    for tied in by_risk.chunk_by(|one, other| one.risk == other.risk) {
        let beyond = tied.iter().filter(|subject| subject.time > time).count() as f64;
        let had = tied.iter().filter(|subject| subject.time <= time && subject.end == End::Event);
        for subject in had {
            let weight = uncensored.inverse_at(subject.time)?;
            won += weight * (controls + beyond / 2.0);
            cases += weight;
        }
        controls += beyond;
    }
    if cases == 0.0 {
        return Err(NoValue::Undefined("no event came by the time"));
    }
    sound::ratio(won, cases * controls, "nobody was followed beyond the time")
}

/// A probability that falls by steps with time: that of no end of one kind up to and at a time.
struct Steps {
    /// Ascending times and the value from each on.
    steps: Vec<(f64, f64)>,
}

impl Steps {
    /// Kaplan and Meier 1958. An event is taken to come before a censoring at the same time.
    fn kaplan_meier(cohort: &Cohort, end: End) -> Self {
        let ascending: Vec<Subject> = cohort.subjects.iter().rev().copied().collect();
        let mut at_risk = ascending.len();
        let mut value = 1.0;
        let mut steps = Vec::new();
        for together in ascending.chunk_by(|one, other| one.time == other.time) {
            let events = together.iter().filter(|subject| subject.end == End::Event).count();
            let (ended, exposed) = match end {
                End::Event => (events, at_risk),
                End::Censored => (together.len() - events, at_risk - events),
            };
            if ended > 0 {
                value *= 1.0 - ended as f64 / exposed as f64;
                steps.push((together[0].time, value));
            }
            at_risk -= together.len();
        }
        Self { steps }
    }

    fn at(&self, time: f64) -> f64 {
        let passed = self.steps.partition_point(|(step, _)| *step <= time);
        if passed == 0 { 1.0 } else { self.steps[passed - 1].1 }
    }

    fn inverse_at(&self, time: f64) -> Result<f64, NoValue> {
        sound::ratio(1.0, self.at(time), "by the time of an event nobody is left uncensored")
    }
}

/// How many of the ranks entered so far are below a rank, in log n steps (Fenwick 1994).
struct Ranks {
    sums: Vec<u64>,
}

impl Ranks {
    fn new(ranks: usize) -> Self {
        Self { sums: vec![0; ranks + 1] }
    }

    fn enter(&mut self, rank: usize) {
        let mut node = rank + 1;
        while node < self.sums.len() {
            self.sums[node] += 1;
            node += node & node.wrapping_neg();
        }
    }

    fn below(&self, rank: usize) -> u64 {
        let mut node = rank;
        let mut sum = 0;
        while node > 0 {
            sum += self.sums[node];
            node -= node & node.wrapping_neg();
        }
        sum
    }
}
