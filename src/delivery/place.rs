//! How far a delivery came, kept in a file beside the log.

use std::fs;
use std::io;
use std::path::Path;
use std::path::PathBuf;

use serde::Deserialize;
use serde::Serialize;
use uuid::Uuid;

use crate::delivery::failure::Failure;
use crate::record::Position;
use crate::record::replace;
use crate::vocab::DeliveryName;

/// The file of a delivery.
#[derive(Debug, Clone)]
pub(super) struct Place {
    file: PathBuf,
    pub(super) content: Content,
}

/// What stands in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Content {
    /// Behind the last line that the target has.
    #[serde(flatten)]
    pub(super) reached: Position,
    /// What the log is called by those who keep the lines of one in order; drawn once.
    pub(super) log: Uuid,
}

impl Place {
    /// Reads how far a delivery came; before all of the log where it never came to any place. Blocks.
    pub(super) fn of(name: &DeliveryName, dir: &Path) -> Self {
        let file = dir.join(format!("delivery-{name}.json"));
        let start =
            || Content { reached: Position { segment: String::new(), bytes: 0 }, log: Uuid::now_v7() };
        let content = match fs::read(&file).map(|text| serde_json::from_slice(&text)) {
            Ok(Ok(content)) => content,
            Err(error) if error.kind() == io::ErrorKind::NotFound => start(),
            Ok(Err(_)) | Err(_) => {
                let path = file.display();
                tracing::error!(%path, "how far a delivery came cannot be read; all of the log is delivered again");
                start()
            }
        };
        Self { file, content }
    }

    /// Saves that the target has all up to here. Blocks until the disk has it.
    pub(super) fn save(&mut self, reached: Position) -> Result<(), Failure> {
        self.content.reached = reached;
        let text = serde_json::to_vec(&self.content).expect("texts and a number");
        replace(&self.file, &text).map_err(|source| Failure::File { path: self.file.clone(), source })
    }
}
