"""Writes the dashboards under `dashboards/` from what `overview.py`, `experiment.py` and `gateway.py` say.

Usage: python3 -B generate.py [--check]

With --check nothing is written; files that are not what would be written are named, and the exit code is 1.
"""

import json
import sys
from pathlib import Path

import experiment
import gateway
import overview

DASHBOARDS = Path(__file__).parent / "dashboards"


def main(arguments: list[str]) -> int:
    stale = []
    for name, dashboard in {
        "overview": overview.dashboard(),
        "experiment": experiment.dashboard(),
        "gateway": gateway.dashboard(),
    }.items():
        path = DASHBOARDS / f"{name}.json"
        text = json.dumps(dashboard, indent=2, ensure_ascii=False) + "\n"
        if arguments != ["--check"]:
            path.write_text(text, encoding="utf-8")
        elif not path.exists() or path.read_text(encoding="utf-8") != text:
            stale.append(path.name)
    if stale:
        print(f"not what generate.py writes: {', '.join(stale)}; run it and commit what it writes", file=sys.stderr)
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
