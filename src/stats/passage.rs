//! When will evidence suffice? How many trials a test that is read after each of them takes to find a share.
//!
//! While the evidence grows with the hits among the trials, the test ends at the first trial with enough hits. The chance
//! of having ended is then computed trial by trial, exactly but for the least likely paths; beyond many
//! thousand trials it is approximated by that of a Brownian motion, to about a tenth.

#[cfg(test)]
mod tests;

use crate::stats::Undefined;
use crate::stats::suffices;
use crate::stats::tails::normal_survival;

/// Up to how many trials every path is followed.
const FOLLOWED: f64 = 20_000.0;

/// Paths less likely than this are given up.
const LEAST: f64 = 1e-20;

/// A test of trials that hit or miss.
pub(super) struct Passage<F: Fn(u64, u64) -> f64> {
    /// The true probability of a hit.
    pub(super) share: f64,
    /// The level of the test.
    pub(super) alpha: f64,
    /// The log e-value after so many hits and misses: it grows with each hit and shrinks with each miss.
    pub(super) log_e: F,
}

/// How many trials it takes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Trials {
    /// Until the test has ended with the probability asked for.
    pub(super) with_power: f64,
    /// Until it has ended with probability one half.
    pub(super) median: f64,
}

impl<F: Fn(u64, u64) -> f64> Passage<F> {
    /// The trials until the test has ended with this probability, and with one half.
    ///
    /// # Errors
    /// [`Undefined::NoEffect`] when there is no number of trials after which it ends; [`Undefined::TooLarge`].
    pub(super) fn trials(&self, power: f64) -> Result<Trials, Undefined> {
        let roughly = Trials { with_power: self.about(power)?, median: self.about(0.5)? };
        if roughly.with_power.max(roughly.median) > FOLLOWED { Ok(roughly) } else { Ok(self.followed(power)) }
    }

    /// Follows every path until as many have ended as are asked for.
    fn followed(&self, power: f64) -> Trials {
        let (mut ended, mut n, mut needed) = (0.0, 0_u64, 1);
        let (mut median, mut with_power) = (None, None);
        // The probability of each number of hits, from `first` on, without an end so far.
        let (mut first, mut alive) = (0_u64, vec![1.0]);
        loop {
            n += 1;
            alive.push(0.0);
            for hits in (0..alive.len()).rev() {
                let before = if hits > 0 { alive[hits - 1] } else { 0.0 };
                alive[hits] = alive[hits] * (1.0 - self.share) + before * self.share;
            }
            while needed <= n && !self.suffices(needed, n) {
                needed += 1;
            }
            while first + alive.len() as u64 > needed {
                ended += alive.pop().unwrap_or(0.0);
            }
            let lost = alive.iter().take_while(|chance| **chance < LEAST).count();
            alive.drain(..lost);
            first += lost as u64;
            if alive.is_empty() {
                ended = 1.0;
            }
            median = median.or((ended >= 0.5).then_some(n as f64));
            with_power = with_power.or((ended >= power).then_some(n as f64));
            if let (Some(median), Some(with_power)) = (median, with_power) {
                return Trials { with_power, median };
            }
        }
    }

    /// The same as a Brownian motion would have it.
    fn about(&self, power: f64) -> Result<f64, Undefined> {
        const MOST: f64 = 1e15;
        let enough = |n: f64| self.ended_by(n) >= power;
        let mut high = 16.0;
        while !enough(high) {
            high *= 2.0;
            if high > MOST {
                return Err(Undefined::TooLarge);
            }
        }
        let mut low = high / 2.0;
        while high - low > 1e-4 * high {
            let middle = f64::midpoint(low, high);
            *(if enough(middle) { &mut high } else { &mut low }) = middle;
        }
        Ok(high)
    }

    /// The probability to have ended by then: that a Brownian motion with drift has crossed the line that touches the
    /// boundary there (Bachelier 1900; Siegmund 1985, equation 3.15).
    fn ended_by(&self, n: f64) -> f64 {
        let (before, after) = (self.boundary(0.9 * n), self.boundary(1.1 * n));
        let slope = (after - before) / (0.2 * n);
        let start = self.boundary(n) - slope * n;
        if start <= 0.0 {
            return 0.0;
        }
        let drift = self.share - slope;
        let variance = self.share * (1.0 - self.share);
        let deviation = (variance * n).sqrt();
        let reflected = normal_survival((start + drift * n) / deviation);
        let again = if reflected > 0.0 { (2.0 * drift * start / variance).exp() * reflected } else { 0.0 };
        normal_survival((start - drift * n) / deviation) + again
    }

    /// How many hits among so many trials suffice; more than there are trials where none do.
    fn boundary(&self, n: f64) -> f64 {
        let n = n.floor();
        let is_short = |hits: f64| !suffices((self.log_e)(hits as u64, (n - hits) as u64), self.alpha);
        let (mut low, mut high) = (0.0, n + 1.0);
        while high - low > 1.0 {
            let middle = f64::midpoint(low, high).floor();
            *(if is_short(middle) { &mut low } else { &mut high }) = middle;
        }
        high
    }

    fn suffices(&self, hits: u64, trials: u64) -> bool {
        suffices((self.log_e)(hits, trials - hits), self.alpha)
    }
}
