//! Interleaving: the models' ranked lists are mixed into one, and clicks credit the model that placed the item.
//!
//! Pure: identifiers and dice in, places and teams out; the items themselves never pass through here. Every method
//! shows each id once, keeps what the user would miss least when a list is short, and says of each item what a
//! click on it will tell.

mod credit;
mod draft;
mod odds;
mod optimized;
mod pairwise;
mod ranking;
mod tau;

#[cfg(test)]
mod tests;

pub use credit::Credit;
pub use credit::NoSuchPlace;
pub use credit::Preference;
pub use credit::Score;
pub use credit::score;
pub use odds::Odds;
pub use odds::odds;
pub use optimized::allowed_lists;
pub use pairwise::pairwise_list;
pub use tau::Tau;
pub use tau::TauOutOfRange;

use std::time::Duration;

use rand::Rng;
use rand::SeedableRng;
use rand::rngs::Xoshiro256PlusPlus;
use serde::Deserialize;
use serde::Serialize;

use crate::assign::Salts;
use crate::assign::bucket;
use crate::protocol::JsonPath;
use crate::protocol::ListPath;
use crate::strategy::Answer;
use crate::strategy::Assignment;
use crate::strategy::Draw;
use crate::strategy::Plan;
use crate::strategy::interleave::draft::Drawn;
use crate::strategy::interleave::ranking::Rankings;
use crate::vocab::ArmId;
use crate::vocab::OutcomeName;

/// The settings of an interleaving experiment.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// How lists are mixed.
    pub mixing: Mixing,
    /// Where the list stands in an answer.
    pub items: ListPath,
    /// Where an item's id stands, relative to the item.
    pub id: JsonPath,
    /// How many items are shown at most.
    pub depth: usize,
    /// How long the slower model is waited for.
    pub deadline: Duration,
    /// The outcome, of type click, that credits a model.
    pub credit: OutcomeName,
}

/// How lists are mixed: a method and what can be set of it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Mixing {
    /// The method.
    pub method: Method,
    /// Of team draft: whose the items are that begin all lists alike.
    pub shared_prefix: SharedPrefix,
    /// Of probabilistic interleaving: how readily it draws from the top.
    pub tau: Tau,
}

/// The methods.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// Radlinski, Kurup and Joachims 2008; with more than two models, Schuth and others 2014.
    TeamDraft,
    /// Joachims 2003. Known to favour one side when users click at random (STATS 1.1): not the default.
    Balanced,
    /// Hofmann, Whiteson and de Rijke 2011.
    Probabilistic,
}

/// Whose the items are that begin all lists alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SharedPrefix {
    /// Of the arm that places them, as everywhere: it is chance alone, so it favours nobody, but adds noise.
    Standard,
    /// Nobody's: a click on them tells nothing, and the draft begins after them.
    Neutral,
}

impl Mixing {
    /// A method as it was published.
    pub fn of(method: Method) -> Self {
        Self { method, shared_prefix: SharedPrefix::Standard, tau: Tau::default() }
    }
}

/// A mixed list.
#[derive(Debug, Clone, PartialEq)]
pub struct Mixed {
    /// The items from the top.
    pub items: Vec<Placed>,
    /// Whether every list is the same down to the depth shown, so that nothing can be learnt.
    pub no_contrast: bool,
}

/// One item of a mixed list, and where its content is taken from.
#[derive(Debug, Clone, PartialEq)]
pub struct Placed {
    /// The arm whose answer gives the item's content: legacy's where legacy has the item too, so that clicks never
    /// depend on how a candidate dresses it up, else the arm that placed it.
    pub from: ArmId,
    /// The item's place, from 0, in that arm's list as it was given.
    pub place: usize,
    /// The item's id.
    pub id: String,
    /// The arm that placed the item; `None`: nobody's, it fills the list after only one arm had any left, or is part of
    /// a neutral shared prefix.
    pub team: Option<ArmId>,
    /// What a click on the item tells.
    pub credit: Credit,
}

/// Mixes the arms' lists, given as ids from the top in the order of the arms, into one of at most `depth` items.
///
/// An id that a list holds twice counts where it stands first. Lists may differ in length and may be empty: once
/// only one arm has anything left to offer, its items fill the list and are nobody's.
pub fn mix(mixing: &Mixing, lists: &[Vec<String>], depth: usize, rng: &mut impl Rng) -> Mixed {
    let rankings = Rankings::of(lists);
    let Mixing { method, shared_prefix, tau } = *mixing;
    let drawn = match method {
        Method::TeamDraft => draft::team_draft(&rankings, shared_prefix, depth, rng),
        Method::Balanced => draft::balanced(&rankings, depth, rng),
        Method::Probabilistic => draft::probabilistic(&rankings, tau, depth, rng),
    };
    let credits = credit::of_drawn(mixing, &rankings, &drawn);
    let items = drawn.iter().zip(credits).map(|(item, credit)| placed(&rankings, item, credit)).collect();
    Mixed { items, no_contrast: alike(&rankings, depth) }
}

/// The dice of one request's draft: seeded by its id under the experiment's salt, so that a draft can be replayed.
pub fn dice(salts: &Salts, request: &[u8]) -> Xoshiro256PlusPlus {
    Xoshiro256PlusPlus::seed_from_u64(bucket(&salts.draft, request).0)
}

/// All arms are asked and their lists mixed. A request without its unit is mixed too and left out of the votes.
pub(super) fn plan(draw: &Draw<'_>) -> Plan {
    let assignment = Assignment { enrolled: draw.unit.is_some(), ..Assignment::left_out() };
    Plan { answer: Answer::Mixed, copies: Vec::new(), held_back: false, fallback: false, assignment }
}

fn placed(rankings: &Rankings<'_>, drawn: &Drawn, credit: Credit) -> Placed {
    let Drawn { item, team } = *drawn;
    let owner_first = std::iter::once(ArmId::LEGACY).chain(team).chain(rankings.arms());
    let (from, place) = owner_first
        .filter_map(|arm| Some((arm, rankings.place(arm, item)?)))
        .next()
        .expect("an item is drawn from one of the lists");
    Placed { from, place, id: rankings.id(item).to_owned(), team, credit }
}

fn alike(rankings: &Rankings<'_>, depth: usize) -> bool {
    let mut tops = rankings.arms().map(|arm| rankings.list(arm).iter().take(depth));
    let Some(first) = tops.next() else { return true };
    tops.all(|top| top.eq(first.clone()))
}
