//! Interleaving's votes: each user votes once between legacy and each candidate.
//!
//! A user's first click that credits one of the two more than the other is the vote, and it stands: the counts can
//! then be looked at at any time. Later clicks of the same user are shown, not counted.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde::Serialize;

use crate::analysis::units::Units;
use crate::record::OutcomeRecord;
use crate::record::PairedRecord;
use crate::stats::Votes;
use crate::strategy::interleave::Method;
use crate::strategy::interleave::score;

/// Two credits closer than this are equal.
const TIE: f64 = 1e-9;

/// What was shown, and who was preferred.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(super) struct Ballot {
    pub(super) impressions: u64,
    pub(super) no_contrast: u64,
    pub(super) degraded: u64,
    /// Lists that were mixed by another method than team draft, under which a vote is no fair coin.
    pub(super) by_other_methods: u64,
    pub(super) clicks: u64,
    /// Clicks of users that have no name, and so no vote.
    pub(super) without_unit: u64,
    /// What clicks earned each arm, in the order of the arms.
    pub(super) earned: Vec<f64>,
    /// The votes between legacy and each candidate, in the order of the candidates.
    pub(super) votes: Vec<Votes>,
    voted: Vec<Units>,
}

impl Ballot {
    /// Counts a list that was shown, or one that should have been mixed and was not.
    pub(super) fn show(&mut self, record: &PairedRecord) {
        let mixed = record.shown.as_ref();
        self.impressions += u64::from(mixed.is_some());
        self.no_contrast += u64::from(mixed.is_some_and(|shown| shown.no_contrast));
        self.by_other_methods +=
            u64::from(mixed.is_some_and(|shown| shown.method != Some(Method::TeamDraft)));
        self.degraded += u64::from(record.degraded.is_some());
    }

    /// Counts a click, if it credits the arms.
    pub(super) fn click(&mut self, record: &OutcomeRecord) {
        let Some(credit) = record.credit.as_ref().filter(|_| record.enrolled) else { return };
        let Ok(scored) = score([credit], &BTreeSet::from([0])) else { return };
        self.clicks += 1;
        self.make_room(scored.earned.len());
        self.earned.iter_mut().zip(&scored.earned).for_each(|(sum, earned)| *sum += earned);
        match &record.unit {
            Some(unit) => self.vote(unit, &scored.earned),
            None => self.without_unit += 1,
        }
    }

    fn vote(&mut self, unit: &str, earned: &[f64]) {
        let Some((legacy, candidates)) = earned.split_first() else { return };
        for ((candidate, votes), voted) in candidates.iter().zip(&mut self.votes).zip(&mut self.voted) {
            let ahead = candidate - legacy;
            if ahead.abs() < TIE || !voted.count(Some(unit)) {
                continue;
            }
            *(if ahead > 0.0 { &mut votes.wins } else { &mut votes.losses }) += 1;
        }
    }

    /// Takes in another gateway's.
    pub(super) fn merge(&mut self, other: &Ballot) {
        self.impressions += other.impressions;
        self.no_contrast += other.no_contrast;
        self.degraded += other.degraded;
        self.by_other_methods += other.by_other_methods;
        self.clicks += other.clicks;
        self.without_unit += other.without_unit;
        self.make_room(other.earned.len());
        self.earned.iter_mut().zip(&other.earned).for_each(|(own, more)| *own += more);
        self.voted.iter_mut().zip(&other.voted).for_each(|(own, theirs)| own.merge(theirs));
        for (own, theirs) in self.votes.iter_mut().zip(&other.votes) {
            own.wins += theirs.wins;
            own.losses += theirs.losses;
        }
    }

    fn make_room(&mut self, arms: usize) {
        if self.earned.len() < arms {
            self.earned.resize(arms, 0.0);
            self.votes.resize(arms.saturating_sub(1), Votes::default());
            self.voted.resize(arms.saturating_sub(1), Units::default());
        }
    }
}
