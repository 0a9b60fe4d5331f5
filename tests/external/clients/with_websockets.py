"""websockets: text, bytes, pieces, pings, compression, subprotocols and both ways of closing."""

import contextlib
import ssl

from target import fields
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

# Drawn anew for each connection, or made from what is.
OWN = {"crossfade-id", "sec-websocket-accept", "date"}


@contextlib.contextmanager
def connected(target, **options):
    trust = ssl.create_default_context(cafile=target.ca) if target.ca else None
    with connect(target.url("/talk?a=b", kind="ws"), ssl=trust, max_size=2**24, open_timeout=30, proxy=None, **options) as opened:
        yield opened


def said_back(message, **options):
    def case(target):
        with connected(target, **options) as opened:
            opened.send(message)
            answer = opened.recv(timeout=30)
            assert answer == message
            return opened.response.status_code, fields(opened.response.headers.raw_items(), OWN)

    return case


def headers(target):
    with connected(target, additional_headers={"x-user-id": "u1"}, subprotocols=["other", "check.v1"]) as opened:
        opened.send("headers")
        return opened.recv(timeout=30), opened.subprotocol


def pieces(target):
    with connected(target) as opened:
        opened.send("pieces")
        got = list(opened.recv_streaming())
        opened.send(iter(["a", "b", "c"]))
        return got, opened.recv(timeout=30)


def many(target):
    with connected(target) as opened:
        for number in range(500):
            opened.send(f"message {number}")
        return [opened.recv(timeout=30) for _ in range(500)]


def pinged(target):
    with connected(target) as opened:
        return opened.ping("are you there").wait(30)


def closed_by_server(target):
    with connected(target) as opened:
        opened.send("close")
        try:
            return opened.recv(timeout=30)
        except ConnectionClosed as end:
            return end.rcvd.code, end.rcvd.reason


def closed_by_client(target):
    with connected(target) as opened:
        opened.close(4002, "enough")
        return opened.close_code, opened.close_reason


CASES = {
    "text": said_back("Grüße"),
    "bytes": said_back(bytes(range(256)) * 16),
    "large": said_back(bytes(range(256)) * 8192),
    "not compressed": said_back("a" * 10_000, compression=None),
    "headers": headers,
    "pieces": pieces,
    "many": many,
    "ping": pinged,
    "closed by the server": closed_by_server,
    "closed by the client": closed_by_client,
}
