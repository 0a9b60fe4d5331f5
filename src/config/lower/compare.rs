//! Lowers the fields by which two answers are compared.

use std::num::NonZeroUsize;

use crate::compare::Alike;
use crate::compare::Closeness;
use crate::compare::Embedding;
use crate::compare::Field as ComparedField;
use crate::compare::LENGTH_RATIO;
use crate::compare::Length;
use crate::compare::Lexical;
use crate::compare::Likeness;
use crate::compare::Pointer;
use crate::compare::Ranked;
use crate::compare::Rule;
use crate::compare::Said;
use crate::compare::Tensor;
use crate::compare::Text;
use crate::compare::Tree;
use crate::compare::Unit;
use crate::config::diagnostic::Place;
use crate::config::diagnostic::Report;
use crate::config::field::At;
use crate::config::field::Entries;
use crate::config::field::Field;
use crate::config::field::Many;
use crate::config::lower::exactly_one;
use crate::config::lower::matcher::key_as;
use crate::config::scalar::AnswerPart;
use crate::config::scalar::Ratio;
use crate::config::scalar::Scalar;
use crate::config::scalar::Similarity;
use crate::config::scalar::Tolerance;
use crate::config::schema;
use crate::protocol::JsonPath;
use crate::vocab::OutcomeName;

const ANSWER_TEXT: &str = "answer: text";
const ANSWER_JSON: &str = "answer: json";
const ANSWER_TOOL_CALLS: &str = "answer: tool_calls";
const ANSWER_LENGTH: &str = "answer: length";
/// The rules that know tolerances.
const TOLERANT: &[&str] = &["numeric", "tree", "tensor", ANSWER_JSON, ANSWER_TOOL_CALLS];
/// The rules that compare trees.
const TREES: &[&str] = &["tree", ANSWER_JSON, ANSWER_TOOL_CALLS];
/// The rules that compare texts.
const TEXTS: &[&str] = &["text", ANSWER_TEXT];

/// The fields of one experiment, in the order of the file.
pub(super) fn fields(raw: Field<Entries<schema::Comparison>>, report: &Report) -> Vec<ComparedField> {
    raw.entries().filter_map(|(key, raw)| field(key, raw, report)).collect()
}

fn field(key: At<String>, raw: At<schema::Comparison>, report: &Report) -> Option<ComparedField> {
    // A field's name becomes a metric label and a key of the record, so it keeps the rules of names.
    let name = key_as::<OutcomeName>(&key, report);
    let At { place, value: raw } = raw;
    let rules = rules(&raw);
    exactly_one(&rules, &place, report);
    let mut there = rules.iter().filter(|(_, there)| *there).map(|(rule, _)| *rule);
    if let (Some(rule), None) = (there.next(), there.next()) {
        // What is wrong with the part has been reported.
        of_part(rule, &raw).into_iter().for_each(|rule| reject_strays(rule, &raw, report));
    }
    let rule = rule(raw, &place, report);
    Some(ComparedField { name: name?.to_string(), rule: rule? })
}

