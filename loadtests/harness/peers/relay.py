"""The TCP relay: understands nothing, so it is the floor."""

from __future__ import annotations

from harness.job import Job, Kind


def command(job: Job) -> list[str] | None:
    if job.kind not in (Kind.PASS, Kind.STREAM) or job.http2:
        return None
    return [str(job.tools / "relay"), "--listen", f"127.0.0.1:{job.port}", "--target", job.legacy]
