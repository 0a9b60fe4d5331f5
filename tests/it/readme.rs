//! README.md against the product: metrics, policies, subcommands and admin paths are what they are said to be.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use crossfade::config;
use crossfade::evaluate::measure::Better;
use crossfade::evaluate::measure::Choice;
use crossfade::evaluate::measure::Kind;
use crossfade::evaluate::measure::Scale;
use crossfade::record::Line;
use serde_json::Value;

use crate::rig::Secrets;

/// A fenced block: the words behind the fence, and the text.
struct Block {
    kind: String,
    text: String,
}

fn read(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

fn blocks() -> Vec<Block> {
    let readme = read("README.md");
    let mut blocks: Vec<Block> = Vec::new();
    let mut inside = false;
    for line in readme.lines() {
        match (line.strip_prefix("```"), inside) {
            (Some(kind), false) => blocks.push(Block { kind: kind.to_owned(), text: String::new() }),
            (None, true) => blocks.last_mut().unwrap().text.extend([line, "\n"]),
            (Some(_), true) | (None, false) => {}
        }
        inside ^= line.starts_with("```");
    }
    assert!(!inside, "a fence is not closed");
    blocks
}

/// The metrics of the catalogue with their labels.
fn catalogue() -> BTreeMap<String, Vec<String>> {
    let source = read("src/telemetry/metrics.rs");
    let declared = source.lines().filter_map(|line| line.trim().split_once(" = \"crossfade_"));
    let metrics = declared.map(|(_, rest)| {
        let (name, labels) = rest.split_once('"').unwrap();
        (format!("crossfade_{name}"), labels.split('"').skip(1).step_by(2).map(str::to_owned).collect())
    });
    metrics.collect()
}

/// The words between backticks.
fn quoted(text: &str) -> Vec<String> {
    text.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// Every word of a text that begins with `crossfade_`.
fn metric_names(text: &str) -> BTreeSet<String> {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let words = text.split(|c| !is_word(c));
    words.filter(|word| word.starts_with("crossfade_")).map(str::to_owned).collect()
}

#[test]
fn the_readme_lists_every_metric_with_its_labels() {
    let readme = read("README.md");
    let rows = readme.lines().filter_map(|line| line.strip_prefix("| `crossfade_"));
    let listed: BTreeMap<String, Vec<String>> = rows
        .map(|row| {
            let (name, rest) = row.split_once('`').unwrap();
            let labels = rest.split('|').nth(1).unwrap();
            (format!("crossfade_{name}"), quoted(labels))
        })
        .collect();
    assert!(listed.len() > 20, "{listed:?}");
    assert_eq!(listed, catalogue());
}

#[test]
fn the_readme_names_no_metric_that_does_not_exist() {
    let catalogue = catalogue();
    let exists = |name: &str| {
        let base = ["_bucket", "_sum", "_count"].iter().find_map(|suffix| name.strip_suffix(suffix));
        // `crossfade_(copies_sent|...)` in a pattern is the bare prefix.
        name == "crossfade_"
            || catalogue.contains_key(name)
            || base.is_some_and(|base| catalogue.contains_key(base))
    };
    let unknown: Vec<String> =
        metric_names(&read("README.md")).into_iter().filter(|name| !exists(name)).collect();
    assert!(unknown.is_empty(), "{unknown:?}");
}

#[test]
fn the_readme_tells_what_each_measure_needs_and_on_what_scale_it_lies() {
    let readme = read("README.md");
    let section = readme.split("\n## ").find(|section| section.starts_with("What answers are measured by"));
    let mut told = Vec::new();
    for row in section.unwrap().lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        let [_, kinds, values, options, scale, better, _] = cells.as_slice() else { panic!("{row}") };
        let is_kind = |word: &String| Kind::ALL.into_iter().find(|kind| kind.word() == word);
        for kind in quoted(kinds).iter().filter_map(is_kind) {
            let needed: Vec<String> = kind.inputs().iter().map(|input| input.key().to_owned()).collect();
            assert_eq!(quoted(values), needed, "{}", kind.word());
            let known: Vec<&str> = kind.choices().iter().copied().map(Choice::key).collect();
            assert_eq!(quoted(options), known, "{}", kind.word());
            assert!(scale.starts_with(&scale_of(kind)), "{}: {}, not {scale}", kind.word(), scale_of(kind));
            let expected = if kind.better() == Better::Higher { "higher" } else { "lower" };
            assert_eq!(*better, expected, "{}", kind.word());
            told.push(kind);
        }
    }
    told.sort();
    let measured: Vec<Kind> = Kind::ALL.into_iter().filter(|kind| !kind.is_judged()).collect();
    assert_eq!(told, measured);
}

fn scale_of(kind: Kind) -> String {
    match kind.scale() {
        Scale::Binary => "0 or 1".to_owned(),
        Scale::Bounded { lower, upper } => format!("{lower} to {}", (upper * 100.0).round() / 100.0),
        Scale::Unbounded => "any".to_owned(),
        Scale::Whole => "none".to_owned(),
    }
}

/// Every block of YAML says what it is: a whole policy, what takes the place of `strategy` in the experiment of the
/// first policy, or another section of that policy.
#[test]
fn every_policy_in_the_readme_is_good() {
    let first = first_policy();
    let without_strategy: String =
        first.lines().filter(|line| !line.contains("strategy:")).map(ended).collect();
    // Secrets of a deployment; here they come from what every machine has, or can make.
    let secrets = Secrets::new();
    let mut kinds = BTreeSet::new();
    for Block { kind, text } in blocks().into_iter().filter(|block| block.kind.starts_with("yaml")) {
        let policy = match kind.as_str() {
            "yaml policy" => text,
            "yaml experiment" => {
                let fields = text.lines().map(|line| ended(&format!("    {line}")));
                fields.fold(without_strategy.clone(), |policy, field| policy + &field)
            }
            "yaml section" => format!("{first}{text}"),
            other => panic!("`{other}` does not say which part of a policy it is"),
        };
        let parsed = config::parse(Path::new("README.md"), &secrets.put_into(&policy));
        assert!(parsed.is_ok(), "{kind}\n{policy}\n{}", parsed.unwrap_err());
        kinds.insert(kind);
    }
    assert_eq!(kinds.len(), 3, "{kinds:?}");
}

fn ended(line: &str) -> String {
    format!("{line}\n")
}

fn first_policy() -> String {
    blocks().into_iter().find(|block| block.kind == "yaml policy").unwrap().text
}

#[test]
fn the_first_policy_is_ten_lines() {
    assert_eq!(first_policy().lines().count(), 10);
}

#[test]
fn the_record_in_the_readme_is_one_that_the_gateway_reads() {
    let block = blocks().into_iter().find(|block| block.kind == "json").unwrap();
    let line = Line::parse(&block.text).unwrap();
    assert!(matches!(line, Line::Pair(pair) if pair.counts()));
}

#[test]
fn every_subcommand_in_the_readme_exists() {
    let readme = read("README.md");
    let shown =
        ["crossfade ", "cargo run --release -- "].into_iter().flat_map(|call| readme.split(call).skip(1));
    let words = shown.map(|rest| rest.split(|c: char| !c.is_ascii_lowercase()).next().unwrap());
    let commands: BTreeSet<&str> = words.filter(|word| !word.is_empty()).collect();
    assert!(commands.contains("run") && commands.contains("check"), "{commands:?}");
    for command in commands {
        let asked = Command::new(env!("CARGO_BIN_EXE_crossfade")).args([command, "--help"]).output().unwrap();
        assert!(asked.status.success(), "{command}: {}", String::from_utf8_lossy(&asked.stderr));
    }
}

#[test]
fn the_readme_names_every_path_of_the_admin_api() {
    let readme = read("README.md");
    let api: Value = serde_json::from_str(&read("src/admin/openapi.json")).unwrap();
    let paths = api["paths"].as_object().unwrap();
    let missing: Vec<&String> = paths.keys().filter(|path| !names_path(&readme, path)).collect();
    assert!(paths.len() > 10 && missing.is_empty(), "{missing:?}");
}

/// A table row may shorten a path's beginning to `...`.
fn names_path(readme: &str, path: &str) -> bool {
    let last = path.rsplit('/').next().unwrap_or_default();
    readme.contains(path) || readme.contains(&format!("`.../{last}`"))
}
