//! Whether a text is JSON, and where its values end: read once, with nothing built and nothing allocated.
//!
//! serde_json can pass over values too, for ten instructions a byte. Here texts inside the text are looked at many
//! bytes at a time. What is accepted is what serde_json's parser accepts, but for two things that grammar does not
//! tell: that the text is UTF-8, and that escaped surrogates come in pairs.

use std::ops::Range;

/// How deep values may nest, as serde_json has it.
const DEPTH: u32 = 127;

/// A text that is read from its start to its end. `None` of its methods: the text is not JSON.
#[derive(Debug)]
pub(super) struct Scanner<'t> {
    text: &'t [u8],
    at: usize,
    /// How many arrays and objects are open.
    depth: u32,
    /// Whether half of a surrogate pair is escaped somewhere; whether the other half is, nobody has looked.
    surrogates: bool,
}

/// Says whether a text has JSON's grammar, whatever characters it escapes.
pub fn has_json_grammar(text: &str) -> bool {
    let mut scanner = Scanner::new(text.as_bytes());
    scanner.pass().is_some() && scanner.is_at_end()
}

/// Says whether a text can stand between quotes in JSON as it is.
pub fn is_plain(text: &[u8]) -> bool {
    let (chunks, rest) = text.as_chunks::<16>();
    chunks.iter().all(is_plain_chunk) && rest.iter().fold(true, |all, byte| all & is_plain_byte(*byte))
}

/// No branch, so that the compiler can look at all of it at once.
fn is_plain_chunk(chunk: &[u8; 16]) -> bool {
    chunk.iter().fold(true, |all, byte| all & is_plain_byte(*byte))
}

fn is_plain_byte(byte: u8) -> bool {
    (byte >= b' ') & (byte != b'"') & (byte != b'\\')
}

impl<'t> Scanner<'t> {
    pub(super) fn new(text: &'t [u8]) -> Self {
        Self { text, at: 0, depth: 0, surrogates: false }
    }

    /// Whether nothing follows but white space.
    pub(super) fn is_at_end(&mut self) -> bool {
        self.peek().is_none()
    }

    /// Whether the text escapes what may be half a character.
    pub(super) fn has_surrogates(&self) -> bool {
        self.surrogates
    }

    /// The bytes of a part.
    pub(super) fn part(&self, range: Range<usize>) -> &'t [u8] {
        &self.text[range]
    }

    /// The next byte that is no white space; it stays the next.
    pub(super) fn peek(&mut self) -> Option<u8> {
        while let Some(b' ' | b'\n' | b'\t' | b'\r') = self.text.get(self.at) {
            self.at += 1;
        }
        self.text.get(self.at).copied()
    }

    /// Reads this byte, if it is the next that is no white space.
    pub(super) fn take(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    /// Goes into the array or object that opens here; `None`: it is too deep.
    pub(super) fn enter(&mut self) -> Option<()> {
        self.at += 1;
        self.depth += 1;
        (self.depth <= DEPTH).then_some(())
    }

    /// Goes on to the next member or element: `true`; or, `end` being next, out of the object or array: `false`.
    pub(super) fn goes_on(&mut self, end: u8) -> Option<bool> {
        if self.take(b',') {
            return Some(true);
        }
        self.leaves(end).then_some(false)
    }

    /// Leaves the object or array, if it ends here.
    pub(super) fn leaves(&mut self, end: u8) -> bool {
        let found = self.take(end);
        self.depth -= u32::from(found);
        found
    }

    /// Reads a member's name and the colon behind it; where the name stands, quotes included.
    pub(super) fn name(&mut self) -> Option<Range<usize>> {
        if !self.take(b'"') {
            return None;
        }
        let begin = self.at - 1;
        self.string()?;
        let name = begin..self.at;
        self.take(b':').then_some(name)
    }

    /// Passes a value; where it stands.
    pub(super) fn pass(&mut self) -> Option<Range<usize>> {
        self.peek()?;
        let (begin, outside) = (self.at, self.depth);
        // For each array or object around, the innermost in the lowest bit: whether it is an object.
        let mut kinds = 0u128;
        loop {
            match self.peek()? {
                b'{' => {
                    self.enter()?;
                    kinds = kinds << 1 | 1;
                    if !self.leaves(b'}') {
                        self.name()?;
                        continue;
                    }
                    kinds >>= 1;
                }
                b'[' => {
                    self.enter()?;
                    kinds <<= 1;
                    if !self.leaves(b']') {
                        continue;
                    }
                    kinds >>= 1;
                }
                _ => self.scalar()?,
            }
            // With a value ends what it was the last of.
            loop {
                if self.depth == outside {
                    return Some(begin..self.at);
                }
                let is_object = kinds & 1 == 1;
                if self.goes_on(if is_object { b'}' } else { b']' })? {
                    if is_object {
                        self.name()?;
                    }
                    break;
                }
                kinds >>= 1;
            }
        }
    }

    fn scalar(&mut self) -> Option<()> {
        match self.next()? {
            b'"' => self.string(),
            b't' => self.word(b"rue"),
            b'f' => self.word(b"alse"),
            b'n' => self.word(b"ull"),
            b'-' => {
                let first = self.next()?;
                self.number(first)
            }
            first => self.number(first),
        }
    }

    fn next(&mut self) -> Option<u8> {
        let byte = *self.text.get(self.at)?;
        self.at += 1;
        Some(byte)
    }

    fn word(&mut self, rest: &[u8]) -> Option<()> {
        self.text.get(self.at..)?.starts_with(rest).then(|| self.at += rest.len())
    }

    /// Reads a number whose first digit was read.
    fn number(&mut self, first: u8) -> Option<()> {
        match first {
            b'0' => {}
            b'1'..=b'9' => _ = self.digits(),
            _ => return None,
        }
        // After a 0 no digit may follow, and none is looked for: whatever comes next fails at it.
        if self.text.get(self.at) == Some(&b'.') {
            self.at += 1;
            self.digits().then_some(())?;
        }
        if let Some(b'e' | b'E') = self.text.get(self.at) {
            self.at += 1;
            if let Some(b'+' | b'-') = self.text.get(self.at) {
                self.at += 1;
            }
            self.digits().then_some(())?;
        }
        Some(())
    }

    /// Reads digits; whether there is one.
    fn digits(&mut self) -> bool {
        let begin = self.at;
        while let Some(b'0'..=b'9') = self.text.get(self.at) {
            self.at += 1;
        }
        self.at > begin
    }

    /// Reads a text whose opening quote was read.
    fn string(&mut self) -> Option<()> {
        loop {
            while self.text[self.at..].first_chunk::<16>().is_some_and(is_plain_chunk) {
                self.at += 16;
            }
            let special = loop {
                let byte = self.next()?;
                if !is_plain_byte(byte) {
                    break byte;
                }
            };
            match special {
                b'"' => return Some(()),
                b'\\' => self.escape()?,
                _ => return None,
            }
        }
    }

    fn escape(&mut self) -> Option<()> {
        match self.next()? {
            b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Some(()),
            b'u' => {
                let digits = self.text.get(self.at..self.at + 4)?;
                self.at += 4;
                self.surrogates |=
                    matches!(digits, [b'd' | b'D', b'8'..=b'9' | b'a'..=b'f' | b'A'..=b'F', ..]);
                digits.iter().all(u8::is_ascii_hexdigit).then_some(())
            }
            _ => None,
        }
    }
}
