//! Where decisions are kept: whoever writes says what they read before, and is refused where that is no longer so.

use std::path::Path;

use crate::controller::file::File;
#[cfg(feature = "kubernetes")]
use crate::controller::kubernetes::Map;
use crate::rollout::ConfigMap;
use crate::rollout::State;

/// What was read, to be told when writing; opaque.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Version(pub(super) String);

/// Why nothing was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum PutError {
    /// Somebody else wrote meanwhile.
    Conflict,
    /// Something is wrong there.
    Failed(String),
}

/// One of the places.
pub(super) enum Store {
    File(File),
    #[cfg(feature = "kubernetes")]
    Map(Box<Map>),
}

impl Store {
    /// The place that the policy names. `decisions` is the file, and names the ConfigMap's key.
    pub(super) async fn of(decisions: &Path, config_map: Option<&ConfigMap>) -> Result<Self, String> {
        match config_map {
            None => Ok(Self::File(File::at(decisions))),
            #[cfg(feature = "kubernetes")]
            Some(map) => Ok(Self::Map(Box::new(Map::of(map, decisions).await?))),
            #[cfg(not(feature = "kubernetes"))]
            Some(map) => Err(format!(
                "this build knows no Kubernetes, so no ConfigMap {}; hint: build with `--features kubernetes`, or leave \
                 `publish` out and let gateways share the file",
                map.name
            )),
        }
    }

    /// What was decided last, by whomever; `None`: nothing yet.
    pub(super) async fn load(&self) -> Result<(Option<State>, Version), String> {
        match self {
            Self::File(file) => file.load().await,
            #[cfg(feature = "kubernetes")]
            Self::Map(map) => map.load().await,
        }
    }

    /// Keeps what was decided, unless somebody else did since `read`.
    pub(super) async fn put(&self, state: &State, read: &Version) -> Result<Version, PutError> {
        match self {
            Self::File(file) => file.put(state, read).await,
            #[cfg(feature = "kubernetes")]
            Self::Map(map) => map.put(state, read).await,
        }
    }
}
