//! A sum that does not lose its small terms (Neumaier 1974): metrics add up millions of them, and shards are merged.

/// A running sum with the rounding errors of its additions; of finite terms it is exact to a few units in the last
/// place, unless it overflows.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Sum {
    sum: f64,
    lost: f64,
}

impl Sum {
    pub(super) fn add(&mut self, term: f64) {
        let sum = self.sum + term;
        let (larger, smaller) =
            if self.sum.abs() >= term.abs() { (self.sum, term) } else { (term, self.sum) };
        self.lost += (larger - sum) + smaller;
        self.sum = sum;
    }

    pub(super) fn merge(&mut self, other: &Self) {
        self.add(other.sum);
        self.add(other.lost);
    }

    pub(super) fn value(&self) -> f64 {
        self.sum + self.lost
    }
}

impl FromIterator<f64> for Sum {
    fn from_iter<I: IntoIterator<Item = f64>>(terms: I) -> Self {
        let mut sum = Self::default();
        terms.into_iter().for_each(|term| sum.add(term));
        sum
    }
}
