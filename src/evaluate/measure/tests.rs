mod properties;
mod refused;

use serde_json::Value;
use serde_json::json;

use crate::evaluate::NoValue;
use crate::evaluate::measure::Average;
use crate::evaluate::measure::Example;
use crate::evaluate::measure::Inputs;
use crate::evaluate::measure::Kind;
use crate::evaluate::measure::Measure;
use crate::evaluate::measure::Scale;

fn example(measure: &Measure, values: &Value) -> Result<Example, NoValue> {
    measure.example(Inputs {
        prediction: values.get("prediction"),
        score: values.get("score"),
        truth: values.get("truth"),
        context: values.get("context"),
    })
}

fn examples(measure: &Measure, values: &Value) -> Vec<Example> {
    let read = |values| example(measure, values).unwrap_or_else(|why| panic!("{values}: {why}"));
    values.as_array().unwrap().iter().map(read).collect()
}

fn over(measure: &Measure, examples: &[Example]) -> Result<f64, NoValue> {
    measure.over(&examples.iter().map(|example| (example, 1.0)).collect::<Vec<_>>())
}

fn near(found: f64, expected: f64) -> bool {
    (found - expected).abs() <= 1e-12 * expected.abs().max(1.0)
}

/// Holds the value of each single example and that of all against what was worked out by hand; no scores: the measure
/// has none.
#[track_caller]
fn check(measure: &Measure, values: Value, scores: &[f64], value: f64) {
    let examples = examples(measure, &values);
    for (example, expected) in examples.iter().zip(scores) {
        let score = measure.score(example).unwrap();
        assert!(near(score, *expected), "{:?} of {example:?}: {score}, not {expected}", measure.kind);
    }
    if measure.scale() == Scale::Whole {
        assert!(scores.is_empty() && measure.score(&examples[0]).is_err(), "{:?}", measure.kind);
    } else {
        assert_eq!(examples.len(), scores.len(), "{:?}", measure.kind);
    }
    let found = over(measure, &examples).unwrap();
    assert!(near(found, value), "{:?}: {found}, not {value}", measure.kind);
}

fn labelled(kind: Kind, labels: &[&str]) -> Measure {
    Measure { labels: labels.iter().map(ToString::to_string).collect(), ..Measure::of(kind) }
}

fn positive(kind: Kind, class: &str) -> Measure {
    Measure { positive: Some(class.to_owned()), ..Measure::of(kind) }
}

fn at(kind: Kind, k: usize) -> Measure {
    Measure { k: Some(k), ..Measure::of(kind) }
}

#[test]
fn classes_are_equal_however_they_are_written() {
    let answers = json!([
        {"prediction": 7, "truth": "7"},
        {"prediction": 7.0, "truth": 7},
        {"prediction": true, "truth": "true"},
        {"prediction": ["cat"], "truth": "dog"},
    ]);
    check(&Measure::of(Kind::Accuracy), answers, &[1.0, 1.0, 1.0, 0.0], 0.75);
}

#[test]
fn classes_make_a_confusion_matrix() {
    // spam: 2 found, 1 missed, 1 falsely said; 4 others found.
    let answers = json!([
        {"prediction": "spam", "truth": "spam"}, {"prediction": "spam", "truth": "spam"},
        {"prediction": "ham", "truth": "spam"}, {"prediction": "spam", "truth": "ham"},
        {"prediction": "ham", "truth": "ham"}, {"prediction": "ham", "truth": "ham"},
        {"prediction": "ham", "truth": "ham"}, {"prediction": "ham", "truth": "ham"},
    ]);
    let of = |kind| positive(kind, "spam");
    check(&of(Kind::Precision), answers.clone(), &[], 2.0 / 3.0);
    check(&of(Kind::Recall), answers.clone(), &[], 2.0 / 3.0);
    check(&of(Kind::F1), answers.clone(), &[], 2.0 / 3.0);
    check(&Measure { beta: Some(2.0), ..of(Kind::Fbeta) }, answers.clone(), &[], 2.0 / 3.0);
    check(&of(Kind::Specificity), answers.clone(), &[], 0.8);
    check(&Measure::of(Kind::F1), answers.clone(), &[], (2.0 / 3.0 + 0.8) / 2.0);
    let averaged = |average| Measure { average: Some(average), ..Measure::of(Kind::Recall) };
    check(&averaged(Average::Micro), answers.clone(), &[], 0.75);
    check(&averaged(Average::Weighted), answers.clone(), &[], 0.75);
    check(&Measure::of(Kind::BalancedAccuracy), answers.clone(), &[], (2.0 / 3.0 + 0.8) / 2.0);
    // (2*4 - 1*1) / sqrt(3 * 3 * 5 * 5)
    check(&Measure::of(Kind::Mcc), answers, &[], 7.0 / 15.0);
}

