//! When two JSON values are equal, and when numbers are close enough.

use std::borrow::Cow;

use serde_json::Number;
use serde_json::Value;

use crate::compare::number::Decimal;

/// How far apart two numbers may be: `max(absolute, relative * the larger magnitude)`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Closeness {
    /// In the number's own unit.
    absolute: f64,
    /// As a fraction of the larger magnitude.
    relative: f64,
    /// Whether two whole numbers must be equal all the same: ids, counts and classes have no rounding.
    whole_exact: bool,
}

/// What a look at two lists of numbers, one by one, said.
pub(super) struct Nearness {
    /// They are equal in length and near each other throughout.
    pub(super) holds: bool,
    /// The largest difference, where every pair has one that a float can hold.
    pub(super) furthest: Option<f64>,
}

impl Closeness {
    /// Equal in value.
    pub const EXACT: Closeness = Closeness { absolute: 0.0, relative: 0.0, whole_exact: true };

    /// Equal but for the rounding of floating-point numbers: whole numbers in value, others within 1e-9 of the larger.
    pub const WITHIN_ROUNDING: Closeness = Closeness { absolute: 0.0, relative: 1e-9, whole_exact: true };

    /// Within the larger of two tolerances, whole numbers too: one in the number's own unit, one as a fraction of the
    /// larger magnitude.
    pub fn within(absolute: f64, relative: f64) -> Self {
        Self { absolute, relative, whole_exact: false }
    }

    /// Says whether two numbers are close enough; equal in value always is, however large or long they are.
    pub(super) fn holds(self, one: &Number, other: &Number) -> bool {
        if one == other {
            return true;
        }
        let (exact_one, exact_other) = (Decimal::of(one), Decimal::of(other));
        if exact_one == exact_other {
            return true;
        }
        let exempt = self.whole_exact && exact_one.is_whole() && exact_other.is_whole();
        !exempt && self.is_near(one.as_f64(), other.as_f64())
    }

    fn is_near(self, one: Option<f64>, other: Option<f64>) -> bool {
        let (Some(one), Some(other)) = (one, other) else { return false };
        let larger = one.abs().max(other.abs());
        let bound = self.absolute.max(self.relative * larger);
        // In binary 1.01 - 1 is more than 0.01, so a difference of exactly the bound needs the slack of its rounding.
        // Where nothing is allowed only equality counts: two long decimals can share one nearest f64.
        bound > 0.0 && (one - other).abs() <= bound + 4.0 * f64::EPSILON * larger
    }
}

/// Holds two lists of numbers against each other, one by one.
pub(super) fn nearness(legacy: &[&Number], other: &[&Number], closeness: Closeness) -> Nearness {
    if legacy.len() != other.len() {
        return Nearness { holds: false, furthest: None };
    }
    let pairs = || legacy.iter().zip(other);
    Nearness {
        holds: pairs().all(|(legacy, other)| closeness.holds(legacy, other)),
        furthest: pairs()
            .try_fold(0.0, |furthest: f64, (legacy, other)| Some(furthest.max(distance(legacy, other)?))),
    }
}

fn distance(one: &Number, other: &Number) -> Option<f64> {
    if one == other {
        return Some(0.0);
    }
    let distance = (one.as_f64()? - other.as_f64()?).abs();
    distance.is_finite().then_some(distance)
}

/// Says whether two values are equal: members in any order, elements in theirs, numbers by closeness.
pub(super) fn equal(one: &Value, other: &Value, closeness: Closeness) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => closeness.holds(one, other),
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| equal(one, other, closeness))
        }
        (Value::Object(one), Value::Object(other)) => {
            let pairs = one.iter().map(|(name, value)| other.get(name).map(|twin| (value, twin)));
            let same = |pair: Option<(&Value, &Value)>| pair.is_some_and(|(a, b)| equal(a, b, closeness));
            one.len() == other.len() && pairs.into_iter().all(same)
        }
        _ => one == other,
    }
}

/// All numbers in the values, arrays taken apart; `None` when anything else is among them.
pub(super) fn numbers<'a>(values: &'a [Cow<'_, Value>]) -> Option<Vec<&'a Number>> {
    let mut found = Vec::new();
    values.iter().try_for_each(|value| collect(value, &mut found))?;
    Some(found)
}

fn collect<'a>(value: &'a Value, found: &mut Vec<&'a Number>) -> Option<()> {
    match value {
        Value::Number(number) => found.push(number),
        Value::Array(elements) => elements.iter().try_for_each(|element| collect(element, found))?,
        _ => return None,
    }
    Some(())
}
