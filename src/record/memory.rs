//! One budget for all that the process holds beside the answers in passing: captured bodies, and with them what copies
//! send, and records that wait to be written.
//!
//! When memory is short, copies go first, captured bodies second, new connections third; users who are connected are
//! served to the last. Holding costs one relaxed addition a frame.

#[cfg(test)]
mod tests;

use std::sync::Arc;

use prometheus::IntGauge;

use crate::telemetry::Metrics;

/// The budget; cloning shares it.
#[derive(Debug, Clone)]
pub struct MemoryBudget(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    /// The metric itself is the count.
    held: IntGauge,
    most: i64,
    metrics: Arc<Metrics>,
}

/// What somebody wants to begin, the first to be refused first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Want {
    /// A copy of a request: up to 70 % of the budget.
    Copy,
    /// More of a body for the record: up to 85 %.
    Capture,
    /// A connection from a user: up to all of it.
    Connection,
}

/// Memory that somebody holds; dropping it gives the memory back.
#[derive(Debug, Default)]
pub struct Hold {
    budget: Option<MemoryBudget>,
    bytes: i64,
}

impl MemoryBudget {
    /// A budget of so many bytes, none of which is held.
    pub fn new(bytes: u64, metrics: &Arc<Metrics>) -> Self {
        let most = i64::try_from(bytes).unwrap_or(i64::MAX);
        metrics.memory_budget.set(most);
        let (held, metrics) = (metrics.memory_held.clone(), Arc::clone(metrics));
        Self(Arc::new(Inner { held, most, metrics }))
    }

    /// Says whether there is room for what somebody wants.
    pub fn allows(&self, want: Want) -> bool {
        let percent = match want {
            Want::Copy => 70,
            Want::Capture => 85,
            Want::Connection => 100,
        };
        // Divided first: a budget may be near the largest number. A few bytes more or less are as good.
        self.0.held.get() < self.0.most / 100 * percent + self.0.most % 100
    }

    /// Nothing yet, to be added to.
    pub fn hold(&self) -> Hold {
        Hold { budget: Some(self.clone()), bytes: 0 }
    }
}

impl Hold {
    /// Holds so many bytes more.
    pub fn add(&mut self, bytes: usize) {
        if let Some(MemoryBudget(inner)) = &self.budget {
            self.bytes += bytes as i64;
            inner.held.add(bytes as i64);
        }
    }

    /// Says whether more may be captured; where it may not, the body counts as shed.
    pub fn may_capture(&self) -> bool {
        let Some(budget) = &self.budget else { return true };
        let may = budget.allows(Want::Capture);
        if !may {
            budget.0.metrics.bodies_shed.inc();
        }
        may
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        if let Some(MemoryBudget(inner)) = self.budget.take().filter(|_| self.bytes > 0) {
            inner.held.sub(self.bytes);
        }
    }
}