#[test]
fn a_class_of_the_labels_that_never_came_counts_0_in_the_mean_over_classes() {
    let answers = json!([{"prediction": "a", "truth": "a"}, {"prediction": "b", "truth": "b"}]);
    check(&labelled(Kind::F1, &["a", "b", "c", "d"]), answers.clone(), &[], 0.5);
    let alone = positive(Kind::Precision, "c");
    assert!(matches!(over(&alone, &examples(&alone, &answers)), Err(NoValue::Undefined(_))));
}

#[test]
fn the_positive_class_says_yes_where_the_policy_does_not_name_it() {
    let answers = json!([
        {"prediction": "yes", "truth": "yes"}, {"prediction": "yes", "truth": "no"}, {"prediction": "no", "truth": "no"},
    ]);
    let binary = Measure { average: Some(Average::Binary), ..Measure::of(Kind::Precision) };
    check(&binary, answers, &[], 0.5);
}

#[test]
fn probabilities_of_the_positive_class_come_in_several_shapes() {
    let (two, named) = (labelled(Kind::Brier, &["ham", "spam"]), positive(Kind::Brier, "spam"));
    let wanted = Ok(Example::Scored { score: 0.75, positive: true });
    for (measure, score) in [
        (&two, json!([0.25, 0.75])),
        (&two, json!({"spam": "0.75", "ham": 0.25})),
        (&named, json!(0.75)),
        (&named, json!(" 0.75 ")),
        (&named, json!({"spam": 0.75})),
        (&named, json!([0.75])),
    ] {
        assert_eq!(example(measure, &json!({"score": score, "truth": "spam"})), wanted, "{score}");
    }
    let plain = Measure::of(Kind::Brier);
    for truth in [json!(1), json!(true), json!("yes"), json!("True")] {
        assert_eq!(example(&plain, &json!({"score": 0.75, "truth": truth})), wanted, "{truth}");
    }
}

#[test]
fn probabilities_are_held_against_what_happened() {
    let answers = json!([
        {"score": 0.9, "truth": 1}, {"score": 0.6, "truth": 0}, {"score": 0.4, "truth": 1}, {"score": 0.1, "truth": 0},
    ]);
    let losses = [-(0.9_f64.ln()), -(0.4_f64.ln()), -(0.4_f64.ln()), -(0.9_f64.ln())];
    check(&Measure::of(Kind::LogLoss), answers.clone(), &losses, losses.iter().sum::<f64>() / 4.0);
    check(&Measure::of(Kind::Brier), answers.clone(), &[0.01, 0.36, 0.36, 0.01], 0.185);
    check(&Measure::of(Kind::RocAuc), answers.clone(), &[], 0.75);
    check(&Measure::of(Kind::AveragePrecision), answers, &[], 0.5 + 0.5 * 2.0 / 3.0);
}

#[test]
fn probabilities_of_several_classes_are_taken_together() {
    let answers = json!([
        {"score": [0.5, 0.25, 0.25], "truth": "a"},
        {"score": {"c": 0.25, "b": 0.5, "a": 0.25}, "truth": "b"},
        {"score": [0.5, 0.25, 0.25], "truth": "c"},
    ]);
    let of = |kind| labelled(kind, &["a", "b", "c"]);
    let losses = [0.5_f64, 0.5, 0.25].map(|probability| -probability.ln());
    check(&of(Kind::LogLoss), answers.clone(), &losses, losses.iter().sum::<f64>() / 3.0);
    check(&of(Kind::Brier), answers.clone(), &[0.375, 0.375, 0.875], 1.625 / 3.0);
    // a: 0.5 against 0.25 and 0.5; b: above both; c: tied with both.
    check(&of(Kind::RocAuc), answers.clone(), &[], (0.75 + 1.0 + 0.5) / 3.0);
    let one = Measure { positive: Some("a".to_owned()), ..of(Kind::RocAuc) };
    check(&one, answers, &[], 0.75);
}

