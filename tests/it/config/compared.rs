//! What the `compare` keys of a policy become.

use crossfade::compare::Alike;
use crossfade::compare::Closeness;
use crossfade::compare::Embedding;
use crossfade::compare::LENGTH_RATIO;
use crossfade::compare::Length;
use crossfade::compare::Lexical;
use crossfade::compare::Likeness;
use crossfade::compare::Normalize;
use crossfade::compare::Pointer;
use crossfade::compare::Ranked;
use crossfade::compare::Rule;
use crossfade::compare::Said;
use crossfade::compare::Tensor;
use crossfade::compare::Text;
use crossfade::compare::Tree;
use crossfade::compare::Unit;
use crossfade::compare::Which;
use crossfade::protocol::JsonPath;

use crate::config::good::with_experiment;

fn path(text: &str) -> JsonPath {
    text.parse().unwrap()
}

fn tree(place: &str, closeness: Closeness, ignore: &[&str], unordered: &[&str]) -> Rule {
    let pointers = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect::<Vec<Pointer>>();
    let tree = Tree::new(closeness, &pointers(ignore), &pointers(unordered));
    Rule::Tree { place: place.parse().unwrap(), tree }
}

fn ranked(id: &str, k: Option<usize>, likeness: Likeness) -> Rule {
    Rule::Ranked(Ranked { items: path("$.r"), id: path(id), k, likeness })
}

#[test]
fn every_rule_of_comparison_keeps_what_the_file_says_or_its_default() {
    let exactly = Closeness::within(0.0, 0.0);
    let numeric = |closeness| Rule::Numeric { path: path("$.a"), closeness };
    let tensor = |which, closeness| Rule::Tensor(Tensor { which, closeness });
    let alike = |measure, least, normalize| Alike { measure, least, normalize };
    let by_edits = |least, normalize| alike(Lexical::EditSimilarity, least, normalize);
    let text = |least, normalize| Rule::Text(Text { path: path("$.t"), alike: by_edits(least, normalize) });
    let said = |said| Rule::Said(said);
    let length = |unit, most| said(Said::Length(Length { unit, most }));
    let id: Pointer = "/arguments/id".parse().unwrap();
    let cases = [
        ("{exact: $.a}", Rule::Exact(path("$.a"))),
        ("{numeric: $.a}", numeric(exactly)),
        ("{numeric: $.a, absolute: 0.5}", numeric(Closeness::within(0.5, 0.0))),
        ("{tree: $}", tree("", Closeness::WITHIN_ROUNDING, &[], &[])),
        ("{tree: '$.a[0].b', relative: 0}", tree("/a/0/b", exactly, &[], &[])),
        (
            "{tree: $, absolute: 0.1, ignore: [/id, /a/*/b], unordered: ''}",
            tree("", Closeness::within(0.1, 0.0), &["/id", "/a/*/b"], &[""]),
        ),
        ("{tensor: predict}", tensor(Which::Named("predict".to_owned()), exactly)),
        (
            "{tensor: '$.outputs[0]', relative: 1e-3}",
            tensor(Which::At(path("$.outputs[0]")), Closeness::within(0.0, 0.001)),
        ),
        ("{label: $.a}", Rule::Label(path("$.a"))),
        ("{ranked: $.r}", ranked("$", None, Likeness::Same)),
        ("{ranked: $.r, id: $.doc, k: 9, min_rbo: 0.9}", ranked("$.doc", Some(9), Likeness::RankBiased(0.9))),
        ("{ranked: $.r, min_overlap: 1}", ranked("$", None, Likeness::Overlap(1.0))),
        ("{text: $.t}", text(1.0, Vec::new())),
        (
            "{text: $.t, min_similarity: 0.8, normalize: [whitespace, case]}",
            text(0.8, vec![Normalize::Whitespace, Normalize::Case]),
        ),
        ("{text: $.t, normalize: case}", text(1.0, vec![Normalize::Case])),
        (
            "{text: $.t, measure: sentence_bleu}",
            Rule::Text(Text { path: path("$.t"), alike: alike(Lexical::SentenceBleu, 1.0, Vec::new()) }),
        ),
        ("{answer: text}", said(Said::Text(by_edits(1.0, Vec::new())))),
        (
            "{answer: text, measure: chrf, min_similarity: 0.7, normalize: case}",
            said(Said::Text(alike(Lexical::Chrf, 0.7, vec![Normalize::Case]))),
        ),
        ("{answer: json}", said(Said::Json(Tree::WITHIN_ROUNDING))),
        (
            "{answer: tool_calls, absolute: 1, ignore: /arguments/id}",
            said(Said::ToolCalls(Tree::new(Closeness::within(1.0, 0.0), &[id], &[]))),
        ),
        ("{answer: length}", length(Unit::Characters, LENGTH_RATIO)),
        ("{answer: length, unit: tokens, max_ratio: 2}", length(Unit::Tokens, 2.0)),
        ("{embedding: $.e, min_cosine: 0.99}", Rule::Embedding(Embedding { path: path("$.e"), least: 0.99 })),
    ];
    for (written, expected) in cases {
        let keys =
            format!("    candidate: a\n    strategy: {{shadow: {{}}}}\n    compare: {{f: {written}}}\n");
        let config = with_experiment(&keys);
        let [field] = &config.policy.experiments[0].compare[..] else { panic!("one field expected") };
        assert_eq!((field.name.as_str(), &field.rule), ("f", &expected), "{written}");
    }
}
