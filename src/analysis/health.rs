//! Whether traffic is sound: units reach the arms, and labels come in for them, in the shares that were drawn.
//!
//! Where they do not, counts of wrong answers differ though the models be equal, so no verdict is given. A sequential
//! test for sample ratio mismatch (Lindon and Malek 2022), stratum by stratum, over units seen for the first time.

use crate::analysis::stratum::Strata;
use crate::analysis::stratum::Stratum;
use crate::analysis::stratum::StratumArm;
use crate::stats::SampleRatio;
use crate::stats::suffices;

/// The chance of an alarm in one stratum over its whole life though all is well.
const ALPHA: f64 = 0.001;

/// Says why no verdict can be trusted; `None`: nothing speaks against one.
pub(super) fn trouble(strata: &Strata) -> Option<&'static str> {
    let off = |count: fn(&StratumArm) -> u64| strata.iter().any(|stratum| is_off(stratum, count));
    if off(|arm| arm.drawn_units) {
        return Some("users reach the models in other shares than were drawn, so nothing can be compared");
    }
    if off(|arm| arm.labelled_units) {
        return Some(
            "labels come in for one model's users more than for another's, so nothing can be compared",
        );
    }
    None
}

fn is_off(stratum: &Stratum, count: fn(&StratumArm) -> u64) -> bool {
    let counts: Vec<u64> = stratum.arms.iter().map(count).collect();
    SampleRatio::new(&stratum.propensities).is_ok_and(|test| suffices(test.log_e(&counts), ALPHA))
}