#[test]
fn probabilities_that_were_rounded_to_be_shown_are_made_to_add_up() {
    let thirds = example(
        &labelled(Kind::LogLoss, &["a", "b", "c"]),
        &json!({"score": [0.333, 0.333, 0.333], "truth": "a"}),
    );
    let Ok(Example::Distribution { probabilities, truth: 0 }) = thirds else { panic!("{thirds:?}") };
    assert!(probabilities.iter().all(|probability| near(*probability, 1.0 / 3.0)));
}

#[test]
fn confidence_is_that_of_the_answer() {
    let answers = json!([
        {"prediction": "a", "score": 0.95, "truth": "a"}, {"prediction": "b", "score": 0.85, "truth": "a"},
    ]);
    check(&Measure::of(Kind::Ece), answers, &[], (0.05 + 0.85) / 2.0);
    let of_spam = positive(Kind::Ece, "spam");
    let ham = example(&of_spam, &json!({"prediction": "ham", "score": 0.25, "truth": "ham"}));
    assert_eq!(ham, Ok(Example::Confidence { confidence: 0.75, correct: true }));
    let row = labelled(Kind::Ece, &["ham", "spam"]);
    let ham = example(&row, &json!({"prediction": "ham", "score": [0.25, 0.75], "truth": "spam"}));
    assert_eq!(ham, Ok(Example::Confidence { confidence: 0.25, correct: false }));
}

#[test]
fn calibration_tells_how_often_a_probability_was_right() {
    let measure = Measure::of(Kind::LogLoss);
    let answers = json!([
        {"score": 0.75, "truth": 1}, {"score": 0.75, "truth": 0}, {"score": 0.05, "truth": 0},
    ]);
    let examples = examples(&measure, &answers);
    let calibration = measure.calibration(&examples.iter().collect::<Vec<_>>()).unwrap();
    let bins: Vec<_> = calibration
        .bins
        .iter()
        .map(|bin| (bin.lower, bin.n, bin.mean_confidence, bin.mean_correct))
        .collect();
    assert_eq!(bins, [(0.0, 1, 0.05, 0.0), (0.7, 2, 0.75, 0.5)]);
    assert!(matches!(measure.calibration(&[]), Err(NoValue::Undefined(_))));
}

#[test]
fn a_long_text_weighs_more_in_the_perplexity_of_all() {
    let half = 0.5_f64.ln();
    let answers = json!([
        {"score": [half, half, half]},
        {"score": [{"token": "a", "logprob": 4.0 * half}]},
    ]);
    check(&Measure::of(Kind::Perplexity), answers, &[2.0, 16.0], (7.0 / 4.0_f64).exp2());
}

#[test]
fn numbers_are_held_against_the_true_ones() {
    let answers = json!([
        {"prediction": 3, "truth": "1"}, {"prediction": "2.0", "truth": 2}, {"prediction": [3], "truth": 4},
    ]);
    let of = Measure::of;
    check(&of(Kind::Mae), answers.clone(), &[2.0, 0.0, 1.0], 1.0);
    check(&of(Kind::Mse), answers.clone(), &[4.0, 0.0, 1.0], 5.0 / 3.0);
    check(&of(Kind::Mape), answers.clone(), &[2.0, 0.0, 0.25], 0.75);
    check(&of(Kind::Smape), answers.clone(), &[1.0, 0.0, 2.0 / 7.0], (1.0 + 2.0 / 7.0) / 3.0);
    check(&of(Kind::Rmse), answers.clone(), &[], (5.0_f64 / 3.0).sqrt());
    check(&of(Kind::MedianAe), answers.clone(), &[], 1.0);
    check(&of(Kind::MaxError), answers.clone(), &[], 2.0);
    // The mean truth is 7/3, its squared deviations add up to 14/3.
    check(&of(Kind::R2), answers.clone(), &[], 1.0 - 5.0 / (14.0 / 3.0));
    let adjusted = Measure { features: Some(1), ..of(Kind::AdjustedR2) };
    check(&adjusted, answers.clone(), &[], 1.0 - 2.0 * 5.0 / (14.0 / 3.0));
    // The errors 2, 0, -1 have squared deviations of 5 - 1/3.
    check(&of(Kind::ExplainedVariance), answers, &[], 1.0 - (14.0 / 3.0) / (14.0 / 3.0));
}

