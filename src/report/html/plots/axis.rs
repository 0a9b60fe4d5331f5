//! Axes: from values to places in a drawing, and where the marks stand.

/// How values are spread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Spread {
    /// By their differences.
    Linear,
    /// By their ratios; values are above 0.
    Logarithmic,
}

/// A range of values on a range of places.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Axis {
    low: f64,
    high: f64,
    spread: Spread,
    from: f64,
    to: f64,
}

impl Axis {
    /// The values from `low` to `high` on the places from `from` to `to`. A range without extent is widened.
    pub(super) fn new(spread: Spread, (low, high): (f64, f64), (from, to): (f64, f64)) -> Self {
        let (low, high) = match spread {
            Spread::Linear if high - low > f64::EPSILON * high.abs().max(low.abs()) => (low, high),
            Spread::Linear => (low - 0.5, low + 0.5),
            Spread::Logarithmic => {
                let low = low.max(f64::MIN_POSITIVE);
                if high > low * 1.000_001 { (low, high) } else { (low / 2.0, low * 2.0) }
            }
        };
        Self { low, high, spread, from, to }
    }

    /// A value's place; values beyond the ends stand at them.
    pub(super) fn at(&self, value: f64) -> f64 {
        let value = if value.is_nan() { self.low } else { value.clamp(self.low, self.high) };
        let share = match self.spread {
            Spread::Linear => (value - self.low) / (self.high - self.low),
            Spread::Logarithmic => (value / self.low).ln() / (self.high / self.low).ln(),
        };
        self.from + share * (self.to - self.from)
    }

    /// The least value.
    pub(super) fn low(&self) -> f64 {
        self.low
    }

    /// The greatest value.
    pub(super) fn high(&self) -> f64 {
        self.high
    }

    /// Round values within the range, some five of them.
    pub(super) fn marks(&self) -> Vec<f64> {
        match self.spread {
            Spread::Linear => self.even(),
            Spread::Logarithmic if self.high / self.low < 8.0 => self.even(),
            Spread::Logarithmic => self.decades(),
        }
    }

    fn even(&self) -> Vec<f64> {
        let rough = (self.high - self.low) / 5.0;
        let unit = 10f64.powf(rough.log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0].into_iter().map(|times| times * unit).find(|step| *step >= rough);
        let step = step.unwrap_or(rough);
        let first = (self.low / step).ceil() as i64;
        (0..20)
            .map(|place| (first + place) as f64 * step)
            .take_while(|mark| *mark <= self.high * 1.000_001)
            .collect()
    }

    fn decades(&self) -> Vec<f64> {
        let (first, last) = (self.low.log10().floor() as i32, self.high.log10().ceil() as i32);
        let every = ((last - first) / 6 + 1).max(1);
        let few = self.high / self.low < 1_000.0;
        let each = |power: i32| {
            let within: &[f64] = if few { &[1.0, 2.0, 5.0] } else { &[1.0] };
            within.iter().map(move |times| times * 10f64.powi(power))
        };
        let decades = (first..=last).filter(|power| (power - first) % every == 0);
        decades.flat_map(each).filter(|mark| *mark >= self.low && *mark <= self.high).collect()
    }
}
