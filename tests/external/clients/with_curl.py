"""curl: HTTP/1.1, HTTP/1.0 and HTTP/2, uploads, ranges, expectations, connections that are kept."""

import subprocess
import tempfile
from pathlib import Path

import rest_server
from target import arrived, fields

UPLOAD = bytes(reversed(range(256))) * 12_000


def curl(target, path, *options, version="1.1"):
    """One answer: status, headers, body. A server by itself is always asked in HTTP/1.1."""
    versions = {"1.0": ["--http1.0"], "1.1": ["--http1.1"], "2": ["--http2" if target.ca else "--http2-prior-knowledge"]}
    if not target.gateway and version == "2":
        version = "1.1"
    with tempfile.TemporaryDirectory() as folder:
        head, body, upload = Path(folder, "head"), Path(folder, "body"), Path(folder, "upload")
        upload.write_bytes(UPLOAD)
        body.touch()
        given = [option.replace("UPLOAD", str(upload)) for option in options]
        trust = ["--cacert", target.ca] if target.ca else []
        wanted = ["--dump-header", str(head), "--output", str(body), "--write-out", "%{http_version}"]
        said = subprocess.run(
            ["curl", "--silent", "--show-error", "--max-time", "60", *trust, *versions[version], *wanted, *given, target.url(path)],
            capture_output=True, text=True,
        )
        assert said.returncode == 0, f"curl ended with {said.returncode}: {said.stderr}"
        if version == "2":
            assert said.stdout == "2", f"HTTP/{said.stdout} was spoken"
        last = head.read_bytes().decode("latin-1").strip().split("\r\n\r\n")[-1].split("\r\n")
        pairs = [tuple(line.split(": ", 1)) if ": " in line else (line.rstrip(":"), "") for line in last[1:]]
        return last[0].split()[1], fields(pairs), body.read_bytes()


def echoed(target, *options, version="1.1"):
    """What reached the server of a request, and how the answer went."""
    status, headers, body = curl(target, "/echo?a=%20b&a=c", *options, version=version)
    headers = [field for field in headers if field[0] != "content-length"]
    return status, headers, arrived(target, body)


def file(version):
    def case(target):
        answer = curl(target, "/file", version=version)
        assert answer[2] == rest_server.FILE
        return answer

    return case


def upload(version, *options):
    return lambda target: echoed(target, "--data-binary", "@UPLOAD", *options, version=version)


def kept(target):
    """Two requests over one connection."""
    said = subprocess.run(
        ["curl", "--silent", *(["--cacert", target.ca] if target.ca else []), "--write-out", "%{http_code} %{num_connects}\n",
            "--output", "/dev/null", target.url("/nothing"), "--output", "/dev/null", target.url("/file")],
        capture_output=True, text=True, check=True,
    )
    assert said.stdout == "204 1\n200 0\n", said.stdout
    return said.stdout


CASES = {
    **{f"file over HTTP/{version}": file(version) for version in ["1.0", "1.1", "2"]},
    "upload": upload("1.1"),
    # In HTTP/2 curl expects nothing by itself.
    "upload over HTTP/2": upload("2", "--header", "expect:"),
    "upload that waits to be wanted": upload("1.1", "--header", "expect: 100-continue"),
    "upload that waits for nothing": upload("1.1", "--header", "expect:"),
    "upload in chunks": lambda target: echoed(target, "--upload-file", "UPLOAD", "--header", "transfer-encoding: chunked", "--header", "content-length:"),
    "method of its own": lambda target: echoed(target, "--request", "DELETE", "--header", "x-twice: 1", "--header", "x-twice: 2"),
    "authorization": lambda target: echoed(target, "--request", "PUT", "--user", "name:secret", "--cookie", "a=1; b=2"),
    "head": lambda target: curl(target, "/file", "--head")[:2],
    "head over HTTP/2": lambda target: curl(target, "/file", "--head", version="2")[:2],
    "range": lambda target: curl(target, "/file", "--range", "1000-1999"),
    "range to the end": lambda target: curl(target, "/file", "--range", "1048000-"),
    "range beyond the end": lambda target: curl(target, "/file", "--range", "9999999-"),
    "nothing": lambda target: curl(target, "/nothing"),
    "odd headers": lambda target: curl(target, "/headers"),
    "odd headers over HTTP/2": lambda target: curl(target, "/headers", version="2"),
    "no such path": lambda target: curl(target, "/missing"),
    "kept connection": kept,
}
