//! The arms' present shares in an A/B test whose shares follow what is learnt, as the answer path reads them.
//!
//! `rollout` sets them; a request loads one split, draws with its shares and carries it into its record, so that the
//! propensities on record are those of its very draw.

use std::sync::Arc;

use arc_swap::ArcSwap;

use crate::assign::Share;

/// The live shares of one experiment.
#[derive(Debug)]
pub struct Shares(ArcSwap<Split>);

/// A stretch of time with one set of shares.
#[derive(Debug, PartialEq, Eq)]
pub struct Split {
    /// Counts up from 1 with every change; records carry it as their stage.
    pub number: u32,
    /// Each arm's share, legacy first; they add up to the whole.
    pub weights: Vec<Share>,
}

impl Shares {
    /// Shares to begin with.
    pub fn new(weights: Vec<Share>) -> Self {
        Self(ArcSwap::from_pointee(Split { number: 1, weights }))
    }

    /// The present split. A request calls this once.
    pub fn load(&self) -> Arc<Split> {
        self.0.load_full()
    }

    /// Begins a new split, unless the shares are those of the present one. One task alone may call this.
    pub fn set(&self, weights: Vec<Share>) {
        let present = self.load();
        if present.weights != weights {
            self.0.store(Arc::new(Split { number: present.number.saturating_add(1), weights }));
        }
    }
}
