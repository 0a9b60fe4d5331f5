//! A day's budget is a hard stop, whatever is under way and whatever becomes of it.

use std::sync::Arc;

use crate::cost::Money;
use crate::policy::Spend;
use crate::strategy::shadow::Daily;
use crate::vocab::Timestamp;

const DAY: i64 = 86_400_000_000;

fn at(micros: i64) -> Timestamp {
    Timestamp::from_micros(micros)
}

fn usd(text: &str) -> Money {
    text.parse().unwrap()
}

fn money(text: &str) -> Daily {
    Daily { money: Some(usd(text)), tokens: None }
}

#[test]
fn what_is_under_way_counts_as_the_dearest_so_far() {
    let spend = Arc::new(Spend::default());
    let daily = money("1");
    spend.take(&daily, at(0)).unwrap().settle(usd("0.2"), 0, at(0));
    let under_way: Vec<_> = std::iter::from_fn(|| spend.take(&daily, at(1))).collect();
    assert_eq!(under_way.len(), 4, "0.2 spent and 4 x 0.2 under way");
    under_way.iter().for_each(|due| due.settle(usd("0.1"), 0, at(2)));
    let more: Vec<_> = std::iter::from_fn(|| spend.take(&daily, at(3))).collect();
    assert_eq!(more.len(), 2, "0.6 spent and 2 x 0.2 under way");
    drop(more);
    assert_eq!(spend.spent().picos, usd("1").picos(), "what was never settled cost the dearest");
    assert!(spend.take(&daily, at(4)).is_none());
    assert!(spend.take(&daily, at(DAY)).is_some(), "the next day has a budget of its own");
}

#[test]
fn tokens_are_bounded_like_money_and_both_must_have_room() {
    let spend = Arc::new(Spend::default());
    let daily = Daily { money: Some(usd("1")), tokens: Some(100) };
    spend.take(&daily, at(0)).unwrap().settle(Money::ZERO, 60, at(0));
    assert!(spend.take(&daily, at(0)).is_none(), "60 more would be 120");
    let more = Daily { tokens: Some(120), ..daily };
    assert!(spend.take(&more, at(0)).is_some());
    assert!(spend.take(&Daily::default(), at(0)).is_some(), "without a bound there is always room");
}

#[test]
fn a_restart_goes_on_with_the_same_day() {
    let before = Arc::new(Spend::default());
    before.take(&money("1"), at(DAY + 5)).unwrap().settle(usd("0.7"), 3, at(DAY + 6));
    let kept = serde_json::to_string(&before.spent()).unwrap();
    let after = Arc::new(Spend::default());
    after.restore(&serde_json::from_str(&kept).unwrap());
    assert!(after.take(&money("1"), at(DAY + 7)).is_none(), "0.7 more would be 1.4");
    assert!(after.take(&money("1"), at(2 * DAY)).is_some());
}
