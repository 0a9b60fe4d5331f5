"""Users of every kind: patient ones, who check all that they get, and rude ones, who leave in every way there is."""

from __future__ import annotations

import asyncio
import json
import random
import socket
import struct
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from harness.soak.policy import LISTS, UNITS

PATIENCE = 60.0
"""Seconds until an answer counts as an error; long, for a shared machine."""
BODY = b'{"x":1}'


@dataclass
class Seen:
    """What the users saw."""

    answered: Counter[str] = field(default_factory=Counter)
    """Whole answers by experiment."""
    rude: Counter[str] = field(default_factory=Counter)
    """Visits of rude users by kind."""
    joined: int = 0
    """Outcomes that were joined."""
    errors: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Answer:
    """A whole answer."""

    status: int
    headers: dict[str, str]
    body: bytes


class Connection:
    """One connection of HTTP/1.1."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    @staticmethod
    async def to(port: int, receive_bytes: int | None = None) -> Connection:
        """Connects; with a receive buffer of that size, if one is given."""
        peer = socket.socket()
        peer.setblocking(False)
        if receive_bytes is not None:
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        await asyncio.get_running_loop().sock_connect(peer, ("127.0.0.1", port))
        return Connection(*await asyncio.open_connection(sock=peer, limit=2**16))

    async def send(self, path: str, body: bytes = BODY, length: int | None = None) -> None:
        """Sends a request, which may announce more bytes than it has."""
        user = random.randrange(UNITS)
        head = (
            f"POST {path} HTTP/1.1\r\nhost: localhost\r\nx-user-id: user-{user}\r\n"
            f"content-type: application/json\r\ncontent-length: {len(body) if length is None else length}\r\n\r\n"
        )
        self.writer.write(head.encode() + body)
        await self.writer.drain()

    async def head(self) -> tuple[int, dict[str, str]]:
        lines = (await self.reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        fields = (line.partition(":") for line in lines[1:] if line)
        return int(lines[0].split()[1]), {name.lower(): value.strip() for name, _, value in fields}

    async def answer(self) -> Answer:
        status, headers = await self.head()
        if "content-length" in headers:
            return Answer(status, headers, await self.reader.readexactly(int(headers["content-length"])))
        if headers.get("transfer-encoding") != "chunked":
            raise ValueError(f"an answer without framing: {headers}")
        body = b""
        while size := int(await self.reader.readuntil(b"\r\n"), 16):
            body += (await self.reader.readexactly(size + 2))[:-2]
        await self.reader.readexactly(2)
        return Answer(status, headers, body)

    def reset(self) -> None:
        """Ends it with a reset."""
        peer = self.writer.get_extra_info("socket")
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()

    def close(self) -> None:
        self.writer.close()


@dataclass
class Crowd:
    """All users, until they are sent home."""

    port: int
    admin: int
    seen: Seen = field(default_factory=Seen)
    _gone: asyncio.Event = field(default_factory=asyncio.Event)
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)

    def come(self) -> None:
        patient = [self._labelled, self._split, self._stepped, self._mixed, self._beset, self._streamed, self._large]
        rude = [self._cancel, self._reset, self._read_slowly, self._send_slowly, self._stop_sending, self._garbage]
        for visit in patient:
            self._tasks.append(asyncio.create_task(self._patient(visit)))
        for leave in rude:
            self._tasks.append(asyncio.create_task(self._rude(leave)))

    async def leave(self) -> None:
        """Lets everyone finish."""
        self._gone.set()
        await asyncio.gather(*self._tasks)

    async def _patient(self, visit: Callable[[Connection], Awaitable[None]]) -> None:
        """Visits again and again over one connection; whatever is not as it should be is an error."""
        connection = None
        while not self._gone.is_set():
            try:
                connection = connection or await Connection.to(self.port)
                await asyncio.wait_for(visit(connection), PATIENCE)
            except Exception as error:  # Every kind of failure is the finding of this test.
                self.seen.errors.append(f"{visit.__name__.strip('_')}: {error!r}")
                if connection:
                    connection.close()
                connection = None
            await self._pause(0.02)
        if connection:
            connection.close()

    async def _rude(self, leave: Callable[[], Awaitable[None]]) -> None:
        while not self._gone.is_set():
            try:
                await asyncio.wait_for(leave(), PATIENCE)
                self.seen.rude[leave.__name__.strip("_")] += 1
            except (ConnectionError, asyncio.IncompleteReadError):
                # The gateway may lose its patience with such a user.
                self.seen.rude[leave.__name__.strip("_")] += 1
            except Exception as error:  # As above.
                self.seen.errors.append(f"{leave.__name__.strip('_')}: {error!r}")
            await self._pause(0.05)

    async def _pause(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self._gone.wait(), seconds)
        except TimeoutError:
            pass

    async def _ask(self, connection: Connection, experiment: str, body: bytes = BODY) -> Answer:
        await connection.send(f"/{experiment}", body)
        answer = await connection.answer()
        if answer.status != 200:
            raise ValueError(f"{answer.status} {answer.body[:200]!r}")
        self.seen.answered[experiment] += 1
        return answer

    async def _report(self, answer: Answer, outcome: str, value: object) -> None:
        report = {"request_id": answer.headers["crossfade-id"], "outcome": outcome, "value": value}
        connection = await Connection.to(self.admin)
        try:
            await connection.send("/feedback", json.dumps(report).encode())
            reply = await connection.answer()
        finally:
            connection.close()
        if reply.status != 200:
            raise ValueError(f"report: {reply.status} {reply.body[:200]!r}")
        self.seen.joined += json.loads(reply.body)["result"] == "joined"

    async def _labelled(self, connection: Connection) -> None:
        answer = await self._ask(connection, "labelled")
        label = json.loads(answer.body)["y"]
        await self._report(answer, "truth", label)

    async def _split(self, connection: Connection) -> None:
        answer = await self._ask(connection, "split")
        if len(answer.body) not in (200, 300):
            raise ValueError(f"{len(answer.body)} bytes")

    async def _stepped(self, connection: Connection) -> None:
        answer = await self._ask(connection, "stepped")
        if len(answer.body) != 200:
            raise ValueError(f"{len(answer.body)} bytes")

    async def _mixed(self, connection: Connection) -> None:
        answer = await self._ask(connection, "mixed")
        ids = [item["id"] for item in json.loads(answer.body)["results"]]
        if len(set(ids)) != len(ids) or len(ids) > 6 or not set(ids) <= {*LISTS[0], *LISTS[1]}:
            raise ValueError(f"list {ids}")
        await self._report(answer, "click", {"place": 0})

    async def _beset(self, connection: Connection) -> None:
        await self._ask(connection, "beset", json.dumps({"x": "x" * random.choice([1, 5_000, 400_000])}).encode())

    async def _streamed(self, connection: Connection) -> None:
        answer = await self._ask(connection, "streamed")
        if answer.body.count(b"data: ") != 20:
            raise ValueError(f"{answer.body.count(b'data: ')} events")

    async def _large(self, connection: Connection) -> None:
        answer = await self._ask(connection, "large")
        if len(answer.body) != 2_000_000:
            raise ValueError(f"{len(answer.body)} bytes")

    async def _cancel(self) -> None:
        """Leaves before the answer, after its head, or in the middle of a stream."""
        connection = await Connection.to(self.port)
        await connection.send(random.choice(["/streamed", "/mixed", "/large", "/split"]))
        when = random.random()
        if when > 0.3:
            await connection.head()
        if when > 0.6:
            await connection.reader.read(100)
        connection.close()

    async def _reset(self) -> None:
        """Resets the connection at any moment."""
        connection = await Connection.to(self.port)
        await connection.send(random.choice(["/streamed", "/large", "/beset"]), b"x" * 1000, random.choice([1000, 5000]))
        await self._pause(random.random() / 20)
        connection.reset()

    async def _read_slowly(self) -> None:
        """Takes a large answer through a small window."""
        connection = await Connection.to(self.port, receive_bytes=4096)
        await connection.send("/large")
        for _ in range(20):
            await connection.reader.read(4096)
            await self._pause(0.05)
        connection.close()

    async def _send_slowly(self) -> None:
        """Sends its request in small pieces, and gets its answer."""
        connection = await Connection.to(self.port)
        await connection.send("/shadowed", BODY[:1], len(BODY))
        for byte in BODY[1:]:
            await self._pause(0.02)
            connection.writer.write(bytes([byte]))
        answer = await connection.answer()
        connection.close()
        if answer.status != 200:
            raise ValueError(f"{answer.status} {answer.body[:200]!r}")
        self.seen.answered["shadowed"] += 1

    async def _stop_sending(self) -> None:
        """Ends its half of the connection in the middle of a body."""
        connection = await Connection.to(self.port)
        await connection.send("/split", b"x" * 100, 1000)
        connection.writer.write_eof()
        await connection.reader.read()
        connection.close()

    async def _garbage(self) -> None:
        """Sends what is no HTTP, or a broken request, and is told so or not."""
        connection = await Connection.to(self.port)
        lines = [b"\x16\x03\x01\x02\x00\x01\xff", b"GET / HTTP/1.1\r\nhost : x\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00"]
        connection.writer.write(random.choice(lines))
        connection.writer.write_eof()
        await connection.reader.read()
        connection.close()
