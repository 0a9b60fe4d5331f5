//! Where the frames of an HTTP/2 connection begin, and what they are (RFC 9113, section 4.1).
//!
//! This is no parser: HTTP itself is read elsewhere, by a library that does not tell how many frames of which kind came.
//! Payloads are skipped, not read.

/// The length of a frame's head.
const HEAD: usize = 9;

/// What a client's connection begins with.
pub const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// The type of a frame of content.
pub const DATA: u8 = 0;
/// The type of a frame that begins a head, or trailers.
pub const HEADERS: u8 = 1;
/// The flag of a frame that is its stream's last.
pub const END_STREAM: u8 = 1;

/// The head of a frame, as far as anybody asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameHead {
    /// How long its payload is, in bytes.
    pub length: usize,
    /// Its type.
    pub kind: u8,
    /// Its flags.
    pub flags: u8,
}

/// Cuts the bytes of one direction of a connection into frames.
#[derive(Debug)]
pub struct Frames {
    /// Bytes to pass before the next head begins: of the preface at first, then of a payload.
    skip: usize,
    head: [u8; HEAD],
    head_bytes: usize,
}

impl Frames {
    /// Of a client, whose preface comes first.
    pub fn of_client() -> Self {
        Self { skip: PREFACE.len(), head: [0; HEAD], head_bytes: 0 }
    }

    /// Of a server.
    pub fn of_server() -> Self {
        Self { skip: 0, ..Self::of_client() }
    }

    /// Passes bytes on and says of how many frames that began in them something holds.
    pub fn count(&mut self, mut bytes: &[u8], holds: impl Fn(FrameHead) -> bool) -> u32 {
        let mut count = 0;
        while !bytes.is_empty() {
            let skipped = self.skip.min(bytes.len());
            self.skip -= skipped;
            bytes = &bytes[skipped..];
            let taken = (HEAD - self.head_bytes).min(bytes.len());
            self.head[self.head_bytes..self.head_bytes + taken].copy_from_slice(&bytes[..taken]);
            self.head_bytes += taken;
            bytes = &bytes[taken..];
            if self.head_bytes == HEAD {
                let [high, middle, low, kind, flags, ..] = self.head;
                let length = usize::from(high) << 16 | usize::from(middle) << 8 | usize::from(low);
                count += u32::from(holds(FrameHead { length, kind, flags }));
                self.skip = length;
                self.head_bytes = 0;
            }
        }
        count
    }
}
