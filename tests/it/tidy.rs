//! Checks that hold for every source file: the floor plan, purity, length, the first line, forbidden texts.
//!
//! A check is a function from one file to its complaints, so that the last test here can show that each of them
//! catches what it looks for.

use std::fs;
use std::path::Path;
use std::path::PathBuf;

const MAX_LINES: usize = 600;
const PURE: [&str; 9] =
    ["forecast", "sizing", "strategy", "compare", "evaluate", "stats", "cost", "protocol", "assign"];
const IMPURE: [&str; 14] = [
    "tokio",
    "hyper",
    "hyper_util",
    "std::fs",
    "std::net",
    "std::env",
    "std::thread",
    "SystemTime",
    "Instant",
    "rand::rng",
    "rand::random",
    "thread_rng",
    "println!",
    "crate::telemetry",
];
const UNFINISHED: [&str; 3] = ["#[ignore", "todo!(", "unimplemented!("];
const VAGUE_NAMES: [&str; 10] =
    ["manager", "helper", "helpers", "util", "utils", "common", "data", "info", "processor", "misc"];
const GATEWAY_STATUSES: [&str; 3] =
    ["StatusCode::BAD_GATEWAY", "StatusCode::GATEWAY_TIMEOUT", "StatusCode::SERVICE_UNAVAILABLE"];

/// One file under `src` or `tests`, by its path inside the package.
struct Source {
    path: String,
    text: String,
}

impl Source {
    /// The module of the floor plan that the file belongs to; empty outside `src` and for `lib.rs` and `main.rs`.
    fn module(&self) -> &str {
        let inside = self.path.strip_prefix("src/").unwrap_or("");
        let first = inside.split('/').next().unwrap_or("").trim_end_matches(".rs");
        if matches!(first, "lib" | "main") { "" } else { first }
    }

    fn is_shipped(&self) -> bool {
        self.path.starts_with("src/") && !self.is_test()
    }

    fn is_test(&self) -> bool {
        self.path.starts_with("tests/") || self.path.ends_with("/tests.rs") || self.path.contains("/tests/")
    }

    /// The lines of code with their numbers, without comments.
    fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        self.text.lines().enumerate().map(|(index, line)| (index + 1, without_comment(line)))
    }

    /// One complaint for each line of code that holds one of the texts as a word of its own.
    fn lines_with(&self, texts: &[&str], complaint: &str) -> Vec<String> {
        let found = |code: &str| texts.iter().find(|text| holds_word(code, text)).copied();
        self.code()
            .filter_map(|(line, code)| Some(format!("{}:{line}: `{}`: {complaint}", self.path, found(code)?)))
            .collect()
    }
}

#[test]
fn modules_use_only_modules_below_them() {
    let floors = floor_plan();
    hold(|source| uses_above(source, &floors));
}

#[test]
fn every_module_stands_in_the_floor_plan() {
    let floors = floor_plan();
    hold(|source| missing_in_plan(source, &floors));
}

#[test]
fn pure_modules_touch_no_runtime_file_clock_or_global_randomness() {
    hold(impurities);
}

#[test]
fn files_are_short() {
    hold(too_long);
}

#[test]
fn files_open_with_what_they_are_responsible_for() {
    hold(silent_opening);
}

#[test]
fn imports_name_one_item_a_line() {
    hold(crowded_imports);
}

#[test]
fn only_the_yaml_file_of_config_knows_the_yaml_crate() {
    hold(stray_yaml);
}

#[test]
fn only_the_catalogue_names_metrics() {
    hold(stray_metric_names);
}

#[test]
fn nothing_is_left_unfinished_or_ignored() {
    hold(unfinished);
}

#[test]
fn only_respond_builds_the_gateways_own_error_answers() {
    hold(stray_error_answers);
}

#[test]
fn shipped_code_never_unwraps() {
    hold(unwraps);
}

#[test]
fn names_say_what_a_thing_is() {
    hold(vague_names);
}

fn uses_above(source: &Source, floors: &[String]) -> Vec<String> {
    let floor = |module: &str| floors.iter().position(|name| name == module);
    let Some(own) = floor(source.module()) else { return Vec::new() };
    let mut wrong = Vec::new();
    for (line, code) in source.code() {
        for rest in code.split("crate::").skip(1) {
            let used: String = rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
            if floor(&used).is_some_and(|floor| floor < own) {
                let module = source.module();
                wrong.push(format!(
                    "{}:{line}: `{module}` must not use `{used}`, which is above it",
                    source.path
                ));
            }
        }
    }
    wrong.extend(source.lines_with(&["super::super"], "name the module from `crate::`"));
    wrong
}

