use std::time::Duration;

use proptest::prop_assert;
use proptest::prop_assert_eq;
use proptest::proptest;

use crate::cost::Money;
use crate::cost::Rate;
use crate::protocol::Usage;

fn money(text: &str) -> Money {
    text.parse().unwrap()
}

fn rate() -> Rate {
    Rate {
        currency: "USD".to_owned(),
        per_request: money("0.00002"),
        per_second: money("0.0004"),
        per_million_input_tokens: money("2.5"),
        per_million_cached_input_tokens: money("1.25"),
        per_million_cache_write_input_tokens: None,
        per_million_output_tokens: money("10"),
        per_million_reasoning_tokens: None,
    }
}

#[test]
fn a_call_costs_exactly_what_its_parts_do() {
    let usage = |input_tokens, cached_input_tokens, output_tokens| Usage {
        input_tokens,
        cached_input_tokens,
        output_tokens,
        ..Usage::default()
    };
    let cases = [
        (None, Duration::ZERO, "0.00002"),
        (None, Duration::from_millis(250), "0.00012"),
        (Some(usage(1_000_000, 0, 0)), Duration::ZERO, "2.50002"),
        (Some(usage(0, 1, 0)), Duration::ZERO, "0.00002125"),
        (Some(usage(232, 768, 50)), Duration::from_micros(1_500_000), "0.00266"),
        (Some(usage(3, 3, 3)), Duration::from_micros(1), "0.0000612504"),
    ];
    for (usage, duration, expected) in cases {
        assert_eq!(rate().price(usage.as_ref(), duration).to_string(), expected, "{usage:?} {duration:?}");
    }
}

#[test]
fn what_is_written_to_a_cache_and_reasoning_cost_as_their_kind_or_what_the_rate_says() {
    let usage = Usage {
        input_tokens: 110,
        cache_write_input_tokens: 10,
        output_tokens: 50,
        reasoning_tokens: 20,
        ..Usage::default()
    };
    let plain = Rate { per_request: Money::ZERO, ..rate() };
    // 110 * 2.5 + 50 * 10 = 775 millionths.
    assert_eq!(plain.price(Some(&usage), Duration::ZERO), money("0.000775"));
    let apart = Rate {
        per_million_cache_write_input_tokens: Some(money("3.125")),
        per_million_reasoning_tokens: Some(money("40")),
        ..plain
    };
    // 100 * 2.5 + 10 * 3.125 + 30 * 10 + 20 * 40 = 1381.25 millionths.
    assert_eq!(apart.price(Some(&usage), Duration::ZERO), money("0.00138125"));
    let all_reasoning = Usage { reasoning_tokens: 90, ..usage };
    assert_eq!(apart.price(Some(&all_reasoning), Duration::ZERO), money("0.00388125"));
}

#[test]
fn what_a_rate_does_not_name_costs_nothing() {
    let nothing = Money::ZERO;
    let free = Rate {
        currency: "EUR".to_owned(),
        per_request: nothing,
        per_second: nothing,
        per_million_input_tokens: nothing,
        per_million_cached_input_tokens: nothing,
        per_million_cache_write_input_tokens: None,
        per_million_output_tokens: nothing,
        per_million_reasoning_tokens: None,
    };
    let usage =
        Usage { input_tokens: u64::MAX, cached_input_tokens: 1, output_tokens: 1, ..Usage::default() };
    assert_eq!(free.price(Some(&usage), Duration::from_secs(1_000_000)), Money::ZERO);
}

#[test]
fn an_amount_is_read_without_rounding_and_anything_else_refused() {
    let cases = [
        ("0", Some("0")),
        ("0.000000000001", Some("0.000000000001")),
        ("1.50", Some("1.5")),
        ("8999999.999999999999", Some("8999999.999999999999")),
        ("007.10", Some("7.1")),
        ("9000000", None),
        ("0.0000000000001", None),
        ("-1", None),
        ("1e3", None),
        (".5", None),
        ("1.", None),
        ("", None),
        ("1,5", None),
        ("99999999999999999999", None),
        ("NaN", None),
    ];
    for (text, expected) in cases {
        assert_eq!(text.parse::<Money>().ok().map(|money| money.to_string()).as_deref(), expected, "{text}");
    }
}

#[test]
fn a_scaled_amount_rounds_half_up_to_a_pico_and_stops_at_the_largest() {
    let cases = [
        (1, 1, 2, 1),
        (1, 1, 3, 0),
        (2, 1, 3, 1),
        (5, 1, 2, 3),
        (1_000_000, 1, 1_000_000, 1),
        (i64::MAX, u64::MAX, 1, i64::MAX),
        (i64::MAX, 1, 1, i64::MAX),
        (0, u64::MAX, 1, 0),
    ];
    for (picos, count, per, expected) in cases {
        let scaled = Money::from_picos(picos).scaled(count, per);
        assert_eq!(scaled.picos(), expected, "{picos} * {count} / {per}");
    }
}

#[test]
fn sums_stop_at_the_largest_amount() {
    let largest = Money::from_picos(i64::MAX);
    assert_eq!(largest + Money::from_picos(1), largest);
    assert_eq!([money("0.1"), money("0.2")].into_iter().sum::<Money>(), money("0.3"));
}

proptest! {
    #[test]
    fn an_amount_survives_being_written_and_read(picos in 0..9_000_000_000_000_000_000_i64) {
        let amount = Money::from_picos(picos);
        prop_assert_eq!(amount.to_string().parse::<Money>(), Ok(amount));
        let json = serde_json::to_string(&amount).unwrap();
        prop_assert_eq!(serde_json::from_str::<Money>(&json).unwrap(), amount);
    }

    #[test]
    fn each_part_of_a_price_is_off_by_half_a_pico_at_most(
        tokens in [0..1_u64 << 36, 0..1_u64 << 36, 0..1_u64 << 36], micros in 0..1_u64 << 40,
    ) {
        let [input_tokens, cached_input_tokens, output_tokens] = tokens;
        let rate = rate();
        let part = |amount: Money, count: u64| i128::from(amount.picos()) * i128::from(count);
        let exact_millionths = part(rate.per_request, 1_000_000)
            + part(rate.per_second, micros)
            + part(rate.per_million_input_tokens, input_tokens)
            + part(rate.per_million_cached_input_tokens, cached_input_tokens)
            + part(rate.per_million_output_tokens, output_tokens);
        let usage = Usage { input_tokens, cached_input_tokens, output_tokens, ..Usage::default() };
        let price = i128::from(rate.price(Some(&usage), Duration::from_micros(micros)).picos());
        prop_assert!((price * 1_000_000 - exact_millionths).abs() <= 4 * 500_000, "four parts are rounded");
    }
}
