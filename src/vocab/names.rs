//! Names that the policy file gives: of models, experiments, outcomes, metrics and judges.
//!
//! They become metric labels, log fields and parts of hash salts, so their alphabet is small and their length
//! bounded. A name is shared, so cloning one is a reference count.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

use serde::Deserialize;
use serde::Deserializer;
use serde::Serialize;

use crate::vocab::spelled::spelled;

/// The longest name, in bytes: what a Kubernetes label takes.
const MAX_LEN: usize = 63;

/// Says why a text is no name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{text}` is not a name: expected 1 to 63 of a-z, A-Z, 0-9, `.`, `_`, `-`, starting with a letter or digit"
)]
pub struct NameError {
    text: String,
}

fn checked(text: &str) -> Result<Arc<str>, NameError> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    let fits = (1..=MAX_LEN).contains(&text.len());
    let starts = text.starts_with(|c: char| c.is_ascii_alphanumeric());
    if fits && starts && text.chars().all(allowed) {
        Ok(text.into())
    } else {
        Err(NameError { text: text.chars().take(80).collect() })
    }
}

/// How many names are remembered: more than one policy mostly has.
const REMEMBERED: usize = 32;

thread_local! {
    /// Names that were read last: a log says the same few a million times over.
    static NAMES: RefCell<VecDeque<Arc<str>>> = const { RefCell::new(VecDeque::new()) };
}

/// The name that a text spells, shared with one that was read before.
fn known(text: &str) -> Result<Arc<str>, NameError> {
    NAMES.with_borrow_mut(|names| {
        if let Some(name) = names.iter().find(|name| name.as_ref() == text) {
            return Ok(Arc::clone(name));
        }
        let name = checked(text)?;
        names.truncate(REMEMBERED - 1);
        names.push_front(Arc::clone(&name));
        Ok(name)
    })
}

macro_rules! name {
    ($(#[$doc:meta])* $type:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        pub struct $type(Arc<str>);

        impl $type {
            /// Checks a text and makes it a name.
            pub fn new(text: &str) -> Result<Self, NameError> {
                checked(text).map(Self)
            }

            /// The name as it stands in the policy.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                spelled(deserializer, "a name", |text| known(text).map(Self))
            }
        }
    };
}

name!(
    /// The name of a model, unique in a policy. An arm is called by its model's name.
    ModelName
);
name!(
    /// The name of an experiment, unique in a policy; also the default salt of its draws.
    ExperimentName
);
name!(
    /// The name of a webhook, unique in a policy.
    WebhookName
);
name!(
    /// The name of a place that records are delivered to, unique in a policy.
    DeliveryName
);
name!(
    /// The name of an outcome that an experiment declares.
    OutcomeName
);
name!(
    /// The name of a judge, unique in its experiment.
    JudgeName
);
name!(
    /// The name of a metric that an experiment measures its answers by.
    MetricName
);
