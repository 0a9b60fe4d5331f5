"""The command line: what to run, with which proxies, and where the figures go."""

from __future__ import annotations

import argparse
import json
import signal
import sys
import time
from pathlib import Path
from types import FrameType

from harness import scenarios, table, tools
from harness.peers import PEERS, Command, crossfade
from harness.process import allow_many_files
from harness.stage import Settings


def main() -> int:
    given = _arguments()
    signal.signal(signal.SIGTERM, _leave)
    allow_many_files()
    if given.install:
        tools.install()
    tools.find_envoy()
    names = given.peers.split(",") if given.peers else [*PEERS, "crossfade"]
    built = tools.build(with_pingora="pingora" in names, with_crossfade=not given.binary and "crossfade" in names)
    settings = Settings(
        built, _peers(names, given.binary), given.proxy_cpu, given.load_cpu, given.quick, given.seconds
    )
    begun = time.monotonic()
    figures = {}
    for scenario in scenarios.SCENARIOS:
        if given.only and scenario.name not in given.only.split(","):
            continue
        results = scenarios.run(scenario, settings)
        if results:
            rows = table.of(results)
            print(f"\n{scenario.name}: {scenario.title}\n{table.plain(rows)}", flush=True)
            figures[scenario.name] = {"title": scenario.title, "rows": rows}
    print(f"\n{time.monotonic() - begun:.0f} s")
    if given.json:
        Path(given.json).write_text(json.dumps(figures, indent=1) + "\n")
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="loadtests/run", description=__doc__)
    parser.add_argument("--install", action="store_true", help="install the other proxies and tools first (apt, pip)")
    parser.add_argument("--only", metavar="NAME,...", help="these scenarios")
    parser.add_argument("--peers", metavar="NAME,...", help="these proxies; default: all")
    parser.add_argument("--binary", metavar="[NAME=]PATH", action="append", default=[], help="Crossfade's binary;"
                        " may be given again under other names. Default: what `cargo build --release` makes")
    parser.add_argument("--seconds", type=float, help="length of a slice")
    parser.add_argument("--quick", action="store_true", help="few and short slices: under 3 minutes, rough figures")
    parser.add_argument("--json", metavar="PATH", help="write the figures there too")
    parser.add_argument("--proxy-cpu", type=int, default=0, help="the proxies' core")
    parser.add_argument("--load-cpu", type=int, default=1, help="the core of load and models")
    return parser.parse_args()


def _peers(names: list[str], binaries: list[str]) -> dict[str, Command]:
    peers = {name: PEERS[name] for name in names if name in PEERS}
    if "crossfade" in names:
        for given in binaries or [str(tools.crossfade())]:
            name, _, path = given.rpartition("=")
            peers[name or "crossfade"] = crossfade.of(Path(path))
    return peers


def _leave(_signal: int, _frame: FrameType | None) -> None:
    sys.exit(143)
