//! Places in JSON, and which of them a comparison treats in its own way.
//!
//! A place is written as an RFC 6901 pointer in which `*` stands for any element of an array, because what holds for
//! one element of an answer's list nearly always holds for all.

use std::collections::HashMap;
use std::str::FromStr;

use serde_json::Value;

/// What stands for any element of an array.
pub(super) const ANY_ELEMENT: &str = "*";

/// A pointer to one place, or with `*` for elements to several.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pointer(Vec<String>);

/// Says why a text is no pointer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PointerError {
    /// It does not begin as pointers do.
    #[error("`{0}` is not a JSON pointer: expected it to begin with `/`, as in `/choices/*/text`")]
    NoSlash(String),
    /// A `~` stands for neither `~` nor `/`.
    #[error("`{0}` is not a JSON pointer: expected `~0` for `~` and `~1` for `/`")]
    Escape(String),
}

/// The places that a comparison ignores and those whose arrays have no order, as one tree of tokens.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Marks {
    /// The root first; none where no place is marked.
    nodes: Vec<Node>,
}

#[derive(Debug, Clone, PartialEq, Default)]
struct Node {
    ignored: bool,
    unordered: bool,
    below: HashMap<String, usize>,
}

/// Where in the tree of marks a walk down a document stands. Several places, for an element is reached by its number
/// and by `*`; none costs nothing.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Spot(Vec<usize>);

impl FromStr for Pointer {
    type Err = PointerError;

    fn from_str(text: &str) -> Result<Self, PointerError> {
        if text.is_empty() {
            return Ok(Self(Vec::new()));
        }
        let tokens = text.strip_prefix('/').ok_or_else(|| PointerError::NoSlash(text.to_owned()))?;
        let read = |token| unescaped(token).ok_or_else(|| PointerError::Escape(text.to_owned()));
        tokens.split('/').map(read).collect::<Result<_, _>>().map(Self)
    }
}

impl Pointer {
    /// The whole document.
    pub const ROOT: Self = Self(Vec::new());

    /// Its tokens, from the root down.
    pub(super) fn tokens(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    /// The value at this place, where it is one place.
    pub(super) fn find<'v>(&self, document: &'v Value) -> Option<&'v Value> {
        self.tokens().try_fold(document, |value, token| match value {
            Value::Object(members) => members.get(token),
            Value::Array(elements) => elements.get(token.parse::<usize>().ok()?),
            _ => None,
        })
    }
}

fn unescaped(token: &str) -> Option<String> {
    let mut parts = token.split('~');
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (escaped, rest) = match part.strip_prefix('0') {
            Some(rest) => ('~', rest),
            None => ('/', part.strip_prefix('1')?),
        };
        text.push(escaped);
        text.push_str(rest);
    }
    Some(text)
}

impl Marks {
    /// No place is marked.
    pub(super) const NONE: Marks = Marks { nodes: Vec::new() };

    pub(super) fn new(ignore: &[Pointer], unordered: &[Pointer]) -> Self {
        let mut marks = Self::NONE;
        for pointer in ignore {
            marks.node(pointer).ignored = true;
        }
        for pointer in unordered {
            marks.node(pointer).unordered = true;
        }
        marks
    }

    /// Where a walk begins.
    pub(super) fn root(&self) -> Spot {
        Spot(if self.nodes.is_empty() { Vec::new() } else { vec![0] })
    }

    pub(super) fn member(&self, spot: &Spot, name: &str) -> Spot {
        self.below(spot, &[name])
    }

    pub(super) fn element(&self, spot: &Spot, index: usize) -> Spot {
        if spot.0.is_empty() {
            return Spot(Vec::new());
        }
        self.below(spot, &[ANY_ELEMENT, &index.to_string()])
    }

    /// Whichever element: in an array without order a number says nothing.
    pub(super) fn any_element(&self, spot: &Spot) -> Spot {
        self.below(spot, &[ANY_ELEMENT])
    }

    pub(super) fn is_ignored(&self, spot: &Spot) -> bool {
        spot.0.iter().any(|node| self.nodes[*node].ignored)
    }

    pub(super) fn is_unordered(&self, spot: &Spot) -> bool {
        spot.0.iter().any(|node| self.nodes[*node].unordered)
    }

    fn below(&self, spot: &Spot, tokens: &[&str]) -> Spot {
        let below = |node: &usize| {
            let below = &self.nodes[*node].below;
            tokens.iter().filter_map(|token| below.get(*token).copied())
        };
        Spot(spot.0.iter().flat_map(below).collect())
    }

    /// The node of a pointer, made where it is not there yet.
    fn node(&mut self, pointer: &Pointer) -> &mut Node {
        if self.nodes.is_empty() {
            self.nodes.push(Node::default());
        }
        let mut at = 0;
        for token in pointer.tokens() {
            at = match self.nodes[at].below.get(token) {
                Some(node) => *node,
                None => {
                    self.nodes.push(Node::default());
                    let made = self.nodes.len() - 1;
                    self.nodes[at].below.insert(token.to_owned(), made);
                    made
                }
            };
        }
        &mut self.nodes[at]
    }
}
