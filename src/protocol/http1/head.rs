//! The heads of requests and answers, line by line: what they say of their length, and whether they say it once.

use memchr::memchr;

use crate::protocol::http1::Framing;
use crate::protocol::http1::Head;
use crate::protocol::http1::MAX_FIELDS;
use crate::protocol::http1::MAX_HEAD;
use crate::protocol::http1::MAX_INTERIM;
use crate::protocol::http1::MAX_TARGET;
use crate::protocol::http1::Malformed;
use crate::protocol::http1::STAND_IN;
use crate::protocol::http1::asks_for_tunnel;

/// A request's head.
#[derive(Debug, Default)]
pub struct RequestHead {
    lines: Lines,
    version: Option<Version>,
    fields: Fields,
}

/// An answer's head, and those of the interim answers before it.
#[derive(Debug, Default)]
pub struct AnswerHead {
    lines: Lines,
    status: Option<(Version, u16)>,
    fields: Fields,
    asked: Option<Asked>,
    interim: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Version {
    Http10,
    Http11,
}

/// Which request an answer is for, as far as it matters to the answer's length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asked {
    /// Its answer has no body, whatever its fields say.
    Head,
    Other,
}

/// The lines of a head, as far as they are here.
#[derive(Debug, Default)]
struct Lines {
    /// Where the line begins that is not whole yet.
    begin: usize,
    /// How far the end of it has been looked for.
    searched: usize,
    /// How many are whole.
    count: usize,
}

/// What the fields say of the body.
#[derive(Debug, Default)]
struct Fields {
    count: usize,
    length: Option<u64>,
    chunked: bool,
    tunnel: bool,
}

impl Head for RequestHead {
    fn read(&mut self, bytes: &[u8]) -> Result<Option<(usize, Option<Framing>)>, Malformed> {
        while let Some(line) = self.lines.next(bytes)? {
            match self.version {
                // Servers should overlook empty lines before a request (RFC 9112, section 2.2).
                None if line.is_empty() => {}
                None => self.version = Some(request_line(line)?),
                Some(version) if line.is_empty() => {
                    self.lines.hold_no_controls(bytes)?;
                    let framing = self.fields.framing(version)?.unwrap_or(Framing::Length(0));
                    let tunnel = self.fields.tunnel && version == Version::Http11;
                    let framing = if tunnel { Framing::Rest } else { framing };
                    return Ok(Some((self.lines.begin, Some(framing))));
                }
                Some(_) => self.fields.read(line)?,
            }
        }
        if self.version.is_none() && bytes.len() > MAX_TARGET {
            return Err(Malformed::TargetTooLong);
        }
        Ok(None)
    }
}

impl Head for AnswerHead {
    fn read(&mut self, bytes: &[u8]) -> Result<Option<(usize, Option<Framing>)>, Malformed> {
        let Some(asked) = self.asked else {
            return if bytes.is_empty() { Ok(None) } else { Err(Malformed::Surplus) };
        };
        while let Some(line) = self.lines.next(bytes)? {
            match self.status {
                None => self.status = Some(status_line(line)?),
                Some((version, status)) if line.is_empty() => {
                    self.lines.hold_no_controls(bytes)?;
                    let length = self.lines.begin;
                    if matches!(status, 100 | 102..=199) {
                        self.pass_interim()?;
                        return Ok(Some((length, None)));
                    }
                    return Ok(Some((length, Some(self.framing(version, status, asked)?))));
                }
                Some(_) => self.fields.read(line)?,
            }
        }
        Ok(None)
    }
}

impl AnswerHead {
    /// Notes the beginning of a request; what is written after it changes nothing.
    pub(super) fn ask(&mut self, bytes: &[u8]) {
        let method = if bytes.starts_with(b"HEAD ") { Asked::Head } else { Asked::Other };
        self.asked.get_or_insert(method);
    }

    fn pass_interim(&mut self) -> Result<(), Malformed> {
        let Self { asked, interim, .. } = *self;
        if interim == MAX_INTERIM {
            return Err(Malformed::Interim);
        }
        *self = Self { asked, interim: interim + 1, ..Self::default() };
        Ok(())
    }

    /// How long the answer is: section 6.3 of RFC 9112.
    fn framing(&self, version: Version, status: u16, asked: Asked) -> Result<Framing, Malformed> {
        let said = self.fields.framing(version)?;
        Ok(match (status, asked) {
            (101, _) => Framing::Rest,
            (204 | 304, _) | (_, Asked::Head) => Framing::Length(0),
            _ => said.unwrap_or(Framing::Rest),
        })
    }
}

impl Lines {
    /// The next whole line, without its end.
    fn next<'a>(&mut self, bytes: &'a [u8]) -> Result<Option<&'a [u8]>, Malformed> {
        let Some(found) = memchr(b'\n', &bytes[self.searched..]) else {
            self.searched = bytes.len();
            return if bytes.len() > MAX_HEAD { Err(Malformed::HeadTooLarge) } else { Ok(None) };
        };
        let end = self.searched + found;
        let line = bytes[self.begin..end].strip_suffix(b"\r").ok_or(Malformed::LineEnd)?;
        (self.begin, self.searched, self.count) = (end + 1, end + 1, self.count + 1);
        if self.begin > MAX_HEAD {
            return Err(Malformed::HeadTooLarge);
        }
        Ok(Some(line))
    }

    /// Makes sure that the lines of a whole head hold no other control characters than those at their ends.
    fn hold_no_controls(&self, bytes: &[u8]) -> Result<(), Malformed> {
        if controls(&bytes[..self.begin]) == 2 * self.count { Ok(()) } else { Err(Malformed::Field) }
    }
}

