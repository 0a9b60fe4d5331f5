//! Finds experiments that no request can reach, because an earlier one takes everything that they match.
//!
//! Only certain cases are reported: the earlier path is as wide or wider, and every other condition of the
//! earlier one is also a condition of the later.

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
        let earlier = experiments[..at].iter().find(|earlier| covers(&earlier.matcher, &later.matcher));
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

fn covers(earlier: &Matcher, later: &Matcher) -> bool {
    let path = match (&earlier.path, &later.path) {
        (None, _) => true,
        (Some(_), None) => false,
        (Some(earlier), Some(later)) => earlier.covers(later),
    };
    path && as_wide(&earlier.methods, &later.methods)
        && as_wide(&earlier.hosts, &later.hosts)
        && within(&earlier.headers, &later.headers)
        && within(&earlier.query, &later.query)
        && within(&earlier.json, &later.json)
}

/// For alternatives, of which none means any.
fn as_wide<T: PartialEq>(earlier: &[T], later: &[T]) -> bool {
    earlier.is_empty() || (!later.is_empty() && within(later, earlier))
}

fn within<T: PartialEq>(part: &[T], whole: &[T]) -> bool {
    part.iter().all(|item| whole.contains(item))
}
