//! The difference of two JSON trees: at which places they differ, and how.
//!
//! A place is a JSON pointer in which every element of an array is `*`, so that the same difference in many elements,
//! or in many answers, is one. Time grows with the size of both documents, times their depth where arrays have no
//! order; depth is bounded by the parser (128), what is reported by [`Bound`].

use std::cmp::Ordering;
use std::collections::BTreeSet;

use serde_json::Map;
use serde_json::Value;

use crate::compare::canonical::canonical;
use crate::compare::equal::Closeness;
use crate::compare::pointer::ANY_ELEMENT;
use crate::compare::pointer::Marks;
use crate::compare::pointer::Pointer;
use crate::compare::pointer::Spot;

/// Ends a path that was too long: what is below is not told apart.
const CUT: &str = "/…";

/// How two JSON trees are held against each other.
#[derive(Debug, Clone, PartialEq)]
pub struct Tree {
    closeness: Closeness,
    marks: Marks,
}

/// How much of the differences is reported at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bound {
    /// How many; the walk ends at the first that is too many.
    pub differences: usize,
    /// How long a path may be, in bytes, 4 at least. Of a longer one its beginning stands there, with `/…` for the rest.
    pub path_bytes: usize,
}

/// Where two trees differ, and how.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Differences {
    /// Each place with each way of differing once, sorted.
    pub found: BTreeSet<Difference>,
    /// There are more than were to be reported.
    pub truncated: bool,
}

/// One way in which trees differ at one place.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Difference {
    /// The place: a JSON pointer with `*` for every element of an array.
    pub path: String,
    /// How they differ there.
    pub kind: DifferenceKind,
}

/// How two trees differ at one place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DifferenceKind {
    /// Only the right one has anything here.
    Extra,
    /// Two arrays differ in length.
    Length,
    /// Only the left one has anything here.
    Missing,
    /// One is a number, the other a string, and so on.
    Type,
    /// Two values of one type differ.
    Value,
}

impl Tree {
    /// Trees that are equal but for the rounding of floating-point numbers.
    pub const WITHIN_ROUNDING: Tree = Tree { closeness: Closeness::WITHIN_ROUNDING, marks: Marks::NONE };

    /// Numbers as near as this. An ignored place is passed over with all that is in it. Where arrays have no order they
    /// are held together as bags of values, in which numbers must be equal.
    pub fn new(closeness: Closeness, ignore: &[Pointer], unordered: &[Pointer]) -> Self {
        Self { closeness, marks: Marks::new(ignore, unordered) }
    }

    /// Where two whole documents differ.
    pub fn differences(&self, left: &Value, right: &Value, bound: Bound) -> Differences {
        let mut walk = Walk::new(self, bound);
        walk.compare(left, right, &self.marks.root());
        walk.found
    }

    /// Where two documents differ at one place and below it. Paths and marks begin at the root all the same.
    pub(super) fn differences_at(
        &self,
        place: &Pointer,
        left: &Value,
        right: &Value,
        bound: Bound,
    ) -> Differences {
        let mut walk = Walk::new(self, bound);
        let (at_left, at_right) = (place.find(left), place.find(right));
        let spot = walk.go_to(place, if at_left.is_some() { left } else { right });
        match (at_left, at_right) {
            (Some(left), Some(right)) => walk.compare(left, right, &spot),
            (Some(_), None) => walk.note_unless_ignored(DifferenceKind::Missing, &spot),
            (None, Some(_)) => walk.note_unless_ignored(DifferenceKind::Extra, &spot),
            (None, None) => {}
        }
        walk.found
    }
}

impl Differences {
    /// Adds others, as far as there is room.
    pub(super) fn add(&mut self, other: Differences, bound: Bound) {
        self.truncated |= other.truncated;
        self.found.extend(other.found);
        self.truncated |= self.found.len() > bound.differences;
        while self.found.len() > bound.differences {
            self.found.pop_last();
        }
    }

    /// The same, with something before each path.
    pub(super) fn below(self, prefix: &str) -> Self {
        let found = self.found.into_iter();
        let found =
            found.map(|Difference { path, kind }| Difference { path: format!("{prefix}{path}"), kind });
        Self { found: found.collect(), truncated: self.truncated }
    }

    /// Says whether the trees are the same.
    pub fn is_empty(&self) -> bool {
        self.found.is_empty() && !self.truncated
    }

    /// The places, sorted, each once.
    pub fn paths(&self) -> impl Iterator<Item = &str> {
        let mut last = None;
        let paths = self.found.iter().map(|difference| difference.path.as_str());
        paths.filter(move |path| last.replace(*path) != Some(*path))
    }
}

/// A walk down two trees at once.
struct Walk<'t> {
    tree: &'t Tree,
    bound: Bound,
    /// The present place, as far as it fits.
    path: String,
    /// Whether it does not fit.
    is_cut: bool,
    found: Differences,
}

impl<'t> Walk<'t> {
    fn new(tree: &'t Tree, bound: Bound) -> Self {
        Self { tree, bound, path: String::new(), is_cut: false, found: Differences::default() }
    }

