"""httpx, over HTTP/1.1 and HTTP/2: bodies of all kinds, streams, and many requests at once."""

import asyncio
import hashlib
import ssl

import httpx
from target import arrived, fields


def options(target, version):
    """HTTP/2 is for the gateway only; without TLS it is spoken unasked."""
    second = version == 2 and target.gateway
    trust = ssl.create_default_context(cafile=target.ca) if target.ca else False
    return {"http2": second, "http1": not second, "verify": trust, "timeout": 60, "base_url": target.url(), "trust_env": False}


def answered(target, answer, version):
    if target.gateway:
        assert answer.http_version == ("HTTP/2" if version == 2 else "HTTP/1.1"), answer.http_version
    return answer.status_code, fields(answer.headers.multi_items()), answer.content


def asked(version, method, path, **request):
    def case(target):
        with httpx.Client(**options(target, version)) as client:
            answer = client.request(method, path, **request)
        status, headers, body = answered(target, answer, version)
        if path == "/echo":
            return status, [field for field in headers if field[0] != "content-length"], arrived(target, body)
        return status, headers, body

    return case


def pieces(version):
    """A body of unknown length."""

    def case(target):
        with httpx.Client(**options(target, version)) as client:
            answer = client.post("/echo", content=(b"x" * 10_000 for _ in range(50)))
        return answer.status_code, arrived(target, answer.content)

    return case


def read_piecewise(version):
    def case(target):
        with httpx.Client(**options(target, version)) as client, client.stream("GET", "/file") as answer:
            digest = hashlib.sha256()
            for piece in answer.iter_raw():
                digest.update(piece)
            return answer.status_code, fields(answer.headers.multi_items()), digest.hexdigest()

    return case


def at_once(version):
    """Every answer belongs to its request."""

    async def ask(client, number):
        body = b"%d" % number * (number * 97 + 1)
        answer = await client.post(f"/echo?n={number}", content=body)
        seen = answer.json()
        assert (seen["target"], seen["sha256"]) == (f"/echo?n={number}", hashlib.sha256(body).hexdigest()), seen
        return answer.status_code

    async def all_of_them(target):
        async with httpx.AsyncClient(**options(target, version)) as client:
            return await asyncio.gather(*(ask(client, number) for number in range(100)))

    return lambda target: asyncio.run(all_of_them(target))


FORM = {"file": ("name.bin", b"\x00\x01\xff" * 1000, "application/octet-stream")}
CASES = {
    f"{name} over HTTP/{version}": case
    for version in [1, 2]
    for name, case in {
        "file": asked(version, "GET", "/file"),
        "odd headers": asked(version, "GET", "/headers"),
        "nothing": asked(version, "GET", "/nothing"),
        "json": asked(version, "POST", "/echo", json={"text": "Grüße"}, params={"q": "a b&c"}),
        "form": asked(version, "POST", "/echo", data={"name": "value"}, headers={"x-user-id": "u1"}),
        "parts": asked(version, "PUT", "/echo", files=FORM, headers={"content-type": "multipart/form-data; boundary=b"}),
        "cookies": asked(version, "POST", "/echo", headers={"cookie": "a=1; b=2"}),
        "pieces": pieces(version),
        "piecewise": read_piecewise(version),
        "a hundred at once": at_once(version),
    }.items()
}
