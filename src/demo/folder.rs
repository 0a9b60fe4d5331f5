//! The folder of one run: its policy, its log, requests to try out.
//!
//! Each run has its own, so that no summary, ramp or `cat` mixes two runs. The log lies one level below the policy,
//! for the gateway watches the policy's directory and need not look up at every record.

use std::fs;
use std::io;
use std::path::Path;
use std::path::PathBuf;

use crate::demo::DemoError;

/// The folder of one run.
#[derive(Debug, Clone)]
pub(super) struct Folder(PathBuf);

impl Folder {
    /// Makes a folder, named after the present second, in a directory that is made too if need be.
    pub(super) fn create(records: &Path) -> Result<Self, DemoError> {
        let now = jiff::Zoned::now().strftime("demo-%Y%m%d-%H%M%S").to_string();
        let mut path = records.join(&now);
        let failed = |path: &Path, source| DemoError::Folder { path: path.to_owned(), source };
        fs::create_dir_all(records).map_err(|source| failed(records, source))?;
        let mut turn = 1;
        loop {
            match fs::create_dir(&path) {
                Ok(()) => return Ok(Self(path)),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                    turn += 1;
                    path = records.join(format!("{now}-{turn}"));
                }
                Err(source) => return Err(failed(&path, source)),
            }
        }
    }

    /// Where the records are.
    pub(super) fn log(&self) -> PathBuf {
        self.0.join("log")
    }

    /// The policy of the run.
    pub(super) fn policy(&self) -> PathBuf {
        self.0.join("demo.yaml")
    }

    /// A request for the classifiers.
    pub(super) fn image(&self) -> PathBuf {
        self.0.join("image.json")
    }

    /// A request for the rankers.
    pub(super) fn query(&self) -> PathBuf {
        self.0.join("query.json")
    }

    /// A request for the chat models.
    pub(super) fn question(&self) -> PathBuf {
        self.0.join("question.json")
    }

    /// A request for the judge.
    pub(super) fn case(&self) -> PathBuf {
        self.0.join("case.json")
    }

    pub(super) fn write(&self, path: &Path, text: &str) -> Result<(), DemoError> {
        fs::write(path, text).map_err(|source| DemoError::Folder { path: path.to_owned(), source })
    }
}

/// A path as a shell reads it.
pub(super) fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '.' | '-' | '_');
    if text.chars().all(plain) { text } else { format!("'{}'", text.replace('\'', r"'\''")) }
}
