"""The load generator and the models, as programs of the harness."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.process import Program

TIMEOUT = 2.0
"""Seconds that a request may take before it is an error."""


@dataclass(frozen=True)
class Slice:
    """What the generator saw in one slice."""

    requests: int
    errors: int
    connects: int
    rps: float
    p50: float
    p99: float
    p999: float
    """Times are microseconds, from when a request should have begun."""
    events: dict[str, Any] = field(default_factory=dict)

    @staticmethod
    def of(report: dict[str, Any]) -> Slice:
        latency = report["latency_us"]
        return Slice(
            report["requests"],
            sum(report["errors"].values()),
            report["connects"],
            report["rps"],
            latency["p50"],
            latency["p99"],
            latency["p99.9"],
            report.get("events", {}),
        )


class Load:
    """A generator with its connections to one proxy, which it keeps between slices."""

    def __init__(self, tools: Path, cpu: int, log: Path, port: int, options: list[str]) -> None:
        command = [str(tools / "load"), "--target", f"127.0.0.1:{port}", "--timeout", str(TIMEOUT), *options]
        self.program = Program("load", command, cpu, log, pipes=True)

    def seconds(self, seconds: float) -> Slice:
        self.begin(seconds)
        return self.end(seconds)

    def requests(self, count: int, patience: float = 120) -> Slice:
        self.program.send(f"requests {count}")
        return self.end(patience)

    def begin(self, seconds: float) -> None:
        """Begins a slice, so that something else can be done meanwhile."""
        self.program.send(f"seconds {seconds}")

    def end(self, seconds: float) -> Slice:
        """Waits for the slice that was begun, and no longer than it can take."""
        return Slice.of(json.loads(self.program.line(seconds + 2 * TIMEOUT + 20)))

    def stop(self) -> None:
        self.program.stop()


class Model:
    """A model that is played, and its address."""

    def __init__(self, tools: Path, cpu: int, log: Path, options: list[str]) -> None:
        self.program = Program("model", [str(tools / "model"), *options], cpu, log, pipes=True)
        self.address = self.program.line(10).strip()

    def stop(self) -> None:
        self.program.stop()
