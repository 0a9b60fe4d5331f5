//! Carries records into Parquet files below a directory: a small lake, for whoever reads files.

use std::path::PathBuf;

use crate::delivery::files;
use crate::delivery::files::Format;
use crate::delivery::stretch::Stretch;
use crate::delivery::target::Carrying;
use crate::delivery::target::Target;
use crate::delivery::target::blocking;

/// A directory of Parquet files.
pub(super) struct Directory {
    dir: PathBuf,
}

impl Directory {
    pub(super) fn new(dir: PathBuf) -> Self {
        Self { dir }
    }
}

impl Target for Directory {
    fn carry(&mut self, mut stretch: Stretch) -> Carrying<'_> {
        let dir = self.dir.clone();
        Box::pin(blocking(move || {
            files::make(&mut stretch, &dir, Format::Parquet)?;
            Ok(stretch.carried())
        }))
    }
}
