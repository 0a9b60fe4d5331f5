//! Votes between two sides, one a user: impressions of one user are alike, so they are not counted singly.
//!
//! With 200 users of 20 impressions each, a test over impressions finds a preference where there is none in up to
//! half of all experiments; one over users keeps its level.

use serde::Deserialize;
use serde::Serialize;

use crate::stats::Alternative;
use crate::stats::BetaBinomial;
use crate::stats::Interval;
use crate::stats::Undefined;
use crate::stats::sign_test;
use crate::stats::wilson;

/// Counted votes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Votes {
    /// For the candidate.
    pub wins: u64,
    /// For legacy.
    pub losses: u64,
    /// For neither.
    pub ties: u64,
}

/// What votes come to, for display.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct VotesSummary {
    /// (wins + ties / 2) / all - 1/2: above 0 the candidate is ahead (Chapelle, Joachims, Radlinski and Yue 2012).
    pub delta: f64,
    /// The candidate's share of the decided votes.
    pub preference: f64,
    /// Wilson's interval for that share.
    pub interval: Interval,
    /// The two-sided sign test of the decided votes.
    pub sign_test_p: f64,
}

impl Votes {
    /// Counts one vote a user, by the sign of the user's net wins: impressions that the candidate won minus those
    /// that legacy won.
    pub fn of_users(net_wins: impl IntoIterator<Item = i64>) -> Self {
        let mut votes = Votes::default();
        for net in net_wins {
            match net.signum() {
                1 => votes.wins += 1,
                -1 => votes.losses += 1,
                _ => votes.ties += 1,
            }
        }
        votes
    }

    /// The log e-value that decides: that of the decided votes against one half.
    pub fn log_e(&self, alternative: Alternative) -> f64 {
        BetaBinomial::votes(alternative).log_e(self.wins, self.losses)
    }

    /// Sums the votes up.
    ///
    /// # Errors
    /// [`Undefined::NothingDecided`] without a decided vote; a confidence outside (0, 1).
    pub fn summary(&self, confidence: f64) -> Result<VotesSummary, Undefined> {
        let Votes { wins, losses, ties } = *self;
        let sign_test_p = sign_test(wins, losses, Alternative::TwoSided)?;
        let (won, lost, tied) = (wins as f64, losses as f64, ties as f64);
        Ok(VotesSummary {
            delta: (won + tied / 2.0) / (won + lost + tied) - 0.5,
            preference: won / (won + lost),
            interval: wilson(wins, losses, confidence)?,
            sign_test_p,
        })
    }
}
