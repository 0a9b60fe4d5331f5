//! Where the messages of an HTTP/1 connection begin and end, and which heads leave a doubt about it.
//!
//! This is no parser: HTTP itself is read elsewhere, by a library that hides or accepts some of what RFC 9112 lets
//! an intermediary refuse (a lone line feed, `content-length` beside `transfer-encoding`, lengths said twice). Two
//! readers of such a head could see two different messages, which is how requests are smuggled. So the bytes are
//! looked at once as they pass, and what could be read in two ways is refused.

mod chunks;
mod head;

#[cfg(test)]
mod tests;

pub use head::AnswerHead;
pub use head::RequestHead;

use crate::protocol::http1::chunks::Chunks;

/// What is wrong with a message. Its label is a metric's, so the set is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// A line that a lone line feed ends.
    #[error("a line ends in CR LF")]
    LineEnd,
    /// The first line is not a request's or a status's.
    #[error("the first line cannot be read")]
    FirstLine,
    /// A version other than 1.0 and 1.1.
    #[error("HTTP/1.0, HTTP/1.1 and HTTP/2 are spoken here")]
    Version,
    /// A tunnel to elsewhere is asked for.
    #[error("CONNECT is not served")]
    Connect,
    /// A folded field, one that says the length with white space before its colon, or a control character.
    #[error("a header field cannot be read")]
    Field,
    /// A `content-length` that is no number, or said twice.
    #[error("content-length is one number, said once")]
    ContentLength,
    /// A `transfer-encoding` beside a `content-length`, twice, or in HTTP/1.0.
    #[error("transfer-encoding stands alone, once, and not in HTTP/1.0")]
    TransferEncoding,
    /// A transfer coding other than `chunked`.
    #[error("chunked is the only transfer coding")]
    TransferCoding,
    /// A target that is too long.
    #[error("the request's target is too long")]
    TargetTooLong,
    /// A head that is too large.
    #[error("the header section is too large")]
    HeadTooLarge,
    /// A head of too many fields.
    #[error("the header section has too many fields")]
    TooManyFields,
    /// A chunk whose frame cannot be read.
    #[error("a chunk cannot be read")]
    Chunk,
    /// More than [`MAX_INTERIM`] answers 1xx before the answer.
    #[error("too many interim answers")]
    Interim,
    /// Bytes that nobody asked for.
    #[error("bytes follow the answer")]
    Surplus,
}

/// The method of the request that is read in a malformed one's place; that of no client's request.
pub const STAND_IN: &str = "MALFORMED";

/// The most that a head may be.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// The first line, in bytes.
    pub target: usize,
    /// All of it, in bytes.
    pub head: usize,
    /// Its fields.
    pub fields: usize,
}

/// The most answers 1xx before the answer.
pub const MAX_INTERIM: usize = 32;

impl Malformed {
    /// Everything that can be wrong with a request's head.
    pub const OF_REQUESTS: [Malformed; 11] = [
        Malformed::LineEnd,
        Malformed::FirstLine,
        Malformed::Version,
        Malformed::Connect,
        Malformed::Field,
        Malformed::ContentLength,
        Malformed::TransferEncoding,
        Malformed::TransferCoding,
        Malformed::TargetTooLong,
        Malformed::HeadTooLarge,
        Malformed::TooManyFields,
    ];

    /// The word for it in answers and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Malformed::LineEnd => "line_end",
            Malformed::FirstLine => "first_line",
            Malformed::Version => "version",
            Malformed::Connect => "connect",
            Malformed::Field => "field",
            Malformed::ContentLength => "content_length",
            Malformed::TransferEncoding => "transfer_encoding",
            Malformed::TransferCoding => "transfer_coding",
            Malformed::TargetTooLong => "target_too_long",
            Malformed::HeadTooLarge => "head_too_large",
            Malformed::TooManyFields => "too_many_fields",
            Malformed::Chunk => "chunk",
            Malformed::Interim => "interim",
            Malformed::Surplus => "surplus",
        }
    }
}

/// Says whether an `upgrade` field asks for a tunnel. HTTP/2 by upgrade is not served, and asking for it is common
/// among clients that do not need it: it is overlooked.
pub fn asks_for_tunnel(upgrade: &[u8]) -> bool {
    !upgrade.trim_ascii().eq_ignore_ascii_case(b"h2c")
}

