//! What one arm's calls in one role came to.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::Serialize;

use crate::analysis::histogram::Histogram;
use crate::cost::Money;
use crate::protocol::Usage;
use crate::record::ObservationRecord;
use crate::vocab::Fate;
use crate::vocab::Role;

/// One arm's calls by role, and how often it was drawn.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(super) struct ArmTally {
    pub(super) assigned: u64,
    pub(super) enrolled: u64,
    pub(super) calls: [CallTally; Role::ALL.len()],
}

/// Calls in one role.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(super) struct CallTally {
    pub(super) requests: u64,
    pub(super) errors: u64,
    pub(super) cancelled: u64,
    pub(super) total: Histogram,
    pub(super) first_byte: Histogram,
    pub(super) tokens: Usage,
    pub(super) cost: BTreeMap<String, Money>,
}

impl ArmTally {
    pub(super) fn of(&self, role: Role) -> &CallTally {
        &self.calls[role as usize]
    }

    pub(super) fn call(&mut self, role: Role) -> &mut CallTally {
        &mut self.calls[role as usize]
    }
}

impl CallTally {
    /// Counts a call. What the client cut short, or never came to the model, says nothing of the model's speed.
    pub(super) fn add(&mut self, seen: &ObservationRecord) {
        self.requests += 1;
        self.errors += u64::from(seen.is_error());
        self.cancelled += u64::from(seen.fate == Fate::Cancelled);
        if seen.fate != Fate::Cancelled && !seen.fate.is_unsent() {
            self.total.add(seen.total_ms);
            seen.first_byte_ms.inspect(|first_byte| self.first_byte.add(*first_byte));
        }
        if let Some(used) = seen.tokens {
            self.tokens.add(used);
        }
        if let Some(cost) = &seen.cost {
            let sum = self.cost.entry(cost.currency.clone()).or_default();
            *sum = *sum + cost.amount;
        }
    }
}
