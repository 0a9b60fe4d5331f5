//! Adaptive traffic: more for the arms that may be the best, a floor for each, and the exact propensity of each draw.
//!
//! Top-two Thompson sampling (Russo 2016): draw the best arm from the posterior; with the leader's share of
//! probability take it, else draw again until another one comes. Its probabilities are computed, not simulated, and
//! then rounded to whole parts of 2^53 from which arms are drawn, so that the propensity that is logged is the
//! probability that was used, to the last bit. Allocation only: means of adaptive data are biased, and no verdict
//! comes from here.

use rand::Rng;
use serde::Serialize;

use crate::stats::BetaPosterior;
use crate::stats::Undefined;
use crate::stats::best_arm_probabilities;
use crate::stats::closed_unit;

/// All parts of an allocation together: every whole number up to it is a floating-point number.
const PARTS: u64 = 1 << 53;

/// How to allocate.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct TopTwo {
    /// The probability to take the first draw, between 0 and 1; at 1 it is plain Thompson sampling.
    pub leader_share: f64,
    /// The least propensity of any arm.
    pub floor: f64,
}

impl Default for TopTwo {
    /// Half to the leader; 5 % at least for each arm.
    fn default() -> Self {
        Self { leader_share: 0.5, floor: 0.05 }
    }
}

/// The propensities of all arms.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Allocation {
    parts: Vec<u64>,
}

impl TopTwo {
    /// The allocation that these posteriors lead to: each arm has the floor, and what is left goes by top-two
    /// Thompson sampling.
    ///
    /// # Errors
    /// [`Undefined::NoControl`] for fewer than two arms; a leader's share outside [0, 1]; floors that add up to more
    /// than 1.
    pub fn allocate(&self, arms: &[BetaPosterior]) -> Result<Allocation, Undefined> {
        let leader_share = closed_unit("the leader's share", self.leader_share)?;
        let best = best_arm_probabilities(arms)?;
        let floors = self.floor * arms.len() as f64;
        if !(self.floor >= 0.0 && floors <= 1.0) {
            let expected = "0 or more, and at most 1 for all arms together";
            return Err(Undefined::Parameter { name: "the floor", value: self.floor, expected });
        }
        let chances = top_two(&best, leader_share);
        let wanted = chances.iter().map(|chance| self.floor + (1.0 - floors) * chance);
        Ok(Allocation::of(wanted.collect(), self.floor))
    }
}

impl Allocation {
    /// Rounds to whole parts, none below the floor; what rounding leaves goes to the largest.
    fn of(wanted: Vec<f64>, floor: f64) -> Self {
        let least = (floor * PARTS as f64).ceil() as u64;
        let mut parts: Vec<u64> =
            wanted.iter().map(|share| ((share * PARTS as f64) as u64).max(least)).collect();
        let largest = (0..parts.len()).max_by_key(|arm| parts[*arm]).unwrap_or(0);
        let others: u64 = parts.iter().enumerate().filter(|(arm, _)| *arm != largest).map(|(_, it)| it).sum();
        parts[largest] = PARTS.saturating_sub(others);
        Self { parts }
    }

    /// The exact probability with which [`Allocation::draw`] gives this arm.
    pub fn propensity(&self, arm: usize) -> f64 {
        self.parts.get(arm).map_or(0.0, |parts| *parts as f64 / PARTS as f64)
    }

    /// The propensities of all arms, which add up to 1.
    pub fn propensities(&self) -> Vec<f64> {
        (0..self.parts.len()).map(|arm| self.propensity(arm)).collect()
    }

    /// Draws an arm.
    pub fn draw(&self, rng: &mut impl Rng) -> usize {
        let place = rng.next_u64() % PARTS;
        let mut up_to = 0;
        let holds = |parts: &u64| {
            up_to += parts;
            place < up_to
        };
        self.parts.iter().position(holds).unwrap_or(0)
    }
}

/// Arm i is drawn first, or another arm j is and i comes next: b_i (s + (1 - s) sum of b_j / (1 - b_j)).
fn top_two(best: &[f64], leader_share: f64) -> Vec<f64> {
    let others_of = |arm: usize| (0..best.len()).filter(move |other| *other != arm);
    let not = |arm: usize| others_of(arm).map(|other| best[other]).sum::<f64>();
    let second = |arm: usize| {
        let after = |first: usize| match not(first) {
            // Only the leader is ever drawn: nothing tells the others apart.
            0.0 => best[first] / (best.len() - 1) as f64,
            rest => best[first] * (best[arm] / rest),
        };
        others_of(arm).map(after).sum::<f64>()
    };
    (0..best.len()).map(|arm| leader_share * best[arm] + (1.0 - leader_share) * second(arm)).collect()
}
