"""Connections that have nothing to say: what each of them holds of the proxy's memory."""

from __future__ import annotations

import resource
import time
from dataclasses import dataclass

from harness.job import Kind
from harness.peers import Command
from harness.stage import Settings, Stage

MANY = 10_000
AT_ONCE = 256
SETTLE = 3.0
"""Seconds for a proxy to notice that nothing happens any more."""


@dataclass(frozen=True)
class Idle:
    """A proxy's memory before, with and after many idle connections, all of which have carried a request."""

    fresh_bytes: int
    connections: int
    with_them_bytes: int
    after_bytes: int
    errors: int

    @property
    def each_bytes(self) -> float:
        return (self.with_them_bytes - self.fresh_bytes) / self.connections


def run(settings: Settings) -> dict[str, Idle]:
    found = {}
    for name, command in settings.peers.items():
        idle = _hold(name, command, settings)
        if idle is not None:
            found[name] = idle
    return found


def _hold(name: str, command: Command, settings: Settings) -> Idle | None:
    # A proxy needs two descriptors for a connection that it is relaying, and some more.
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[0] // 2 - 500
    connections = min(MANY // 5 if settings.quick else MANY, most)
    with Stage(settings) as stage:
        model = stage.model().address
        started = stage.proxy(name, command, Kind.PASS, model, model)
        if started is None:
            return None
        proxy = started.program
        time.sleep(0.5)
        fresh = proxy.cost().rss_bytes
        load = stage.load(started.port, "--connections", str(connections), "--in-flight", str(AT_ONCE))
        seen = load.requests(connections)
        time.sleep(SETTLE)
        held = proxy.cost().rss_bytes
        stage.drop(load.program)
        time.sleep(SETTLE / 2)
        return Idle(fresh, connections, held, proxy.cost().rss_bytes, seen.errors)


def table(found: dict[str, Idle]) -> list[list[str]]:
    """The first row being the heads."""
    heads = ["proxy", "idle process MiB", "connections", "with them MiB", "bytes each", "after them MiB", "errors"]
    rows = [heads]
    for name, idle in found.items():
        rows.append(
            [
                name,
                f"{idle.fresh_bytes / 2**20:.1f}",
                f"{idle.connections:,}",
                f"{idle.with_them_bytes / 2**20:.1f}",
                f"{idle.each_bytes:,.0f}",
                f"{idle.after_bytes / 2**20:.1f}",
                f"{idle.errors:,}",
            ]
        )
    return rows
