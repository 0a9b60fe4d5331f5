"""Pingora: the least proxy made with it, one thread; our own `pingora/`."""

from __future__ import annotations

from harness.job import Job, Kind


def command(job: Job) -> list[str] | None:
    binary = job.tools / "pingora-peer"
    if job.kind not in (Kind.PASS, Kind.STREAM) or not binary.exists():
        return None
    return [str(binary), f"127.0.0.1:{job.port}", job.legacy]
