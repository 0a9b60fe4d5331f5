//! The vectors of the family `streaming`.

use crate::vectors::Case;
use crate::vectors::Computed;

pub(super) fn compute(_case: &Case) -> Option<Computed> {
    None
}
