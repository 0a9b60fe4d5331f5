"""What a proxy is asked to do."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from pathlib import Path


class Kind(Enum):
    """The jobs. The first is every proxy's, the last only Crossfade's."""

    PASS = "pass"
    STREAM = "stream"
    """To pass on streams, each event at once."""
    SHADOW = "shadow"
    """To copy every request to the candidate as well."""
    SPLIT = "split"
    """To give half of the requests to the candidate."""
    MIX = "mix"
    """To mix the lists of both models into one."""


@dataclass(frozen=True)
class Job:
    """One proxy's job: where it listens, whom it asks, where its files are."""

    kind: Kind
    dir: Path
    port: int
    admin_port: int
    legacy: str
    """Addresses are `host:port`."""
    candidate: str
    http2: bool = False
    single_process: bool = False
    """For a tool that follows one process."""
    tools: Path = Path()
    """Where our own programs are."""

    def write(self, name: str, text: str) -> str:
        path = self.dir / name
        path.write_text(text)
        return str(path)
