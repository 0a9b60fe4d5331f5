//! YAML text to a tree of positioned nodes; the one place that names the YAML crate.
//!
//! The crate stops at the first error of a typed value; a tree can be read to its end whatever it holds. The tree
//! also keeps each number as the text that the operator wrote, which money needs: no amount passes through
//! floating point. Duplicate keys are kept too, for the reader to report.

use std::fmt;
use std::ops::Range;

use serde::Deserialize;
use serde::Deserializer;
use serde::de::MapAccess;
use serde::de::SeqAccess;
use serde::de::Visitor;
use serde_saphyr::DefaultMessageFormatter;
use serde_saphyr::DuplicateKeyPolicy;
use serde_saphyr::Error;
use serde_saphyr::Location;
use serde_saphyr::MessageFormatter;
use serde_saphyr::Options;
use serde_saphyr::Spanned;
use serde_saphyr::options::NonFiniteFloatPolicy;

use crate::config::diagnostic::Place;
use crate::config::diagnostic::Report;

/// The largest policy file: what a Kubernetes ConfigMap holds.
pub(super) const MAX_BYTES: usize = 1024 * 1024;

/// A value of the file.
#[derive(Debug)]
pub(super) struct Node {
    /// The line where it begins, from 1.
    pub(super) line: u32,
    /// The column where it begins, in characters, from 1.
    pub(super) column: u32,
    /// The bytes of the file that it was written with.
    source: Range<usize>,
    pub(super) kind: Kind,
}

/// What a node is.
#[derive(Debug)]
pub(super) enum Kind {
    /// Nothing, or `null`.
    Nothing,
    /// `true` or `false`.
    Bool(bool),
    /// A number; its text stands in the file.
    Number,
    /// Any other scalar, and every quoted one.
    Text(String),
    /// A list.
    List(Vec<Node>),
    /// A mapping, in the order of the file.
    Map(Vec<(Node, Node)>),
}

impl Node {
    /// The text of a scalar, given the file: what the operator wrote, `2.50` and not `2.5`.
    pub(super) fn scalar<'n>(&'n self, file: &'n str) -> Option<&'n str> {
        match &self.kind {
            Kind::Bool(_) | Kind::Number => file.get(self.source.clone()).map(str::trim),
            Kind::Text(text) => Some(text),
            Kind::Nothing | Kind::List(_) | Kind::Map(_) => None,
        }
    }
}

/// Parses a text into its tree, or reports why it is no YAML and gives nothing.
pub(super) fn parse(text: &str, report: &Report) -> Option<Node> {
    if text.len() > MAX_BYTES {
        report.add(&Place::start(), format!("the file has more than {MAX_BYTES} bytes, which is the most"));
        return None;
    }
    match serde_saphyr::from_str_with_options::<Node>(text, options()) {
        Ok(Node { kind: Kind::Nothing, .. }) => {
            report.add(
                &Place::start(),
                "the file holds nothing; hint: `crossfade schema` tells what it may hold",
            );
            None
        }
        Ok(root) => Some(root),
        Err(error) => {
            let location = error.location().filter(|location| location.line() > 0);
            let place = location.map_or_else(Place::start, |location| {
                let (line, column) = position(location);
                Place { line, column, path: String::new() }
            });
            report.add(&place, in_our_words(&error));
            None
        }
    }
}

/// Bounds that no honest policy comes near and no YAML bomb gets past.
fn options() -> Options {
    serde_saphyr::options! {
        with_snippet: false,
        strict_booleans: true,
        duplicate_keys: DuplicateKeyPolicy::PassThrough,
        non_finite_float_policy: NonFiniteFloatPolicy::AsString,
        budget: serde_saphyr::budget! {
            max_depth: 32,
            max_documents: 2,
            max_nodes: 100_000,
            max_anchors: 1_000,
            max_aliases: 1_000,
            max_merge_keys: 1_000,
        },
        alias_limits: serde_saphyr::alias_limits! {
            max_total_replayed_events: 100_000,
            max_replay_stack_depth: 8,
        },
    }
}

fn in_our_words(error: &Error) -> String {
    match error.without_snippet() {
        Error::MultipleDocuments { .. } => {
            "a second YAML document begins here, expected one; hint: remove the `---`".to_owned()
        }
        Error::Budget { .. }
        | Error::AliasReplayLimitExceeded { .. }
        | Error::AliasReplayStackDepthExceeded { .. }
        | Error::AliasExpansionLimitExceeded { .. } => {
            "the file holds or expands to more than a policy may: too many values, too deep, or too many aliases"
                .to_owned()
        }
        Error::AliasError { error, .. } => in_our_words(error),
        Error::UnknownAnchor { .. } => "not valid YAML: an alias without its anchor".to_owned(),
        Error::RecursiveReferencesRequireWeakTypes { .. } => "an alias stands inside its own anchor".to_owned(),
        other => format!("not valid YAML: {}", DefaultMessageFormatter.format_message(other)),
    }
}

fn position(location: Location) -> (u32, u32) {
    let narrow = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
    (narrow(location.line()), narrow(location.column()))
}

fn bytes(location: Location) -> Range<usize> {
    let span = location.span();
    let start = usize::try_from(span.byte_offset().unwrap_or(0)).unwrap_or(0);
    let length = usize::try_from(span.byte_len().unwrap_or(0)).unwrap_or(0);
    start..start.saturating_add(length)
}

impl<'de> Deserialize<'de> for Node {
    /// An alias stands where it is used and was written where its anchor is.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Spanned { value: kind, referenced, defined } = Spanned::deserialize(deserializer)?;
        let (line, column) = position(referenced);
        Ok(Self { line, column, source: bytes(defined), kind })
    }
}

impl<'de> Deserialize<'de> for Kind {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(KindVisitor)
    }
}

struct KindVisitor;

impl<'de> Visitor<'de> for KindVisitor {
    type Value = Kind;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a YAML value")
    }

    fn visit_unit<E>(self) -> Result<Kind, E> {
        Ok(Kind::Nothing)
    }

    fn visit_none<E>(self) -> Result<Kind, E> {
        Ok(Kind::Nothing)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Kind, E> {
        Ok(Kind::Bool(value))
    }

    fn visit_i64<E>(self, _: i64) -> Result<Kind, E> {
        Ok(Kind::Number)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Kind, E> {
        Ok(Kind::Number)
    }

    fn visit_i128<E>(self, _: i128) -> Result<Kind, E> {
        Ok(Kind::Number)
    }

    fn visit_u128<E>(self, _: u128) -> Result<Kind, E> {
        Ok(Kind::Number)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Kind, E> {
        Ok(Kind::Number)
    }

    fn visit_str<E>(self, value: &str) -> Result<Kind, E> {
        Ok(Kind::Text(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Kind, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Kind::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Kind, A::Error> {
        let mut map = Vec::new();
        while let Some(entry) = entries.next_entry()? {
            map.push(entry);
        }
        Ok(Kind::Map(map))
    }
}