fn missing_in_plan(source: &Source, floors: &[String]) -> Vec<String> {
    let module = source.module();
    let known = module.is_empty() || floors.iter().any(|name| name == module);
    complain(!known, || format!("{}: `pub mod {module};` is not in src/lib.rs", source.path))
}

fn impurities(source: &Source) -> Vec<String> {
    if source.is_test() || !PURE.contains(&source.module()) {
        return Vec::new();
    }
    source.lines_with(&IMPURE, "a pure module takes time, dice and bytes as arguments")
}

fn too_long(source: &Source) -> Vec<String> {
    let lines = source.text.lines().count();
    complain(lines > MAX_LINES, || {
        format!("{}: {lines} lines, at most {MAX_LINES}: find the second concept", source.path)
    })
}

fn silent_opening(source: &Source) -> Vec<String> {
    let opens = source.text.starts_with("//! ") || source.path.ends_with("tests.rs");
    complain(!opens, || format!("{}:1: the file must open with `//! ` and what it is for", source.path))
}

fn crowded_imports(source: &Source) -> Vec<String> {
    let import = |code: &str| {
        let code = code.trim_start();
        let code = code.strip_prefix("pub ").unwrap_or(code);
        code.starts_with("use ") && (code.contains('{') || code.contains('*'))
    };
    let crowded = source.code().filter(|(_, code)| import(code));
    crowded.map(|(line, _)| format!("{}:{line}: one `use path::Thing;` a line", source.path)).collect()
}

fn stray_yaml(source: &Source) -> Vec<String> {
    if !source.is_shipped() || source.path == "src/config/yaml.rs" {
        return Vec::new();
    }
    source.lines_with(&["serde_saphyr"], "only src/config/yaml.rs knows the YAML crate")
}

fn stray_metric_names(source: &Source) -> Vec<String> {
    if !source.is_shipped() || source.path == "src/telemetry/metrics.rs" {
        return Vec::new();
    }
    let named = source.code().filter(|(_, code)| code.contains("\"crossfade_"));
    named
        .map(|(line, _)| format!("{}:{line}: metrics are named in src/telemetry/metrics.rs", source.path))
        .collect()
}

fn unfinished(source: &Source) -> Vec<String> {
    source.lines_with(&UNFINISHED, "finish it or leave it out")
}

fn stray_error_answers(source: &Source) -> Vec<String> {
    if !source.is_shipped() || source.module() != "proxy" || source.path == "src/proxy/respond.rs" {
        return Vec::new();
    }
    source.lines_with(&GATEWAY_STATUSES, "only src/proxy/respond.rs turns errors into answers")
}

fn unwraps(source: &Source) -> Vec<String> {
    if !source.is_shipped() {
        return Vec::new();
    }
    source.lines_with(&[".unwrap()"], "return the error, or `expect` with the reason why it cannot happen")
}

fn vague_names(source: &Source) -> Vec<String> {
    let mut parts = source.path.trim_end_matches(".rs").split('/');
    let vague = parts.find(|part| VAGUE_NAMES.contains(part));
    let mut wrong: Vec<_> =
        vague.map(|part| format!("{}: `{part}` says nothing", source.path)).into_iter().collect();
    let getters = source.code().filter(|(_, code)| code.contains("fn get_"));
    wrong.extend(getters.map(|(line, _)| format!("{}:{line}: drop the `get_`", source.path)));
    wrong
}

