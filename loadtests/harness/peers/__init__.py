"""The proxies that are compared, each told by a function how to do one job."""

from __future__ import annotations

from collections.abc import Callable

from harness.job import Job
from harness.peers import envoy, haproxy, nginx, pingora, relay

Command = Callable[[Job], "list[str] | None"]
"""Writes a proxy's configuration and says how to start it; None: the proxy cannot do this job."""

PEERS: dict[str, Command] = {
    "relay": relay.command,
    "nginx": nginx.command,
    "haproxy": haproxy.command,
    "envoy": envoy.command,
    "pingora": pingora.command,
}
