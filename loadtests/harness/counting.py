"""What a request costs in numbers that do not depend on the machine's mood: user instructions and system calls.

Instructions are counted by callgrind in two runs of different lengths, whose difference holds neither start nor end;
system calls by strace, attached to a proxy that is warm already.
"""

from __future__ import annotations

import re
import shutil
import signal
import time
from dataclasses import dataclass
from pathlib import Path

from harness.peers import Command
from harness.process import Broken, Program
from harness.scenarios import Scenario
from harness.stage import Settings, Stage

CONNECTIONS = "64"
SHORT, LONG = 1_000, 4_000
CALLS = 4_000
UNDER_VALGRIND = 60.0


@dataclass(frozen=True)
class Counts:
    """Per request; None: the tool is not there, or the proxy too large for it."""

    instructions: float | None
    calls: float | None


def count(scenario: Scenario, settings: Settings) -> dict[str, Counts]:
    """Counts for every proxy that can do the scenario's job."""
    counts = {}
    for name, command in settings.peers.items():
        calls = _calls(name, command, scenario, settings)
        instructions = _instructions(name, command, scenario, settings)
        if calls is not None or instructions is not None:
            counts[name] = Counts(instructions, calls)
    return counts


def _instructions(name: str, command: Command, scenario: Scenario, settings: Settings) -> float | None:
    if shutil.which("valgrind") is None:
        return None
    runs = [_executed(name, command, scenario, settings, requests) for requests in (SHORT, LONG)]
    if runs[0] is None or runs[1] is None:
        return None
    return (runs[1] - runs[0]) / (LONG - SHORT)


def _executed(name: str, command: Command, scenario: Scenario, settings: Settings, requests: int) -> int | None:
    """The instructions of a run from start to end."""
    with Stage(settings) as stage:
        out = stage.dir / "callgrind.out"
        valgrind = ("valgrind", "--tool=callgrind", f"--callgrind-out-file={out}", "--quiet")
        models = [stage.model(*scenario.model).address for _ in range(2)]
        started = stage.proxy(name, command, scenario.kind, models[0], models[1], scenario.http2, valgrind)
        if started is None:
            return None
        proxy = started.program
        load = stage.load(started.port, *scenario.load, "--connections", CONNECTIONS, "--timeout", str(UNDER_VALGRIND))
        load.requests(200, UNDER_VALGRIND)
        load.requests(requests, UNDER_VALGRIND)
        proxy.stop(UNDER_VALGRIND)
        found = re.search(r"^(?:summary|totals): (\d+)", out.read_text() if out.exists() else "", re.MULTILINE)
        # A proxy that is killed before it has ended leaves no account.
        return int(found.group(1)) if found else None


def _calls(name: str, command: Command, scenario: Scenario, settings: Settings) -> float | None:
    if shutil.which("strace") is None:
        return None
    with Stage(settings) as stage:
        models = [stage.model(*scenario.model).address for _ in range(2)]
        started = stage.proxy(name, command, scenario.kind, models[0], models[1], scenario.http2)
        if started is None:
            return None
        proxy = started.program
        load = stage.load(started.port, *scenario.load, "--connections", CONNECTIONS)
        load.seconds(0.5)
        out = stage.dir / "strace.out"
        pids = [part for pid in proxy.processes() for part in ("-p", str(pid))]
        line = ["strace", "-c", "-f", "-qq", "-o", str(out), *pids]
        # Beside the proxy: on the load's core it would change what meets in one turn of the proxy's loop.
        strace = Program("strace", line, settings.proxy_cpu, stage.dir / "strace.log", stop=signal.SIGINT)
        try:
            _wait_until_traced(proxy)
            seen = load.requests(CALLS)
        finally:
            strace.stop()
        return total(out.read_text()) / seen.requests if seen.requests else None


def total(report: str) -> int:
    """The number of calls, which stands in the fourth column of strace's last line."""
    return int(report.strip().splitlines()[-1].split()[3])


def _wait_until_traced(proxy: Program) -> None:
    end = time.monotonic() + 10
    while time.monotonic() < end:
        tasks = [task for pid in proxy.processes() for task in Path(f"/proc/{pid}/task").iterdir()]
        if all("TracerPid:\t0\n" not in (task / "status").read_text() for task in tasks):
            return
        time.sleep(0.02)
    raise Broken(f"strace does not follow {proxy.name}", proxy.log)


def table(counts: dict[str, dict[str, Counts]]) -> list[list[str]]:
    """The first row being the heads."""
    rows = [["scenario, proxy", "user instructions", "system calls"]]
    for scenario, by_proxy in counts.items():
        for proxy, count in by_proxy.items():
            instructions = "-" if count.instructions is None else f"{count.instructions:,.0f}"
            rows.append([f"{scenario}, {proxy}", instructions, "-" if count.calls is None else f"{count.calls:.2f}"])
    return rows