#[test]
fn points_are_held_against_their_clusters() {
    let answers = json!([
        {"context": [0, 0], "prediction": 1}, {"context": [0, 1], "prediction": 1},
        {"context": [4, 0], "prediction": "b"}, {"context": [4, "1"], "prediction": "b"},
    ]);
    let across = f64::midpoint(4.0, 17.0_f64.sqrt());
    check(&Measure::of(Kind::Silhouette), answers.clone(), &[], 1.0 - 1.0 / across);
    check(&Measure::of(Kind::DaviesBouldin), answers.clone(), &[], 0.25);
    // Between: 4 points 2 away from the middle; within: 4 points 1/2 away from theirs; 1 and 2 degrees of freedom.
    check(&Measure::of(Kind::CalinskiHarabasz), answers, &[], 16.0 / (1.0 / 2.0));
}

#[test]
fn rankings_are_held_against_what_their_items_are_worth() {
    let answers = json!([
        {"prediction": ["a", "b", "c"], "truth": {"b": 1, "d": true}},
        {"prediction": [{"id": 1}, {"id": 2}, {"id": 1}], "truth": [1]},
        {"prediction": ["x", "y"], "truth": "y"},
    ]);
    let log = |rank: f64| 1.0 / (rank + 1.0).log2();
    let gain = [log(2.0) / (1.0 + log(2.0)), 1.0, log(2.0)];
    check(&Measure::of(Kind::Ndcg), answers.clone(), &gain, gain.iter().sum::<f64>() / 3.0);
    check(&Measure::of(Kind::Mrr), answers.clone(), &[0.5, 1.0, 0.5], 2.0 / 3.0);
    check(&Measure::of(Kind::Map), answers.clone(), &[0.25, 1.0, 0.5], 1.75 / 3.0);
    check(&at(Kind::PrecisionAtK, 2), answers.clone(), &[0.5, 0.5, 0.5], 0.5);
    check(&at(Kind::RecallAtK, 2), answers.clone(), &[0.5, 1.0, 1.0], 2.5 / 3.0);
    check(&at(Kind::HitAtK, 1), answers, &[0.0, 1.0, 0.0], 1.0 / 3.0);
}

#[test]
fn rankings_are_held_against_other_rankings() {
    let answers = json!([
        {"prediction": ["a", "b", "c"], "truth": ["a", "c", "b"]},
        {"prediction": ["a", "b"], "truth": ["a", "b"]},
    ]);
    check(&Measure::of(Kind::KendallTau), answers.clone(), &[1.0 / 3.0, 1.0], 2.0 / 3.0);
    check(&at(Kind::Overlap, 2), answers.clone(), &[0.5, 1.0], 0.75);
    check(&Measure::of(Kind::Overlap), answers.clone(), &[1.0, 1.0], 1.0);
    // Agreement by depth 1, 1/2, 1: 0.1 (1 + 0.9/2 + 0.81) + 0.729.
    check(&Measure::of(Kind::Rbo), answers, &[0.955, 1.0], 0.9775);
}

