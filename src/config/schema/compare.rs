//! How a field of two answers is compared, in the policy file.

use std::num::NonZeroUsize;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::compare::Lexical;
use crate::compare::Normalize;
use crate::compare::Pointer;
use crate::compare::Unit;
use crate::compare::Which;
use crate::config::field::Field;
use crate::config::field::Many;
use crate::config::scalar::AnswerPart;
use crate::config::scalar::Ratio;
use crate::config::scalar::Scalar;
use crate::config::scalar::Similarity;
use crate::config::scalar::Tolerance;
use crate::protocol::JsonPath;

/// How one field of two answers is compared. Exactly one rule, `exact`, `numeric`, `tree`, `tensor`, `label`, `ranked`,
/// `text`, `embedding` or `answer`, with its options.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("oneOf" = [
    { "required": ["exact"] },
    { "required": ["numeric"] },
    { "required": ["tree"] },
    { "required": ["tensor"] },
    { "required": ["label"] },
    { "required": ["ranked"] },
    { "required": ["text"] },
    { "required": ["embedding", "min_cosine"] },
    { "required": ["answer"] },
]))]
pub(crate) struct Comparison {
    /// The values at this RFC 9535 path are equal as JSON.
    #[serde(default)]
    pub(crate) exact: Field<Scalar<JsonPath>>,
    /// The numbers that this RFC 9535 path selects are near each other, one by one.
    #[serde(default)]
    pub(crate) numeric: Field<Scalar<JsonPath>>,
    /// The JSON at this RFC 9535 path, of plain members and indices, is the same, value by value. The record tells where
    /// it is not.
    #[serde(default)]
    pub(crate) tree: Field<Scalar<JsonPath>>,
    /// A tensor of the Open Inference Protocol is the same in datatype, shape and elements: the output of this name, or
    /// what this RFC 9535 path selects.
    #[serde(default)]
    pub(crate) tensor: Field<Scalar<Which>>,
    /// The values at this RFC 9535 path name the same class: `7`, `7.0` and `"7"` do.
    #[serde(default)]
    pub(crate) label: Field<Scalar<JsonPath>>,
    /// The items that this RFC 9535 path selects, or those of the array at it, are the same in the same order.
    #[serde(default)]
    pub(crate) ranked: Field<Scalar<JsonPath>>,
    /// The texts at this RFC 9535 path are the same.
    #[serde(default)]
    pub(crate) text: Field<Scalar<JsonPath>>,
    /// The vectors at this RFC 9535 path point the same way: arrays of numbers, or base64 of 32-bit floats.
    #[serde(default)]
    pub(crate) embedding: Field<Scalar<JsonPath>>,
    /// What language models said is the same, over all protocols, streamed or not: its text, the json that the text is, the
    /// tool_calls in any order, or its length.
    #[serde(default)]
    pub(crate) answer: Field<Scalar<AnswerPart>>,
    /// With `numeric`, `tree`, `tensor`, `answer: json`, `answer: tool_calls`: the tolerance in the number's own unit. The
    /// larger of the two counts. Default: 0.
    #[serde(default)]
    pub(crate) absolute: Field<Scalar<Tolerance>>,
    /// Likewise: the tolerance as a fraction of the larger number. Default: 0; where trees are compared with neither, 1e-9
    /// of numbers with a fraction.
    #[serde(default)]
    pub(crate) relative: Field<Scalar<Tolerance>>,
    /// With `tree`, `answer: json`, `answer: tool_calls`: JSON pointers to what is passed over with all that is in it; from
    /// the answer's root, or that of its JSON, or of a call, as in /arguments/id; with `*` for any element of an array.
    #[serde(default)]
    pub(crate) ignore: Field<Many<Scalar<Pointer>>>,
    /// Likewise: JSON pointers to arrays whose order says nothing. Their elements must be equal, without tolerance.
    #[serde(default)]
    pub(crate) unordered: Field<Many<Scalar<Pointer>>>,
    /// With `ranked`: the RFC 9535 path of an item's id, from the item. Default: $, the item itself.
    #[serde(default)]
    pub(crate) id: Field<Scalar<JsonPath>>,
    /// With `ranked`: how many items count, from the top. Default: all.
    #[serde(default)]
    pub(crate) k: Field<Scalar<NonZeroUsize>>,
    /// With `ranked`: the rank-biased overlap (p = 0.9) that suffices.
    #[serde(default)]
    pub(crate) min_rbo: Field<Scalar<Similarity>>,
    /// With `ranked`: the share of common items, in any order, that suffices.
    #[serde(default)]
    pub(crate) min_overlap: Field<Scalar<Similarity>>,
    /// With `text`, `answer: text`: how alike texts are. Default: edit_similarity, 1 - edits / length of the longer text.
    #[serde(default)]
    pub(crate) measure: Field<Scalar<Lexical>>,
    /// With `text`, `answer: text`: the similarity that suffices, from 0 to 1 for every measure. Default: 1.
    #[serde(default)]
    pub(crate) min_similarity: Field<Scalar<Similarity>>,
    /// With `text`, `answer: text`: what is no difference, case or whitespace. Default: nothing.
    #[serde(default)]
    pub(crate) normalize: Field<Many<Scalar<Normalize>>>,
    /// With `embedding`: the cosine that suffices.
    #[serde(default)]
    pub(crate) min_cosine: Field<Scalar<Similarity>>,
    /// With `answer: length`: what is counted, characters of the text or the tokens that both models say they put out.
    /// Default: characters.
    #[serde(default)]
    pub(crate) unit: Field<Scalar<Unit>>,
    /// With `answer: length`: how many times as long the longer of the two may be. Default:
    /// 1.2214, which is e^0.2.
    #[serde(default)]
    pub(crate) max_ratio: Field<Scalar<Ratio>>,
}
