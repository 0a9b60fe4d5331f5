//! Encryption at rest: what is written to a segment, in chunks under AES-256-GCM.
//!
//! A file is a head (8 bytes `CFENC1` and two zeros, 8 bytes that tell the key, 16 bytes of salt), then chunks: four
//! bytes of length, little-endian, and so many of ciphertext with its tag. Each file has a key of its own, HKDF-SHA256 of
//! the key and the salt, so that the number of a chunk can be its nonce: no chunk can be changed, moved or taken out
//! from between others unnoticed. One whose tag does not match is passed over as a damaged line would be.
//!
//! Keys are the process's, as open files are: whoever reads a log finds the key that a file names, be it the policy's or one of
//! those in the files that `CROSSFADE_RECORD_KEY_FILE` lists.

#[cfg(test)]
mod tests;

use std::fmt;
use std::fs;
use std::io;
use std::io::Read;
use std::sync::Mutex;
use std::sync::OnceLock;
use std::sync::PoisonError;

use ring::aead;
use ring::aead::Aad;
use ring::aead::LessSafeKey;
use ring::aead::Nonce;
use ring::aead::UnboundKey;
use ring::hkdf;
use ring::rand::SecureRandom;
use ring::rand::SystemRandom;
use sha2::Digest;
use sha2::Sha256;

/// Where commands that read records without a policy find keys: files, separated by colons.
const KEY_FILES: &str = "CROSSFADE_RECORD_KEY_FILE";

const MAGIC: [u8; 8] = *b"CFENC1\0\0";
const ID: usize = 8;
const SALT: usize = 16;

/// How long a file's head is.
pub(super) const HEAD: usize = MAGIC.len() + ID + SALT;

/// How long a chunk's length is.
pub(super) const LENGTH: usize = 4;

/// How much longer a chunk is than its lines.
pub(super) const TAG: usize = 16;

/// The longest chunk that is read: a batch of lines and the longest line.
const MOST: usize = 2 * 1024 * 1024 * 1024 - 1;

/// A key that records are encrypted with.
#[derive(Clone, PartialEq, Eq)]
pub struct RecordKey([u8; 32]);

/// Encrypts the chunks of one file.
pub(super) struct Sealer {
    key: LessSafeKey,
    head: [u8; HEAD],
    chunk: u64,
}

/// What a file says of itself before its chunks.
pub(super) enum Sniffed {
    /// It is encrypted.
    Sealed([u8; HEAD]),
    /// It is not, and begins with these bytes.
    Plain(Vec<u8>),
}

/// The plaintext of an encrypted file.
pub(super) struct Unsealed<R> {
    file: R,
    key: LessSafeKey,
    head: [u8; HEAD],
    chunk: u64,
    text: Vec<u8>,
    at: usize,
}

fn known() -> &'static Mutex<Vec<RecordKey>> {
    static KNOWN: OnceLock<Mutex<Vec<RecordKey>>> = OnceLock::new();
    KNOWN.get_or_init(|| {
        let files = std::env::var(KEY_FILES).unwrap_or_default();
        let mut keys = Vec::new();
        for path in files.split(':').filter(|path| !path.is_empty()) {
            let read = fs::read(path).map_err(|error| error.to_string());
            match read.and_then(|text| RecordKey::parse(&text).map_err(str::to_owned)) {
                Ok(key) => keys.push(key),
                Err(problem) => tracing::error!(path, problem, "no key of records, named by {KEY_FILES}"),
            }
        }
        Mutex::new(keys)
    })
}

impl RecordKey {
    /// Reads a key: 64 hexadecimal digits, white space around them ignored.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &[u8]) -> Result<Self, &'static str> {
        const EXPECTED: &str = "expected 64 hexadecimal digits; hint: `openssl rand -hex 32` makes them";
        let text = std::str::from_utf8(text.trim_ascii()).map_err(|_| EXPECTED)?;
        if text.len() != 64 || !text.is_ascii() {
            return Err(EXPECTED);
        }
        let mut key = [0; 32];
        for (byte, digits) in key.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
            let digits = std::str::from_utf8(digits).map_err(|_| EXPECTED)?;
            *byte = u8::from_str_radix(digits, 16).map_err(|_| EXPECTED)?;
        }
        Ok(Self(key))
    }

    /// Lets this process read what is encrypted with the key.
    pub fn remember(&self) {
        let mut known = known().lock().unwrap_or_else(PoisonError::into_inner);
        if !known.contains(self) {
            known.push(self.clone());
        }
    }

    /// What tells the key without telling anything of it.
    fn id(&self) -> [u8; ID] {
        let digest = Sha256::new().chain_update(b"crossfade record key").chain_update(self.0).finalize();
        let mut id = [0; ID];
        id.copy_from_slice(&digest[..ID]);
        id
    }

    fn of_file(&self, head: &[u8; HEAD]) -> LessSafeKey {
        let salt = hkdf::Salt::new(hkdf::HKDF_SHA256, &head[MAGIC.len() + ID..]);
        let secret = salt.extract(&self.0);
        let own = secret.expand(&[b"crossfade record"], &aead::AES_256_GCM).expect("32 bytes are few enough");
        LessSafeKey::new(UnboundKey::from(own))
    }
}

