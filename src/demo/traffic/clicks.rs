//! How a user clicks through a list: from the top down, and not to the end (a cascade, as Craswell and others 2008
//! model it, with more than one click, as Guo and others 2009 do).
//!
//! It sees which documents are relevant, in the order shown, and nothing else: not which model placed them.

use rand::Rng;
use rand::RngExt;

/// The probabilities of a user who reads a list from the top.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ClickModel {
    /// That a relevant document is clicked.
    pub relevant: f64,
    /// That one is clicked by mistake.
    pub irrelevant: f64,
    /// That a click ends the search.
    pub satisfied: f64,
    /// That the user gives up before the next document.
    pub impatient: f64,
}

impl Default for ClickModel {
    fn default() -> Self {
        Self { relevant: 0.8, irrelevant: 0.05, satisfied: 0.2, impatient: 0.1 }
    }
}

impl ClickModel {
    /// The places that are clicked, from 0 at the top, in a list of which these documents are relevant.
    pub fn clicks(&self, relevant: &[bool], dice: &mut impl Rng) -> Vec<usize> {
        let mut clicked = Vec::new();
        for (place, relevant) in relevant.iter().enumerate() {
            let attraction = if *relevant { self.relevant } else { self.irrelevant };
            if dice.random_bool(attraction) {
                clicked.push(place);
                if dice.random_bool(self.satisfied) {
                    break;
                }
            }
            if dice.random_bool(self.impatient) {
                break;
            }
        }
        clicked
    }
}
