//! Values that no measure takes: each is refused with what was expected, and what is only undefined is told from them.

use serde_json::Value;
use serde_json::json;

use crate::evaluate::NoValue;
use crate::evaluate::measure::Kind;
use crate::evaluate::measure::Measure;
use crate::evaluate::measure::tests::example;
use crate::evaluate::measure::tests::examples;
use crate::evaluate::measure::tests::labelled;
use crate::evaluate::measure::tests::over;
use crate::evaluate::measure::tests::positive;

#[track_caller]
fn refused(measure: &Measure, values: Value, why: &str) {
    let NoValue::Invalid(reason) = example(measure, &values).unwrap_err() else {
        panic!("{values}: undefined")
    };
    assert!(reason.contains(why), "{values}: {reason}");
}

#[test]
fn what_is_refused_says_what_was_expected() {
    let of = Measure::of;
    refused(&of(Kind::Accuracy), json!({"truth": 1}), "the prediction is missing");
    refused(&of(Kind::Accuracy), json!({"prediction": null, "truth": 1}), "the prediction is missing");
    refused(&of(Kind::Accuracy), json!({"prediction": {"label": 1}, "truth": 1}), "must be a class");
    refused(&of(Kind::Mae), json!({"prediction": "many", "truth": 1}), "finite number");
    refused(&of(Kind::Mae), json!({"prediction": "NaN", "truth": 1}), "finite number");
    refused(&of(Kind::Mae), json!({"prediction": 1, "truth": "inf"}), "finite number");
    refused(&of(Kind::Silhouette), json!({"prediction": 1, "context": ["x"]}), "features");
    refused(&of(Kind::Silhouette), json!({"prediction": 1, "context": []}), "features");
    refused(&of(Kind::Brier), json!({"score": 1.5, "truth": 1}), "probability from 0 to 1");
    refused(&of(Kind::Brier), json!({"score": 0.5, "truth": "spam"}), "`positive`");
    refused(&of(Kind::Brier), json!({"score": [0.5, 0.5], "truth": 1}), "`labels`");
    let labels = labelled(Kind::LogLoss, &["a", "b", "c"]);
    refused(&labels, json!({"score": [0.5, 0.5], "truth": "a"}), "one for each label");
    refused(&labels, json!({"score": 0.5, "truth": "a"}), "one for each label");
    refused(&labels, json!({"score": [0.5, 0.5, 0.5], "truth": "a"}), "add up to 1");
    refused(&labels, json!({"score": [0.5, 0.25, 0.25], "truth": "d"}), "not among the labels");
    refused(&labels, json!({"score": {"a": 1.0}, "truth": "a"}), "one for each label");
    refused(&of(Kind::Perplexity), json!({"score": [0.5]}), "log-probabilities");
    refused(&of(Kind::Perplexity), json!({"score": []}), "log-probabilities");
    refused(&of(Kind::Ndcg), json!({"prediction": [["a"]], "truth": "a"}), "list of ids");
    refused(&of(Kind::Ndcg), json!({"prediction": ["a"], "truth": {"a": "good"}}), "worth");
    refused(&of(Kind::Rbo), json!({"prediction": ["a"], "truth": {"a": 1}}), "list of ids");
    refused(&of(Kind::RougeL), json!({"prediction": ["a", "b"], "truth": "a"}), "must be a text");
    refused(&of(Kind::RougeL), json!({"prediction": "a", "truth": []}), "list of texts");
    refused(&of(Kind::CIndex), json!({"prediction": 1, "truth": {"time": -1, "event": 1}}), "\"time\"");
    refused(&of(Kind::CIndex), json!({"prediction": 1, "truth": 5}), "\"event\"");
    refused(&of(Kind::Dice), json!({"prediction": [1, 2], "truth": [1, 0]}), "`labels`");
    refused(&of(Kind::Dice), json!({"prediction": [1], "truth": [1, 0]}), "equally many pixels");
    let object = json!([{"box": [0, 0, 1, 1]}]);
    refused(&of(Kind::DetectionMap), json!({"prediction": object, "truth": object}), "\"score\"");
    let turned = json!({"box": [1, 1, 0, 0], "score": 1});
    refused(
        &of(Kind::DetectionMap),
        json!({"prediction": turned, "truth": object}),
        "[left, top, right, bottom]",
    );
    refused(&of(Kind::Froc), json!({"prediction": {"lesion": 1, "score": 1}, "truth": 1}), "not there");
    refused(
        &of(Kind::Froc),
        json!({"prediction": [{"box": [0, 0, 1, 1], "score": 1}], "truth": 1}),
        "\"lesion\"",
    );
    refused(
        &of(Kind::ContextPrecision),
        json!({"context": ["a"], "truth": [true, false]}),
        "for each source",
    );
    refused(&of(Kind::ContextRecall), json!({"context": [{"text": "a"}], "truth": ["a"]}), "retrieved ids");
    refused(&of(Kind::Faithfulness), json!({"truth": [0.5]}), "1 and 0");
    refused(&of(Kind::AnswerRelevance), json!({"truth": [1.5]}), "from -1 to 1");
    let calls = of(Kind::ToolCallAccuracy);
    refused(&calls, json!({"prediction": ["look"], "truth": []}), "answer: tool_calls");
    refused(&calls, json!({"prediction": [], "truth": [{"tool": "look"}]}), "a list of calls");
    refused(
        &calls,
        json!({"prediction": [], "truth": [{"name": "look", "arguments": "{"}]}),
        "a list of calls",
    );
}

