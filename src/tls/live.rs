//! What was made of files, and is made anew when they change.

use std::fmt;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;

use arc_swap::ArcSwap;

use crate::tls::Error;
use crate::tls::Reader;

/// Files of which something is made.
pub trait Files: fmt::Debug {
    /// What is made of them.
    type Made;

    /// Makes it, reading through `reader` all that it depends on. Blocks.
    fn make(&self, reader: &mut Reader) -> Result<Self::Made, Error>;
}

/// Something made of files. Connections take what there is at their beginning and keep it.
pub struct Live<F: Files> {
    files: F,
    made: ArcSwap<F::Made>,
    /// The digest of what was read last, good or bad, so that bad files are reported once.
    read: Mutex<[u8; 32]>,
}

/// What a look at the files came to.
#[derive(Debug)]
pub enum Renewed {
    /// They hold what they held at the last look.
    Unchanged,
    /// They changed, and what is made of them is in place.
    Changed,
    /// They changed and cannot be used; what was made before stays.
    Rejected(Error),
}

impl<F: Files> Live<F> {
    /// Makes it for the first time. Blocks.
    pub fn open(files: F) -> Result<Self, Error> {
        let mut reader = Reader::default();
        let made = files.make(&mut reader)?;
        Ok(Self { files, made: ArcSwap::from_pointee(made), read: Mutex::new(reader.digest()) })
    }

    /// Looks at the files again. Blocks.
    pub fn renew(&self) -> Renewed {
        // Held throughout, so that of two looks the later one wins.
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        let mut reader = Reader::default();
        let made = self.files.make(&mut reader);
        let digest = reader.digest();
        if digest == std::mem::replace(&mut *read, digest) {
            return Renewed::Unchanged;
        }
        match made {
            Ok(made) => {
                self.made.store(Arc::new(made));
                Renewed::Changed
            }
            Err(error) => Renewed::Rejected(error),
        }
    }

    /// The files.
    pub fn files(&self) -> &F {
        &self.files
    }

    pub(super) fn made(&self) -> Arc<F::Made> {
        self.made.load_full()
    }
}

/// Two are alike when they are made of the same files, whatever these held at the time.
impl<F: Files + PartialEq> PartialEq for Live<F> {
    fn eq(&self, other: &Self) -> bool {
        self.files == other.files
    }
}

impl<F: Files + Eq> Eq for Live<F> {}

impl<F: Files> fmt::Debug for Live<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.files.fmt(f)
    }
}
