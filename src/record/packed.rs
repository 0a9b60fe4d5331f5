//! Ended segments, packed: `….jsonl` becomes `….jsonl.zst`, which any zstd tool reads as the same lines.
//!
//! A packed segment is a row of frames of about a megabyte that end where a line does, each with its size and a checksum.
//! So a damaged byte costs the lines of one frame: reading goes on with the next, and puts a line feed where it left, so
//! that what was read of the damaged line cannot run into a sound one.

#[cfg(test)]
mod tests;

use std::fs;
use std::fs::File;
use std::io;
use std::io::Cursor;
use std::io::Read;
use std::io::Seek;
use std::io::SeekFrom;
use std::io::Write;
use std::path::Path;
use std::path::PathBuf;

use memchr::memmem;
use memchr::memrchr;
use zstd::bulk::Compressor;
use zstd::stream::raw::CParameter;
use zstd::stream::raw::Decoder;
use zstd::stream::raw::Operation;

use crate::record::cipher::Sealer;
use crate::record::cipher::Sniffed;
use crate::record::cipher::Unsealed;
use crate::record::cipher::sniff;
use crate::record::replace::sync_directory;

/// What the name of a packed segment ends in, behind what it was before.
pub(super) const PACKED: &str = ".zst";

/// About how many bytes of lines a frame holds.
const FRAME: usize = 1024 * 1024;

/// How much of a packed file is read at once.
const BLOCK: usize = 128 * 1024;

/// The level of compression: zstd's own default, which packs faster than a disk writes.
const LEVEL: i32 = 3;

/// What each frame begins with (RFC 8878, section 3.1.1).
const MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// Says whether a file is packed, by its name.
pub(super) fn is_packed(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "zst")
}

/// The name of what a segment becomes when it is packed.
pub(super) fn packed_name(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(PACKED);
    name.into()
}