#[test]
fn what_one_example_cannot_say_is_undefined() {
    for (kind, values) in [
        (Kind::Mape, json!({"prediction": 1, "truth": 0})),
        (Kind::Ndcg, json!({"prediction": ["a"], "truth": {"a": 0}})),
        (Kind::KendallTau, json!({"prediction": ["a"], "truth": ["b"]})),
        (Kind::Wer, json!({"prediction": "a", "truth": ""})),
        (Kind::Dice, json!({"prediction": [0, 0], "truth": [0, 0]})),
        (Kind::ContextRecall, json!({"context": ["a"], "truth": []})),
    ] {
        let measure = Measure::of(kind);
        let score = measure.score(&example(&measure, &values).unwrap());
        assert!(matches!(score, Err(NoValue::Undefined(_))), "{kind:?}: {score:?}");
    }
}

#[test]
fn no_measure_has_a_value_over_nothing() {
    for kind in Kind::ALL {
        let measure = Measure { beta: Some(1.0), features: Some(1), ..Measure::of(kind) };
        assert!(matches!(measure.over(&[]), Err(NoValue::Undefined(_))), "{kind:?}: {:?}", measure.over(&[]));
    }
}

#[test]
fn weights_are_whole_where_the_metric_knows_none_and_never_below_0() {
    let measure = Measure::of(Kind::Rmse);
    let one = example(&measure, &json!({"prediction": 1, "truth": 2})).unwrap();
    for weight in [0.5, -1.0, f64::NAN, 1e9] {
        assert!(matches!(measure.over(&[(&one, weight)]), Err(NoValue::Invalid(_))), "{weight}");
    }
    assert_eq!(measure.over(&[(&one, 3.0)]), Ok(1.0));
}

#[test]
fn examples_of_another_measure_are_refused() {
    let classes = positive(Kind::F1, "a");
    let one = examples(&classes, &json!([{"prediction": "a", "truth": "a"}]));
    for kind in Kind::ALL.into_iter().filter(|kind| *kind != Kind::Accuracy) {
        let takes_classes =
            Measure::of(kind).example(Default::default()) == classes.example(Default::default());
        let is_of_classes = kind.inputs() == Kind::F1.inputs() && takes_classes;
        let value = over(&Measure { beta: Some(1.0), features: Some(1), ..Measure::of(kind) }, &one);
        if !is_of_classes {
            assert!(matches!(value, Err(NoValue::Invalid(_))), "{kind:?}: {value:?}");
        }
    }
}
