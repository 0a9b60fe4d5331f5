//! The tree difference: kinds, paths, ignored places, bags, bounds, hostile documents.

use std::collections::BTreeSet;

use proptest::prop_assert;
use proptest::prop_assert_eq;
use proptest::proptest;
use serde_json::Value;
use serde_json::json;

use crate::compare;
use crate::compare::Agreement;
use crate::compare::Answer;
use crate::compare::BOUND;
use crate::compare::Bound;
use crate::compare::Closeness;
use crate::compare::DifferenceKind;
use crate::compare::DifferenceKind::Extra;
use crate::compare::DifferenceKind::Length;
use crate::compare::DifferenceKind::Missing;
use crate::compare::DifferenceKind::Type;
use crate::compare::DifferenceKind::Value as Differs;
use crate::compare::Differences;
use crate::compare::Field;
use crate::compare::Pointer;
use crate::compare::PointerError;
use crate::compare::Rule;
use crate::compare::Tree;
use crate::compare::answers;
use crate::compare::tests::document;
use crate::protocol::Document;

const UNBOUNDED: Bound = Bound { differences: usize::MAX, path_bytes: usize::MAX };

fn pointers(texts: &[&str]) -> Vec<Pointer> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

fn parsed(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

fn check(tree: &Tree, left: &str, right: &str, expected: &[(&str, DifferenceKind)]) {
    let found = tree.differences(&parsed(left), &parsed(right), UNBOUNDED);
    let told: Vec<_> = found.found.iter().map(|found| (found.path.as_str(), found.kind)).collect();
    assert_eq!(told, expected, "{left} and {right}");
    assert_eq!(found.is_empty(), expected.is_empty());
}

fn tree(ignore: &[&str], unordered: &[&str]) -> Tree {
    Tree::new(Closeness::EXACT, &pointers(ignore), &pointers(unordered))
}

#[test]
fn trees_differ_at_generalised_places_each_in_its_way() {
    let cases: &[(&str, &str, &[_])] = &[
        ("1", "1.0", &[]),
        ("1", "2", &[("", Differs)]),
        ("null", "false", &[("", Type)]),
        ("[]", "{}", &[("", Type)]),
        (r#"{"a": {"b": 1}}"#, r#"{"a": {}, "c": {"d": [1]}}"#, &[("/a/b", Missing), ("/c", Extra)]),
        ("[[1], [2, 3]]", "[[2], [2, 4, 5]]", &[("/*", Length), ("/*/*", Differs)]),
        ("[1, true, \"a\"]", "[1.5, 1, \"b\"]", &[("/*", Type), ("/*", Differs)]),
        (r#"{"": {"/~": 1}}"#, r#"{"": {"/~": 2}}"#, &[("//~1~0", Differs)]),
        ("123456789012345678901", "123456789012345678902", &[("", Differs)]),
        (r#"{"a": 1, "a": 2}"#, r#"{"a": 2}"#, &[]),
    ];
    for (left, right, expected) in cases {
        check(&tree(&[], &[]), left, right, expected);
    }
}

#[test]
fn an_ignored_place_is_passed_over_with_all_below_it_and_no_other() {
    let left = r#"{"meta": {"ts": 1}, "metadata": 1, "c": [{"id": 1, "t": "a"}, {"id": 2, "t": "b"}]}"#;
    let right = r#"{"metadata": 2, "c": [{"id": 3, "t": "A"}, {"t": "B"}], "new": 1}"#;
    let cases: &[(&[&str], &[_])] = &[
        (&[""], &[]),
        (&["/meta", "/c"], &[("/metadata", Differs), ("/new", Extra)]),
        (
            &["/meta/ts", "/c/*/id", "/new/x"],
            &[("/c/*/t", Differs), ("/meta", Missing), ("/metadata", Differs), ("/new", Extra)],
        ),
        (&["/meta", "/metadata", "/new", "/c/*/t", "/c/1"], &[("/c/*/id", Differs)]),
        (&["/meta", "/metadata", "/new", "/c/*/t", "/c/0"], &[("/c/*/id", Missing)]),
        (&["/meta", "/metadata", "/new", "/c/*"], &[]),
    ];
    for (ignore, expected) in cases {
        check(&tree(ignore, &[]), left, right, expected);
    }
    check(&tree(&["/*"], &[]), "[1]", "[2, 3]", &[("", Length)]);
}

#[test]
fn an_array_without_order_is_a_bag_of_values() {
    let cases: &[(&[&str], &str, &str, &[_])] = &[
        (&[""], "[3, 1, 2, 2]", "[1, 2.0, 3, 2]", &[]),
        (&[""], "[1, 2, 2]", "[1, 1, 2]", &[("/*", Extra), ("/*", Missing)]),
        (&[""], "[1, 2, 2]", "[2, 1]", &[("/*", Missing)]),
        (&[""], "[]", "[null]", &[("/*", Extra)]),
        (&[""], "[\"1\", true]", "[1, true]", &[("/*", Extra), ("/*", Missing)]),
        (&[""], r#"[{"a": 1, "b": [1, 2]}]"#, r#"[{"b": [1, 2], "a": 1}]"#, &[]),
        (&[""], "[[1, 2]]", "[[2, 1]]", &[("/*", Extra), ("/*", Missing)]),
        (&["", "/*"], "[[1, 2], [3]]", "[[3], [2, 1]]", &[]),
        (
            &["/*/l"],
            r#"[{"l": [1, 2]}, {"l": [3]}]"#,
            r#"[{"l": [2, 1]}, {"l": [4]}]"#,
            &[("/*/l/*", Extra), ("/*/l/*", Missing)],
        ),
        (&[""], "[1]", "{}", &[("", Type)]),
    ];
    for (unordered, left, right, expected) in cases {
        check(&tree(&[], unordered), left, right, expected);
    }
    let (left, right) = (r#"[{"id": 1, "v": 1}, {"v": 2}]"#, r#"[{"id": 9, "v": 2}, {"v": 1}]"#);
    check(&tree(&["/*/id"], &[""]), left, right, &[]);
    check(&tree(&["/*"], &[""]), "[1]", "[2]", &[]);
}

#[test]
fn the_larger_tolerance_counts_and_without_any_whole_numbers_are_exact() {
    let loose = Tree::new(Closeness::within(0.5, 0.01), &[], &[]);
    check(&loose, "[1, 1000, 10]", "[1.5, 1009, 11]", &[("/*", Differs)]);
    check(&loose, "[1, 1000]", "[1.5, 1009]", &[]);
    check(&Tree::WITHIN_ROUNDING, "[0.3, 1e300]", "[0.30000000000000004, 1e300]", &[]);
    check(&Tree::WITHIN_ROUNDING, "9007199254740993", "9007199254740992", &[("", Differs)]);
}

#[test]
fn no_more_is_reported_than_was_asked_for() {
    let wide = |value: u32| Value::Object((0..10).map(|n| (format!("k{n}"), json!(value))).collect());
    let found =
        |most| tree(&[], &[]).differences(&wide(1), &wide(2), Bound { differences: most, ..UNBOUNDED });
    assert_eq!((found(10).found.len(), found(10).truncated), (10, false));
    assert_eq!((found(9).found.len(), found(9).truncated), (9, true));
    let nothing = found(0);
    assert!(nothing.found.is_empty() && nothing.truncated && !nothing.is_empty());
    let (left, right) = (json!([1, 2, 3, 4]), json!([2, 3, 4, 5]));
    let found = tree(&[], &[]).differences(&left, &right, Bound { differences: 1, ..UNBOUNDED });
    assert!(!found.truncated, "one place is reported once, however many elements differ");
}

#[test]
fn a_path_that_is_too_long_is_cut_at_a_whole_step() {
    let document = |n| json!({"abcd": {"efgh": {"i": n}}, "é/": n});
    let paths = |path_bytes| -> Vec<String> {
        let found = tree(&[], &[]).differences(&document(1), &document(2), Bound { path_bytes, ..UNBOUNDED });
        assert!(found.found.iter().all(|found| found.path.len() <= path_bytes));
        found.paths().map(str::to_owned).collect()
    };
    assert_eq!(paths(16), ["/abcd/efgh/i", "/é~1"]);
    assert_eq!(paths(15), ["/abcd/efgh/…", "/é~1"]);
    assert_eq!(paths(9), ["/abcd/…", "/é~1"]);
    assert_eq!(paths(8), ["/…"]);
}

#[test]
fn hostile_documents_cost_no_more_than_their_size() {
    let key = "k".repeat(100_000);
    let below = |n: u32| format!("{{\"{key}\": [{}]}}", vec![format!("{{\"v\": {n}}}"); 20_000].join(","));
    let found = Tree::WITHIN_ROUNDING.differences(&parsed(&below(1)), &parsed(&below(2)), BOUND);
    assert_eq!(found.paths().collect::<Vec<_>>(), ["/…"]);
    let leaves = |first: u32| (first..first + 20_000).map(|n| n.to_string()).collect::<Vec<_>>().join(",");
    let nested = |first| parsed(&format!("{}{}{}", "[".repeat(120), leaves(first), "]".repeat(120)));
    let everywhere: Vec<Pointer> = (0..120).map(|depth| "/*".repeat(depth).parse().unwrap()).collect();
    let bags = Tree::new(Closeness::EXACT, &[], &everywhere);
    let found = bags.differences(&nested(0), &nested(1), BOUND);
    assert_eq!(found.paths().collect::<Vec<_>>(), ["/*"]);
}

/// What a rule that holds trees against each other from one place down says, and where they differ.
fn check_rule(
    place: &str,
    ignore: &[&str],
    answers: [&str; 2],
    agreement: Agreement,
    paths: Option<&[&str]>,
) {
    let rule = Rule::Tree { place: place.parse().unwrap(), tree: tree(ignore, &[]) };
    let fields = [Field { name: "f".to_owned(), rule }];
    let [left, right] = answers.map(Document::from);
    let found = compare::answers(&fields, Answer::plain(&left), Answer::plain(&right)).remove(0);
    assert_eq!(found.agreement, agreement, "{place} without {ignore:?}");
    let told = found.differences.as_ref().map(|found| found.paths().collect::<Vec<_>>());
    assert_eq!(told.as_deref(), paths, "{place} without {ignore:?}");
}

#[test]
fn a_tree_is_held_against_the_other_from_one_place_down() {
    let (left, right) = (r#"{"a": [{"b": 1, "c": 1}], "d": 1}"#, r#"{"a": [{"b": 2, "c": 2}], "d": 2}"#);
    check_rule("/a/0", &[], [left, right], Agreement::Differ, Some(&["/a/*/b", "/a/*/c"]));
    check_rule("/a/0", &["/a/*/b"], [left, right], Agreement::Differ, Some(&["/a/*/c"]));
    check_rule("/a", &["/a/*"], [left, right], Agreement::Agree, Some(&[]));
    check_rule("/a/1", &[], [left, right], Agreement::Missing, Some(&[]));
    check_rule("/a", &[], [left, "{}"], Agreement::Missing, Some(&["/a"]));
    check_rule("/a", &["/a"], ["{}", right], Agreement::Missing, Some(&[]));
    check_rule("", &[], [left, "no JSON"], Agreement::Missing, None);
}

#[test]
fn pointers_are_read_as_the_rfc_says() {
    let tokens = |text: &str| -> Vec<String> {
        text.parse::<Pointer>().unwrap().tokens().map(str::to_owned).collect()
    };
    assert_eq!(tokens(""), Vec::<String>::new());
    assert_eq!(tokens("/"), [""]);
    assert_eq!(tokens("/a~1b/~0~01/*"), ["a/b", "~~1", "*"]);
    let problem = |text: &str| text.parse::<Pointer>().unwrap_err();
    assert_eq!(problem("$.a"), PointerError::NoSlash("$.a".to_owned()));
    assert_eq!(problem("/a~"), PointerError::Escape("/a~".to_owned()));
    assert_eq!(problem("/~2"), PointerError::Escape("/~2".to_owned()));
}

/// The differences with the sides the other way round.
fn mirrored(found: &Differences) -> BTreeSet<(String, DifferenceKind)> {
    let kind = |kind| match kind {
        Missing => Extra,
        Extra => Missing,
        other => other,
    };
    found.found.iter().map(|found| (found.path.clone(), kind(found.kind))).collect()
}

proptest! {
    #[test]
    fn a_tree_differs_nowhere_from_itself_written_otherwise(document in document()) {
        let again = parsed(&serde_json::to_string_pretty(&document).unwrap());
        prop_assert!(tree(&[], &[]).differences(&document, &again, UNBOUNDED).is_empty());
        let bags = tree(&[], &["", "/*", "/a", "/*/*"]);
        prop_assert!(bags.differences(&document, &again, UNBOUNDED).is_empty());
    }

    #[test]
    fn which_side_is_left_only_turns_missing_and_extra_round(one in document(), two in document()) {
        for tree in [tree(&[], &[]), tree(&["/a"], &["", "/b"])] {
            let (there, back) =
                (tree.differences(&one, &two, UNBOUNDED), tree.differences(&two, &one, UNBOUNDED));
            let there: BTreeSet<_> = there.found.into_iter().map(|found| (found.path, found.kind)).collect();
            prop_assert_eq!(there, mirrored(&back));
        }
    }

    #[test]
    fn whole_bodies_agree_exactly_where_their_trees_do(one in document(), two in document()) {
        let (left, right): (Document, Document) =
            (one.to_string().as_str().into(), two.to_string().as_str().into());
        let compared = answers(&[], Answer::plain(&left), Answer::plain(&right)).remove(0);
        prop_assert_eq!(compared.agreement == Agreement::Agree, compared.differences.unwrap().is_empty());
        let exact = Field { name: "f".to_owned(), rule: Rule::Exact("$".parse().unwrap()) };
        let same = answers(&[exact], Answer::plain(&left), Answer::plain(&right))[0].agreement == Agreement::Agree;
        prop_assert_eq!(same, tree(&[], &[]).differences(&one, &two, UNBOUNDED).is_empty());
    }
}
