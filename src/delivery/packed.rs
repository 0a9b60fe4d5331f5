//! A file of lines as the log has them, compressed by Zstandard: whole, or not there.

use std::fs;
use std::fs::File;
use std::io;
use std::io::Write;
use std::path::Path;
use std::path::PathBuf;

use zstd::stream::write::Encoder;

use crate::columns::Row;
use crate::delivery::failure::Failure;

/// A file being written. Unless it is finished, nothing of it stays.
pub(super) struct Packed {
    path: PathBuf,
    beside: PathBuf,
    /// There until it is finished.
    file: Option<Encoder<'static, File>>,
}

impl Packed {
    pub(super) fn create(path: &Path) -> Result<Self, Failure> {
        let mut beside = path.as_os_str().to_owned();
        beside.push(".tmp");
        let (path, beside) = (path.to_owned(), PathBuf::from(beside));
        let made = fs::create_dir_all(path.parent().unwrap_or(Path::new(".")));
        let file = made.and_then(|()| File::create(&beside)).and_then(|file| Encoder::new(file, 0));
        match file {
            Ok(file) => Ok(Self { path, beside, file: Some(file) }),
            Err(source) => Err(Failure::File { path, source }),
        }
    }

    pub(super) fn push(&mut self, row: &Row<'_>) -> Result<(), Failure> {
        let file = self.file.as_mut().expect("it is there until the file is finished");
        let written = file.write_all(row.text.as_bytes()).and_then(|()| file.write_all(b"\n"));
        written.map_err(|source| Failure::File { path: self.path.clone(), source })
    }

    pub(super) fn finish(mut self) -> Result<(), Failure> {
        let file = self.file.take().expect("only this takes it, and it takes the file");
        let placed = file.finish().and_then(|file| file.sync_all()).and_then(|()| self.place());
        placed.map_err(|source| {
            let _ = fs::remove_file(&self.beside);
            Failure::File { path: self.path.clone(), source }
        })
    }

    fn place(&self) -> io::Result<()> {
        fs::rename(&self.beside, &self.path)?;
        // The renaming itself is on the disk only when the directory is.
        File::open(self.path.parent().unwrap_or(Path::new(".")))?.sync_all()
    }
}

impl Drop for Packed {
    fn drop(&mut self) {
        if self.file.take().is_some() {
            // Nobody is left to be told; the next file of this name replaces it.
            let _ = fs::remove_file(&self.beside);
        }
    }
}
