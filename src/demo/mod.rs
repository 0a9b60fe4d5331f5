//! The demo: two real models on real data, users who send images, and a policy that tests the models in all four ways.
//!
//! Nothing in it is staged. The models are trained at start, served over HTTP and measured by what they answer; the
//! users know the truth about their images and nothing about the models. Swap the models and every winner swaps.

pub mod digits;
pub mod models;
pub mod policy;
pub mod serve;
pub mod summary;
pub mod traffic;

#[cfg(test)]
mod tests;

use std::path::PathBuf;

use crate::demo::models::Kind;

/// What a run of the demo is made of.
#[derive(Debug, Clone, PartialEq)]
pub struct Setup {
    /// What plays legacy.
    pub legacy: Kind,
    /// What plays the candidate.
    pub candidate: Kind,
    /// How many requests users send for each strategy.
    pub requests: usize,
    /// How many users there are.
    pub users: usize,
    /// How many requests are sent in a second at most; `None`: as many as get answered.
    pub per_second: Option<u32>,
    /// What users and their choices are drawn from.
    pub seed: u64,
    /// Where records and the policy go.
    pub records: PathBuf,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            legacy: Kind::Softmax,
            candidate: Kind::Neighbours,
            requests: 2_000,
            users: 400,
            per_second: Some(250),
            seed: 1998,
            records: PathBuf::from("./records"),
        }
    }
}
