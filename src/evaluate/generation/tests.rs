use proptest::prop_assert;
use proptest::proptest;

use crate::evaluate::NoValue;
use crate::evaluate::generation::answer_relevance;
use crate::evaluate::generation::context_precision;
use crate::evaluate::generation::context_precision_ids;
use crate::evaluate::generation::context_recall;
use crate::evaluate::generation::context_recall_ids;
use crate::evaluate::generation::faithfulness;
use crate::evaluate::generation::pass_at_k;

#[test]
fn nothing_to_judge_has_no_value_and_nothing_found_is_0() {
    for empty in [context_precision(&[]), context_recall(&[]), faithfulness(&[])] {
        assert!(matches!(empty, Err(NoValue::Undefined(_))));
    }
    assert_eq!(context_precision(&[false, false]), Ok(0.0));
    assert_eq!(context_precision_ids(&["a"], &[]), Ok(0.0));
    assert!(matches!(context_recall_ids(&["a"], &[]), Err(NoValue::Undefined(_))));
    assert!(matches!(context_precision_ids(&[], &["a"]), Err(NoValue::Undefined(_))));
}

#[test]
fn an_answer_is_irrelevant_only_when_every_question_from_it_is_noncommittal() {
    let question = [1.0, 0.0];
    let made_up = [vec![2.0, 0.0], vec![0.0, 1.0]];
    assert_eq!(answer_relevance(&question, &made_up, &[true, false]), Ok(0.5));
    assert_eq!(answer_relevance(&question, &made_up, &[true, true]), Ok(0.0));
    assert!(matches!(answer_relevance(&question, &made_up, &[true]), Err(NoValue::Invalid(_))));
    assert!(matches!(answer_relevance(&question, &[vec![1.0]], &[false]), Err(NoValue::Invalid(_))));
    assert!(matches!(answer_relevance(&question, &[], &[]), Err(NoValue::Undefined(_))));
}

#[test]
fn a_rare_pass_keeps_its_digits() {
    let rare = pass_at_k(10_u64.pow(15), 1, 1).unwrap();
    assert!((rare / 1e-15 - 1.0).abs() < 1e-12, "{rare}");
    for (answers, correct, k) in [(3, 4, 1), (3, 1, 4), (3, 1, 0)] {
        assert!(matches!(pass_at_k(answers, correct, k), Err(NoValue::Invalid(_))));
    }
    assert!(matches!(pass_at_k(0, 0, 1), Err(NoValue::Undefined(_))));
}

proptest! {
    #[test]
    fn pass_at_k_is_the_share_of_draws_with_a_correct_answer(answers in 1_u64..40, share in 0.0..=1.0, k in 1_u64..40) {
        let k = k.min(answers);
        let correct = (share * answers as f64) as u64;
        let wrong = answers - correct;
        let none: f64 = (0..k).map(|drawn| (wrong as f64 - drawn as f64).max(0.0) / (answers - drawn) as f64).product();
        prop_assert!((pass_at_k(answers, correct, k).unwrap() - (1.0 - none)).abs() < 1e-12);
    }
}
