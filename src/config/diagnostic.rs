//! What is wrong with a policy file, where, and what would cure it.
//!
//! Reading and lowering report into one [`Report`] and go on, so that an operator sees every problem at once,
//! in the order of the file.

use std::cell::RefCell;
use std::fmt;
use std::path::Path;
use std::path::PathBuf;

/// What separates a message from its hint, in what is printed and in what is reported.
const HINT: &str = "; hint: ";

/// Longer messages are cut: they quote the file, and a file may hold anything.
const MAX_CHARS: usize = 500;

/// One problem of a policy file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// The file, as it was named.
    pub file: PathBuf,
    /// The line, from 1.
    pub line: u32,
    /// The column, in characters, from 1.
    pub column: u32,
    /// The keys that lead there, as in `experiments.chat.strategy.ab`; empty for the file as a whole.
    pub path: String,
    /// What is wrong.
    pub message: String,
    /// What would cure it.
    pub hint: Option<String>,
}

/// Everything that is wrong with a policy file, in the order of the file; one line a problem. Never empty.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", lines(.0))]
pub struct Problems(pub Vec<Diagnostic>);

/// A place in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) line: u32,
    pub(super) column: u32,
    pub(super) path: String,
}

/// The problems found so far. Shared while the file is read, hence the cell.
#[derive(Debug)]
pub(super) struct Report {
    file: PathBuf,
    found: RefCell<Vec<Diagnostic>>,
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, line, column, path, message, hint } = self;
        write!(f, "{}:{line}:{column}: ", file.display())?;
        if !path.is_empty() {
            write!(f, "{path}: ")?;
        }
        f.write_str(message)?;
        hint.iter().try_for_each(|hint| write!(f, "{HINT}{hint}"))
    }
}

impl Place {
    /// The beginning of the file.
    pub(super) fn start() -> Self {
        Self { line: 1, column: 1, path: String::new() }
    }
}

impl Report {
    pub(super) fn new(file: &Path) -> Self {
        Self { file: file.to_owned(), found: RefCell::default() }
    }

    /// Adds a problem. What follows `; hint: ` in the text is its hint.
    pub(super) fn add(&self, place: &Place, text: impl fmt::Display) {
        let text = printable(&text.to_string());
        let (message, hint) = match text.split_once(HINT) {
            Some((message, hint)) => (message.to_owned(), Some(hint.to_owned())),
            None => (text, None),
        };
        let Place { line, column, path } = place.clone();
        let path = printable(&path);
        let file = self.file.clone();
        self.found.borrow_mut().push(Diagnostic { file, line, column, path, message, hint });
    }

    /// Adds that a key is missing, unless a key beside it was taken for a misspelling of it.
    pub(super) fn add_missing(&self, key: &str, parent: &Place) {
        if !self.suggests(key, parent) {
            self.add(parent, format!("`{key}` is missing"));
        }
    }

    /// Says whether an unknown key of a mapping was taken for a misspelling of this one.
    pub(super) fn suggests(&self, key: &str, parent: &Place) -> bool {
        let suggestion = suggestion(key);
        let within = |problem: &Diagnostic| is_below(&problem.path, &parent.path);
        self.found
            .borrow()
            .iter()
            .any(|problem| within(problem) && problem.hint.as_ref() == Some(&suggestion))
    }

    /// Says whether anything was found at a path of keys or below it.
    pub(super) fn touches(&self, path: &str) -> bool {
        self.found.borrow().iter().any(|problem| is_below(&problem.path, path))
    }

    /// Hands back the value, or every problem when there is any.
    pub(super) fn conclude<T>(self, value: Option<T>) -> Result<T, Problems> {
        let problems = self.into_problems();
        match value {
            Some(value) if problems.0.is_empty() => Ok(value),
            _ => Err(problems),
        }
    }

    /// Every problem, in the order of the file.
    pub(super) fn into_problems(self) -> Problems {
        let mut found = self.found.into_inner();
        found.sort_by_key(|problem| (problem.line, problem.column));
        Problems(found)
    }
}

/// Ends a message with the nearest known word as a hint, or with all of them when none is near.
pub(super) fn did_you_mean<'w>(word: &str, known: impl IntoIterator<Item = &'w str>) -> String {
    let known: Vec<&str> = known.into_iter().collect();
    let length = word.chars().count();
    let distance = |candidate: &str| strsim::osa_distance(word, candidate);
    let near = |candidate: &str| distance(candidate) < length && distance(candidate) <= 1.max(length / 3);
    let nearest = known.iter().copied().min_by_key(|candidate| distance(candidate));
    match (nearest, &known[..]) {
        (Some(nearest), _) if near(nearest) => format!("{HINT}{}", suggestion(nearest)),
        (_, [only]) => format!("{HINT}expected `{only}`"),
        (Some(_), known) if known.len() <= 16 => format!("{HINT}expected one of `{}`", known.join("`, `")),
        _ => String::new(),
    }
}

fn suggestion(word: &str) -> String {
    format!("did you mean `{word}`?")
}

/// Says whether a path of keys is another one, or leads on from it.
fn is_below(path: &str, parent: &str) -> bool {
    path.strip_prefix(parent)
        .is_some_and(|rest| parent.is_empty() || rest.is_empty() || rest.starts_with(['.', '[']))
}

fn lines(problems: &[Diagnostic]) -> String {
    let lines: Vec<String> = problems.iter().map(Diagnostic::to_string).collect();
    lines.join("\n")
}

/// Keeps a problem on one line of bearable length, and control characters off the terminal.
fn printable(text: &str) -> String {
    let mut shown = String::with_capacity(text.len().min(MAX_CHARS));
    for (count, c) in text.chars().enumerate() {
        if count == MAX_CHARS {
            shown.push('…');
            break;
        }
        if c.is_control() { shown.extend(c.escape_default()) } else { shown.push(c) }
    }
    shown
}
