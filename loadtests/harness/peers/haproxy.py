"""HAProxy: one thread, server connections shared by all; it has no copies."""

from __future__ import annotations

import shutil

from harness.job import Job, Kind

FRAME = """\
global
    nbthread 1
defaults
    mode http
    timeout connect 5s
    timeout client 3600s
    timeout server 3600s
    timeout http-keep-alive 3600s
    http-reuse always
{events}
frontend users
    bind 127.0.0.1:{port}{proto} backlog 4096
    default_backend models
backend models
    balance {balance}
    server legacy {legacy}
{candidate}
"""


def command(job: Job) -> list[str] | None:
    if job.kind not in (Kind.PASS, Kind.STREAM, Kind.SPLIT):
        return None
    split = job.kind is Kind.SPLIT
    text = FRAME.format(
        port=job.port,
        proto=" proto h2" if job.http2 else "",
        balance="random" if split else "roundrobin",
        legacy=job.legacy,
        # Or it holds events back to fill packets.
        events="    option http-no-delay" if job.kind is Kind.STREAM else "",
        candidate=f"    server candidate {job.candidate}" if split else "",
    )
    return [shutil.which("haproxy") or "/usr/sbin/haproxy", "-db", "-f", job.write("haproxy.cfg", text)]
