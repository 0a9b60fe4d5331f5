"""Holds the records of one strategy against what the forty users did.

Usage: mlserver_records.py STRATEGY FOLDER
"""

import collections
import json
import sys
from pathlib import Path

REQUESTS = 200


def main(strategy, folder):
    lines = [json.loads(line) for segment in Path(folder).glob("*.jsonl") for line in segment.open()]
    pairs = [line for line in lines if line["kind"] == "pair"]
    assert len(pairs) == REQUESTS, f"{len(pairs)} pairs"
    assert all(pair["strategy"] == strategy for pair in pairs)
    legs = collections.Counter((leg["arm"], leg["role"], leg["fate"]) for pair in pairs for leg in pair["observations"])
    check(strategy, pairs, legs)
    print(f"{strategy}: {len(pairs)} pairs on disk, legs {dict(legs)}")


def check(strategy, pairs, legs):
    old, new = legs["old", "answer", "complete"], legs["new", "answer", "complete"]
    if strategy == "shadow":
        assert (old, legs["new", "shadow", "complete"]) == (REQUESTS, REQUESTS), legs
    elif strategy in ("canary", "ab"):
        assert old + new == REQUESTS, legs
        # Forty users at one half each: four standard deviations.
        assert abs(new - REQUESTS / 2) <= 4 * (40 / 4) ** 0.5 * 5, legs
        arms = collections.defaultdict(set)
        for pair in pairs:
            arms[pair["unit"]].add(pair["assigned"])
        assert len(arms) == 40 and all(len(seen) == 1 for seen in arms.values()), arms
    else:
        assert legs["old", "interleaved", "complete"] == legs["new", "interleaved", "complete"] == REQUESTS, legs
        assert all(pair["shown"] for pair in pairs)


main(*sys.argv[1:])