fn rules(raw: &schema::Comparison) -> [(&'static str, bool); 9] {
    [
        ("exact", raw.exact.is_there()),
        ("numeric", raw.numeric.is_there()),
        ("tree", raw.tree.is_there()),
        ("tensor", raw.tensor.is_there()),
        ("label", raw.label.is_there()),
        ("ranked", raw.ranked.is_there()),
        ("text", raw.text.is_there()),
        ("embedding", raw.embedding.is_there()),
        ("answer", raw.answer.is_there()),
    ]
}

/// A rule by the part of what was said, where it is one of those; `None`: it names no such part.
fn of_part(rule: &'static str, raw: &schema::Comparison) -> Option<&'static str> {
    match &raw.answer {
        _ if rule != "answer" => Some(rule),
        Field::Given(At { value: Scalar(AnswerPart::Text), .. }) => Some(ANSWER_TEXT),
        Field::Given(At { value: Scalar(AnswerPart::Json), .. }) => Some(ANSWER_JSON),
        Field::Given(At { value: Scalar(AnswerPart::ToolCalls), .. }) => Some(ANSWER_TOOL_CALLS),
        Field::Given(At { value: Scalar(AnswerPart::Length), .. }) => Some(ANSWER_LENGTH),
        _ => None,
    }
}

/// Reports every option that the rule does not know.
fn reject_strays(rule: &str, raw: &schema::Comparison, report: &Report) {
    let options: [(&str, Option<&Place>, &[&str]); 14] = [
        ("absolute", raw.absolute.place(), TOLERANT),
        ("relative", raw.relative.place(), TOLERANT),
        ("ignore", raw.ignore.place(), TREES),
        ("unordered", raw.unordered.place(), TREES),
        ("id", raw.id.place(), &["ranked"]),
        ("k", raw.k.place(), &["ranked"]),
        ("min_rbo", raw.min_rbo.place(), &["ranked"]),
        ("min_overlap", raw.min_overlap.place(), &["ranked"]),
        ("measure", raw.measure.place(), TEXTS),
        ("min_similarity", raw.min_similarity.place(), TEXTS),
        ("normalize", raw.normalize.place(), TEXTS),
        ("min_cosine", raw.min_cosine.place(), &["embedding"]),
        ("unit", raw.unit.place(), &[ANSWER_LENGTH]),
        ("max_ratio", raw.max_ratio.place(), &[ANSWER_LENGTH]),
    ];
    for (option, place, rules) in options {
        if let Some(place) = place.filter(|_| !rules.contains(&rule)) {
            let rules = rules.join("`, `");
            report.add(place, format!("`{option}` goes with `{rules}`, not with `{rule}`; hint: remove it"));
        }
    }
}

/// The rule. That there is just one was checked.
fn rule(raw: schema::Comparison, place: &Place, report: &Report) -> Option<Rule> {
    let schema::Comparison { exact, numeric, tree, tensor, label, ranked, text, embedding, answer, .. } = raw;
    let closeness = closeness(raw.absolute, raw.relative);
    let exactly = closeness.unwrap_or(Closeness::within(0.0, 0.0));
    let roundly = closeness.unwrap_or(Closeness::WITHIN_ROUNDING);
    let (ignore, unordered) = (values(raw.ignore), values(raw.unordered));
    let likeness = likeness(raw.min_rbo, raw.min_overlap, place, report);
    let (id, k) = (raw.id.or(JsonPath::root()), raw.k.scalar().map(NonZeroUsize::get));
    let alike = Alike {
        measure: raw.measure.or(Lexical::default()),
        least: raw.min_similarity.or(Similarity(1.0)).0,
        normalize: values(raw.normalize),
    };
    let length = Length {
        unit: raw.unit.or(Unit::default()),
        most: raw.max_ratio.scalar().map_or(LENGTH_RATIO, |Ratio(most)| most),
    };
    let min_cosine = raw.min_cosine;
    let round_tree = Tree::new(roundly, &ignore, &unordered);
    let rules = [
        exact.scalar().map(Rule::Exact),
        numeric.scalar().map(|path| Rule::Numeric { path, closeness: exactly }),
        tree.given()
            .and_then(|path| Some(Rule::Tree { place: place_of(path, report)?, tree: round_tree.clone() })),
        tensor.scalar().map(|which| Rule::Tensor(Tensor { which, closeness: exactly })),
        label.scalar().map(Rule::Label),
        ranked.scalar().map(|items| Rule::Ranked(Ranked { items, id, k, likeness })),
        text.scalar().map(|path| Rule::Text(Text { path, alike: alike.clone() })),
        embedding.scalar().and_then(|path| {
            let Scalar(Similarity(least)) = min_cosine.required("min_cosine", place, report)?.value;
            Some(Rule::Embedding(Embedding { path, least }))
        }),
        answer.scalar().map(|part| {
            Rule::Said(match part {
                AnswerPart::Text => Said::Text(alike),
                AnswerPart::Json => Said::Json(round_tree),
                AnswerPart::ToolCalls => Said::ToolCalls(round_tree),
                AnswerPart::Length => Said::Length(length),
            })
        }),
    ];
    rules.into_iter().flatten().next()
}

/// Nothing where neither tolerance is there.
fn closeness(absolute: Field<Scalar<Tolerance>>, relative: Field<Scalar<Tolerance>>) -> Option<Closeness> {
    let given = absolute.is_there() || relative.is_there();
    let number = |tolerance: Field<Scalar<Tolerance>>| tolerance.or(Tolerance(0.0)).0;
    given.then(|| Closeness::within(number(absolute), number(relative)))
}

fn likeness(
    min_rbo: Field<Scalar<Similarity>>,
    min_overlap: Field<Scalar<Similarity>>,
    place: &Place,
    report: &Report,
) -> Likeness {
    if min_rbo.is_there() && min_overlap.is_there() {
        report.add(place, "`min_rbo` and `min_overlap` stand together, expected one of them");
    }
    match (min_rbo.scalar(), min_overlap.scalar()) {
        (Some(Similarity(least)), _) => Likeness::RankBiased(least),
        (None, Some(Similarity(least))) => Likeness::Overlap(least),
        (None, None) => Likeness::Same,
    }
}

/// A tree has everything below its place in it, so a path to several places is never needed.
fn place_of(path: At<Scalar<JsonPath>>, report: &Report) -> Option<Pointer> {
    let At { place, value: Scalar(path) } = path;
    let pointer = path.place().and_then(|pointer| pointer.parse().ok());
    if pointer.is_none() {
        let expected = "expected plain members and indices, as in `$.choices[0]`";
        report.add(&place, format!("`{path}` does not name one place: {expected}"));
    }
    pointer
}

fn values<T>(many: Field<Many<Scalar<T>>>) -> Vec<T> {
    many.each().map(|at| at.value.0).collect()
}
