"""Candidates that fail: what their copies do to the users' answers and to the proxy.

Three instances of the same proxy take turns at a fixed rate: one that copies nothing, one whose candidate is healthy
and one whose candidate fails. The first says what the users would have without the test, the second what copies cost.
"""

from __future__ import annotations

from dataclasses import dataclass

from harness.job import Kind
from harness.peers import Command
from harness.rounds import Result, difference, play
from harness.stage import Seat, Settings, Stage

RATE = 2000
FAILURES: dict[str, tuple[str, ...]] = {
    "accepts and hangs": ("--do", "hang-accept"),
    "hangs at headers": ("--do", "hang-headers"),
    "hangs in the body": ("--do", "hang-body"),
    "500 ms slow": ("--delay-ms", "500"),
    "resets": ("--do", "reset"),
    "black hole": ("--do", "black-hole"),
    "answers 500": ("--do", "error"),
    "floods": ("--do", "flood"),
}
OFF, HEALTHY, FAILING = "off", "healthy", "failing"


@dataclass(frozen=True)
class Harm:
    """What one failure did to one proxy."""

    proxy: str
    failure: str
    results: dict[str, Result]

    @property
    def errors(self) -> int:
        return self.results[FAILING].errors

    def above(self, what: str) -> tuple[float, float]:
        """By how much the users' time is above that without copies: microseconds, and half the 95 % interval."""
        return difference(self.results, FAILING, OFF, what)

    @property
    def cpu_ratio(self) -> float:
        """CPU a request to that with a healthy candidate."""
        return self.results[FAILING].cpu_us / max(self.results[HEALTHY].cpu_us, 1e-9)

    @property
    def rss_bytes(self) -> int:
        return max(sample.rss_bytes for sample in self.results[FAILING].samples)


def run(settings: Settings) -> list[Harm]:
    """Every failure for every proxy that copies."""
    harms = []
    for name, command in settings.peers.items():
        if settings.quick and not _ours(name):
            continue
        for failure, options in FAILURES.items():
            results = _play(name, command, options, settings)
            if results is None:
                break
            harms.append(Harm(name, failure, results))
    return harms


def _ours(name: str) -> bool:
    return name.startswith("crossfade")


def _play(name: str, command: Command, failure: tuple[str, ...], settings: Settings) -> dict[str, Result] | None:
    rounds = 2 if settings.quick else 20 if _ours(name) else 4
    with Stage(settings) as stage:
        legacy, healthy = stage.model().address, stage.model().address
        failing = stage.model(*failure).address
        jobs = {OFF: (Kind.PASS, healthy), HEALTHY: (Kind.SHADOW, healthy), FAILING: (Kind.SHADOW, failing)}
        seats = []
        for what, (kind, candidate) in jobs.items():
            started = stage.proxy(name, command, kind, legacy, candidate)
            if started is None:
                return None
            load = stage.load(started.port, "--rate", str(RATE), "--timeout", "1")
            seats.append(Seat(what, started.program, load))
        return play(stage, seats, rounds, settings.seconds or 0.4, calm=True)


def table(harms: list[Harm]) -> list[list[str]]:
    """The first row being the heads; times are microseconds above those without copies."""
    rows = [
        ["proxy, candidate", "errors", "answers", "p50", "above off", "p99", "above off", "CPU x healthy", "RSS MiB"]
    ]
    for harm in harms:
        failing = harm.results[FAILING]
        rows.append(
            [
                f"{harm.proxy}, {harm.failure}",
                f"{harm.errors:,}",
                f"{failing.requests:,}",
                f"{failing.median('p50'):,.0f}",
                "{:+,.0f} ± {:,.0f}".format(*harm.above("p50")),
                f"{failing.median('p99'):,.0f}",
                "{:+,.0f} ± {:,.0f}".format(*harm.above("p99")),
                f"{harm.cpu_ratio:.2f}" if failing.requests else "-",
                f"{harm.rss_bytes / 2**20:.1f}",
            ]
        )
    return rows
