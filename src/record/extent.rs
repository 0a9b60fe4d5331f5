//! How many bytes of lines a segment holds, whatever it takes on the disk.
//!
//! Positions in the log count bytes of lines. Of a plain segment that is its size; of an encrypted one the sizes of its
//! chunks tell it, and it grows by them; a packed one does not change, and is read once.

use std::fs::File;
use std::io;
use std::io::Read;
use std::io::Seek;
use std::io::SeekFrom;
use std::path::Path;

use crate::record::cipher::HEAD;
use crate::record::cipher::LENGTH;
use crate::record::cipher::Sniffed;
use crate::record::cipher::TAG;
use crate::record::cipher::sniff;
use crate::record::packed;

/// What is known of the bytes of lines in one segment, which may grow and may be packed.
#[derive(Debug, Clone, Default)]
pub struct Extent {
    lines: u64,
    /// Up to where an encrypted segment was looked at.
    seen: u64,
    is_final: bool,
}

impl Extent {
    /// What was found when it was last looked at, in bytes.
    pub fn bytes(&self) -> u64 {
        self.lines
    }

    /// Looks at the segment again; gives the bytes of lines. Blocks.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn look(&mut self, path: &Path) -> io::Result<u64> {
        if self.is_final {
            return Ok(self.lines);
        }
        if packed::is_packed(path) {
            self.lines = io::copy(&mut packed::open(path, 0)?, &mut io::sink())?;
            self.is_final = true;
            return Ok(self.lines);
        }
        let mut file = File::open(path)?;
        let size = file.metadata()?.len();
        match sniff(&mut file)? {
            Sniffed::Plain(_) => self.lines = size,
            Sniffed::Sealed(_) => self.add_chunks(&mut file, size)?,
        }
        Ok(self.lines)
    }

    fn add_chunks(&mut self, file: &mut File, size: u64) -> io::Result<()> {
        let mut at = self.seen.max(HEAD as u64);
        let mut length = [0; LENGTH];
        while at + LENGTH as u64 <= size {
            file.seek(SeekFrom::Start(at))?;
            file.read_exact(&mut length)?;
            let chunk = u64::from(u32::from_le_bytes(length));
            if at + LENGTH as u64 + chunk > size {
                break;
            }
            at += LENGTH as u64 + chunk;
            self.lines += chunk.saturating_sub(TAG as u64);
        }
        self.seen = at;
        Ok(())
    }
}
