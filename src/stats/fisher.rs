//! The p-value of Fisher's exact test: sums of the hypergeometric distribution.
//!
//! Each sum starts at its largest term and walks outwards, so that it keeps its relative accuracy in the deepest
//! tail and takes about as many terms as the square root of the counts.

use crate::stats::Alternative;
use crate::stats::tails::ln_choose;

/// Tables count as equally probable within this factor, which is rounding (as in R's `fisher.test`).
const ALIKE: f64 = 1e-7;

/// The p-value for the successes and trials of two sides, given how many successes there are in all.
pub(super) fn fisher_p(one: (u64, u64), other: (u64, u64), alternative: Alternative) -> f64 {
    let table =
        Hypergeometric { n: one.1 as f64, m: other.1 as f64, successes: one.0 as f64 + other.0 as f64 };
    let k = one.0 as f64;
    match alternative {
        Alternative::Greater => table.at_least(k),
        Alternative::Less => table.at_most(k),
        Alternative::TwoSided => table.no_more_probable_than(k),
    }
    .min(1.0)
}

/// How many of all successes fall on a side of `n` trials, when the other has `m`.
struct Hypergeometric {
    n: f64,
    m: f64,
    successes: f64,
}

impl Hypergeometric {
    fn lowest(&self) -> f64 {
        (self.successes - self.m).max(0.0)
    }

    fn highest(&self) -> f64 {
        self.n.min(self.successes)
    }

    fn mode(&self) -> f64 {
        ((self.n + 1.0) * ((self.successes + 1.0) / (self.n + self.m + 2.0))).floor()
    }

    fn ln_pmf(&self, k: f64) -> f64 {
        let Self { n, m, successes } = *self;
        ln_choose(n, k) + ln_choose(m, successes - k) - ln_choose(n + m, successes)
    }

    /// The probability of k + 1 over that of k.
    fn ratio(&self, k: f64) -> f64 {
        let Self { n, m, successes } = *self;
        (n - k) * (successes - k) / ((k + 1.0) * (m - successes + k + 1.0))
    }

    fn at_least(&self, k: f64) -> f64 {
        if k < self.mode() { 1.0 - self.lower_sum(k - 1.0) } else { self.upper_sum(k) }
    }

    fn at_most(&self, k: f64) -> f64 {
        if k > self.mode() { 1.0 - self.upper_sum(k + 1.0) } else { self.lower_sum(k) }
    }

    /// P(K >= k) for k at the mode or above.
    fn upper_sum(&self, mut k: f64) -> f64 {
        if k > self.highest() {
            return 0.0;
        }
        let (start, mut term, mut sum) = (self.ln_pmf(k), 1.0, 0.0);
        while k <= self.highest() && term > f64::EPSILON * sum {
            sum += term;
            term *= self.ratio(k);
            k += 1.0;
        }
        (start + f64::ln(sum)).exp()
    }

    /// P(K <= k) for k at the mode or below.
    fn lower_sum(&self, mut k: f64) -> f64 {
        if k < self.lowest() {
            return 0.0;
        }
        let (start, mut term, mut sum) = (self.ln_pmf(k), 1.0, 0.0);
        while k >= self.lowest() && term > f64::EPSILON * sum {
            sum += term;
            k -= 1.0;
            term /= self.ratio(k);
        }
        (start + f64::ln(sum)).exp()
    }

    fn no_more_probable_than(&self, k: f64) -> f64 {
        let (mode, limit) = (self.mode(), self.ln_pmf(k) + ALIKE);
        if self.ln_pmf(mode) <= limit {
            return 1.0;
        }
        if k < mode {
            let far = boundary(mode, self.highest() + 1.0, |k| self.ln_pmf(k) > limit);
            self.lower_sum(k) + self.upper_sum(far)
        } else {
            let far = boundary(mode, self.lowest() - 1.0, |k| self.ln_pmf(k) > limit);
            self.lower_sum(far) + self.upper_sum(k)
        }
    }
}

/// The whole number next to where something ceases to hold; it holds at `inside`, not at `outside`.
fn boundary(mut inside: f64, mut outside: f64, holds: impl Fn(f64) -> bool) -> f64 {
    while (outside - inside).abs() > 1.0 {
        let middle = f64::midpoint(inside, outside).trunc();
        if holds(middle) {
            inside = middle;
        } else {
            outside = middle;
        }
    }
    outside
}
