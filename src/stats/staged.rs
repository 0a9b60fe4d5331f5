//! Several stages, one effect: evidence of stages with different shares of traffic is added, never their counts.
//!
//! While a ramp's weights change, rates drift, and pooled counts would take the drift for an effect (Simpson's paradox:
//! a ramp from 1 % to 50 % under a doubling error rate makes a pooled test reject every time). Each stage is a test of
//! its own; the product of their e-values is one again, and inverting it gives one confidence sequence for the effect
//! that all stages share.

use crate::stats::Alternative;
use crate::stats::Interval;
use crate::stats::Tuning;
use crate::stats::Undefined;
use crate::stats::asymptotic_rho2;
use crate::stats::open_unit;
use crate::stats::positive;
use crate::stats::special::ln_beta;

/// How far a relative risk is looked for, as a natural logarithm.
const FARTHEST: f64 = 60.0;

/// Halvings of that range; what is left is below the rounding of the logarithm.
const HALVINGS: u32 = 70;

/// How many times the null's relative risk is looked for, or a fraction of it, and with which weight.
///
/// An effect is found in the end if it is larger than about the root of the smallest: with 1.3 alone at that end, a
/// relative risk of 1.08 would never be.
const MIXTURE: [(f64, f64); 9] = [
    (1.01, 0.02),
    (1.03, 0.03),
    (1.1, 0.05),
    (1.3, 0.1),
    (1.6, 0.18),
    (2.0, 0.18),
    (2.5, 0.18),
    (4.0, 0.17),
    (8.0, 0.09),
];

/// Events of one stage, in which the candidate's share of the traffic of both arms is constant.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StageEvents {
    /// The candidate's share of the traffic that it and legacy get, between 0 and 1.
    pub share: f64,
    /// Events of the candidate's.
    pub candidate: u64,
    /// Events of legacy's.
    pub legacy: u64,
}

/// What the stages together say of the relative risk: the candidate's rate of events over legacy's.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct StagedRisk(Vec<StageEvents>);

impl StagedRisk {
    /// The stages in which both arms get traffic; others say nothing and are left out.
    pub fn of(stages: impl IntoIterator<Item = StageEvents>) -> Self {
        Self(stages.into_iter().filter(|stage| stage.share > 0.0 && stage.share < 1.0).collect())
    }

    /// Whether no stage can be compared.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Events of the candidate's and of legacy's.
    pub fn events(&self) -> (u64, u64) {
        self.0.iter().fold((0, 0), |(own, legacy), stage| (own + stage.candidate, legacy + stage.legacy))
    }

    /// The same after so many times as many events.
    pub fn scaled(&self, times: f64) -> Self {
        let more = |count: u64| (count as f64 * times).round() as u64;
        let stage = |stage: &StageEvents| StageEvents {
            share: stage.share,
            candidate: more(stage.candidate),
            legacy: more(stage.legacy),
        };
        Self(self.0.iter().map(stage).collect())
    }

    /// The log e-value against a relative risk of `ratio`: that it is above (`Greater`), below (`Less`) or either.
    ///
    /// A mixture over relative risks that all stages share, instead of [`crate::stats::EventShare`]'s Beta prior of each: given an event
    /// the two arms' likelihoods are known, so the mixture is exact as well, it needs no special function, and it finds a
    /// doubled risk after 2 % fewer requests at a share of 5 % and 11 % fewer at one half (exact medians at 0.05; a tenfold
    /// one after as many and 15 % fewer, one of 1.08 after 16 % more).
    ///
    /// # Errors
    /// [`Undefined::NoControl`] without a stage; a `ratio` that is not above 0.
    pub fn log_e(&self, alternative: Alternative, ratio: f64) -> Result<f64, Undefined> {
        let ln_ratio = positive("the relative risk of the null", ratio)?.ln();
        if self.is_empty() {
            return Err(Undefined::NoControl);
        }
        Ok(match alternative {
            Alternative::Greater => self.ln_mixture(ln_ratio, 1.0),
            Alternative::Less => self.ln_mixture(ln_ratio, -1.0),
            Alternative::TwoSided => {
                let (above, below) = (self.ln_mixture(ln_ratio, 1.0), self.ln_mixture(ln_ratio, -1.0));
                let most = above.max(below);
                most + (0.5 * ((above - most).exp() + (below - most).exp())).ln()
            }
        })
    }

