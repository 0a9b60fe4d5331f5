//! What a call used where its answer does not say it, or broke off before it did.
//!
//! The rule is the same for every model, so that two arms are wrong in the same way: a token for every four characters
//! begun of the prompt's texts, or of all that the answer says. What the answer said itself goes first.

use crate::protocol::Asked;
use crate::protocol::Reply;
use crate::protocol::Usage;
use crate::protocol::asked::Extent;
use crate::protocol::usage::Reported;

impl Reply {
    /// What the call used, with estimates marked; `None`: the answer did not say, and nothing tells that a model read a
    /// prompt. `is_cut`: the body has no end. `scale`: bytes of the whole body and of what is here.
    pub fn used(
        &self,
        asked: impl FnOnce() -> Option<Asked>,
        is_cut: bool,
        scale: (u64, u64),
    ) -> Option<Usage> {
        let told = self.reported.usage();
        let Reported { input, output, .. } = self.reported;
        let is_complete = input.is_some() && (output.is_some() || self.says_nothing());
        let may_estimate = self.recognised || is_cut || self.is_cut();
        if is_complete || !may_estimate || self.is_error() {
            return told;
        }
        let Some(prompt) = asked().and_then(|asked| asked.prompt) else { return told };
        let mut usage = told.unwrap_or_default();
        if self.reported.input.is_none() {
            usage.input_tokens = usage.input_tokens.max(prompt.estimated_tokens());
            usage.estimated = true;
        }
        if self.reported.output.is_none() {
            let (all, reasoning) = self.extent();
            let estimate = |extent: Extent| extent.scaled(scale.0, scale.1).estimated_tokens();
            usage.output_tokens = usage.output_tokens.max(estimate(all));
            usage.reasoning_tokens = usage.reasoning_tokens.max(estimate(reasoning)).min(usage.output_tokens);
            usage.estimated = true;
        }
        Some(usage)
    }

    /// A whole answer that has no text by its nature, such as an embedding.
    fn says_nothing(&self) -> bool {
        self.choices.is_empty() && self.recognised && !self.streamed
    }

    /// An error in the place of an answer: nothing tells that a model did anything.
    fn is_error(&self) -> bool {
        self.failure.is_some() && self.choices.is_empty()
    }

    /// How much the answer says, and how much of it is reasoning.
    fn extent(&self) -> (Extent, Extent) {
        let (mut all, mut reasoning) = (Extent::default(), Extent::default());
        for choice in &self.choices {
            choice.texts().for_each(|text| all.add_text(text));
            reasoning.add_text(&choice.reasoning);
        }
        (all, reasoning)
    }
}
