mod rules;
mod said;
mod trees;

use proptest::collection::vec;
use proptest::prelude::Just;
use proptest::prelude::Strategy;
use proptest::prelude::any;
use proptest::prop_assert_eq;
use proptest::prop_oneof;
use proptest::proptest;
use serde_json::Value;

use crate::compare::Agreement;
use crate::compare::Agreement::Agree;
use crate::compare::Agreement::Differ;
use crate::compare::Agreement::Missing;
use crate::compare::Answer;
use crate::compare::Closeness;
use crate::compare::Compared;
use crate::compare::Field;
use crate::compare::Rule;
use crate::compare::answers;
use crate::protocol::Document;

/// What comparing two JSON texts says, by one rule or, without, as whole bodies.
fn check(rule: Option<Rule>, legacy: &str, other: &str, expected: Agreement) {
    let (one, two) = (Document::from(legacy), Document::from(other));
    let name = if rule.is_some() { "field" } else { "body" };
    let fields: Vec<Field> = rule.into_iter().map(|rule| Field { name: "field".to_owned(), rule }).collect();
    for (one, two) in [(&one, &two), (&two, &one)] {
        let compared = answers(&fields, Answer::plain(one), Answer::plain(two));
        let found: Vec<_> =
            compared.iter().map(|Compared { field, agreement, .. }| (*field, *agreement)).collect();
        assert_eq!(found, [(name, expected)], "{legacy} and {other}");
    }
}

fn exact(path: &str) -> Option<Rule> {
    Some(Rule::Exact(path.parse().unwrap()))
}

fn numeric(path: &str, absolute: f64, relative: f64) -> Option<Rule> {
    Some(Rule::Numeric { path: path.parse().unwrap(), closeness: Closeness::within(absolute, relative) })
}

