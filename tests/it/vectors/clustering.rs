//! The vectors of the family `clustering`.

use crate::vectors::Case;
use crate::vectors::Computed;

pub(super) fn compute(_case: &Case) -> Option<Computed> {
    None
}
