//! A/B: a fixed random split of a share of the traffic over two or more arms.
//!
//! Requests outside that share get legacy and are recorded as not enrolled.

use std::time::Duration;

use crate::assign::Share;
use crate::strategy::shadow::Budget;

/// The settings of an A/B experiment.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// The share of units (or requests) that take part.
    pub traffic: Share,
    /// Each arm's share of those, in the order of the arms, legacy first; they add up to the whole.
    pub weights: Vec<Share>,
    /// The share of requests that one other arm gets a copy of.
    pub pair: Share,
    /// How long such a copy may take.
    pub deadline: Duration,
    /// The hard bounds on copies.
    pub budget: Budget,
    /// Whether legacy answers when another arm fails before its first byte.
    pub fallback: bool,
}