/// Opens a file of lines, packed or not, encrypted or not, behind its first `from` bytes of lines. One that was packed
/// since its name was found is read packed.
pub(super) fn open(path: &Path, from: u64) -> io::Result<Box<dyn Read + Send>> {
    match File::open(path) {
        Ok(mut file) => {
            let sniffed = sniff(&mut file)?;
            let mut lines: Box<dyn Read + Send> = match (sniffed, is_packed(path)) {
                (Sniffed::Plain(_), false) => {
                    file.seek(SeekFrom::Start(from))?;
                    return Ok(Box::new(file));
                }
                (Sniffed::Plain(first), true) => {
                    Box::new(Unpacked::of(Box::new(Cursor::new(first).chain(file)))?)
                }
                (Sniffed::Sealed(head), false) => Box::new(Unsealed::new(file, head)?),
                (Sniffed::Sealed(head), true) => {
                    Box::new(Unpacked::of(Box::new(Unsealed::new(file, head)?))?)
                }
            };
            io::copy(&mut (&mut lines).take(from), &mut io::sink())?;
            Ok(lines)
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound && packed_name(path).exists() => {
            open(&packed_name(path), from)
        }
        Err(error) => Err(error),
    }
}

/// How many bytes of lines a file holds; of what others packed, about how many.
pub(super) fn size(path: &Path) -> io::Result<u64> {
    /// About what records are packed to.
    const RATIO: u64 = 8;
    let bytes = fs::metadata(path)?.len();
    Ok(if is_packed(path) { bytes.saturating_mul(RATIO) } else { bytes })
}

/// Packs an ended segment beside itself and deletes it, unless told to stop before it is done. What was packed is on the
/// disk under its name, whole, before the segment goes, and is as old as the segment for whoever deletes by age.
pub(super) fn pack(path: &Path, stops: &dyn Fn() -> bool) -> io::Result<bool> {
    pack_by(FRAME, path, stops)
}

fn pack_by(frame: usize, path: &Path, stops: &dyn Fn() -> bool) -> io::Result<bool> {
    let packed = packed_name(path);
    let half = packed.with_extension("zst.tmp");
    let mut source = File::open(path)?;
    let modified = source.metadata()?.modified()?;
    let mut sealer = match sniff(&mut source)? {
        Sniffed::Sealed(head) => Some(Sealer::like(&head)?),
        Sniffed::Plain(_) => None,
    };
    drop(source);
    let mut segment = open(path, 0)?;
    let mut file = File::create(&half)?;
    if let Some(sealer) = &sealer {
        file.write_all(sealer.head())?;
    }
    let mut is_empty = true;
    let mut compressor = Compressor::new(LEVEL)?;
    compressor.set_parameter(CParameter::ChecksumFlag(true))?;
    let mut lines = Vec::new();
    loop {
        if stops() {
            fs::remove_file(&half)?;
            return Ok(false);
        }
        let more = (&mut segment).take(frame as u64).read_to_end(&mut lines)?;
        let end = match memrchr(b'\n', &lines) {
            Some(last) => last + 1,
            None if more == 0 => lines.len(),
            None => continue,
        };
        if end == 0 && !is_empty {
            break;
        }
        is_empty = false;
        // Of an empty segment there is one frame, empty, for a file without any is none that a tool would read.
        let frame = compressor.compress(&lines[..end])?;
        match &mut sealer {
            Some(sealer) => file.write_all(&sealer.seal(&frame)?)?,
            None => file.write_all(&frame)?,
        }
        lines.drain(..end);
    }
    file.set_modified(modified)?;
    file.sync_all()?;
    fs::rename(&half, &packed)?;
    sync_directory(&packed)?;
    fs::remove_file(path)?;
    Ok(true)
}

/// What is packed in a file.
struct Unpacked {
    file: Box<dyn Read + Send>,
    decoder: Decoder<'static>,
    block: Vec<u8>,
    from: usize,
    to: usize,
    /// Whether the place is within a frame.
    within: bool,
}

impl Unpacked {
    fn of(file: Box<dyn Read + Send>) -> io::Result<Self> {
        let decoder = Decoder::new()?;
        Ok(Self { file, decoder, block: vec![0; BLOCK], from: 0, to: 0, within: false })
    }

    /// Reads more behind what is left; says whether there was more.
    fn fill(&mut self) -> io::Result<bool> {
        self.block.copy_within(self.from..self.to, 0);
        (self.from, self.to) = (0, self.to - self.from);
        loop {
            match self.file.read(&mut self.block[self.to..]) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => {
                    let count = read?;
                    self.to += count;
                    return Ok(count > 0);
                }
            }
        }
    }

    /// Goes to where the next frame seems to begin.
    fn skip(&mut self) -> io::Result<()> {
        if !self.within {
            self.from += 1;
        }
        self.within = false;
        self.decoder.reinit()?;
        loop {
            if let Some(at) = memmem::find(&self.block[self.from..self.to], &MAGIC) {
                self.from += at;
                return Ok(());
            }
            // The first bytes of a frame may be the last of the block.
            self.from = self.from.max(self.to.saturating_sub(MAGIC.len() - 1));
            if !self.fill()? {
                self.from = self.to;
                return Ok(());
            }
        }
    }
}

impl Read for Unpacked {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if into.is_empty() {
            return Ok(0);
        }
        loop {
            if self.from == self.to && !self.fill()? && !self.within {
                return Ok(0);
            }
            match self.decoder.run_on_buffers(&self.block[self.from..self.to], into) {
                Ok(status) => {
                    let is_stuck = status.bytes_read == 0 && status.bytes_written == 0;
                    self.from += status.bytes_read;
                    self.within = status.remaining > 0;
                    if status.bytes_written > 0 {
                        return Ok(status.bytes_written);
                    }
                    if is_stuck && !self.fill()? {
                        return Ok(0);
                    }
                }
                Err(_) => {
                    self.skip()?;
                    into[0] = b'\n';
                    return Ok(1);
                }
            }
        }
    }
}