/// A head in one direction, read line by line as its bytes arrive.
///
/// The default is the head that comes next.
pub trait Head: Default {
    /// Reads on in the head that `bytes` begins with; they hold what earlier calls were given and what has come
    /// since. Once the head is whole: how long it is, and what follows it; `None`: another head.
    fn read(&mut self, bytes: &[u8], bounds: &Bounds) -> Result<Option<(usize, Option<Framing>)>, Malformed>;
}

/// How a head says where its body ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// After so many bytes.
    Length(u64),
    /// After the last chunk.
    Chunked,
    /// With the connection, or it is another protocol from here on.
    Rest,
}

/// The messages of one direction of a connection, one after the other.
#[derive(Debug, Default)]
pub struct Messages<H> {
    head: H,
    body: Option<Body>,
    bounds: Bounds,
}

#[derive(Debug)]
enum Body {
    Length(u64),
    Chunks(Chunks),
    Rest,
}

impl Default for Bounds {
    /// What most servers take, and as many fields as HTTP's own parser holds without allocating.
    fn default() -> Self {
        Self { target: 32 * 1024, head: 64 * 1024, fields: 100 }
    }
}

impl<H: Head> Messages<H> {
    /// Messages whose heads keep within these bounds.
    pub fn within(bounds: Bounds) -> Self {
        Self { head: H::default(), body: None, bounds }
    }

    /// Follows the bytes as far as they can be trusted, and says how far that is and what is wrong from there on.
    /// Bytes of a head are trusted once it is whole: until then they must be shown again, with what follows.
    pub fn pass(&mut self, bytes: &[u8]) -> (usize, Result<(), Malformed>) {
        let mut passed = 0;
        loop {
            match self.step(&bytes[passed..]) {
                Ok(Some(more)) => passed += more,
                Ok(None) => return (passed, Ok(())),
                Err(malformed) => return (passed, Err(malformed)),
            }
        }
    }

    /// Follows one head, or one body as far as it goes; `None`: that needs more bytes.
    fn step(&mut self, rest: &[u8]) -> Result<Option<usize>, Malformed> {
        let Some(body) = &mut self.body else {
            let Some((length, framing)) = self.head.read(rest, &self.bounds)? else { return Ok(None) };
            self.body = framing.map(Body::new);
            return Ok(Some(length));
        };
        let passed = body.pass(rest)?;
        if body.has_ended() {
            (self.head, self.body) = (H::default(), None);
            return Ok(Some(passed));
        }
        Ok((passed > 0).then_some(passed))
    }

    /// Says whether the last message has ended.
    pub fn is_between(&self) -> bool {
        self.body.is_none()
    }

    /// Says whether nothing more is looked at.
    pub fn is_over(&self) -> bool {
        matches!(self.body, Some(Body::Rest))
    }

    /// Looks at nothing more.
    pub fn leave(&mut self) {
        self.body = Some(Body::Rest);
    }
}

impl Messages<AnswerHead> {
    /// Notes what is written to the model: the first bytes after an answer are the next request's.
    pub fn ask(&mut self, bytes: &[u8]) {
        if self.body.is_none() && !bytes.is_empty() {
            self.head.ask(bytes);
        }
    }
}

impl Body {
    fn new(framing: Framing) -> Self {
        match framing {
            Framing::Length(bytes) => Body::Length(bytes),
            Framing::Chunked => Body::Chunks(Chunks::default()),
            Framing::Rest => Body::Rest,
        }
    }

    fn pass(&mut self, bytes: &[u8]) -> Result<usize, Malformed> {
        match self {
            Body::Length(left) => {
                let passed = bytes.len().min(usize::try_from(*left).unwrap_or(usize::MAX));
                *left -= passed as u64;
                Ok(passed)
            }
            Body::Chunks(chunks) => chunks.pass(bytes),
            Body::Rest => Ok(bytes.len()),
        }
    }

    fn has_ended(&self) -> bool {
        match self {
            Body::Length(left) => *left == 0,
            Body::Chunks(chunks) => chunks.have_ended(),
            Body::Rest => false,
        }
    }
}
