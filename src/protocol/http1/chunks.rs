//! Where a chunked body ends (RFC 9112, section 7.1): sizes and line ends are read, the data is skipped.

use memchr::memchr2;

use crate::protocol::http1::Malformed;

/// A chunked body in passing.
#[derive(Debug, Default)]
pub(super) struct Chunks {
    place: Place,
    /// The size so far, or the data still to come.
    size: u64,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Before a size's first digit.
    #[default]
    Begin,
    Size,
    Extension,
    SizeLf,
    Data,
    DataCr,
    DataLf,
    /// Before a trailer field, or the empty line that ends everything.
    Line,
    Trailer,
    TrailerLf,
    LastLf,
    End,
}

impl Chunks {
    pub(super) fn have_ended(&self) -> bool {
        self.place == Place::End
    }

    /// Follows the body as far as these bytes go, and says how many of them are its own.
    pub(super) fn pass(&mut self, bytes: &[u8]) -> Result<usize, Malformed> {
        let mut at = 0;
        while at < bytes.len() && self.place != Place::End {
            at += match self.place {
                Place::Data => self.skip_data(bytes.len() - at),
                Place::Extension | Place::Trailer => self.skip_line(&bytes[at..])?,
                _ => {
                    self.place = self.after(bytes[at])?;
                    1
                }
            };
        }
        Ok(at)
    }

    fn after(&mut self, byte: u8) -> Result<Place, Malformed> {
        match (self.place, byte) {
            (Place::Begin | Place::Size, digit) if digit.is_ascii_hexdigit() => self.digit(digit),
            (Place::Size, b'\r') => Ok(Place::SizeLf),
            (Place::Size, b';' | b' ' | b'\t') => Ok(Place::Extension),
            (Place::SizeLf, b'\n') if self.size == 0 => Ok(Place::Line),
            (Place::SizeLf, b'\n') => Ok(Place::Data),
            (Place::DataCr, b'\r') => Ok(Place::DataLf),
            (Place::DataLf, b'\n') => Ok(Place::Begin),
            (Place::Line, b'\r') => Ok(Place::LastLf),
            (Place::Line, byte) if byte != b'\n' => Ok(Place::Trailer),
            (Place::TrailerLf, b'\n') => Ok(Place::Line),
            (Place::LastLf, b'\n') => Ok(Place::End),
            _ => Err(Malformed::Chunk),
        }
    }

    fn digit(&mut self, digit: u8) -> Result<Place, Malformed> {
        let value = char::from(digit).to_digit(16).ok_or(Malformed::Chunk)?;
        let size = self.size.checked_mul(16).ok_or(Malformed::Chunk)?;
        self.size = size + u64::from(value);
        Ok(Place::Size)
    }

    fn skip_data(&mut self, available: usize) -> usize {
        let skipped = available.min(usize::try_from(self.size).unwrap_or(usize::MAX));
        self.size -= skipped as u64;
        if self.size == 0 {
            self.place = Place::DataCr;
        }
        skipped
    }

    /// Skips to the end of a line whose text is nobody's business here.
    fn skip_line(&mut self, bytes: &[u8]) -> Result<usize, Malformed> {
        match memchr2(b'\r', b'\n', bytes) {
            None => Ok(bytes.len()),
            Some(end) if bytes[end] == b'\n' => Err(Malformed::Chunk),
            Some(end) => {
                self.place = if self.place == Place::Extension { Place::SizeLf } else { Place::TrailerLf };
                Ok(end + 1)
            }
        }
    }
}
