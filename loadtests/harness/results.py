"""What a run found, as chapters: printed, as JSON, and as RESULTS.md."""

from __future__ import annotations

import datetime
import json
import os
import platform
import subprocess
from dataclasses import asdict, dataclass
from pathlib import Path

from harness import table
from harness.tools import HERE

OPENING = """\
# Results

Written by `{command}` on {date}, at commit {commit}.
Machine: {cpu}, {cores} cores, Linux {kernel}; proxies on core {proxy_cpu}, load and models on core {load_cpu}.
Load average at the start {load:.1f}: {mood}

How to read the tables: [README.md](README.md).
"""
CALM = "the machine had nothing else to do."
BUSY = "**the machine was busy with other things, so times and ratios are provisional**; counts hold."


REASONS = HERE / "reasons.md"
"""Why figures are as they are: written by people, and the end of RESULTS.md."""


@dataclass(frozen=True)
class Chapter:
    """One table with what it is about."""

    name: str
    title: str
    rows: list[list[str]]

    def text(self) -> str:
        return f"\n{self.name}: {self.title}\n{table.plain(self.rows)}"


@dataclass(frozen=True)
class Circumstances:
    """Where and when a run was made."""

    command: str
    date: str
    commit: str
    cpu: str
    cores: int
    kernel: str
    load: float
    proxy_cpu: int
    load_cpu: int

    @staticmethod
    def now(command: str, proxy_cpu: int, load_cpu: int) -> Circumstances:
        return Circumstances(
            command,
            datetime.date.today().isoformat(),
            _commit(),
            _cpu(),
            os.cpu_count() or 1,
            # Without what a vendor adds.
            platform.release().split("-")[0],
            os.getloadavg()[0],
            proxy_cpu,
            load_cpu,
        )


def write(path: Path, chapters: list[Chapter], at: Circumstances) -> None:
    """Replaces RESULTS.md."""
    mood = CALM if at.load < 0.5 else BUSY
    parts = [OPENING.format(**asdict(at), mood=mood)]
    parts += [f"## {chapter.title}\n\n{table.markdown(chapter.rows)}\n" for chapter in chapters]
    parts.append(REASONS.read_text())
    path.write_text("\n".join(parts))


def write_json(path: Path, chapters: list[Chapter], at: Circumstances) -> None:
    found = {"circumstances": asdict(at), "chapters": [asdict(chapter) for chapter in chapters]}
    path.write_text(json.dumps(found, indent=1) + "\n")


def _commit() -> str:
    command = ["git", "-C", str(HERE), "describe", "--always", "--dirty"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout.strip() or "unknown"


def _cpu() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()
