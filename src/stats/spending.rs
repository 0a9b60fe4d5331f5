//! Group sequential bounds: how far a test statistic must go at each of a few looks that were planned beforehand.
//!
//! Lan and DeMets 1983. A spending function says how much of alpha is used up by each share of the information; the
//! bounds follow by integrating the density of the paths that have not stopped from look to look (Armitage, McPherson
//! and Rowe 1969). For batch jobs with a fixed end: what may be read at any time is decided by e-values.

use std::f64::consts::E;
use std::f64::consts::PI;
use std::f64::consts::SQRT_2;

use statrs::function::erf::erfc;
use statrs::function::erf::erfc_inv;

use crate::stats::Undefined;
use crate::stats::boundary::Sides;
use crate::stats::open_unit;
use crate::stats::positive;
use crate::stats::root::edge;

/// How much of alpha is spent by each share t of the information.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Spending {
    /// Little early on, as O'Brien and Fleming 1979: 4 - 4 Phi(z_(1 - alpha/4) / sqrt t) for two sides,
    /// 2 - 2 Phi(z_(1 - alpha/2) / sqrt t) for one.
    ObrienFleming,
    /// Evenly, as Pocock 1977: alpha ln(1 + (e - 1) t).
    Pocock,
    /// alpha t^k (Kim and DeMets 1987).
    Power(f64),
}

/// The bound at one look.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Look {
    /// How much of alpha is spent by then.
    pub cumulative_alpha: f64,
    /// The z-statistic that stops the test; infinite where there is nothing to spend.
    pub z: f64,
}

/// The bounds at looks after these shares of the information, the last of which is 1 as a rule.
///
/// # Errors
/// [`Undefined::NoObservations`] without a look; when a share is not above the one before, or not within (0, 1];
/// `alpha` not within (0, 1); a power not above 0.
pub fn spending_bounds(
    information: &[f64],
    alpha: f64,
    sides: Sides,
    spending: Spending,
) -> Result<Vec<Look>, Undefined> {
    let alpha = open_unit("alpha", alpha)?;
    if let Spending::Power(power) = spending {
        positive("the power", power)?;
    }
    if information.is_empty() {
        return Err(Undefined::NoObservations);
    }
    let gaps = information.iter().zip(std::iter::once(&0.0).chain(information)).map(|(t, before)| t - before);
    let finest = gaps.fold(1.0, f64::min).max(0.0).sqrt();
    let mut before = Paths::start(sides);
    let mut spent = 0.0;
    let mut looks = Vec::with_capacity(information.len());
    for &t in information {
        if !(t > before.t && t <= 1.0) {
            let expected = "more than the one before, and 1 at most";
            return Err(Undefined::Parameter { name: "a share of the information", value: t, expected });
        }
        let cumulative_alpha = spent_by(t, alpha, sides, spending);
        let bound = before.bound(t, cumulative_alpha - spent);
        looks.push(Look { cumulative_alpha, z: bound / t.sqrt() });
        before = before.go_on(t, bound, finest);
        spent = cumulative_alpha;
    }
    Ok(looks)
}

fn spent_by(t: f64, alpha: f64, sides: Sides, spending: Spending) -> f64 {
    let halves = match sides {
        Sides::One => 1.0,
        Sides::Two => 2.0,
    };
    match spending {
        Spending::ObrienFleming => {
            let z = SQRT_2 * erfc_inv(alpha / halves);
            2.0 * halves * above(z / t.sqrt())
        }
        Spending::Pocock => alpha * ((E - 1.0) * t).ln_1p(),
        Spending::Power(power) => alpha * t.powf(power),
    }
}

/// Where the paths of a Brownian motion are that have not stopped by a time: weights at points, for Simpson's rule.
struct Paths {
    t: f64,
    sides: Sides,
    /// Each point with its density times its weight in the integral.
    points: Vec<(f64, f64)>,
}

/// Beyond so many standard deviations no path counts.
const FAR: f64 = 9.0;

/// Beyond so many standard deviations no bound is told apart: its probability is the smallest number.
const FARTHEST: f64 = 38.0;

impl Paths {
    fn start(sides: Sides) -> Self {
        Self { t: 0.0, sides, points: vec![(0.0, 1.0)] }
    }

    /// The bound that just this share of all paths crosses at the time `t`.
    fn bound(&self, t: f64, share: f64) -> f64 {
        if share <= 0.0 {
            return f64::INFINITY;
        }
        let far = FARTHEST * t.sqrt();
        let near = match self.sides {
            Sides::One => -far,
            Sides::Two => 0.0,
        };
        edge(far, near, |bound| self.crossing(t, bound) < share)
    }

    fn crossing(&self, t: f64, bound: f64) -> f64 {
        let deviation = (t - self.t).sqrt();
        let leaving = |x: f64| match self.sides {
            Sides::One => above((bound - x) / deviation),
            Sides::Two => above((bound - x) / deviation) + above((bound + x) / deviation),
        };
        self.points.iter().map(|(x, weight)| weight * leaving(*x)).sum()
    }

    /// The paths at the time `t` that have not crossed the bound, at points that tell apart what lies a small part of
    /// `finest` apart: the least standard deviation between two looks.
    fn go_on(&self, t: f64, bound: f64, finest: f64) -> Self {
        const STEPS_A_DEVIATION: f64 = 12.0;
        const STEPS: (f64, f64) = (200.0, 4_000.0);
        let deviation = (t - self.t).sqrt();
        let high = bound.min(FAR * t.sqrt());
        let low = match self.sides {
            Sides::One => -FAR * t.sqrt(),
            Sides::Two => -high,
        };
        let steps = (STEPS_A_DEVIATION * (high - low) / finest).clamp(STEPS.0, STEPS.1);
        let pairs = (steps / 2.0).ceil() as u32;
        let step = (high - low) / f64::from(2 * pairs);
        let density = |x: f64| {
            let arriving = |(from, weight): &(f64, f64)| weight * normal_density((x - from) / deviation);
            self.points.iter().map(arriving).sum::<f64>() / deviation
        };
        let point = |index: u32| {
            let x = low + step * f64::from(index);
            let simpson = match index {
                0 => 1.0,
                last if last == 2 * pairs => 1.0,
                odd if odd % 2 == 1 => 4.0,
                _ => 2.0,
            };
            (x, density(x) * simpson * step / 3.0)
        };
        Self { t, sides: self.sides, points: (0..=2 * pairs).map(point).collect() }
    }
}

/// P(N(0, 1) > z).
fn above(z: f64) -> f64 {
    0.5 * erfc(z / SQRT_2)
}

fn normal_density(z: f64) -> f64 {
    (-0.5 * z * z).exp() / (2.0 * PI).sqrt()
}
