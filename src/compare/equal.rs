//! When two JSON values are equal, and when two numbers are close enough.

use std::borrow::Cow;

use serde_json::Number;
use serde_json::Value;

use crate::compare::number::Decimal;

/// How far apart two numbers may be: `max(absolute, relative * the larger magnitude)`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Closeness {
    /// In the number's own unit.
    pub(super) absolute: f64,
    /// As a fraction of the larger magnitude.
    pub(super) relative: f64,
    /// Whether two whole numbers must be equal all the same: ids, counts and classes have no rounding.
    pub(super) whole_exact: bool,
}

impl Closeness {
    /// Equal in value.
    pub(super) const EXACT: Closeness = Closeness { absolute: 0.0, relative: 0.0, whole_exact: true };

    /// Equal but for the rounding of floating-point numbers.
    pub(super) const WITHIN_ROUNDING: Closeness =
        Closeness { absolute: 0.0, relative: 1e-9, whole_exact: true };

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
