//! The heads of requests and answers, line by line: what they say of their length, and whether they say it once.

use memchr::memchr;

use crate::protocol::http1::Bounds;
use crate::protocol::http1::Framing;
use crate::protocol::http1::Head;
use crate::protocol::http1::MAX_INTERIM;
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
    count: usize,
    /// Where the line begins that is not whole yet.
    begin: usize,
    /// How far the end of it has been looked for.
    searched: usize,
}

/// What the fields say of the body.
#[derive(Debug, Default)]
struct Fields {
    length: Option<u64>,
    chunked: bool,
    tunnel: bool,
}

impl Head for RequestHead {
    fn read(&mut self, bytes: &[u8], bounds: &Bounds) -> Result<Option<(usize, Option<Framing>)>, Malformed> {
        while let Some(line) = self.lines.next(bytes, bounds)? {
            match self.version {
                // Servers should overlook empty lines before a request (RFC 9112, section 2.2).
                None if line.is_empty() => {}
                None => self.version = Some(request_line(line, bounds)?),
                Some(version) if line.is_empty() => {
                    let length = self.lines.end(bounds)?;
                    if self.lines.have_strays(&bytes[..length]) {
                        return Err(Malformed::Field);
                    }
                    let framing = self.fields.framing(version)?.unwrap_or(Framing::Length(0));
                    let tunnel = self.fields.tunnel && version == Version::Http11;
                    return Ok(Some((length, Some(if tunnel { Framing::Rest } else { framing }))));
                }
                Some(_) => self.fields.read(line)?,
            }
        }
        if self.version.is_none() && bytes.len() > bounds.target {
            return Err(Malformed::TargetTooLong);
        }
        Ok(None)
    }
}

