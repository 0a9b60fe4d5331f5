//! Who sends which image, drawn before anything is sent.

use rand::RngExt;
use rand::SeedableRng;
use rand::rngs::Xoshiro256PlusPlus;

use crate::demo::traffic::Campaign;

/// One request that a user will send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Visit {
    /// The user's name, as in `user-0042`.
    pub user: String,
    /// The place of the image among the held-out ones.
    pub image: usize,
    seed: u64,
}

impl Visit {
    /// The dice by which this user decides what to click; the same at every call.
    pub fn dice(&self) -> Xoshiro256PlusPlus {
        Xoshiro256PlusPlus::seed_from_u64(self.seed)
    }
}

/// Draws the visits of a campaign: users and images evenly and independently of each other.
pub fn visits(campaign: &Campaign, images: usize) -> Vec<Visit> {
    let mut dice = Xoshiro256PlusPlus::seed_from_u64(campaign.seed);
    let mut visit = || Visit {
        user: format!("user-{:04}", dice.random_range(0..campaign.users)),
        image: dice.random_range(0..images),
        seed: dice.random(),
    };
    (0..campaign.requests).map(|_| visit()).collect()
}
