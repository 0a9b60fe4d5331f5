//! What was heard of one request so far, so that a repeated report changes nothing.

use std::collections::BTreeSet;

use crate::record::OutcomeValue;
use crate::record::Shown;
use crate::strategy::interleave::Preference;
use crate::strategy::interleave::score;
use crate::vocab::ArmId;
use crate::vocab::OutcomeName;

/// How many reports of one request are kept; more are refused.
const MOST: usize = 256;

/// The reports of one request.
#[derive(Debug, Default)]
pub(super) struct Heard {
    values: Vec<(OutcomeName, OutcomeValue)>,
    clicked: BTreeSet<usize>,
    winner: Option<ArmId>,
}

/// How a report stands to those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hearing {
    /// It says something new.
    New,
    /// It says the same again.
    Again,
    /// It contradicts an earlier one.
    Otherwise,
    /// There were too many already.
    Enough,
}

impl Heard {
    /// Holds a value against what was heard. Each item may be clicked once; anything else has one value.
    pub(super) fn hear(&self, outcome: &OutcomeName, value: &OutcomeValue) -> Hearing {
        let mut earlier = self.values.iter().filter(|(name, _)| name == outcome).map(|(_, value)| value);
        let is_click = matches!(value, OutcomeValue::Click { .. });
        if earlier.clone().any(|known| known == value) {
            Hearing::Again
        } else if !is_click && earlier.next().is_some() {
            Hearing::Otherwise
        } else if self.values.len() >= MOST {
            Hearing::Enough
        } else {
            Hearing::New
        }
    }

    /// What the reports hold in memory, roughly.
    pub(super) fn held_bytes(&self) -> usize {
        self.values.iter().map(|(_, value)| value.held_bytes()).sum()
    }

    /// Keeps a value that was joined.
    pub(super) fn keep(&mut self, outcome: &OutcomeName, value: OutcomeValue) {
        self.values.push((outcome.clone(), value));
    }

    /// Adds a click on a mixed list, scores all clicks on it anew and, where another arm wins by them, takes the
    /// list from one and gives it to the other: `moved(arm, by)`.
    pub(super) fn click(&mut self, shown: &Shown, place: usize, mut moved: impl FnMut(ArmId, i64)) {
        self.clicked.insert(place);
        let scored = score(shown.items.iter().map(|item| &item.credit), &self.clicked);
        let winner = match scored.map(|score| score.preference) {
            Ok(Preference::Arm(arm)) => Some(arm),
            Ok(Preference::Tie | Preference::NoClick) | Err(_) => None,
        };
        if winner != self.winner {
            self.winner.inspect(|loser| moved(*loser, -1));
            winner.inspect(|winner| moved(*winner, 1));
            self.winner = winner;
        }
    }
}
