//! Credit: what clicks on a mixed list say of the arms.
//!
//! The credit of each item is settled when the list is drawn and kept with it, so that clicks can be scored later,
//! elsewhere, without the lists. One entry point serves every method.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde::Serialize;

use crate::strategy::interleave::Method;
use crate::strategy::interleave::Mixing;
use crate::strategy::interleave::Tau;
use crate::strategy::interleave::draft::Drawn;
use crate::strategy::interleave::ranking::Item;
use crate::strategy::interleave::ranking::Rankings;
use crate::strategy::interleave::ranking::Shown;
use crate::strategy::interleave::tau::Weights;
use crate::vocab::ArmId;

/// Two scores closer than this are a tie: sums of posteriors that are equal on paper differ by rounding.
const TIE: f64 = 1e-9;

/// What a click on one item tells of the arms.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Credit {
    /// What each arm earns by it, in the order of the arms: all of it for one arm under team draft, divided under
    /// probabilistic interleaving, zeros for an item that is nobody's.
    Shares(Vec<f64>),
    /// The item's rank, from 1, in each arm's list, in the order of the arms: under balanced interleaving only all
    /// clicks together tell who earned what.
    Ranks(Vec<Option<u32>>),
}

/// Which arm the clicks on one list prefer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Preference {
    /// Nothing was clicked: no vote, and no tie either.
    NoClick,
    /// No arm earned more than every other.
    Tie,
    /// This arm earned most.
    Arm(ArmId),
}

/// What the clicks on one list come to.
#[derive(Debug, Clone, PartialEq)]
pub struct Score {
    /// What each arm earned, in the order of the arms.
    pub earned: Vec<f64>,
    /// Who earned most.
    pub preference: Preference,
}

/// A click on a place where nothing was shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("place {place} was clicked, but the list shows {shown} items; places count from 0")]
pub struct NoSuchPlace {
    /// The place.
    pub place: usize,
    /// How many items were shown.
    pub shown: usize,
}

/// Scores the clicks on one list: the credit of every item shown, from the top, and the places clicked, from 0.
///
/// A place counts once, however often it was clicked. For clicks that arrive one by one keep the set of places and
/// score it again: under balanced interleaving a later click can change what an earlier one earns.
pub fn score<'a>(
    shown: impl IntoIterator<Item = &'a Credit>,
    clicks: &BTreeSet<usize>,
) -> Result<Score, NoSuchPlace> {
    let shown: Vec<&Credit> = shown.into_iter().collect();
    if let Some(&place) = clicks.iter().find(|place| **place >= shown.len()) {
        return Err(NoSuchPlace { place, shown: shown.len() });
    }
    let clicked: Vec<&Credit> = clicks.iter().map(|place| shown[*place]).collect();
    let arms = shown.first().map_or(0, |credit| credit.arms());
    let cutoff = clicked.iter().rev().find_map(|credit| credit.best_rank());
    let mut earned = vec![0.0; arms];
    for credit in &clicked {
        credit.add_to(&mut earned, cutoff);
    }
    let preference = if clicked.is_empty() { Preference::NoClick } else { preferred(&earned) };
    Ok(Score { earned, preference })
}

impl Credit {
    /// The credit of an item that one arm placed, or nobody did.
    pub fn of_team(team: Option<ArmId>, arms: usize) -> Self {
        let mut shares = vec![0.0; arms];
        if let Some(arm) = team {
            shares[arm.index()] = 1.0;
        }
        Credit::Shares(shares)
    }

    /// The credits of a list shown under balanced interleaving, from the arms' lists.
    pub fn by_rank(lists: &[Vec<String>], shown: &[String]) -> Vec<Self> {
        let rankings = Rankings::of(lists);
        shown.iter().map(|id| ranks(&rankings, rankings.item(id))).collect()
    }

    /// The credits of a list shown under probabilistic interleaving, from the arms' lists: for each place the
    /// probability that each arm placed the item, also where only one arm had anything left. A list that was mixed here
    /// leaves such items nobody's instead.
    pub fn by_posterior(lists: &[Vec<String>], shown: &[String], tau: Tau) -> Vec<Self> {
        let rankings = Rankings::of(lists);
        posteriors(&rankings, tau, shown.iter().map(|id| rankings.item(id)))
    }

    /// What the credit holds in memory, in bytes.
    pub fn held_bytes(&self) -> usize {
        8 * self.arms()
    }

