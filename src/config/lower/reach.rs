//! Finds experiments that no request can reach, because an earlier one takes everything that they match.
//!
//! Only certain cases are reported, those that [`Matcher::covers`] finds.

use crate::config::diagnostic::Place;
use crate::config::diagnostic::Report;
use crate::policy::Matcher;
use crate::policy::PathPattern;
use crate::vocab::ExperimentName;

/// An experiment's part in the search.
pub(super) struct Reach {
    pub(super) name: ExperimentName,
    pub(super) place: Place,
    pub(super) matcher: Matcher,
}

pub(super) fn check(experiments: &[Reach], report: &Report) {
    for (at, later) in experiments.iter().enumerate() {
        let earlier = experiments[..at].iter().find(|earlier| earlier.matcher.covers(&later.matcher));
        if let Some(Reach { name, .. }) = earlier {
            report.add(
                &later.place,
                format!(
                    "no request gets here: the experiment `{name}` before it takes all of them; hint: put the \
                     narrower `match` first"
                ),
            );
        }
    }
}

/// Feedback takes every request to its path before any experiment does.
pub(super) fn check_feedback(experiments: &[Reach], path: Option<&str>, report: &Report) {
    let Some(path) = path else { return };
    for experiment in experiments {
        if experiment.matcher.path == Some(PathPattern::Exact(path.to_owned())) {
            report.add(
                &experiment.place,
                "no request gets here: `feedback.path` takes all of them; hint: give feedback a path of its own",
            );
        }
    }
}
