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
    let (chunks, rest) = text.as_chunks::<8>();
    // The last eight bytes tell of the rest too, which is shorter.
    let is_end_plain = match text.last_chunk::<8>() {
        Some(chunk) => rest.is_empty() || is_plain_chunk(chunk),
        None => rest.iter().all(|byte| is_plain_byte(*byte)),
    };
    is_end_plain && chunks.iter().all(is_plain_chunk)
}

/// All eight at once: a byte below a bound borrows from its highest bit (Anderson, Bit Twiddling Hacks, `hasless`).
fn is_plain_chunk(chunk: &[u8; 8]) -> bool {
    const EACH: u64 = u64::MAX / 255;
    let bytes = u64::from_ne_bytes(*chunk);
    let below = |bytes: u64, bound: u8| bytes.wrapping_sub(EACH * u64::from(bound)) & !bytes;
    let is = |byte: u8| below(bytes ^ (EACH * u64::from(byte)), 1);
    (below(bytes, b' ') | is(b'"') | is(b'\\')) & (EACH << 7) == 0
}

fn is_plain_byte(byte: u8) -> bool {
    byte >= b' ' && byte != b'"' && byte != b'\\'
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
                match self.peek()? {
                    b',' => {
                        self.at += 1;
                        if is_object {
                            self.name()?;
                        }
                        break;
                    }
                    end if end == if is_object { b'}' } else { b']' } => {
                        self.at += 1;
                        self.depth -= 1;
                        kinds >>= 1;
                    }
                    _ => return None,
                }
            }
        }
    }

    fn scalar(&mut self) -> Option<()> {
        match self.text.get(self.at)? {
            b'"' => {
                self.at += 1;
                self.string()
            }
            b't' => self.word(b"true"),
            b'f' => self.word(b"false"),
            b'n' => self.word(b"null"),
            _ => self.number(),
        }
    }

    fn word(&mut self, word: &[u8]) -> Option<()> {
        self.text[self.at..].starts_with(word).then(|| self.at += word.len())
    }

    fn number(&mut self) -> Option<()> {
        let text = &self.text[self.at..];
        let digits = |from: usize| text[from..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        let some_digits = |from: usize| Some(digits(from)).filter(|count| *count > 0);
        let mut end = usize::from(text.first() == Some(&b'-'));
        // Behind a 0 at the start no digit may follow, and none is looked for: whatever comes next fails at it.
        end += if text.get(end) == Some(&b'0') { 1 } else { some_digits(end)? };
        if text.get(end) == Some(&b'.') {
            end += 1;
            end += some_digits(end)?;
        }
        if let Some(b'e' | b'E') = text.get(end) {
            end += 1;
            end += usize::from(matches!(text.get(end), Some(b'+' | b'-')));
            end += some_digits(end)?;
        }
        self.at += end;
        Some(())
    }

    /// Reads a text whose opening quote was read.
    fn string(&mut self) -> Option<()> {
        loop {
            let mut rest = &self.text[self.at..];
            while let Some((chunk, behind)) = rest.split_first_chunk::<8>()
                && is_plain_chunk(chunk)
            {
                rest = behind;
            }
            let special = rest.iter().position(|byte| !is_plain_byte(*byte))?;
            self.at = self.text.len() - rest.len() + special + 1;
            match rest[special] {
                b'"' => return Some(()),
                b'\\' => self.escape()?,
                _ => return None,
            }
        }
    }

    fn escape(&mut self) -> Option<()> {
        let escaped = *self.text.get(self.at)?;
        self.at += 1;
        match escaped {
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
