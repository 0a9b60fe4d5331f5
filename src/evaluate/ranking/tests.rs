use std::collections::BTreeMap;

use proptest::collection::vec;
use proptest::prop_assert;
use proptest::prop_assert_eq;
use proptest::proptest;

use crate::evaluate::NoValue;
use crate::evaluate::ranking::Gain;
use crate::evaluate::ranking::Judged;
use crate::evaluate::ranking::jaccard_at;
use crate::evaluate::ranking::kendall_tau_b;
use crate::evaluate::ranking::kendall_tau_ranked;
use crate::evaluate::ranking::mean_reciprocal_rank;
use crate::evaluate::ranking::ndcg_by_scores;
use crate::evaluate::ranking::ndcg_vs_reference;
use crate::evaluate::ranking::overlap_at;
use crate::evaluate::ranking::rbo_ext;
use crate::evaluate::ranking::spearman;

fn undefined<V>(result: Result<V, NoValue>) -> bool {
    matches!(result, Err(NoValue::Undefined(_)))
}

fn invalid<V>(result: Result<V, NoValue>) -> bool {
    matches!(result, Err(NoValue::Invalid(_)))
}

#[test]
fn an_empty_list_finds_nothing_of_what_is_relevant() {
    let relevant = BTreeMap::from([("a", 1.0)]);
    let empty = Judged::new(&[], &relevant).unwrap();
    assert_eq!(empty.ndcg(Some(5), Gain::Linear), Ok(0.0));
    assert_eq!((empty.reciprocal_rank(None), empty.recall_at(Some(3))), (Ok(0.0), Ok(0.0)));
    assert_eq!(empty.precision_at(Some(3)), Ok(0.0));
    assert!(undefined(empty.precision_at(None)));
}

#[test]
fn without_a_relevant_item_a_ranker_has_no_chance() {
    let judgements = BTreeMap::from([("a", 0.0), ("b", -2.0)]);
    let judged = Judged::new(&["a", "b"], &judgements).unwrap();
    assert!(undefined(judged.ndcg(None, Gain::Exponential)) && undefined(judged.hit_at(None)));
    assert!(undefined(judged.average_precision(None)) && undefined(judged.reciprocal_rank(Some(1))));
    assert_eq!(judged.precision_at(Some(2)), Ok(0.0));
}

#[test]
fn what_cannot_be_right_is_refused() {
    let relevant = BTreeMap::from([("a", 1.0)]);
    assert!(invalid(Judged::new(&["a", "b", "a"], &relevant)));
    assert!(invalid(Judged::new(&["a"], &BTreeMap::from([("b", f64::NAN)]))));
    assert!(invalid(Judged::new(&["a"], &relevant).unwrap().ndcg(Some(0), Gain::Linear)));
    assert!(invalid(rbo_ext(&["a"], &["b", "b"], 0.9)));
    for p in [0.0, 1.0, f64::NAN] {
        assert!(invalid(rbo_ext(&["a"], &["a"], p)), "a persistence of {p}");
    }
    assert!(invalid(overlap_at(&["a"], &["a"], 0)));
    assert!(invalid(kendall_tau_b(&[1.0, f64::INFINITY], &[1.0, 2.0])));
    assert!(invalid(spearman(&[1.0], &[1.0, 2.0])));
    assert!(invalid(ndcg_by_scores(&[1.0], &[f64::NAN], None, Gain::Linear)));
}

#[test]
fn what_there_is_too_little_of_is_undefined() {
    let none: [&str; 0] = [];
    assert!(undefined(mean_reciprocal_rank(&[])));
    assert!(undefined(jaccard_at(&none, &none, 3)) && undefined(rbo_ext(&none, &["a"], 0.5)));
    assert_eq!(jaccard_at(&none, &["a"], 3), Ok(0.0));
    assert!(undefined(ndcg_vs_reference(&["a"], &none, None)));
    assert!(undefined(kendall_tau_ranked(&["a", "b"], &["b", "c"])));
    assert!(undefined(kendall_tau_b(&[1.0, 1.0], &[1.0, 2.0])) && undefined(spearman(&[1.0], &[1.0])));
}

#[test]
fn gains_beyond_the_range_of_numbers_make_ndcg_undefined() {
    let judged = Judged::new(&["a"], &BTreeMap::from([("a", 1e4)])).unwrap();
    assert!(undefined(judged.ndcg(None, Gain::Exponential)));
    assert_eq!(judged.ndcg(None, Gain::Linear), Ok(1.0));
}

#[test]
fn both_zeros_are_one_number() {
    let (x, y) = ([0.0, -0.0, 1.0], [2.0, 1.0, 3.0]);
    assert_eq!(kendall_tau_b(&x, &y), kendall_tau_b(&[0.0, 0.0, 1.0], &y));
    assert_eq!(spearman(&x, &y), spearman(&[0.0, 0.0, 1.0], &y));
}

proptest! {
    #[test]
    fn tau_counts_pairs_as_its_definition_does(points in vec((0..6_i32, 0..6_i32), 2..40)) {
        let side = |pick: fn(&(i32, i32)) -> i32| points.iter().map(|point| f64::from(pick(point))).collect::<Vec<_>>();
        let (x, y) = (side(|point| point.0), side(|point| point.1));
        let (mut agreement, mut free_x, mut free_y) = (0_i64, 0_i64, 0_i64);
        for (at, one) in points.iter().enumerate() {
            for other in &points[..at] {
                let (in_x, in_y) = ((one.0 - other.0).signum(), (one.1 - other.1).signum());
                agreement += i64::from(in_x * in_y);
                free_x += i64::from(in_x.abs());
                free_y += i64::from(in_y.abs());
            }
        }
        let tau = kendall_tau_b(&x, &y);
        if free_x == 0 || free_y == 0 {
            prop_assert!(undefined(tau));
        } else {
            let expected = agreement as f64 / ((free_x * free_y) as f64).sqrt();
            prop_assert!((tau.unwrap() - expected).abs() < 1e-12);
        }
    }

    #[test]
    fn overlap_is_symmetric_and_whole_for_a_list_and_itself(
        one in proptest::collection::btree_set(0..20_u8, 1..12),
        other in proptest::collection::btree_set(0..20_u8, 1..12),
        p in 0.01..0.99_f64,
    ) {
        let one: Vec<u8> = one.into_iter().rev().collect();
        let other: Vec<u8> = other.into_iter().collect();
        prop_assert_eq!(rbo_ext(&one, &other, p), rbo_ext(&other, &one, p));
        prop_assert!((rbo_ext(&one, &one, p).unwrap() - 1.0).abs() < 1e-12);
        prop_assert!((0.0..=1.0 + 1e-12).contains(&rbo_ext(&one, &other, p).unwrap()));
    }
}
