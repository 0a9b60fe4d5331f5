//! Reads one HTTP/1.1 answer as its bytes come, to know when it is whole and where its body begins.

/// The most bytes of an answer's head.
const MAX_HEAD: usize = 16 * 1024;

/// The state of one answer that is being read.
#[derive(Debug, Default)]
pub(crate) struct AnswerReader {
    head: Vec<u8>,
    state: State,
    status: u16,
    close: bool,
}

#[derive(Debug, Default, Clone, Copy)]
enum State {
    #[default]
    Head,
    Length(u64),
    Chunked(Chunk),
    UntilClose,
}

/// Where in a chunked body the next byte stands.
#[derive(Debug, Clone, Copy)]
enum Chunk {
    Size {
        size: u64,
        extension: bool,
    },
    Payload(u64),
    AfterPayload,
    /// In the lines after the last chunk; the bytes of the present line so far.
    Trailer(u32),
}

/// A whole answer.
#[derive(Debug, PartialEq, Eq, Clone, Copy)]
pub(crate) struct Whole {
    pub(crate) status: u16,
    /// The server will close the connection.
    pub(crate) close: bool,
}

/// What came is no HTTP/1.1 answer, or more than one.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Malformed;

impl AnswerReader {
    /// Takes in the next bytes, hands on those of the body, and says when the answer is whole.
    pub(crate) fn feed(
        &mut self,
        bytes: &[u8],
        mut on_body: impl FnMut(&[u8]),
    ) -> Result<Option<Whole>, Malformed> {
        if !matches!(self.state, State::Head) {
            return self.body(bytes, on_body);
        }
        if self.head.is_empty() {
            // Nearly always the whole head comes at once, and need not be copied.
            return match self.begin(bytes)? {
                Some(size) => self.body(&bytes[size..], on_body),
                None => {
                    self.head.extend_from_slice(bytes);
                    Ok(None)
                }
            };
        }
        self.head.extend_from_slice(bytes);
        let joined = std::mem::take(&mut self.head);
        match self.begin(&joined)? {
            Some(size) => self.body(&joined[size..], &mut on_body),
            None => {
                self.head = joined;
                Ok(None)
            }
        }
    }

    /// The connection has ended: is the answer whole?
    pub(crate) fn end(&self) -> Option<Whole> {
        matches!(self.state, State::UntilClose).then(|| self.whole())
    }

    fn whole(&self) -> Whole {
        Whole { status: self.status, close: self.close }
    }

    /// Understands the head and gives its size; `None`: it is not all here.
    fn begin(&mut self, bytes: &[u8]) -> Result<Option<usize>, Malformed> {
        let mut headers = [httparse::EMPTY_HEADER; 64];
        let mut answer = httparse::Response::new(&mut headers);
        let parsed = answer.parse(bytes).map_err(|_| Malformed)?;
        let httparse::Status::Complete(size) = parsed else {
            return if bytes.len() > MAX_HEAD { Err(Malformed) } else { Ok(None) };
        };
        self.status = answer.code.ok_or(Malformed)?;
        self.close = false;
        let (mut length, mut chunked) = (None, false);
        for header in answer.headers.iter() {
            let is = |name: &str| header.name.eq_ignore_ascii_case(name);
            if is("content-length") {
                let text = std::str::from_utf8(header.value).map_err(|_| Malformed)?;
                length = Some(text.parse().map_err(|_| Malformed)?);
            } else if is("transfer-encoding") {
                chunked = true;
            } else if is("connection") {
                self.close = header.value.eq_ignore_ascii_case(b"close");
            }
        }
        let empty = matches!(self.status, 204 | 304);
        self.state = match length {
            _ if empty => State::Length(0),
            _ if chunked => State::Chunked(Chunk::Size { size: 0, extension: false }),
            Some(length) => State::Length(length),
            None => State::UntilClose,
        };
        Ok(Some(size))
    }

    fn body(&mut self, bytes: &[u8], mut on_body: impl FnMut(&[u8])) -> Result<Option<Whole>, Malformed> {
        let whole = match &mut self.state {
            State::Length(left) => {
                let size = bytes.len() as u64;
                *left = left.checked_sub(size).ok_or(Malformed)?;
                if size > 0 {
                    on_body(bytes);
                }
                *left == 0
            }
            State::Chunked(chunk) => chunks(chunk, bytes, on_body)?,
            State::UntilClose => {
                on_body(bytes);
                false
            }
            State::Head => return Err(Malformed),
        };
        if !whole {
            return Ok(None);
        }
        self.state = State::Head;
        Ok(Some(self.whole()))
    }
}

/// Walks through the bytes of a chunked body; says whether its end was reached.
fn chunks(chunk: &mut Chunk, bytes: &[u8], mut on_body: impl FnMut(&[u8])) -> Result<bool, Malformed> {
    let mut rest = bytes;
    while let [first, after @ ..] = rest {
        match chunk {
            Chunk::Payload(left) => {
                let size = rest.len().min(usize::try_from(*left).unwrap_or(usize::MAX));
                on_body(&rest[..size]);
                rest = &rest[size..];
                *left -= size as u64;
                if *left == 0 {
                    *chunk = Chunk::AfterPayload;
                }
                continue;
            }
            Chunk::AfterPayload if *first == b'\n' => {
                *chunk = Chunk::Size { size: 0, extension: false };
            }
            Chunk::AfterPayload => {}
            Chunk::Size { size, .. } if *first == b'\n' => {
                *chunk = if *size == 0 { Chunk::Trailer(0) } else { Chunk::Payload(*size) };
            }
            Chunk::Size { size, extension } => match (*first as char).to_digit(16) {
                Some(digit) if !*extension => {
                    *size = size.checked_mul(16).ok_or(Malformed)? + u64::from(digit);
                }
                _ => *extension = true,
            },
            Chunk::Trailer(0) if *first == b'\n' => {
                return if after.is_empty() { Ok(true) } else { Err(Malformed) };
            }
            Chunk::Trailer(length) => match first {
                b'\n' => *length = 0,
                b'\r' => {}
                _ => *length += 1,
            },
        }
        rest = after;
    }
    Ok(false)
}

#[cfg(test)]
mod tests;
