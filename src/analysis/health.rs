//! Whether traffic is sound: units reach the arms, and outcomes come in for them, in the shares that were drawn.
//!
//! Where they do not, counts differ though the models be equal. A sequential test for sample ratio mismatch (Lindon and
//! Malek 2022), stratum by stratum, over units seen for the first time. A mismatch of draws voids everything; one of
//! outcomes what rests on outcomes, and not a guardrail on failures: a candidate that fails gets no labels for those
//! requests, and must not be spared for that.

use serde::Serialize;

use crate::analysis::stratum::Strata;
use crate::analysis::stratum::Stratum;
use crate::stats::SampleRatio;
use crate::stats::suffices;

/// The chance of an alarm in one stratum over its whole life though all is well.
pub(super) const ALPHA: f64 = 0.001;

/// The state of an experiment's traffic.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Health {
    /// The strongest log e-value, over the stages, that units reach the arms in other shares than were drawn.
    pub log_e_assigned: Option<f64>,
    /// The same of units for which outcomes came in.
    pub log_e_joined: Option<f64>,
    /// What either must reach to void verdicts.
    pub log_e_alarm: f64,
    /// Whether draws are off.
    pub assigned_off: bool,
    /// Whether outcomes are.
    pub joined_off: bool,
}

impl Health {
    /// Looks at the strata; there is nothing to look at where nothing is drawn.
    pub(super) fn of(strata: &Strata) -> Self {
        let strongest = |of: &dyn Fn(&Stratum) -> Vec<Vec<u64>>| {
            let each = strata.iter().flat_map(|stratum| {
                let test = SampleRatio::new(&stratum.propensities);
                let counts = of(stratum).into_iter();
                counts.filter_map(move |counts| Some(test.as_ref().ok()?.log_e(&counts))).collect::<Vec<_>>()
            });
            each.max_by(f64::total_cmp)
        };
        let assigned = strongest(&|stratum| vec![stratum.drawn.counts()]);
        let joined = strongest(&|stratum| stratum.joined.values().map(|units| units.counts()).collect());
        let off = |log_e: Option<f64>| log_e.is_some_and(|log_e| suffices(log_e, ALPHA));
        Self {
            log_e_assigned: assigned,
            log_e_joined: joined,
            log_e_alarm: -ALPHA.ln(),
            assigned_off: off(assigned),
            joined_off: off(joined),
        }
    }

    /// Why no verdict can be trusted; `None`: nothing speaks against one.
    pub(super) fn trouble(&self) -> Option<&'static str> {
        if self.assigned_off {
            return Some(
                "users reach the models in other shares than were drawn, so nothing can be compared",
            );
        }
        self.joined_off.then_some(
            "outcomes come in for one model's users more than for another's, so nothing can be compared",
        )
    }
}
