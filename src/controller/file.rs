//! Decisions in a file that controllers and gateways share. Writers take turns by a lock beside it.

use std::fs;
use std::io;
use std::path::Path;
use std::path::PathBuf;

use sha2::Digest;
use sha2::Sha256;

use crate::controller::store::PutError;
use crate::controller::store::Version;
use crate::record::replace;
use crate::rollout::State;

/// The file.
#[derive(Debug, Clone)]
pub(super) struct File {
    path: PathBuf,
}

impl File {
    pub(super) fn at(path: &Path) -> Self {
        Self { path: path.to_owned() }
    }

    pub(super) async fn load(&self) -> Result<(Option<State>, Version), String> {
        let file = self.clone();
        off(move || file.read()).await?
    }

    pub(super) async fn put(&self, state: &State, read: &Version) -> Result<Version, PutError> {
        let (file, content, read) = (self.clone(), state.to_json(), read.clone());
        off(move || file.write(&content, &read)).await.map_err(PutError::Failed)?
    }

    fn read(&self) -> Result<(Option<State>, Version), String> {
        let content = self.content().map_err(|error| self.named(&error))?;
        let version = version(content.as_deref());
        let state = content.map(|content| State::from_json(&content)).transpose();
        Ok((state.map_err(|problem| self.named(&problem))?, version))
    }

    fn write(&self, content: &[u8], read: &Version) -> Result<Version, PutError> {
        let failed = |error: io::Error| PutError::Failed(self.named(&error));
        let lock = fs::File::create(self.path.with_extension("lock")).map_err(failed)?;
        lock.lock().map_err(failed)?;
        if version(self.content().map_err(failed)?.as_deref()) != *read {
            return Err(PutError::Conflict);
        }
        replace(&self.path, content).map_err(failed)?;
        Ok(version(Some(content)))
    }

    fn content(&self) -> io::Result<Option<Vec<u8>>> {
        match fs::read(&self.path) {
            Ok(content) => Ok(Some(content)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn named(&self, problem: &dyn std::fmt::Display) -> String {
        format!("{}: {problem}", self.path.display())
    }
}

fn version(content: Option<&[u8]>) -> Version {
    let digest = |content| Sha256::digest(content).iter().map(|byte| format!("{byte:02x}")).collect();
    Version(content.map_or_else(String::new, digest))
}

/// Runs what blocks on a thread for that.
async fn off<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, String> {
    tokio::task::spawn_blocking(work).await.map_err(|error| error.to_string())
}
