//! The weighted mean and spread of a stream of numbers, without the cancellation of a sum of squares.

/// The mean and the sum of squared deviations from it (Welford 1962, West 1979; merged after Chan, Golub and LeVeque
/// 1979).
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Moments {
    weight: f64,
    /// The first number; the mean is kept as a distance from it, which keeps the digits that a large offset would take.
    origin: f64,
    mean: f64,
    squares: f64,
}

impl Moments {
    pub(super) fn add(&mut self, value: f64, weight: f64) {
        self.merge(&Self { weight, origin: value, mean: 0.0, squares: 0.0 });
    }

    /// Leaves the mean of equal values as it is, to the bit, so that a constant has no spread.
    pub(super) fn merge(&mut self, other: &Self) {
        if other.weight == 0.0 {
            return;
        }
        if self.weight == 0.0 {
            *self = *other;
            return;
        }
        let weight = self.weight + other.weight;
        let apart = (other.origin - self.origin) + (other.mean - self.mean);
        let share = other.weight / weight;
        self.mean += apart * share;
        self.squares += other.squares + apart * apart * (self.weight * share);
        self.weight = weight;
    }

    /// The sum of squared deviations from the mean, each by its weight.
    pub(super) fn squares(&self) -> f64 {
        self.squares
    }
}