#[test]
fn texts_are_held_against_the_nearest_reference() {
    let answers = json!([
        {"prediction": "The cat sat down.", "truth": ["dogs bark", "the cat sat"]},
        {"prediction": "42", "truth": 42},
    ]);
    check(&Measure::of(Kind::ExactMatch), answers.clone(), &[0.0, 1.0], 0.5);
    // Articles do not count: 2 of 3 and 2 of 2 words.
    check(&Measure::of(Kind::TokenF1), answers.clone(), &[0.8, 1.0], 0.9);
    // 3 of 4 and 3 of 3 words; pairs of words 2 of 3 and 2 of 2.
    check(&Measure::of(Kind::Rouge1), answers.clone(), &[6.0 / 7.0, 1.0], 6.5 / 7.0);
    check(&Measure::of(Kind::RougeL), answers.clone(), &[6.0 / 7.0, 1.0], 6.5 / 7.0);
    check(&Measure::of(Kind::RougeLsum), answers.clone(), &[6.0 / 7.0, 1.0], 6.5 / 7.0);
    check(&Measure::of(Kind::Rouge2), answers.clone(), &[0.8, 0.0], 0.4);
    // A capital, and six characters too many of 17.
    check(&Measure::of(Kind::EditSimilarity), answers.clone(), &[10.0 / 17.0, 1.0], 27.0 / 34.0);
    check(&Measure::of(Kind::Cer), answers.clone(), &[7.0 / 11.0, 0.0], 3.5 / 11.0);
    // "The" for "the", "down." too many.
    check(&Measure::of(Kind::Wer), answers, &[2.0 / 3.0, 0.0], 1.0 / 3.0);
}

#[test]
fn texts_are_held_against_references_by_their_n_grams() {
    let same = json!([{"prediction": "a b c d", "truth": "a b c d"}, {"prediction": "x", "truth": "x"}]);
    check(&Measure::of(Kind::SentenceBleu), same.clone(), &[100.0, 100.0], 100.0);
    check(&Measure::of(Kind::Chrf), same, &[100.0, 100.0], 100.0);
    // Of 5 and 4 + 3 + 2 tokens 4, 3, 2, 1 n-grams match; nothing is too short.
    let one = json!([{"prediction": "a b c d e", "truth": ["q", "a b c d f"]}]);
    let precision = (4.0 / 5.0 * 3.0 / 4.0 * 2.0 / 3.0 * 1.0 / 2.0_f64).powf(0.25);
    check(&Measure::of(Kind::Bleu), one, &[], 100.0 * precision);
}

#[test]
fn risks_are_held_against_the_order_of_events() {
    let answers = json!([
        {"prediction": 3, "truth": {"time": 1, "event": 1}},
        {"prediction": 1, "truth": {"time": 2, "event": true}},
        {"prediction": "2", "truth": {"time": 3, "event": 0}},
        {"prediction": 0, "truth": {"time": "4", "event": false}},
    ]);
    // Of 3 + 2 comparable pairs all but (2nd, 3rd) are in order.
    check(&Measure::of(Kind::CIndex), answers.clone(), &[], 0.8);
    // At time 1 the first is told from all three.
    check(&Measure::of(Kind::TdAuc), answers, &[], 1.0);
}

#[test]
fn masks_are_held_against_each_other() {
    let answers = json!([
        {"prediction": [[1, 1], [0, 0]], "truth": [[1, 0], [0, 0]]},
        {"prediction": [true, false, false, false], "truth": [[1, 0], [0, 0]]},
    ]);
    check(&Measure::of(Kind::Dice), answers.clone(), &[2.0 / 3.0, 1.0], 5.0 / 6.0);
    check(&Measure::of(Kind::Iou), answers, &[0.5, 1.0], 0.75);
    let classes = json!([{"prediction": [1, 1, 2, 0], "truth": [1, 2, 2, 0]}]);
    check(&labelled(Kind::Iou, &["1", "2", "9"]), classes.clone(), &[0.5], 0.5);
    check(&positive(Kind::Dice, "2"), classes, &[2.0 / 3.0], 2.0 / 3.0);
}

