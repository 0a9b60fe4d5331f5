//! Content encodings, undone: the one place that knows them.
//!
//! What comes out is bounded by what went in, so that a body made to burst its reader does not.

#[cfg(test)]
mod tests;

use std::io::Read;

use bytes::Bytes;
use flate2::read::DeflateDecoder;
use flate2::read::MultiGzDecoder;
use flate2::read::ZlibDecoder;
use http::HeaderMap;
use http::header::CONTENT_ENCODING;

/// How many times its size a compressed body may grow; beyond, it counts as unreadable.
const GROWTH: usize = 32;
/// Up to this many bytes it may grow however small it was.
const SMALL: usize = 64 * 1024;
/// The most encodings, one upon the other, that are undone.
const MOST: usize = 3;

/// A body with its encoding undone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decoded {
    /// The bytes, as far as they could be decoded.
    pub bytes: Bytes,
    /// Whether that is all of them.
    pub whole: bool,
}

/// Undoes the content encoding: gzip, deflate, br, zstd, and up to three of them. `None`: it is another, or grows too far.
pub fn decoded(raw: &Bytes, headers: &HeaderMap) -> Option<Decoded> {
    let mut names: Vec<String> = Vec::new();
    for header in headers.get_all(CONTENT_ENCODING) {
        let each = header.to_str().ok()?.split(',').map(|name| name.trim().to_ascii_lowercase());
        names.extend(each.filter(|name| !name.is_empty() && name != "identity"));
    }
    let mut decoded = Decoded { bytes: raw.clone(), whole: true };
    if names.is_empty() || raw.is_empty() {
        return Some(decoded);
    }
    if names.len() > MOST {
        return None;
    }
    let limit = raw.len().saturating_mul(GROWTH).max(SMALL);
    for name in names.iter().rev() {
        let step = undone(name, &decoded.bytes, limit)?;
        decoded = Decoded { whole: decoded.whole && step.whole, ..step };
    }
    Some(decoded)
}

fn undone(name: &str, encoded: &[u8], limit: usize) -> Option<Decoded> {
    match name {
        "gzip" | "x-gzip" => read(MultiGzDecoder::new(encoded), limit),
        // The standard means zlib's format; some servers send what is inside of it.
        "deflate" => {
            let zlib = read(ZlibDecoder::new(encoded), limit)?;
            if zlib.bytes.is_empty() && !zlib.whole {
                read(DeflateDecoder::new(encoded), limit)
            } else {
                Some(zlib)
            }
        }
        "br" => read(brotli_decompressor::Decompressor::new(encoded, 4096), limit),
        "zstd" => read(zstd::stream::read::Decoder::with_buffer(encoded).ok()?, limit),
        _ => None,
    }
}

/// Reads to the end, or as far as it can; `None`: beyond the limit.
fn read(mut decoder: impl Read, limit: usize) -> Option<Decoded> {
    let mut bytes = Vec::new();
    let mut chunk = [0; 4096];
    let whole = loop {
        match decoder.read(&mut chunk) {
            Ok(0) => break true,
            Ok(length) => bytes.extend_from_slice(&chunk[..length]),
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(_) => break false,
        }
        if bytes.len() > limit {
            return None;
        }
    };
    Some(Decoded { bytes: bytes.into(), whole })
}
