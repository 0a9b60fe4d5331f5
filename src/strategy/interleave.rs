//! Interleaving: the models' ranked lists are mixed into one, and clicks credit the model that placed the item.
//!
//! Pure: identifiers and dice in, places and teams out; the items themselves never pass through here.

use std::time::Duration;

use serde::Deserialize;
use serde::Serialize;

use crate::protocol::JsonPath;
use crate::protocol::ListPath;
use crate::vocab::OutcomeName;

/// The settings of an interleaving experiment.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// How lists are mixed.
    pub method: Method,
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

/// How lists are mixed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// Radlinski, Kurup and Joachims 2008; with more than two models, Schuth and others 2014.
    TeamDraft,
    /// Joachims 2003.
    Balanced,
    /// Hofmann, Whiteson and de Rijke 2011.
    Probabilistic,
}
