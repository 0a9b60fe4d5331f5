//! Who sends which image, drawn before anything is sent.

use rand::RngExt;
use rand::SeedableRng;
use rand::rngs::Xoshiro256PlusPlus;
use rand::seq::SliceRandom;

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

/// Draws the visits of a campaign: users in rounds, each once a round, in an order of its own; images evenly.
pub fn visits(campaign: &Campaign, images: usize) -> Vec<Visit> {
    let mut dice = Xoshiro256PlusPlus::seed_from_u64(campaign.seed);
    let mut users: Vec<usize> = (0..campaign.users).collect();
    let mut visits = Vec::with_capacity(campaign.requests);
    while visits.len() < campaign.requests && !users.is_empty() {
        users.shuffle(&mut dice);
        let left = campaign.requests - visits.len();
        visits.extend(users.iter().take(left).map(|user| Visit {
            user: format!("user-{user:04}"),
            image: dice.random_range(0..images),
            seed: dice.random(),
        }));
    }
    visits
}
