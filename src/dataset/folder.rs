//! The directory of a snapshot: made beside its place, put there whole, and never changed again.

use std::collections::BTreeMap;
use std::fs;
use std::fs::File;
use std::io;
use std::io::BufWriter;
use std::io::Read;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::path::PathBuf;

use sha2::Digest;
use sha2::Sha256;

use crate::dataset::FileDigest;
use crate::dataset::Manifest;
use crate::dataset::manifest::MANIFEST;
use crate::dataset::manifest::MANIFEST_FILE;
use crate::record::ReadError;
use crate::record::Reader;
use crate::record::read;

/// Says why a snapshot cannot be made or read.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// Something is there already.
    #[error("`{0}` is there already, and a snapshot never changes; hint: name another directory")]
    Exists(PathBuf),
    /// A file or directory cannot be made, read or written.
    #[error("`{path}` cannot be {what}: {source}")]
    Io {
        /// What was done.
        what: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The manifest is none.
    #[error("`{path}` is no manifest of a snapshot: {why}; hint: `crossfade export` makes snapshots")]
    Manifest {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
}

/// A snapshot that is there.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// Its directory.
    pub dir: PathBuf,
    /// Its manifest.
    pub manifest: Manifest,
}

/// What is not as the manifest says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// The file is gone.
    Missing(String),
    /// The file is another.
    Changed(String),
    /// The file is not in the manifest.
    Added(String),
}

impl std::fmt::Display for Change {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Change::Missing(file) => write!(f, "{file}: missing"),
            Change::Changed(file) => write!(f, "{file}: changed"),
            Change::Added(file) => write!(f, "{file}: added"),
        }
    }
}

/// A snapshot being made; dropped unfinished, nothing is left of it.
#[derive(Debug)]
pub(super) struct Folder {
    place: PathBuf,
    made_in: PathBuf,
    files: BTreeMap<String, FileDigest>,
    finished: bool,
}

/// A file of it being written.
pub(super) struct Hashed {
    path: PathBuf,
    file: BufWriter<File>,
    hash: Sha256,
    bytes: u64,
}

fn failed(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> FolderError {
    move |source| FolderError::Io { what, path: path.to_owned(), source }
}

impl Folder {
    /// Begins a snapshot that will stand here.
    pub(super) fn begin(place: &Path) -> Result<Self, FolderError> {
        if place.symlink_metadata().is_ok() {
            return Err(FolderError::Exists(place.to_owned()));
        }
        let name = place.file_name().unwrap_or_default().to_string_lossy();
        let parent = place.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        fs::create_dir_all(parent).map_err(failed("made", parent))?;
        let made_in = parent.join(format!(".{name}.{}.unfinished", std::process::id()));
        fs::create_dir(&made_in).map_err(failed("made", &made_in))?;
        Ok(Self { place: place.to_owned(), made_in, files: BTreeMap::new(), finished: false })
    }

    /// A path inside it that no manifest speaks of.
    pub(super) fn aside(&self, name: &str) -> PathBuf {
        self.made_in.join(name)
    }

    /// Begins a file, which may lie in a directory of its own.
    pub(super) fn file(&self, name: &str) -> Result<Hashed, FolderError> {
        let path = self.made_in.join(name);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).map_err(failed("made", parent))?;
        }
        let file = File::create_new(&path).map_err(failed("made", &path))?;
        Ok(Hashed { path, file: BufWriter::new(file), hash: Sha256::new(), bytes: 0 })
    }

    /// Ends a file, under this name.
    pub(super) fn keep(&mut self, name: &str, file: Hashed) -> Result<FileDigest, FolderError> {
        let Hashed { path, file, hash, bytes } = file;
        let file = file.into_inner().map_err(|error| failed("written", &path)(error.into_error()))?;
        file.sync_all().map_err(failed("written", &path))?;
        self.note(name, path, FileDigest { bytes, sha256: hexadecimal(hash) })
    }

    /// Takes in a file that somebody else wrote inside.
    #[cfg(feature = "parquet")]
    pub(super) fn adopt(&mut self, name: &str) -> Result<(), FolderError> {
        let path = self.made_in.join(name);
        let found = digest(&path).map_err(failed("read", &path))?;
        self.note(name, path, found)?;
        Ok(())
    }

    fn note(&mut self, name: &str, path: PathBuf, found: FileDigest) -> Result<FileDigest, FolderError> {
        let place = self.made_in.join(name);
        if path != place {
            fs::rename(&path, &place).map_err(failed("moved", &place))?;
        }
        read_only(&place)?;
        self.files.insert(name.to_owned(), found.clone());
        Ok(found)
    }

    /// Writes the manifest and puts the snapshot in its place.
    pub(super) fn finish(mut self, mut manifest: Manifest) -> Result<Snapshot, FolderError> {
        manifest.files = std::mem::take(&mut self.files);
        let mut text = serde_json::to_vec_pretty(&manifest).map_err(|why| FolderError::Manifest {
            path: self.made_in.join(MANIFEST_FILE),
            why: why.to_string(),
        })?;
        text.push(b'\n');
        let path = self.made_in.join(MANIFEST_FILE);
        fs::write(&path, text).map_err(failed("written", &path))?;
        read_only(&path)?;
        if self.place.symlink_metadata().is_ok() {
            return Err(FolderError::Exists(self.place.clone()));
        }
        fs::rename(&self.made_in, &self.place).map_err(failed("made", &self.place))?;
        self.finished = true;
        Ok(Snapshot { dir: self.place.clone(), manifest })
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if !self.finished {
            // Whoever cannot clean up here could not write here either, and is told of that.
            let _ = fs::remove_dir_all(&self.made_in);
        }
    }
}

