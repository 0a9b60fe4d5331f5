use proptest::collection::vec;
use proptest::prop_assert;
use proptest::prop_assert_eq;
use proptest::proptest;

use crate::evaluate::NoValue;
use crate::evaluate::survival::Cohort;
use crate::evaluate::survival::End;

fn cohort(subjects: &[(u8, bool, u8)]) -> Cohort {
    let times: Vec<f64> = subjects.iter().map(|(time, ..)| f64::from(*time)).collect();
    let ends: Vec<End> =
        subjects.iter().map(|(_, event, _)| if *event { End::Event } else { End::Censored }).collect();
    let risks: Vec<f64> = subjects.iter().map(|(.., risk)| f64::from(*risk)).collect();
    Cohort::new(&times, &ends, &risks).unwrap()
}

#[test]
fn columns_that_cannot_be_right_are_refused() {
    let ends = [End::Event, End::Censored];
    let refused = [
        Cohort::new(&[1.0], &ends, &[1.0, 2.0]),
        Cohort::new(&[1.0, 2.0], &ends, &[1.0]),
        Cohort::new(&[1.0, f64::NAN], &ends, &[1.0, 2.0]),
        Cohort::new(&[1.0, 2.0], &ends, &[1.0, f64::INFINITY]),
    ];
    for cohort in refused {
        assert!(matches!(cohort, Err(NoValue::Invalid(_))), "{cohort:?}");
    }
    assert!(matches!(Cohort::new(&[], &[], &[]), Err(NoValue::Undefined(_))));
}

#[test]
fn what_cannot_be_compared_has_no_value() {
    let censored = cohort(&[(1, false, 3), (2, false, 2)]);
    assert!(matches!(censored.concordance(), Err(NoValue::Undefined(_))));
    assert!(matches!(censored.concordance_ipcw(None), Err(NoValue::Undefined(_))));
    let pair = cohort(&[(1, true, 3), (2, true, 2)]);
    for times in [&[0.5][..], &[2.0], &[]] {
        assert!(matches!(pair.auc_at(times), Err(NoValue::Undefined(_))), "{times:?}");
    }
    assert!(matches!(pair.auc_at(&[f64::NAN]), Err(NoValue::Invalid(_))));
    assert!(matches!(pair.concordance_ipcw(Some(f64::NAN)), Err(NoValue::Invalid(_))));
}

#[test]
fn an_event_at_the_time_when_the_last_are_censored_has_no_weight() {
    let cohort = cohort(&[(1, true, 3), (5, true, 2), (5, false, 1)]);
    assert!(matches!(cohort.concordance_ipcw(None), Err(NoValue::Undefined(_))));
    assert_eq!(cohort.concordance_ipcw(Some(5.0)), Ok(1.0));
    assert_eq!(cohort.auc_at(&[3.0, 2.0, 3.0]).unwrap().times, [2.0, 3.0]);
}

proptest! {
    #[test]
    fn concordance_counts_the_pairs_that_a_double_loop_counts(
        subjects in vec((0_u8..6, proptest::bool::ANY, 0_u8..5), 1..24)
    ) {
        let (mut concordant, mut tied, mut all) = (0, 0, 0);
        for (time, event, risk) in &subjects {
            for (later, also, other) in &subjects {
                if *event && (time < later || (time == later && !also)) {
                    all += 1;
                    concordant += u64::from(risk > other);
                    tied += u64::from(risk == other);
                }
            }
        }
        match cohort(&subjects).concordance() {
            Ok(found) => {
                prop_assert_eq!((found.concordant, found.tied_risk), (concordant, tied));
                prop_assert_eq!(found.concordant + found.tied_risk + found.discordant, all);
                prop_assert!((0.0..=1.0).contains(&found.value));
            }
            Err(_) => prop_assert_eq!(all, 0),
        }
    }

    #[test]
    fn without_censoring_weights_change_nothing(subjects in vec((0_u8..20, 0_u8..5), 2..24)) {
        let subjects: Vec<_> = subjects.into_iter().map(|(time, risk)| (time, true, risk)).collect();
        let cohort = cohort(&subjects);
        let plain = cohort.concordance().map(|found| found.value);
        match (plain, cohort.concordance_ipcw(None)) {
            (Ok(plain), Ok(weighted)) => prop_assert!((plain - weighted).abs() < 1e-12),
            (plain, weighted) => prop_assert_eq!(plain, weighted),
        }
    }
}
