//! A secret from the environment or a file: usable, comparable in constant time, never printed.

use std::fmt;
use std::sync::Arc;

use subtle::ConstantTimeEq;

/// Secret bytes. `Debug` hides them, and there is no `Display`.
#[derive(Clone)]
pub struct Secret(Arc<[u8]>);

impl Secret {
    /// Takes the bytes as the secret; white space around a secret in a file is the reader's business.
    pub fn new(bytes: &[u8]) -> Self {
        Self(bytes.into())
    }

    /// The bytes, for a keyed hash.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    /// Compares in a time that tells nothing but the length.
    pub fn matches(&self, other: &[u8]) -> bool {
        self.0.ct_eq(other).into()
    }
}

/// In a time that tells nothing but the length.
impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        self.matches(&other.0)
    }
}

impl Eq for Secret {}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}
