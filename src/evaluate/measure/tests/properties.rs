//! What holds for every measure, whatever comes: scores stay on the scale, and weights are repetitions.

use proptest::collection::vec;
use proptest::prelude::Just;
use proptest::prelude::ProptestConfig;
use proptest::prelude::Strategy;
use proptest::prop_assert;
use proptest::prop_oneof;
use proptest::proptest;
use proptest::sample::select;
use serde_json::Value;
use serde_json::json;

use crate::evaluate::measure::Example;
use crate::evaluate::measure::Kind;
use crate::evaluate::measure::Measure;
use crate::evaluate::measure::Scale;
use crate::evaluate::measure::tests::example;

/// Values near to what measures take, so that many are taken.
fn leaf() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        select(vec![json!(true), json!(false), json!(0), json!(1), json!(2), json!(-1), json!(1e300), json!("0.5")]),
        (-1.0..=1.0).prop_map(|number| json!(number)),
        (0.0..=1.0).prop_map(|share| json!([share, 1.0 - share])),
        select(vec![json!("a"), json!("b"), json!("the cat sat"), json!(""), json!("日本 a b c d e"), json!("nan")]),
        vec(0..40_i32, 4).prop_map(|mut corners| {
            corners.sort_unstable();
            json!({"box": [corners[0], corners[1], corners[2], corners[3]], "class": corners[0] % 2, "score": corners[3]})
        }),
        (0..9_u32, 0..2_u32).prop_map(|(time, event)| json!({"time": time, "event": event, "id": time, "gain": event})),
        (0..2_u32, -1.0..=1.0).prop_map(|(flag, cosine)| json!({"similarities": [cosine, 1], "noncommittal": [flag, 1]})),
        (0..3_i32, 0..3_i32).prop_map(|(one, other)| json!({"a": one, "b": other})),
    ]
}

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![leaf(), vec(leaf(), 0..6).prop_map(Value::Array)]
}

fn values() -> impl Strategy<Value = Value> {
    [value(), value(), value(), value()].prop_map(|[prediction, score, truth, context]| {
        json!({"prediction": prediction, "score": score, "truth": truth, "context": context})
    })
}

fn measures() -> impl Strategy<Value = Measure> {
    let of = |kind| Measure { beta: Some(2.0), features: Some(1), ..Measure::of(kind) };
    let labels = |labels: &[&str]| labels.iter().map(ToString::to_string).collect::<Vec<_>>();
    let all = Kind::ALL.into_iter().flat_map(move |kind| {
        [
            of(kind),
            Measure { positive: Some("a".to_owned()), k: Some(2), ..of(kind) },
            Measure { labels: labels(&["a", "b"]), ..of(kind) },
            Measure { labels: labels(&["0", "1", "a"]), ..of(kind) },
        ]
    });
    select(all.collect::<Vec<_>>())
}

fn is_within(scale: Scale, score: f64) -> bool {
    match scale {
        Scale::Binary => score == 0.0 || score == 1.0,
        Scale::Bounded { lower, upper } => (lower..=upper).contains(&score),
        Scale::Unbounded => score.is_finite(),
        Scale::Whole => false,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn whatever_comes_is_refused_or_scored_within_the_scale(measure in measures(), given in vec(values(), 1..4)) {
        let taken: Vec<Example> = given.iter().filter_map(|values| example(&measure, values).ok()).collect();
        for example in &taken {
            prop_assert!(example.held_bytes() > 0);
            if let Ok(score) = measure.score(example) {
                prop_assert!(is_within(measure.scale(), score), "{:?} {example:?}: {score}", measure.kind);
            }
            let text = serde_json::to_string(example).unwrap();
            prop_assert!(serde_json::from_str::<Example>(&text).unwrap() == *example, "{text}");
        }
        let weighted: Vec<(&Example, f64)> = taken.iter().map(|example| (example, 1.0)).collect();
        if let Ok(value) = measure.over(&weighted) {
            prop_assert!(value.is_finite(), "{:?}", measure.kind);
        }
    }

    #[test]
    fn an_example_that_counts_twice_is_as_good_as_two(
        measure in measures(),
        given in vec((values(), 0..3_u32), 1..8),
    ) {
        let mut taken = Vec::new();
        for (values, weight) in &given {
            taken.extend(example(&measure, values).ok().map(|example| (example, *weight)));
        }
        let weighted: Vec<_> = taken.iter().map(|(example, weight)| (example, f64::from(*weight))).collect();
        let repeated: Vec<_> = taken
            .iter()
            .flat_map(|(example, weight)| std::iter::repeat_n((example, 1.0), *weight as usize))
            .collect();
        match (measure.over(&weighted), measure.over(&repeated)) {
            (Ok(one), Ok(other)) => {
                let near = (one - other).abs() <= 1e-9 * one.abs().max(1.0);
                prop_assert!(near, "{:?}: {one} {other}", measure.kind);
            }
            (one, other) => {
                prop_assert!(one.is_err() == other.is_err(), "{:?}: {one:?} {other:?}", measure.kind);
            }
        }
    }
}
