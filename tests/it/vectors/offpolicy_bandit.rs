//! The vectors of the family `offpolicy_bandit`.

use crate::vectors::Case;
use crate::vectors::Computed;

pub(super) fn compute(_case: &Case) -> Option<Computed> {
    None
}