#[test]
fn each_check_catches_what_it_looks_for() {
    let floors: Vec<String> = ["proxy", "policy", "assign"].map(str::to_owned).into();
    let ok = "//! Does its part.\nuse crate::assign::Share;\n";
    check("src/policy/mod.rs", ok, &floors, 0);
    check("src/assign/mod.rs", "//! Part.\nuse crate::policy::Unit;\n", &floors, 1);
    check("src/assign/mod.rs", "//! Part.\n// Unlike crate::policy, and tokio, this is pure.\n", &floors, 0);
    check("src/policy/unit.rs", "//! Part.\nuse super::super::proxy::Thing;\n", &floors, 1);
    check("src/lost/mod.rs", "//! Part.\n", &floors, 1);
    check("src/assign/mod.rs", "//! Part.\nfn f() { let _ = std::time::SystemTime::now(); }\n", &floors, 1);
    check("src/assign/mod.rs", "//! Part.\nuse tokio::time::Instant;\n", &floors, 1);
    check("src/assign/mod.rs", "//! Part.\nlet hyperbola = instant_of(thread_rngs);\n", &floors, 0);
    check("src/policy/long.rs", &format!("//! Part.\n{}", "\n".repeat(MAX_LINES)), &floors, 1);
    check("src/policy/mute.rs", "use std::fmt;\n", &floors, 1);
    check("src/policy/tests.rs", "use std::fmt;\nfn f() { g().unwrap(); }\n", &floors, 0);
    check("src/policy/mod.rs", "//! Part.\nuse std::{fmt, io};\n", &floors, 1);
    check("src/policy/mod.rs", "//! Part.\n    use crate::policy::*;\n", &floors, 1);
    check("src/policy/mod.rs", "//! Part.\nserde_saphyr::from_str(text)\n", &floors, 1);
    check("src/policy/mod.rs", "//! Part.\nlet name = \"crossfade_requests_total\";\n", &floors, 1);
    check("tests/it/data_plane.rs", "//! Part.\n#[ignore]\n", &floors, 1);
    check("src/policy/mod.rs", "//! Part.\n    todo!()\n", &floors, 1);
    check("src/proxy/dispatch.rs", "//! Part.\nlet code = StatusCode::BAD_GATEWAY;\n", &floors, 1);
    check("src/proxy/respond.rs", "//! Part.\nlet code = StatusCode::BAD_GATEWAY;\n", &floors, 0);
    check("src/policy/mod.rs", "//! Part.\nlet all = lock().unwrap();\n", &floors, 1);
    check("src/policy/utils.rs", "//! Part.\n", &floors, 1);
    check("src/policy/mod.rs", "//! Part.\npub fn get_weight() {}\n", &floors, 1);
}

/// Runs every check over one file and counts the complaints.
fn check(path: &str, text: &str, floors: &[String], expected: usize) {
    let source = Source { path: path.to_owned(), text: text.to_owned() };
    let checks = [
        impurities,
        too_long,
        silent_opening,
        crowded_imports,
        stray_yaml,
        stray_metric_names,
        unfinished,
        stray_error_answers,
        unwraps,
        vague_names,
    ];
    let mut complaints: Vec<String> = checks.iter().flat_map(|check| check(&source)).collect();
    complaints.extend(uses_above(&source, floors));
    complaints.extend(missing_in_plan(&source, floors));
    assert_eq!(complaints.len(), expected, "{path}:\n{text}\n{}", complaints.join("\n"));
}

/// Fails with every complaint that a check has about any file.
fn hold(check: impl Fn(&Source) -> Vec<String>) {
    let sources = sources();
    assert!(sources.len() > 20, "only {} files were found", sources.len());
    let complaints: Vec<String> = sources.iter().flat_map(check).collect();
    assert!(complaints.is_empty(), "\n{}", complaints.join("\n"));
}

fn complain(wrong: bool, complaint: impl FnOnce() -> String) -> Vec<String> {
    wrong.then(complaint).into_iter().collect()
}

/// The modules of `src/lib.rs`, top floor first.
fn floor_plan() -> Vec<String> {
    let text = fs::read_to_string(root().join("src/lib.rs")).unwrap();
    let names = text.lines().filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';'));
    names.map(str::to_owned).collect()
}

/// Every file but this one, which quotes what it forbids.
fn sources() -> Vec<Source> {
    let mut files = Vec::new();
    for folder in ["src", "tests"] {
        collect(&root().join(folder), &mut files);
    }
    files.retain(|file| !file.ends_with(file!()));
    let read = |file: &PathBuf| Source {
        path: file.strip_prefix(root()).unwrap().to_str().unwrap().to_owned(),
        text: fs::read_to_string(file).unwrap(),
    };
    files.iter().map(read).collect()
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn without_comment(line: &str) -> &str {
    if line.trim_start().starts_with("//") {
        return "";
    }
    line.split(" // ").next().unwrap_or(line)
}

/// Says whether a text stands in a line without being part of a longer word.
fn holds_word(code: &str, text: &str) -> bool {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let (opens, closes) = (text.starts_with(is_word), text.ends_with(is_word));
    code.match_indices(text).any(|(at, _)| {
        let glued_before = opens && code[..at].ends_with(is_word);
        let glued_after = closes && code[at + text.len()..].starts_with(is_word);
        !glued_before && !glued_after
    })
}
