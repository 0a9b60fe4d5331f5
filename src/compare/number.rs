//! JSON numbers as exact decimals, so that 1, 1.0 and 10e-1 are one value and integers beyond 2^53 stay apart.

use serde_json::Number;

/// A number in its one canonical form: `digits * 10^exponent`, neither leading nor trailing zeros.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Decimal {
    negative: bool,
    digits: String,
    exponent: i64,
}

impl Decimal {
    /// Reads a JSON number, which serde_json keeps as it was written.
    pub(super) fn of(number: &Number) -> Self {
        let text = number.to_string();
        let (negative, magnitude) = match text.strip_prefix('-') {
            Some(magnitude) => (true, magnitude),
            None => (false, text.as_str()),
        };
        let (mantissa, exponent) = magnitude.split_once(['e', 'E']).unwrap_or((magnitude, "0"));
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let digits = format!("{whole}{fraction}");
        let significant = digits.trim_start_matches('0');
        let kept = significant.trim_end_matches('0');
        if kept.is_empty() {
            return Self { negative: false, digits: String::new(), exponent: 0 };
        }
        let dropped = significant.len() - kept.len();
        let shift = dropped as i64 - fraction.len() as i64;
        Self { negative, digits: kept.to_owned(), exponent: read_exponent(exponent).saturating_add(shift) }
    }

    /// Appends the number in its canonical form.
    pub(super) fn write(&self, text: &mut String) {
        let sign = if self.negative { "-" } else { "" };
        text.push_str(&format!("{sign}{}e{}", self.digits, self.exponent));
    }

    /// Says whether there is nothing after the point.
    pub(super) fn is_whole(&self) -> bool {
        self.exponent >= 0
    }
}

/// An exponent beyond 64 bits is as good as infinite.
fn read_exponent(text: &str) -> i64 {
    text.parse().unwrap_or(if text.starts_with('-') { i64::MIN } else { i64::MAX })
}