impl Hashed {
    /// Adds to the file.
    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<(), FolderError> {
        self.hash.update(bytes);
        self.bytes += bytes.len() as u64;
        self.file.write_all(bytes).map_err(failed("written", &self.path))
    }

    /// The SHA-256 so far.
    pub(super) fn sha256(&self) -> String {
        hexadecimal(self.hash.clone())
    }
}

/// The set that a directory is a snapshot of; `None`: it is none.
pub fn set_of(dir: &Path) -> Option<String> {
    Some(Snapshot::open(dir).ok()?.manifest.set)
}

impl Snapshot {
    /// Opens a snapshot by its directory.
    ///
    /// # Errors
    /// When there is no manifest that this build knows.
    pub fn open(dir: &Path) -> Result<Self, FolderError> {
        let path = dir.join(MANIFEST_FILE);
        let text = fs::read(&path).map_err(failed("read", &path))?;
        let refused = |why: String| FolderError::Manifest { path: path.clone(), why };
        let manifest: Manifest = serde_json::from_slice(&text).map_err(|error| refused(error.to_string()))?;
        if manifest.manifest != MANIFEST {
            return Err(refused(format!("version {} is not known, expected {MANIFEST}", manifest.manifest)));
        }
        Ok(Self { dir: dir.to_owned(), manifest })
    }

    /// What is not as the manifest says; empty: the snapshot is the one that was made.
    ///
    /// # Errors
    /// When a file that is there cannot be read.
    pub fn changes(&self) -> Result<Vec<Change>, FolderError> {
        let mut changes = Vec::new();
        for (name, known) in &self.manifest.files {
            let path = self.dir.join(name);
            match digest(&path) {
                Ok(found) if found == *known => {}
                Ok(_) => changes.push(Change::Changed(name.clone())),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    changes.push(Change::Missing(name.clone()));
                }
                Err(source) => return Err(FolderError::Io { what: "read", path, source }),
            }
        }
        let records = self.manifest.files.get(&self.manifest.records);
        if records.is_none_or(|records| records.sha256 != self.manifest.content) {
            changes.push(Change::Changed(MANIFEST_FILE.to_owned()));
        }
        let mut found = Vec::new();
        listed(&self.dir, "", &mut found).map_err(failed("read", &self.dir))?;
        found.sort();
        let is_known = |name: &String| name == MANIFEST_FILE || self.manifest.files.contains_key(name);
        changes.extend(found.into_iter().filter(|name| !is_known(name)).map(Change::Added));
        Ok(changes)
    }

    /// Its record lines.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn lines(&self) -> Result<Reader, ReadError> {
        read(&self.dir.join(&self.manifest.records))
    }
}

/// Every file below a directory, by its path inside.
fn listed(dir: &Path, before: &str, found: &mut Vec<String>) -> io::Result<()> {
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let name = format!("{before}{}", entry.file_name().to_string_lossy());
        if entry.file_type()?.is_dir() {
            listed(&entry.path(), &format!("{name}/"), found)?;
        } else {
            found.push(name);
        }
    }
    Ok(())
}

fn digest(path: &Path) -> io::Result<FileDigest> {
    let (mut file, mut hash, mut bytes) = (File::open(path)?, Sha256::new(), 0);
    let mut block = vec![0; 64 * 1024];
    loop {
        match file.read(&mut block)? {
            0 => return Ok(FileDigest { bytes, sha256: hexadecimal(hash) }),
            count => {
                hash.update(&block[..count]);
                bytes += count as u64;
            }
        }
    }
}

fn hexadecimal(hash: Sha256) -> String {
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn read_only(path: &Path) -> Result<(), FolderError> {
    fs::set_permissions(path, fs::Permissions::from_mode(0o444)).map_err(failed("made read-only", path))
}
