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
    /// For each million of these input tokens that were written to a cache; `None`: as other input tokens.
    pub per_million_cache_write_input_tokens: Option<Money>,
    /// For each million output tokens.
    pub per_million_output_tokens: Money,
    /// For each million of these output tokens that were reasoning; `None`: as other output tokens.
    pub per_million_reasoning_tokens: Option<Money>,
}

impl Rate {
    /// Prices one call: its use of tokens, when known, and its duration. Each part is rounded half up to a pico, and
    /// tokens that have no price of their own are one part with those whose price they have.
    pub fn price(&self, usage: Option<&Usage>, duration: Duration) -> Money {
        let tokens = usage.copied().unwrap_or_default();
        let of = |price: Money, count: u64| price.scaled(count, 1_000_000);
        let (input, written) = (tokens.input_tokens, tokens.cache_write_input_tokens);
        let input = match self.per_million_cache_write_input_tokens {
            Some(price) => {
                of(self.per_million_input_tokens, input.saturating_sub(written)) + of(price, written)
            }
            None => of(self.per_million_input_tokens, input),
        };
        let (output, reasoning) = (tokens.output_tokens, tokens.reasoning_tokens);
        let output = match self.per_million_reasoning_tokens {
            Some(price) => {
                of(self.per_million_output_tokens, output.saturating_sub(reasoning)) + of(price, reasoning)
            }
            None => of(self.per_million_output_tokens, output),
        };
        self.per_request
            + self.per_second.scaled(duration.as_micros() as u64, 1_000_000)
            + input
            + of(self.per_million_cached_input_tokens, tokens.cached_input_tokens)
            + output
    }

    /// Says whether any kind of token has a price.
    pub fn charges_tokens(&self) -> bool {
        let prices = [
            Some(self.per_million_input_tokens),
            Some(self.per_million_cached_input_tokens),
            self.per_million_cache_write_input_tokens,
            Some(self.per_million_output_tokens),
            self.per_million_reasoning_tokens,
        ];
        prices.into_iter().flatten().any(|price| price != Money::ZERO)
    }
}
