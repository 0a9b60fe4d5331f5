//! What is known of each arm's successes, for shares that follow them. No verdict: means of adaptive data are biased.

use crate::analysis::Analysis;
use crate::analysis::study::Study;
use crate::policy::Absent;
use crate::strategy::ab::Reward;
use crate::vocab::OutcomeName;
use crate::vocab::Role;

impl Analysis {
    /// Successes and failures of each arm of an experiment, legacy first; `None` before its first request.
    pub fn learnt(&self, experiment: &str, reward: &Reward) -> Option<Vec<(u64, u64)>> {
        let (_, study) = self.studies.iter().find(|(name, _)| name.as_str() == experiment)?;
        study.learnt(reward)
    }
}

impl Study {
    /// Says whether shares follow what is learnt, so that nothing here is evidence.
    pub(super) fn is_adaptive(&self) -> bool {
        self.design.as_ref().is_some_and(|design| design.adaptive)
    }

    fn learnt(&self, reward: &Reward) -> Option<Vec<(u64, u64)>> {
        let arms = 0..self.subject.as_ref()?.arms.len();
        Some(match reward {
            Reward::Outcome(name) => arms.map(|arm| self.outcome_counts(arm, name)).collect(),
            Reward::Metric(name) => {
                let calls = self.quality.get(name).map(|quality| &quality.calls);
                let scores = |arm| Some(calls?.get(&(arm, Role::Answer))?.scores);
                let counts = |arm| match scores(arm) {
                    Some(scores) => {
                        let right = (scores.mean().unwrap_or_default() * scores.n() as f64).round() as u64;
                        (right, scores.n() - right)
                    }
                    None => (0, 0),
                };
                arms.map(counts).collect()
            }
        })
    }

    /// Where no report means no, each request without one is a failure.
    fn outcome_counts(&self, arm: usize, name: &OutcomeName) -> (u64, u64) {
        let Some(subject) = &self.subject else { return (0, 0) };
        let tally =
            self.outcomes.get(&(name.clone(), subject.arms[arm].clone())).copied().unwrap_or_default();
        let rule = self.design.as_ref().and_then(|design| design.outcomes.get(name));
        let known = match rule.map(|rule| rule.absent) {
            Some(Absent::None) => self.arms[arm].enrolled,
            Some(Absent::Missing) | None => tally.reports,
        };
        let happened = tally.sum.round() as u64;
        (happened, known.saturating_sub(happened))
    }
}