#[test]
fn boxes_and_marks_are_held_against_what_is_there() {
    let found = |score: f64, corner: f64| json!({"box": [corner, 0, corner + 10.0, 10], "class": "cat", "score": score});
    let answers = json!([
        {"prediction": [found(0.9, 0.0), found(0.8, 50.0)], "truth": [{"box": [0, 0, 10, 10], "class": "cat"}]},
        {"prediction": [], "truth": [{"box": [0, 0, 10, 10], "class": "cat"}]},
    ]);
    // Found at precision 1 up to half the recall: 51 of 101 points.
    check(&Measure::of(Kind::DetectionMap), answers.clone(), &[], 51.0 / 101.0);
    // One of two lesions before the first false mark, never more.
    check(&Measure::of(Kind::Froc), answers, &[], 0.5);
    let matched =
        json!([{"prediction": [{"lesion": 0, "score": 0.5}, {"lesion": null, "score": 0.1}], "truth": 2}]);
    check(&Measure::of(Kind::Froc), matched, &[], 0.5);
}

#[test]
fn sources_are_told_by_id_or_by_verdict() {
    let answers = json!([
        {"context": ["a", "b", "c"], "truth": ["c", "a", "z"]},
        {"context": [{"text": "one"}, {"text": "two"}, {"text": "three"}], "truth": [1, 0, 1]},
        {"context": [0, 1, 2], "truth": [0, 1]},
        {"context": ["a", "b"], "truth": "b"},
    ]);
    let two_of_three = f64::midpoint(1.0, 2.0 / 3.0);
    check(
        &Measure::of(Kind::ContextPrecision),
        answers.clone(),
        &[two_of_three, two_of_three, 1.0, 0.5],
        (2.0 * two_of_three + 1.5) / 4.0,
    );
    check(&at(Kind::ContextPrecision, 1), answers.clone(), &[1.0, 1.0, 1.0, 0.0], 0.75);
    check(
        &Measure::of(Kind::ContextRecall),
        answers,
        &[2.0 / 3.0, 2.0 / 3.0, 1.0, 1.0],
        (2.0 + 4.0 / 3.0) / 4.0,
    );
}

#[test]
fn calls_of_tools_have_no_order_and_come_as_any_api_writes_them() {
    let look = json!({"name": "look", "arguments": {"city": "Oslo", "days": 1}});
    let answers = json!([
        // The same two, in another order, one in a text as OpenAI writes it, numbers by value.
        {"prediction": [{"name": "say", "arguments": {}}, look],
         "truth": [{"type": "function", "function": {"name": "look", "arguments": "{\"days\": 1.0, \"city\": \"Oslo\"}"}},
                   {"name": "say"}]},
        // One of two right, one too many of the other.
        {"prediction": [look, look, {"name": "say", "arguments": {"a": 1}}],
         "truth": [{"type": "tool_use", "name": "look", "input": {"city": "Oslo", "days": 1}}]},
        // Another city.
        {"prediction": look, "truth": {"name": "look", "arguments": {"city": "Bergen", "days": 1}}},
        // Rightly none, and wrongly.
        {"prediction": [], "truth": []},
        {"prediction": [], "truth": [look]},
    ]);
    check(&Measure::of(Kind::ToolCallAccuracy), answers.clone(), &[1.0, 0.0, 0.0, 1.0, 0.0], 0.4);
    check(&Measure::of(Kind::ToolCallF1), answers, &[1.0, 0.5, 0.0, 1.0, 0.0], 0.5);
}

#[test]
fn claims_and_questions_come_as_verdicts_and_similarities() {
    let claims = json!([{"truth": [1, true, "no", 0]}, {"truth": true}]);
    check(&Measure::of(Kind::Faithfulness), claims, &[0.5, 1.0], 0.75);
    let questions = json!([
        {"truth": [0.5, 1]},
        {"truth": {"similarities": [1, 0.5], "noncommittal": [0, 1]}},
        {"truth": {"similarities": [1], "noncommittal": [1]}},
    ]);
    check(&Measure::of(Kind::AnswerRelevance), questions, &[0.75, 0.75, 0.0], 0.5);
}

#[test]
fn an_answer_without_a_prediction_scores_worst() {
    assert_eq!(Measure::of(Kind::Brier).worst(), Some(1.0));
    assert_eq!(labelled(Kind::Brier, &["a", "b", "c"]).worst(), Some(2.0));
    assert_eq!(Measure::of(Kind::KendallTau).worst(), Some(-1.0));
    assert_eq!(Measure::of(Kind::Mae).worst(), None);
    assert_eq!(Measure::of(Kind::RocAuc).worst(), None);
}