    /// The mixture of likelihood ratios of relative risks on one side of a null.
    fn ln_mixture(&self, ln_null: f64, side: f64) -> f64 {
        let one = |(times, weight): (f64, f64)| {
            let apart = side * times.ln();
            let of_stage = |stage: &StageEvents| {
                let (null, other) =
                    (ln_shares(stage.share, ln_null), ln_shares(stage.share, ln_null + apart));
                stage.candidate as f64 * (other.0 - null.0) + stage.legacy as f64 * (other.1 - null.1)
            };
            weight.ln() + self.0.iter().map(of_stage).sum::<f64>()
        };
        let terms = MIXTURE.map(one);
        let most = terms.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        most + terms.iter().map(|term| (term - most).exp()).sum::<f64>().ln()
    }

    /// The most likely relative risk; infinite when legacy has no event.
    ///
    /// # Errors
    /// Without a stage or an event.
    pub fn estimate(&self) -> Result<f64, Undefined> {
        if self.is_empty() {
            return Err(Undefined::NoControl);
        }
        match self.events() {
            (0, 0) => Err(Undefined::NoObservations),
            (0, _) => Ok(0.0),
            (_, 0) => Ok(f64::INFINITY),
            _ => Ok(self.likeliest().exp()),
        }
    }

    /// The confidence sequence for a relative risk that all stages share. Of one stage it is
    /// [`crate::stats::EventShare::relative_risk`]; its upper end is infinite while legacy has no event.
    ///
    /// # Errors
    /// Without a stage or an event, for an alpha outside (0, 1), and when the stages contradict each other.
    pub fn interval(&self, alpha: f64) -> Result<Interval, Undefined> {
        let most = -open_unit("alpha", alpha)?.ln();
        let (own, legacy) = self.events();
        self.estimate()?;
        let likeliest = match (own, legacy) {
            (0, _) => -FARTHEST,
            (_, 0) => FARTHEST,
            _ => self.likeliest(),
        };
        let excluded = |ln_ratio: f64| self.ln_against(ln_ratio) >= most;
        if excluded(likeliest) {
            return Err(Undefined::StagesDisagree);
        }
        let end = |outside: f64| boundary(outside, likeliest, excluded);
        Ok(Interval {
            lower: if own == 0 { 0.0 } else { end(-FARTHEST).exp() },
            upper: if legacy == 0 { f64::INFINITY } else { end(FARTHEST).exp() },
        })
    }

    /// The two-sided log e-value against a relative risk, its prior at the share of traffic. Convex in the logarithm.
    fn ln_against(&self, ln_ratio: f64) -> f64 {
        const STRENGTH: f64 = 10.0;
        let one = |stage: &StageEvents| {
            let (s, f) = (stage.candidate as f64, stage.legacy as f64);
            let (a, b) = (STRENGTH * stage.share, STRENGTH * (1.0 - stage.share));
            let (ln_p, ln_q) = ln_shares(stage.share, ln_ratio);
            ln_beta(a + s, b + f) - ln_beta(a, b) - s * ln_p - f * ln_q
        };
        self.0.iter().map(one).sum()
    }

    /// Where the expected count of the candidate's events equals the observed one.
    fn likeliest(&self) -> f64 {
        let missing = |ln_ratio: f64| -> f64 {
            let one = |stage: &StageEvents| {
                let events = (stage.candidate + stage.legacy) as f64;
                stage.candidate as f64 - events * ln_shares(stage.share, ln_ratio).0.exp()
            };
            self.0.iter().map(one).sum()
        };
        let (mut low, mut high) = (-FARTHEST, FARTHEST);
        for _ in 0..HALVINGS {
            let middle = 0.5 * (low + high);
            *(if missing(middle) > 0.0 { &mut low } else { &mut high }) = middle;
        }
        0.5 * (low + high)
    }
}