impl fmt::Debug for RecordKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("RecordKey")
    }
}

impl fmt::Debug for Sealer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Sealer").field("chunk", &self.chunk).finish_non_exhaustive()
    }
}

impl Sealer {
    /// Begins a file, whose first bytes are [`head`](Self::head).
    pub(super) fn new(key: &RecordKey) -> io::Result<Self> {
        let mut head = [0; HEAD];
        head[..MAGIC.len()].copy_from_slice(&MAGIC);
        head[MAGIC.len()..][..ID].copy_from_slice(&key.id());
        let salt = SystemRandom::new().fill(&mut head[MAGIC.len() + ID..]);
        salt.map_err(|_| io::Error::other("the system gives no random numbers"))?;
        Ok(Self { key: key.of_file(&head), head, chunk: 0 })
    }

    /// Begins another file with the key of one that is there.
    pub(super) fn like(head: &[u8; HEAD]) -> io::Result<Self> {
        Self::new(&key_of(head)?)
    }

    pub(super) fn head(&self) -> &[u8] {
        &self.head
    }

    /// The next chunk.
    pub(super) fn seal(&mut self, text: &[u8]) -> io::Result<Vec<u8>> {
        let length = u32::try_from(text.len() + TAG).ok().filter(|length| *length as usize <= MOST);
        let length = length.ok_or_else(|| io::Error::other("lines too long to be encrypted at once"))?;
        let mut chunk = Vec::with_capacity(LENGTH + text.len() + TAG);
        chunk.extend_from_slice(&length.to_le_bytes());
        let mut text = text.to_vec();
        let sealed = self.key.seal_in_place_append_tag(nonce(self.chunk), Aad::from(self.head), &mut text);
        sealed.map_err(|_| io::Error::other("lines could not be encrypted"))?;
        self.chunk += 1;
        chunk.append(&mut text);
        Ok(chunk)
    }
}

fn nonce(chunk: u64) -> Nonce {
    let mut nonce = [0; aead::NONCE_LEN];
    nonce[..8].copy_from_slice(&chunk.to_le_bytes());
    Nonce::assume_unique_for_key(nonce)
}

fn key_of(head: &[u8; HEAD]) -> io::Result<RecordKey> {
    let known = known().lock().unwrap_or_else(PoisonError::into_inner);
    let id = &head[MAGIC.len()..][..ID];
    known.iter().find(|key| key.id() == id).cloned().ok_or_else(|| {
        let hint = format!("hint: name the file of its key in {KEY_FILES}");
        io::Error::new(
            io::ErrorKind::PermissionDenied,
            format!("encrypted with a key that is not known; {hint}"),
        )
    })
}

/// Looks at the first bytes of a file.
pub(super) fn sniff(file: &mut impl Read) -> io::Result<Sniffed> {
    let mut first = Vec::with_capacity(HEAD);
    file.take(HEAD as u64).read_to_end(&mut first)?;
    Ok(match <[u8; HEAD]>::try_from(first.as_slice()) {
        Ok(head) if head.starts_with(&MAGIC) => Sniffed::Sealed(head),
        _ => Sniffed::Plain(first),
    })
}

impl<R: Read> Unsealed<R> {
    /// Reads what follows a head.
    pub(super) fn new(file: R, head: [u8; HEAD]) -> io::Result<Self> {
        let key = key_of(&head)?.of_file(&head);
        Ok(Self { file, key, head, chunk: 0, text: Vec::new(), at: 0 })
    }

    /// Reads the next chunk; `false`: there is none, or none that is whole.
    fn load(&mut self) -> io::Result<bool> {
        let mut length = [0; LENGTH];
        if !filled(&mut self.file, &mut length)? {
            return Ok(false);
        }
        let length = u32::from_le_bytes(length) as usize;
        if !(TAG..=MOST).contains(&length) {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "the length of an encrypted chunk is damaged",
            ));
        }
        self.text.clear();
        self.at = 0;
        // As much memory as there is to read, whatever the length says.
        (&mut self.file).take(length as u64).read_to_end(&mut self.text)?;
        if self.text.len() < length {
            self.text.clear();
            return Ok(false);
        }
        let opened = self.key.open_in_place(nonce(self.chunk), Aad::from(self.head), &mut self.text);
        self.chunk += 1;
        match opened.map(|text| text.len()) {
            Ok(length) => self.text.truncate(length),
            // What comes after is as sound as ever; what came before ends here.
            Err(_) => {
                self.text.clear();
                self.text.push(b'\n');
            }
        }
        Ok(true)
    }
}

/// Fills a buffer; `false`: the file ends before.
fn filled(file: &mut impl Read, buffer: &mut [u8]) -> io::Result<bool> {
    match file.read_exact(buffer) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}

impl<R: Read> Read for Unsealed<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while self.at == self.text.len() {
            if !self.load()? {
                return Ok(0);
            }
        }
        let count = into.len().min(self.text.len() - self.at);
        into[..count].copy_from_slice(&self.text[self.at..][..count]);
        self.at += count;
        Ok(count)
    }
}
