//! How likely each arm is to have won, where an item's credit is shared because nobody knows who placed it.
//!
//! Each click goes to an arm with the probability that the arm placed the item, independently of the others given the
//! list (Hofmann, Whiteson and de Rijke 2011). All assignments are summed over by the counts they come to, so the work
//! grows with the counts and not with two to the number of clicks.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use crate::strategy::interleave::Credit;
use crate::strategy::interleave::NoSuchPlace;
use crate::strategy::interleave::Preference;
use crate::strategy::interleave::score;

/// How the clicks on one list may have been earned.
#[derive(Debug, Clone, PartialEq)]
pub struct Odds {
    /// The probability that each arm earned more clicks than every other, in the order of the arms.
    pub wins: Vec<f64>,
    /// The probability that none did; 1 without a click.
    pub tie: f64,
}

/// The odds of the clicks on one list, given as [`score`] takes them. Where credit is not shared they are certain.
pub fn odds<'a>(
    shown: impl IntoIterator<Item = &'a Credit>,
    clicks: &BTreeSet<usize>,
) -> Result<Odds, NoSuchPlace> {
    let shown: Vec<&Credit> = shown.into_iter().collect();
    let certain = score(shown.iter().copied(), clicks)?;
    let arms = shown.first().map_or(0, |credit| credit.arms());
    let mut standings = BTreeMap::from([(vec![0; arms], 1.0)]);
    for place in clicks {
        let Credit::Shares(shares) = shown[*place] else {
            let wins = (0..=u8::MAX).take(arms).map(|arm| match certain.preference {
                Preference::Arm(winner) if winner.0 == arm => 1.0,
                _ => 0.0,
            });
            let wins: Vec<f64> = wins.collect();
            return Ok(Odds { tie: 1.0 - wins.iter().sum::<f64>(), wins });
        };
        standings = after(&standings, shares);
    }
    let mut odds = Odds { wins: vec![0.0; arms], tie: 0.0 };
    for (earned, chance) in standings {
        *leader(&earned).map_or(&mut odds.tie, |arm| &mut odds.wins[arm]) += chance;
    }
    Ok(odds)
}

/// The standings after one more click; what the shares leave over earns nobody anything.
fn after(standings: &BTreeMap<Vec<u32>, f64>, shares: &[f64]) -> BTreeMap<Vec<u32>, f64> {
    let nobody = (1.0 - shares.iter().sum::<f64>()).max(0.0);
    let mut next = BTreeMap::new();
    for (earned, chance) in standings {
        for (arm, share) in shares.iter().enumerate().filter(|(_, share)| **share > 0.0) {
            let mut earned = earned.clone();
            earned[arm] += 1;
            *next.entry(earned).or_insert(0.0) += chance * share;
        }
        if nobody > 0.0 {
            *next.entry(earned.clone()).or_insert(0.0) += chance * nobody;
        }
    }
    next
}

fn leader(earned: &[u32]) -> Option<usize> {
    let most = earned.iter().max()?;
    let mut leaders = earned.iter().enumerate().filter(|(_, count)| *count == most);
    let (arm, _) = leaders.next()?;
    leaders.next().is_none().then_some(arm)
}