    /// How many arms it tells of.
    pub(super) fn arms(&self) -> usize {
        match self {
            Credit::Shares(shares) => shares.len(),
            Credit::Ranks(ranks) => ranks.len(),
        }
    }

    /// The item's rank in the list that ranks it highest; `None` where ranks play no part.
    fn best_rank(&self) -> Option<u32> {
        match self {
            Credit::Shares(_) => None,
            Credit::Ranks(ranks) => ranks.iter().flatten().min().copied(),
        }
    }

    /// Adds what a click earns each arm. By ranks, an arm earns the click when it ranks the item at the cutoff or
    /// above: the best rank of the lowest item clicked (Joachims 2003).
    fn add_to(&self, earned: &mut [f64], cutoff: Option<u32>) {
        match self {
            Credit::Shares(shares) => earned.iter_mut().zip(shares).for_each(|(sum, share)| *sum += share),
            Credit::Ranks(ranks) => {
                let in_top =
                    |rank: &Option<u32>| rank.zip(cutoff).is_some_and(|(rank, cutoff)| rank <= cutoff);
                earned
                    .iter_mut()
                    .zip(ranks)
                    .for_each(|(sum, rank)| *sum += f64::from(u8::from(in_top(rank))));
            }
        }
    }
}

/// The credits of a list as it was drawn.
pub(super) fn of_drawn(mixing: &Mixing, rankings: &Rankings<'_>, drawn: &[Drawn]) -> Vec<Credit> {
    let arms = rankings.arm_count();
    match mixing.method {
        Method::TeamDraft => drawn.iter().map(|drawn| Credit::of_team(drawn.team, arms)).collect(),
        Method::Balanced => {
            let item = |drawn: &Drawn| drawn.team.map(|_| drawn.item);
            drawn.iter().map(|drawn| ranks(rankings, item(drawn))).collect()
        }
        Method::Probabilistic => {
            let posteriors = posteriors(rankings, mixing.tau, drawn.iter().map(|drawn| Some(drawn.item)));
            let owned = |(drawn, posterior): (&Drawn, Credit)| match drawn.team {
                Some(_) => posterior,
                None => Credit::of_team(None, arms),
            };
            drawn.iter().zip(posteriors).map(owned).collect()
        }
    }
}

/// The ranks of an item in every list; none for what is nobody's.
fn ranks(rankings: &Rankings<'_>, item: Option<Item>) -> Credit {
    let rank = |arm| rankings.rank(arm, item?).and_then(|rank| u32::try_from(rank).ok());
    Credit::Ranks(rankings.arms().map(rank).collect())
}

/// For each place, the probability that each arm placed the item, given the list: P_arm / sum of P, which is the
/// exact posterior because the arms were drawn independently (Hofmann, Whiteson and de Rijke 2011).
fn posteriors(rankings: &Rankings<'_>, tau: Tau, items: impl Iterator<Item = Option<Item>>) -> Vec<Credit> {
    let weights = rankings.weights(tau);
    let mut shown = rankings.nothing_shown();
    let posterior = |item: Option<Item>| {
        let Some(item) = item.filter(|item| !shown.holds(*item)) else {
            return Credit::of_team(None, rankings.arm_count());
        };
        let chances: Vec<f64> =
            rankings.arms().map(|arm| chance(rankings, &weights, arm, &shown, item)).collect();
        shown.add(item);
        let total: f64 = chances.iter().sum();
        Credit::Shares(chances.iter().map(|chance| chance / total).collect())
    };
    items.map(posterior).collect()
}

/// The probability that an arm draws this item next; 0 when the arm has nothing left.
fn chance(rankings: &Rankings<'_>, weights: &Weights, arm: ArmId, shown: &Shown, item: Item) -> f64 {
    let Some(rank) = rankings.rank(arm, item) else { return 0.0 };
    let total: f64 = rankings.left(arm, shown).map(|(_, rank)| weights.of(rank)).sum();
    weights.of(rank) / total
}

fn preferred(earned: &[f64]) -> Preference {
    let most = earned.iter().copied().fold(0.0, f64::max);
    let mut leaders = (0..=u8::MAX).zip(earned).filter(|(_, sum)| most - **sum <= TIE);
    match (leaders.next(), leaders.next()) {
        (Some((arm, _)), None) => Preference::Arm(ArmId(arm)),
        _ => Preference::Tie,
    }
}
