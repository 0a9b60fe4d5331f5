//! Finds where a request ends.

/// The most bytes of a request's head and of its body in memory.
const MAX_REQUEST: usize = 64 * 1024 * 1024;

/// What is not a request.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct NoRequest;

/// The size of the request that these bytes begin with; `None`: it is not all here.
pub(super) fn request_size(bytes: &[u8]) -> Result<Option<usize>, NoRequest> {
    let mut headers = [httparse::EMPTY_HEADER; 64];
    let mut request = httparse::Request::new(&mut headers);
    let httparse::Status::Complete(head) = request.parse(bytes).map_err(|_| NoRequest)? else {
        return if bytes.len() > MAX_REQUEST { Err(NoRequest) } else { Ok(None) };
    };
    let mut length = 0;
    for header in request.headers.iter() {
        if header.name.eq_ignore_ascii_case("content-length") {
            let text = std::str::from_utf8(header.value).map_err(|_| NoRequest)?;
            length = text.parse().map_err(|_| NoRequest)?;
        } else if header.name.eq_ignore_ascii_case("transfer-encoding") {
            return chunked_size(&bytes[head..]).map(|size| size.map(|size| head + size));
        }
    }
    let size = head.checked_add(length).filter(|size| *size <= MAX_REQUEST).ok_or(NoRequest)?;
    Ok((bytes.len() >= size).then_some(size))
}

/// The size of a chunked body without trailers, which is what proxies send.
fn chunked_size(bytes: &[u8]) -> Result<Option<usize>, NoRequest> {
    let mut at = 0;
    loop {
        let Some(line) = bytes[at..].windows(2).position(|two| two == b"\r\n") else { return Ok(None) };
        let text = std::str::from_utf8(&bytes[at..at + line]).map_err(|_| NoRequest)?;
        let size = text.split(';').next().unwrap_or("").trim();
        let size = usize::from_str_radix(size, 16).map_err(|_| NoRequest)?;
        at = at.checked_add(line + 2 + size + 2).filter(|at| *at <= MAX_REQUEST).ok_or(NoRequest)?;
        if at > bytes.len() {
            return Ok(None);
        }
        if size == 0 {
            return Ok(Some(at));
        }
    }
}

#[cfg(test)]
mod tests;