impl Fields {
    fn read(&mut self, line: &[u8]) -> Result<(), Malformed> {
        self.count += 1;
        if self.count > MAX_FIELDS {
            return Err(Malformed::HeadTooLarge);
        }
        let (name, value) = field(line)?;
        // By length first: most names are none of these.
        match name.len() {
            7 if name.eq_ignore_ascii_case(b"upgrade") => self.tunnel |= asks_for_tunnel(value),
            14 if name.eq_ignore_ascii_case(b"content-length") => return self.length(value),
            17 if name.eq_ignore_ascii_case(b"transfer-encoding") => return self.coding(value),
            _ => {}
        }
        Ok(())
    }

    fn length(&mut self, value: &[u8]) -> Result<(), Malformed> {
        let digits = !value.is_empty() && value.iter().all(u8::is_ascii_digit);
        let length = str::from_utf8(value).ok().filter(|_| digits).and_then(|value| value.parse().ok());
        // A length is said once; two that are equal have no honest cause either.
        match self.length.replace(length.ok_or(Malformed::ContentLength)?) {
            None => Ok(()),
            Some(_) => Err(Malformed::ContentLength),
        }
    }

    fn coding(&mut self, value: &[u8]) -> Result<(), Malformed> {
        if !value.eq_ignore_ascii_case(b"chunked") {
            return Err(Malformed::TransferCoding);
        }
        if std::mem::replace(&mut self.chunked, true) {
            return Err(Malformed::TransferEncoding);
        }
        Ok(())
    }

    fn framing(&self, version: Version) -> Result<Option<Framing>, Malformed> {
        match (self.chunked, self.length) {
            (true, None) if version == Version::Http11 => Ok(Some(Framing::Chunked)),
            (true, _) => Err(Malformed::TransferEncoding),
            (false, length) => Ok(length.map(Framing::Length)),
        }
    }
}

fn request_line(line: &[u8]) -> Result<Version, Malformed> {
    if line.len() > MAX_TARGET {
        return Err(Malformed::TargetTooLong);
    }
    let blanks = line.iter().filter(|byte| matches!(byte, b' ' | b'\t')).count();
    if blanks != 2 || has_control(line) {
        return Err(Malformed::FirstLine);
    }
    let (request, version) =
        line.split_at_checked(line.len().saturating_sub(9)).ok_or(Malformed::FirstLine)?;
    let version = version.strip_prefix(b" ").ok_or(Malformed::FirstLine)?;
    let version = self::version(version)?;
    match request.split(|byte| *byte == b' ').next() {
        Some(b"CONNECT") => Err(Malformed::Connect),
        Some(method) if method == STAND_IN.as_bytes() => Err(Malformed::FirstLine),
        _ => Ok(version),
    }
}

fn status_line(line: &[u8]) -> Result<(Version, u16), Malformed> {
    let (version, rest) = line.split_at_checked(8).ok_or(Malformed::FirstLine)?;
    let version = self::version(version)?;
    match rest {
        [b' ', a @ b'1'..=b'9', b @ b'0'..=b'9', c @ b'0'..=b'9', phrase @ ..]
            if !has_control(phrase) && matches!(phrase.first(), None | Some(b' ')) =>
        {
            let digit = |byte: &u8| u16::from(byte - b'0');
            Ok((version, digit(a) * 100 + digit(b) * 10 + digit(c)))
        }
        _ => Err(Malformed::FirstLine),
    }
}

fn version(bytes: &[u8]) -> Result<Version, Malformed> {
    match bytes {
        b"HTTP/1.1" => Ok(Version::Http11),
        b"HTTP/1.0" => Ok(Version::Http10),
        [b'H', b'T', b'T', b'P', b'/', b'0'..=b'9', b'.', b'0'..=b'9'] => Err(Malformed::Version),
        _ => Err(Malformed::FirstLine),
    }
}

/// Splits a field into its name and its value.
fn field(line: &[u8]) -> Result<(&[u8], &[u8]), Malformed> {
    let colon = memchr(b':', line).ok_or(Malformed::Field)?;
    let (name, value) = (&line[..colon], &line[colon + 1..]);
    let blank = |byte: Option<&u8>| byte.is_none_or(|byte| matches!(byte, b' ' | b'\t'));
    if blank(name.first()) || blank(name.last()) {
        return Err(Malformed::Field);
    }
    Ok((name, value.trim_ascii()))
}

fn has_control(bytes: &[u8]) -> bool {
    controls(bytes) > 0
}

/// How many control characters there are, the tab aside. Looks at every byte, which a compiler turns into a few
/// wide comparisons: and over a whole head they are fewer than line by line.
fn controls(bytes: &[u8]) -> usize {
    let is_control = |byte: &u8| (*byte < b' ' && *byte != b'\t') | (*byte == 0x7f);
    let count = |piece: &[u8]| piece.iter().map(|byte| u8::from(is_control(byte))).sum::<u8>();
    // A piece cannot hold more than a byte can count.
    bytes.chunks(128).map(|piece| usize::from(count(piece))).sum()
}
