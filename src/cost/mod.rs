//! Cost: what a call is in money, given what it used.
//!
//! Money is counted in whole picos (1e-12) of the model's currency, as an integer, so that a ledger of many small
//! calls adds up to the last digit. Pure.

mod money;

#[cfg(test)]
mod tests;

pub use money::Money;
pub use money::MoneyError;

use std::time::Duration;

use crate::protocol::Usage;

/// What a model charges. Every part is optional; an absent part costs nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rate {
    /// ISO 4217 code, as in `USD`.
    pub currency: String,
    /// For each call that reached the model.
    pub per_request: Money,
    /// For each second from sending to the last byte: the price of a machine of one's own.
    pub per_second: Money,
    /// For each million input tokens that were not read from a cache.
    pub per_million_input_tokens: Money,
    /// For each million input tokens read from a cache.
    pub per_million_cached_input_tokens: Money,
    /// For each million output tokens.
    pub per_million_output_tokens: Money,
}

impl Rate {
    /// Prices one call: its use of tokens, when known, and its duration.
    pub fn price(&self, usage: Option<&Usage>, duration: Duration) -> Money {
        let tokens = usage.copied().unwrap_or_default();
        self.per_request
            + self.per_second.scaled(duration.as_micros() as u64, 1_000_000)
            + self.per_million_input_tokens.scaled(tokens.input_tokens, 1_000_000)
            + self.per_million_cached_input_tokens.scaled(tokens.cached_input_tokens, 1_000_000)
            + self.per_million_output_tokens.scaled(tokens.output_tokens, 1_000_000)
    }
}
