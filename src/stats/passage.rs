//! When does an e-process of successes and failures suffice? The first passage of a random walk over a boundary.
//!
//! The probability of every count that has not sufficed yet is carried from trial to trial; what reaches the boundary
//! is taken out and summed until the power is reached. That is exact up to some thousand trials; beyond, one step
//! stands for several trials with the same mean and variance, and the size is right within 3 %.

use std::collections::VecDeque;

use crate::stats::Demand;
use crate::stats::Undefined;
use crate::stats::special::ln_beta_cdf;
use crate::stats::suffices;

/// About how many steps a walk takes at most.
const STEPS: u64 = 5_000;

/// No experiment has more trials.
const MOST_TRIALS: u64 = 1 << 40;

/// Counts that are less probable are left out.
const NEGLIGIBLE: f64 = 1e-15;

/// The least number of trials by which the e-process, whose logarithm after successes and failures is `log_e`, has
/// sufficed with the power asked for, where successes have this share, and that of `null` under the null.
///
/// # Errors
/// [`Undefined::NoEffect`] when the share is not on the side that is looked for; [`Undefined::TooSlight`] beyond 2^40
/// trials.
pub(super) fn trials_at_any_time(
    null: f64,
    share: f64,
    demand: Demand,
    log_e: impl Fn(u64, u64) -> f64,
) -> Result<f64, Undefined> {
    demand.tail()?;
    demand.size_of(share - null)?;
    // Counted is the side that gets more than under the null.
    let more = share > null;
    let walk = Walk {
        gets: if more { share } else { 1.0 - share },
        expected: if more { null } else { 1.0 - null },
        suffices: |own: u64, other: u64| {
            suffices(if more { log_e(own, other) } else { log_e(other, own) }, demand.alpha)
        },
    };
    Ok(walk.passage(demand.power, walk.trials_at_one_time(demand.power)?) as f64)
}

struct Walk<S> {
    /// The share of trials that count.
    gets: f64,
    /// The same under the null, which is less.
    expected: f64,
    /// Whether evidence suffices after so many trials that count, and so many others.
    suffices: S,
}

impl<S: Fn(u64, u64) -> bool> Walk<S> {
    /// The trials after which the evidence suffices with this power whatever it did before: more than it takes.
    fn trials_at_one_time(&self, power: f64) -> Result<u64, Undefined> {
        let mut high = 1;
        while self.power_at(high) < power {
            high *= 2;
            if high > MOST_TRIALS {
                return Err(Undefined::TooSlight);
            }
        }
        let mut low = high / 2;
        while high - low > 1 {
            let middle = low + (high - low) / 2;
            *(if self.power_at(middle) < power { &mut low } else { &mut high }) = middle;
        }
        Ok(high)
    }

    fn power_at(&self, trials: u64) -> f64 {
        // With fewer than the null expects, the evidence may be that of the other side.
        let (mut low, mut high) = ((trials as f64 * self.expected) as u64, trials + 1);
        while high - low > 1 {
            let middle = low + (high - low) / 2;
            *(if (self.suffices)(middle, trials - middle) { &mut high } else { &mut low }) = middle;
        }
        let others = (trials + 1 - high) as f64;
        if others == 0.0 { 0.0 } else { ln_beta_cdf(high as f64, others, self.gets).exp() }
    }

    /// The trials by which the evidence has sufficed with this power, `most` at the latest.
    fn passage(&self, power: f64, most: u64) -> u64 {
        let trials_a_step = most.div_ceil(STEPS);
        let (mut chances, mut first) = (VecDeque::from([1.0]), 0);
        let (mut boundary, mut passed) = (0, 0.0);
        for step in 1.. {
            let trials = step * trials_a_step;
            if trials >= most {
                break;
            }
            self.walk(&mut chances);
            while boundary <= step && !self.has_passed(boundary, step, trials_a_step) {
                boundary += 1;
            }
            while first + chances.len() as u64 > boundary {
                passed += chances.pop_back().unwrap_or(0.0);
            }
            if passed >= power {
                return trials;
            }
            while chances.front().is_some_and(|chance| *chance < NEGLIGIBLE) {
                chances.pop_front();
                first += 1;
            }
        }
        most
    }

    /// Carries the probabilities of all counts one step on.
    fn walk(&self, chances: &mut VecDeque<f64>) {
        let mut from_below = 0.0;
        for chance in chances.iter_mut() {
            let here = *chance;
            *chance = here * (1.0 - self.gets) + from_below;
            from_below = here * self.gets;
        }
        chances.push_back(from_below);
    }

    /// Whether the evidence suffices after so many steps, of which so many went up. A step of m trials with share p
    /// changes the count by m p on average, with a deviation of sqrt(m p (1 - p)); of one trial it is the trial.
    fn has_passed(&self, up: u64, step: u64, trials_a_step: u64) -> bool {
        let (trials, size) = (step * trials_a_step, trials_a_step as f64);
        let ahead = up as f64 - step as f64 * self.gets;
        let count = (trials as f64 * self.gets + size.sqrt() * ahead).round().clamp(0.0, trials as f64);
        count >= trials as f64 * self.expected && (self.suffices)(count as u64, trials - count as u64)
    }
}
