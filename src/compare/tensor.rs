//! Tensors of the Open Inference Protocol (KServe V2): a datatype, a shape, and elements sent flat or nested.

use std::borrow::Cow;

use serde_json::Number;
use serde_json::Value;

use crate::compare::Closeness;
use crate::compare::equal::Nearness;
use crate::compare::equal::nearness;
use crate::compare::rule::Finding;
use crate::compare::rule::selected;
use crate::compare::same;
use crate::protocol::Document;
use crate::protocol::JsonPath;

/// Tensors of one datatype and one shape, whose elements agree: numbers by closeness, anything else exactly. The score
/// is the largest difference of two numbers.
#[derive(Debug, Clone, PartialEq)]
pub struct Tensor {
    /// Which tensors of an answer.
    pub which: Which,
    /// How near two numbers must be.
    pub closeness: Closeness,
}

/// Where tensors stand in an answer.
#[derive(Debug, Clone, PartialEq)]
pub enum Which {
    /// The one of this name among the answer's `outputs`, whose order says nothing.
    Named(String),
    /// Whatever this path selects.
    At(JsonPath),
}

/// A tensor's elements in row-major order.
#[derive(Default)]
struct Elements<'v> {
    numbers: Vec<&'v Number>,
    /// Those that are no numbers, each with its place.
    others: Vec<(usize, &'v Value)>,
}

impl Tensor {
    pub(super) fn compare(&self, legacy: &Document, other: &Document) -> Finding {
        match &self.which {
            Which::Named(name) => match named(name, legacy).zip(named(name, other)) {
                Some((legacy, other)) => self.compare_all(&[Cow::Borrowed(legacy)], &[Cow::Borrowed(other)]),
                None => Finding::MISSING,
            },
            Which::At(path) => selected(path, legacy, other, |legacy, other| self.compare_all(legacy, other)),
        }
    }

    fn compare_all(&self, legacy: &[Cow<'_, Value>], other: &[Cow<'_, Value>]) -> Finding {
        if legacy.len() != other.len() {
            return Finding::plain(false);
        }
        let pairs = legacy.iter().zip(other).map(|(legacy, other)| self.compare_pair(legacy, other));
        let Some(found) = pairs.collect::<Option<Vec<Nearness>>>() else { return Finding::MISSING };
        let furthest = found.iter().map(|found| found.furthest);
        let furthest = furthest.reduce(|one, other| Some(one?.max(other?))).flatten();
        Finding::scored(found.iter().all(|found| found.holds), furthest)
    }

    /// `None`: one is no tensor whose elements are there.
    fn compare_pair(&self, legacy: &Value, other: &Value) -> Option<Nearness> {
        let found = Elements::of(legacy)?.compare(&Elements::of(other)?, self.closeness);
        let alike = |key| match (legacy.get(key), other.get(key)) {
            (Some(legacy), Some(other)) => same(legacy, other),
            (None, None) => true,
            _ => false,
        };
        Some(Nearness { holds: found.holds && alike("datatype") && alike("shape"), ..found })
    }
}

fn named<'d>(name: &str, answer: &'d Document) -> Option<&'d Value> {
    let outputs = answer.value()?.get("outputs")?.as_array()?;
    outputs.iter().find(|output| output.get("name").and_then(Value::as_str) == Some(name))
}

impl<'v> Elements<'v> {
    /// Reads a tensor's `data`; `None`: it has none, as where it is sent in binary.
    fn of(tensor: &'v Value) -> Option<Self> {
        let mut elements = Self::default();
        tensor.get("data")?.as_array()?.iter().for_each(|value| elements.collect(value));
        Some(elements)
    }

    fn collect(&mut self, value: &'v Value) {
        match value {
            Value::Array(values) => values.iter().for_each(|value| self.collect(value)),
            Value::Number(number) => self.numbers.push(number),
            other => self.others.push((self.numbers.len() + self.others.len(), other)),
        }
    }

    fn compare(&self, other: &Self, closeness: Closeness) -> Nearness {
        let Nearness { holds, furthest } = nearness(&self.numbers, &other.numbers, closeness);
        let furthest = furthest.filter(|_| !self.numbers.is_empty());
        Nearness { holds: holds && self.others == other.others, furthest }
    }
}