/// The logarithms of the candidate's and legacy's share of events under a relative risk.
fn ln_shares(share: f64, ln_ratio: f64) -> (f64, f64) {
    let odds = (share / (1.0 - share)).ln() + ln_ratio;
    // ln of the logistic function, from the side on which nothing cancels.
    let ln_of = |odds: f64| if odds > 0.0 { -(-odds).exp().ln_1p() } else { odds - odds.exp().ln_1p() };
    (ln_of(odds), ln_of(-odds))
}

fn boundary(mut outside: f64, mut inside: f64, excluded: impl Fn(f64) -> bool) -> f64 {
    for _ in 0..HALVINGS {
        let middle = 0.5 * (outside + inside);
        *(if excluded(middle) { &mut outside } else { &mut inside }) = middle;
    }
    outside
}

/// A difference of means seen in one stage.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StageDifference {
    /// Independent units of both arms.
    pub units: u64,
    /// The candidate's mean less legacy's.
    pub difference: f64,
    /// The variance of that difference: of the estimate, not of one unit.
    pub variance: f64,
}

/// What the stages together say of a difference that they share, as an asymptotic confidence sequence
/// (Waudby-Smith and others 2024): for one stage the interval of the two-sample form.
#[derive(Debug, Clone, PartialEq)]
pub struct StagedDifference {
    stages: Vec<StageDifference>,
    /// The squared tuning parameter.
    rho2: f64,
}

impl StagedDifference {
    /// Sharpest once this many units were seen, at this chance of error.
    ///
    /// # Errors
    /// [`Undefined::NoObservations`] without a stage, [`Undefined::NoVariance`] when nothing varies in one.
    pub fn of(stages: Vec<StageDifference>, alpha: f64, planned_units: f64) -> Result<Self, Undefined> {
        if stages.is_empty() {
            return Err(Undefined::NoObservations);
        }
        if stages.iter().any(|stage| stage.variance <= 0.0 || !stage.variance.is_finite()) {
            return Err(Undefined::NoVariance);
        }
        Ok(Self { stages, rho2: asymptotic_rho2(alpha, planned_units, Tuning::Exact)? })
    }

    /// The same after so many times as many units.
    pub fn scaled(&self, times: f64) -> Self {
        let stage = |stage: &StageDifference| StageDifference {
            units: (stage.units as f64 * times).round() as u64,
            difference: stage.difference,
            variance: stage.variance / times,
        };
        Self { stages: self.stages.iter().map(stage).collect(), rho2: self.rho2 }
    }

    /// The difference that the stages agree best on.
    pub fn estimate(&self) -> f64 {
        let (weights, sum) = self.stages.iter().fold((0.0, 0.0), |(weights, sum), stage| {
            let weight = self.weight(stage);
            (weights + weight, sum + weight * stage.difference)
        });
        sum / weights
    }

    /// The log e-value against a true difference.
    pub fn log_e(&self, difference: f64) -> f64 {
        let one = |stage: &StageDifference| {
            self.weight(stage) * (stage.difference - difference).powi(2) - 0.5 * self.time(stage).ln_1p()
        };
        self.stages.iter().map(one).sum()
    }

    /// Every difference against which the evidence stays below 1/alpha.
    ///
    /// # Errors
    /// For an alpha outside (0, 1), and [`Undefined::StagesDisagree`] when no difference is left.
    pub fn interval(&self, alpha: f64) -> Result<Interval, Undefined> {
        let most = -open_unit("alpha", alpha)?.ln();
        let estimate = self.estimate();
        let weights: f64 = self.stages.iter().map(|stage| self.weight(stage)).sum();
        let room = most - self.log_e(estimate);
        if room <= 0.0 {
            return Err(Undefined::StagesDisagree);
        }
        let half = (room / weights).sqrt();
        Ok(Interval { lower: estimate - half, upper: estimate + half })
    }

    fn time(&self, stage: &StageDifference) -> f64 {
        stage.units as f64 * self.rho2
    }

    /// What the square of a deviation counts for.
    fn weight(&self, stage: &StageDifference) -> f64 {
        let time = self.time(stage);
        time / (2.0 * (time + 1.0) * stage.variance)
    }
}
