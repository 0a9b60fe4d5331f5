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
mod tests {
    use crate::model::inbox::NoRequest;
    use crate::model::inbox::request_size;

    fn check(request: &str) {
        for size in 0..request.len() {
            assert_eq!(request_size(&request.as_bytes()[..size]), Ok(None), "{size} bytes of {request:?}");
        }
        let and_more = format!("{request}POST");
        assert_eq!(request_size(and_more.as_bytes()), Ok(Some(request.len())), "{request:?}");
    }

    #[test]
    fn a_request_ends_where_its_framing_says() {
        check("GET / HTTP/1.1\r\nhost: a\r\n\r\n");
        check("POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc");
        check(
            "POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0A;x\r\n0123456789\r\n0\r\n\r\n",
        );
    }

    #[test]
    fn what_is_no_request_is_refused() {
        let cases = [
            "\0\0 /\r\n\r\n",
            "POST / HTTP/1.1\r\ncontent-length: many\r\n\r\n",
            "POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\nxyz\r\n",
        ];
        for case in cases {
            assert_eq!(request_size(case.as_bytes()), Err(NoRequest), "{case:?}");
        }
    }
}
