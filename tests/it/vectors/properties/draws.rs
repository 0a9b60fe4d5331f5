//! What the simulations draw from.

use std::f64::consts::PI;

use rand::RngExt;
use rand::rngs::Xoshiro256PlusPlus;
use serde_json::Value;

use crate::vectors::number;

/// One run's dice.
pub(super) type Dice = Xoshiro256PlusPlus;

/// A distribution on [0, 1].
pub(super) enum Distribution {
    Bernoulli(f64),
    Beta(f64, f64),
    Uniform,
    /// So many values from 0 on, equally far apart and equally likely.
    Levels(u32),
}

/// Events of two arms, among requests of which each goes to the second with a fixed probability.
pub(super) struct Events {
    chance: f64,
    of_second: f64,
    request: u64,
}

/// The request, counted from 1, that an event happened to, and its arm.
pub(super) struct Event {
    pub(super) request: u64,
    pub(super) arm: usize,
}

impl Distribution {
    pub(super) fn of(value: &Value) -> Self {
        let figure = |key: &str| number(&value[key]).unwrap();
        match value["dist"].as_str().unwrap() {
            "bernoulli" => Self::Bernoulli(figure("p")),
            "beta" => Self::Beta(figure("a"), figure("b")),
            "uniform" => Self::Uniform,
            "discrete_uniform" => Self::Levels(value["levels"].as_u64().unwrap().try_into().unwrap()),
            other => panic!("unknown distribution `{other}`"),
        }
    }

    pub(super) fn draw(&self, dice: &mut Dice) -> f64 {
        match *self {
            Self::Bernoulli(p) => f64::from(u8::from(happens(dice, p))),
            Self::Beta(a, b) => beta(dice, a, b),
            Self::Uniform => dice.random(),
            Self::Levels(levels) => f64::from(dice.random_range(0..levels)) / f64::from(levels),
        }
    }

    pub(super) fn mean(&self) -> f64 {
        match *self {
            Self::Bernoulli(p) => p,
            Self::Beta(a, b) => a / (a + b),
            Self::Uniform => 0.5,
            Self::Levels(levels) => f64::from(levels - 1) / f64::from(2 * levels),
        }
    }

    /// The least value that is not exceeded with probability `p`.
    pub(super) fn quantile(&self, p: f64) -> f64 {
        match *self {
            Self::Bernoulli(chance) => f64::from(u8::from(p > 1.0 - chance)),
            Self::Uniform => p,
            Self::Levels(levels) => ((p * f64::from(levels)).ceil() - 1.0) / f64::from(levels),
            Self::Beta(..) => panic!("no case asks for a quantile of a beta distribution"),
        }
    }
}

impl Events {
    /// Events at these rates in the first and the second arm, where the second gets this share of the requests.
    pub(super) fn new(share: f64, [first, second]: [f64; 2]) -> Self {
        let chance = (1.0 - share) * first + share * second;
        Self { chance, of_second: share * second / chance, request: 0 }
    }

    /// The next one. How many requests pass without an event is drawn at once.
    pub(super) fn next(&mut self, dice: &mut Dice) -> Event {
        let dart = 1.0 - dice.random::<f64>();
        self.request += 1 + (dart.ln() / (-self.chance).ln_1p()) as u64;
        Event { request: self.request, arm: usize::from(happens(dice, self.of_second)) }
    }
}

/// Throws a coin.
pub(super) fn happens(dice: &mut Dice, probability: f64) -> bool {
    dice.random::<f64>() < probability
}

/// Draws from Beta(a, b).
pub(super) fn beta(dice: &mut Dice, a: f64, b: f64) -> f64 {
    let (first, second) = (gamma(dice, a), gamma(dice, b));
    first / (first + second)
}

/// Draws from the gamma distribution of this shape (Marsaglia and Tsang 2000).
fn gamma(dice: &mut Dice, shape: f64) -> f64 {
    if shape < 1.0 {
        let root = (1.0 - dice.random::<f64>()).powf(1.0 / shape);
        return gamma(dice, shape + 1.0) * root;
    }
    let d = shape - 1.0 / 3.0;
    let c = (9.0 * d).sqrt().recip();
    loop {
        let normal =
            (-2.0 * (1.0 - dice.random::<f64>()).ln()).sqrt() * (2.0 * PI * dice.random::<f64>()).cos();
        let v = (1.0 + c * normal).powi(3);
        let dart = 1.0 - dice.random::<f64>();
        if v > 0.0 && dart.ln() < 0.5 * normal * normal + d - d * v + d * v.ln() {
            return d * v;
        }
    }
}