#[test]
fn whole_bodies_are_equal_as_json() {
    let cases = [
        (r#"{"a": 1, "b": [true, null]}"#, r#"{"b": [true, null], "a": 1.0}"#, Agree),
        ("[1, 1e2, -0.0, 10e-1]", "[1.0, 100, 0, 1]", Agree),
        ("[1, 2]", "[2, 1]", Differ),
        ("[1, 2]", "[1, 2, 3]", Differ),
        (r#"{"a": 1}"#, r#"{"a": 1, "b": null}"#, Differ),
        (r#"{"a": null}"#, r#"{"b": null}"#, Differ),
        (r#""1""#, "1", Differ),
        ("true", "1", Differ),
        ("0.1", "0.10000000000000001", Agree),
        ("0.3", "0.30000000000000004", Agree),
        ("0.3", "0.3001", Differ),
        ("1e-320", "2e-320", Differ),
        ("9007199254740993", "9007199254740992", Differ),
        ("9007199254740993", "9007199254740993.0", Agree),
        ("123456789012345678901234567890", "123456789012345678901234567891", Differ),
        ("123456789012345678901234567890", "1.2345678901234567890123456789e29", Agree),
        ("1e400", "1e401", Differ),
        ("1e400", "10e399", Agree),
        ("1e99999999999999999999", "1e99999999999999999999", Agree),
    ];
    for (legacy, other, expected) in cases {
        check(None, legacy, other, expected);
    }
}

#[test]
fn an_exact_field_is_equal_in_value_without_any_tolerance() {
    let cases = [
        ("$.label", r#"{"label": 7, "score": 0.1}"#, r#"{"label": 7.0, "score": 0.9}"#, Agree),
        ("$.label", r#"{"label": 7}"#, r#"{"label": "7"}"#, Differ),
        ("$.p", r#"{"p": 0.3}"#, r#"{"p": 0.30000000000000004}"#, Differ),
        ("$.label", r#"{"label": null}"#, r#"{"label": null}"#, Agree),
        ("$.label", r#"{"label": 7}"#, "{}", Missing),
        ("$.label", "{}", "{}", Missing),
        ("$.a[*]", r#"{"a": [1, 2]}"#, r#"{"a": [1, 2]}"#, Agree),
        ("$.a[*]", r#"{"a": [1, 2]}"#, r#"{"a": [1]}"#, Differ),
        ("$.a[*]", r#"{"a": []}"#, r#"{"a": []}"#, Missing),
    ];
    for (path, legacy, other, expected) in cases {
        check(exact(path), legacy, other, expected);
    }
}

#[test]
fn a_numeric_field_agrees_within_the_wider_of_its_tolerances() {
    let cases = [
        ("$.a[*]", 0.01, 0.0, "[1, 2]", "[1.01, 1.99]", Agree),
        ("$.a[*]", 0.01, 0.0, "[1, 2]", "[1.02, 2]", Differ),
        ("$.a[*]", 0.0, 0.05, "[100]", "[95]", Agree),
        ("$.a[*]", 0.0, 0.05, "[100]", "[94.9]", Differ),
        ("$.a[*]", 0.01, 0.05, "[0]", "[0.005]", Agree),
        ("$.a[*]", 5.0, 0.0, "[10]", "[12]", Agree),
        ("$.a[*]", 0.0, 0.0, "[1]", "[1.0]", Agree),
        ("$.a[*]", 0.0, 0.0, "[9007199254740993]", "[9007199254740992]", Differ),
        ("$.a[*]", 0.1, 0.1, "[1, 2]", "[1]", Differ),
        ("$.a[*]", 0.1, 0.1, r#"[1, "2"]"#, r#"[1, "2"]"#, Differ),
        ("$.a", 0.1, 0.0, "[[1, 2], [3, 4]]", "[1, 2, 3.05, 4]", Agree),
        ("$.a[*]", 0.1, 0.1, "[]", "[]", Missing),
    ];
    for (path, absolute, relative, legacy, other, expected) in cases {
        let document = |list: &str| format!(r#"{{"a": {list}}}"#);
        check(numeric(path, absolute, relative), &document(legacy), &document(other), expected);
    }
}

#[test]
fn bodies_that_are_no_json_are_compared_by_their_bytes_and_have_no_fields() {
    let field = [Field { name: "label".to_owned(), rule: exact("$").unwrap() }];
    let cases = [
        (&[][..], "same", "same", Agree),
        (&[], "same", "other", Differ),
        (&[], "1", "one", Differ),
        (&field, "same", "same", Missing),
        (&field, "1", "one", Missing),
        (&field, "1", "1", Agree),
    ];
    for (fields, legacy, other, expected) in cases {
        let found = answers(fields, Answer::plain(&legacy.into()), Answer::plain(&other.into()))[0].agreement;
        assert_eq!(found, expected, "{legacy} {other}");
    }
}

#[test]
fn fields_are_compared_one_by_one_in_the_order_of_the_policy() {
    let fields = ["b", "a", "c"]
        .map(|name| Field { name: name.to_owned(), rule: exact(&format!("$.{name}")).unwrap() });
    let (legacy, other) = (r#"{"a": 1, "b": 1}"#.into(), r#"{"a": 1, "b": 2}"#.into());
    let compared = answers(&fields, Answer::plain(&legacy), Answer::plain(&other));
    let found: Vec<_> = compared.iter().map(|compared| (compared.field, compared.agreement)).collect();
    assert_eq!(found, [("b", Differ), ("a", Agree), ("c", Missing)]);
}

/// Any JSON document, numbers written in any way.
fn document() -> impl Strategy<Value = Value> {
    let number = (any::<i64>(), 0..6_u32, -30..30_i32).prop_map(|(mantissa, form, exponent)| match form {
        0 => mantissa.to_string(),
        1 => format!("{mantissa}.0"),
        2 => format!("{mantissa}e{exponent}"),
        _ => format!("{mantissa}.25E+{}", exponent.unsigned_abs()),
    });
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        "[a-z]{0,3}".prop_map(Value::from),
        number.prop_map(|text| serde_json::from_str(&text).unwrap()),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        let members = vec(("[a-d]", inner.clone()), 0..4);
        prop_oneof![
            vec(inner, 0..4).prop_map(Value::from),
            members.prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn every_document_agrees_with_itself_written_otherwise(document in document()) {
        let pretty = serde_json::to_string_pretty(&document).unwrap().as_str().into();
        let plain = document.to_string().as_str().into();
        let agreement = |fields: &[Field]| answers(fields, Answer::plain(&plain), Answer::plain(&pretty))[0].agreement;
        prop_assert_eq!(agreement(&[]), Agree);
        prop_assert_eq!(agreement(&[Field { name: "all".to_owned(), rule: exact("$").unwrap() }]), Agree);
    }

    #[test]
    fn agreement_does_not_depend_on_which_side_is_legacy(one in document(), two in document()) {
        let agreement = |a, b| answers(&[], Answer::plain(a), Answer::plain(b))[0].agreement;
        let (one, two) = (one.to_string().as_str().into(), two.to_string().as_str().into());
        prop_assert_eq!(agreement(&one, &two), agreement(&two, &one));
    }

    #[test]
    fn whole_numbers_agree_only_when_they_are_the_same(one: i128, two: i128) {
        let expected = if one == two { Agree } else { Differ };
        check(None, &one.to_string(), &two.to_string(), expected);
        check(exact("$"), &one.to_string(), &format!("{one}.000"), Agree);
    }
}