impl Head for AnswerHead {
    fn read(&mut self, bytes: &[u8], bounds: &Bounds) -> Result<Option<(usize, Option<Framing>)>, Malformed> {
        let Some(asked) = self.asked else {
            return if bytes.is_empty() { Ok(None) } else { Err(Malformed::Surplus) };
        };
        while let Some(line) = self.lines.next(bytes, bounds)? {
            match self.status {
                None => self.status = Some(status_line(line)?),
                Some((version, status)) if line.is_empty() => {
                    let length = self.lines.end(bounds)?;
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
    fn next<'a>(&mut self, bytes: &'a [u8], bounds: &Bounds) -> Result<Option<&'a [u8]>, Malformed> {
        let Some(found) = memchr(b'\n', &bytes[self.searched..]) else {
            self.searched = bytes.len();
            return if bytes.len() > bounds.head { Err(Malformed::HeadTooLarge) } else { Ok(None) };
        };
        let end = self.searched + found;
        let line = bytes[self.begin..end].strip_suffix(b"\r").ok_or(Malformed::LineEnd)?;
        (self.begin, self.searched) = (end + 1, end + 1);
        self.count += 1;
        Ok(Some(line))
    }

    /// The length of the head whose last line was read.
    fn end(&self, bounds: &Bounds) -> Result<usize, Malformed> {
        if self.begin > bounds.head {
            return Err(Malformed::HeadTooLarge);
        }
        // Its first line and its last are no fields.
        if self.count > bounds.fields + 2 { Err(Malformed::TooManyFields) } else { Ok(self.begin) }
    }

    /// Says whether a head has control characters besides the ends of its lines, which are two for each: every line
    /// was seen to end in both.
    fn have_strays(&self, head: &[u8]) -> bool {
        controls(head) > 2 * self.count
    }
}

impl Fields {
    /// Looks at a field if it may be one of three; HTTP's own reader refuses every fault of the others but those
    /// that [`Lines`] sees.
    fn read(&mut self, line: &[u8]) -> Result<(), Malformed> {
        match line.first() {
            Some(b' ' | b'\t') => return Err(Malformed::Field),
            Some(b'c' | b'C') => {
                if let Some(value) = value_of(b"content-length", line)? {
                    return self.length(value);
                }
            }
            Some(b't' | b'T') => {
                if let Some(value) = value_of(b"transfer-encoding", line)? {
                    return self.coding(value);
                }
            }
            Some(b'u' | b'U') => {
                if let Some(value) = value_of(b"upgrade", line)? {
                    self.tunnel |= asks_for_tunnel(value);
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn length(&mut self, value: &[u8]) -> Result<(), Malformed> {
        // What no signed number holds, others would read as they like.
        let length = number(value).filter(|length| i64::try_from(*length).is_ok());
        let length = length.ok_or(Malformed::ContentLength)?;
        // A length is said once; two that are equal have no honest cause either.
        if self.length.replace(length).is_some() { Err(Malformed::ContentLength) } else { Ok(()) }
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

/// HTTP's own reader refuses every other fault of the line.
fn request_line(line: &[u8], bounds: &Bounds) -> Result<Version, Malformed> {
    if line.len() > bounds.target {
        return Err(Malformed::TargetTooLong);
    }
    let (request, rest) = line.split_at(line.len().saturating_sub(" HTTP/1.1".len()));
    let version = version(rest.strip_prefix(b" ").ok_or(Malformed::FirstLine)?)?;
    if request.starts_with(b"CONNECT ") {
        return Err(Malformed::Connect);
    }
    if request.starts_with(STAND_IN.as_bytes()) || !names_target(request) {
        return Err(Malformed::FirstLine);
    }
    Ok(version)
}

/// Says whether a method and a target are in one of the forms of RFC 9112, section 3.2. HTTP's own reader takes a target
/// without a slash for a host, and leaves off what follows a `#`.
fn names_target(request: &[u8]) -> bool {
    let Some(space) = memchr(b' ', request) else { return true };
    let (method, target) = (&request[..space], &request[space + 1..]);
    match target {
        // What is no target at all it refuses itself.
        [] | [b' ' | b'\t', ..] => true,
        [b'/', ..] => memchr(b'#', target).is_none(),
        b"*" => method == b"OPTIONS",
        _ => target.windows(3).any(|bytes| bytes == b"://") && memchr(b'#', target).is_none(),
    }
}

fn status_line(line: &[u8]) -> Result<(Version, u16), Malformed> {
    let (version, rest) = line.split_at_checked("HTTP/1.1".len()).ok_or(Malformed::FirstLine)?;
    let version = self::version(version)?;
    match rest {
        [b' ', code @ ..] if code.len() == 3 || code.get(3) == Some(&b' ') => {
            let status = number(&code[..3]).and_then(|status| u16::try_from(status).ok());
            Ok((version, status.filter(|status| *status >= 100).ok_or(Malformed::FirstLine)?))
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

/// Reads digits, and nothing else.
fn number(digits: &[u8]) -> Option<u64> {
    let step = |number: u64, byte: &u8| {
        let digit = byte.is_ascii_digit().then(|| u64::from(byte - b'0'))?;
        number.checked_mul(10)?.checked_add(digit)
    };
    if digits.is_empty() { None } else { digits.iter().try_fold(0, step) }
}

/// The value of a field, if this is its name.
fn value_of<'a>(name: &[u8], line: &'a [u8]) -> Result<Option<&'a [u8]>, Malformed> {
    let after = line.get(name.len());
    let may_end_here = matches!(after, None | Some(b':' | b' ' | b'\t'));
    if !may_end_here || !line.get(..name.len()).is_some_and(|it| it.eq_ignore_ascii_case(name)) {
        return Ok(None);
    }
    // White space before the colon: some take it for a part of the name, others do not.
    if after == Some(&b':') { Ok(Some(line[name.len() + 1..].trim_ascii())) } else { Err(Malformed::Field) }
}

/// How many control characters other than the tab there are. Looks at every byte, in blocks that a compiler turns into
/// a few wide comparisons, which one byte can count for.
fn controls(bytes: &[u8]) -> usize {
    let is_control = |byte: &u8| u8::from((*byte < b' ') & (*byte != b'\t') | (*byte == 0x7f));
    bytes.chunks(128).map(|block| usize::from(block.iter().map(is_control).sum::<u8>())).sum()
}
