//! Bounded sets of units, so that a unit counts once: what one user does is alike, and counted singly it would pass for
//! many users' agreement.

use std::collections::HashSet;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde::Deserialize;
use serde::Deserializer;
use serde::Serialize;
use serde::Serializer;
use serde::de::Error;
use xxhash_rust::xxh3::xxh3_64;

/// How many units are told apart. Beyond, new ones count no more: evidence then stands still and stays valid.
const MOST: usize = 1_000_000;

/// Units that were counted, as hashes; a request without the name of a unit is a unit of its own.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Units {
    named: HashSet<u64>,
    nameless: u64,
}

/// The same by arm.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ArmUnits(Vec<Units>);

impl Units {
    /// Says whether a unit is to be counted: it is new, and there is room for it.
    pub(super) fn count(&mut self, unit: Option<&str>) -> bool {
        match unit {
            Some(unit) => self.named.len() < MOST && self.named.insert(hash_of(unit)),
            None => {
                self.nameless += 1;
                true
            }
        }
    }

    /// Says whether a unit was counted; one without a name always was.
    pub(super) fn holds(&self, unit: Option<&str>) -> bool {
        unit.is_none_or(|unit| self.named.contains(&hash_of(unit)))
    }

    /// How many fall into each of so many buckets, by their hash; `None`: they have no names, so none is among another's.
    pub(super) fn by_bucket(&self, buckets: usize) -> Option<Vec<u64>> {
        if self.nameless > 0 || self.named.is_empty() {
            return None;
        }
        let mut counts = vec![0; buckets];
        self.named.iter().for_each(|hash| counts[*hash as usize % buckets] += 1);
        Some(counts)
    }

    /// How many were counted.
    pub(super) fn len(&self) -> u64 {
        self.named.len() as u64 + self.nameless
    }

    /// Takes in the units of another gateway.
    pub(super) fn merge(&mut self, other: &Units) {
        self.nameless += other.nameless;
        for unit in &other.named {
            if self.named.len() >= MOST {
                return;
            }
            self.named.insert(*unit);
        }
    }
}

impl ArmUnits {
    /// No unit of any of these arms.
    pub(super) fn of(arms: usize) -> Self {
        Self(vec![Units::default(); arms])
    }

    /// Says whether a unit is to be counted for an arm.
    pub(super) fn count(&mut self, arm: usize, unit: Option<&str>) -> bool {
        self.0.get_mut(arm).is_some_and(|units| units.count(unit))
    }

    /// How many were counted for an arm.
    pub(super) fn of_arm(&self, arm: usize) -> u64 {
        self.0.get(arm).map_or(0, Units::len)
    }

    /// How many were counted for each arm.
    pub(super) fn counts(&self) -> Vec<u64> {
        self.0.iter().map(Units::len).collect()
    }

    /// Takes in the units of another gateway.
    pub(super) fn merge(&mut self, other: &ArmUnits) {
        self.0.iter_mut().zip(&other.0).for_each(|(own, other)| own.merge(other));
    }
}

/// By what a unit is told from others.
pub(super) fn hash_of(unit: &str) -> u64 {
    xxh3_64(unit.as_bytes())
}

/// Millions of numbers as JSON numbers would take three times the room and ten times the time.
#[derive(Serialize, Deserialize)]
struct Packed {
    nameless: u64,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    named: String,
}

impl Serialize for Units {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut sorted: Vec<u64> = self.named.iter().copied().collect();
        sorted.sort_unstable();
        let bytes: Vec<u8> = sorted.into_iter().flat_map(u64::to_le_bytes).collect();
        Packed { nameless: self.nameless, named: BASE64_STANDARD.encode(bytes) }.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Units {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Packed { nameless, named } = Packed::deserialize(deserializer)?;
        let bytes = BASE64_STANDARD.decode(named).map_err(D::Error::custom)?;
        let (words, rest) = bytes.as_chunks::<8>();
        if !rest.is_empty() {
            return Err(D::Error::custom("a set of units that is cut off"));
        }
        Ok(Self { nameless, named: words.iter().map(|word| u64::from_le_bytes(*word)).collect() })
    }
}