    fn compare(&mut self, left: &Value, right: &Value, spot: &Spot) {
        if self.found.truncated || self.tree.marks.is_ignored(spot) {
            return;
        }
        let kind = match (left, right) {
            (Value::Object(left), Value::Object(right)) => return self.objects(left, right, spot),
            (Value::Array(left), Value::Array(right)) if self.tree.marks.is_unordered(spot) => {
                return self.bags(left, right, spot);
            }
            (Value::Array(left), Value::Array(right)) => return self.arrays(left, right, spot),
            (Value::Number(left), Value::Number(right)) if self.tree.closeness.holds(left, right) => return,
            (Value::Number(_), Value::Number(_)) => DifferenceKind::Value,
            _ if left == right => return,
            _ if std::mem::discriminant(left) == std::mem::discriminant(right) => DifferenceKind::Value,
            _ => DifferenceKind::Type,
        };
        self.note(kind);
    }

    fn objects(&mut self, left: &Map<String, Value>, right: &Map<String, Value>, spot: &Spot) {
        for (name, value) in left {
            let below = self.tree.marks.member(spot, name);
            self.within(name, |walk| match right.get(name) {
                Some(twin) => walk.compare(value, twin, &below),
                None => walk.note_unless_ignored(DifferenceKind::Missing, &below),
            });
        }
        for name in right.keys().filter(|name| !left.contains_key(*name)) {
            let below = self.tree.marks.member(spot, name);
            self.within(name, |walk| walk.note_unless_ignored(DifferenceKind::Extra, &below));
        }
    }

    fn arrays(&mut self, left: &[Value], right: &[Value], spot: &Spot) {
        if left.len() != right.len() {
            self.note(DifferenceKind::Length);
        }
        self.within(ANY_ELEMENT, |walk| {
            for (index, (left, right)) in left.iter().zip(right).enumerate() {
                let below = walk.tree.marks.element(spot, index);
                walk.compare(left, right, &below);
            }
        });
    }

    fn bags(&mut self, left: &[Value], right: &[Value], spot: &Spot) {
        let marks = &self.tree.marks;
        let below = marks.any_element(spot);
        let texts = |bag: &[Value]| {
            let mut texts: Vec<String> = bag.iter().map(|value| canonical(value, marks, &below)).collect();
            texts.sort_unstable();
            texts
        };
        let (only_left, only_right) = unmatched(&texts(left), &texts(right));
        self.within(ANY_ELEMENT, |walk| {
            if only_left {
                walk.note_unless_ignored(DifferenceKind::Missing, &below);
            }
            if only_right {
                walk.note_unless_ignored(DifferenceKind::Extra, &below);
            }
        });
    }

    /// Does something one step further down.
    fn within(&mut self, token: &str, look: impl FnOnce(&mut Self)) {
        let (length, was_cut) = (self.path.len(), self.is_cut);
        self.enter(token);
        look(self);
        self.path.truncate(length);
        self.is_cut = was_cut;
    }

    /// Steps down for good, by the tokens of a place in a document.
    fn go_to(&mut self, place: &Pointer, document: &Value) -> Spot {
        let mut spot = self.tree.marks.root();
        let mut value = Some(document);
        for token in place.tokens() {
            let index = value.filter(|value| value.is_array()).and_then(|_| token.parse::<usize>().ok());
            match index {
                Some(index) => {
                    spot = self.tree.marks.element(&spot, index);
                    self.enter(ANY_ELEMENT);
                    value = value.and_then(|value| value.get(index));
                }
                None => {
                    spot = self.tree.marks.member(&spot, token);
                    self.enter(token);
                    value = value.and_then(|value| value.get(token));
                }
            }
        }
        spot
    }

    fn enter(&mut self, token: &str) {
        let escapes = token.bytes().filter(|byte| matches!(byte, b'~' | b'/')).count();
        let needed = self.path.len() + 1 + token.len() + escapes + CUT.len();
        self.is_cut |= needed > self.bound.path_bytes;
        if self.is_cut {
            return;
        }
        self.path.push('/');
        for letter in token.chars() {
            match letter {
                '~' => self.path.push_str("~0"),
                '/' => self.path.push_str("~1"),
                other => self.path.push(other),
            }
        }
    }

    fn note_unless_ignored(&mut self, kind: DifferenceKind, spot: &Spot) {
        if !self.tree.marks.is_ignored(spot) {
            self.note(kind);
        }
    }

    fn note(&mut self, kind: DifferenceKind) {
        let path = if self.is_cut { format!("{}{CUT}", self.path) } else { self.path.clone() };
        let difference = Difference { path, kind };
        let Differences { found, truncated } = &mut self.found;
        if found.len() < self.bound.differences {
            found.insert(difference);
        } else if !found.contains(&difference) {
            *truncated = true;
        }
    }
}

/// Of two sorted lists: whether the left has anything more, and whether the right has.
fn unmatched(left: &[String], right: &[String]) -> (bool, bool) {
    let (mut only_left, mut only_right) = (false, false);
    let (mut left, mut right) = (left.iter().peekable(), right.iter().peekable());
    while let (Some(one), Some(other)) = (left.peek(), right.peek()) {
        let order = one.cmp(other);
        if order != Ordering::Greater {
            left.next();
        }
        if order != Ordering::Less {
            right.next();
        }
        only_left |= order == Ordering::Less;
        only_right |= order == Ordering::Greater;
    }
    (only_left || left.next().is_some(), only_right || right.next().is_some())
}
