"""Holds the records and metrics of one strategy against what users were told.

Usage: records.py WAY SAID_FILE RECORDS_FOLDER METRICS_FILE
"""

import collections
import json
import os
import re
import sys
from pathlib import Path

TEXTS = {"old": os.environ["OLD_TEXT"], "new": os.environ["NEW_TEXT"]}
TOKENS = re.compile(r'crossfade_tokens_total\{(.*)\} (\d+)')


def main(way, said_file, folder, metrics):
    lines = [json.loads(line) for segment in Path(folder).glob("*.jsonl") for line in segment.open()]
    pairs = {line["request_id"]: line for line in lines if line["kind"] == "pair"}
    said = json.loads(Path(said_file).read_text())[way]
    for answer in said:
        hold(way, pairs[answer["id"]], answer)
    hold_tokens(pairs.values(), Path(metrics).read_text())
    if way == "shadow":
        hold_copies(pairs.values())
    if way == "interleave":
        lists = [pair for pair in pairs.values() if pair["request"]["path"] == "/v1/models"]
        assert lists and all(pair["shown"]["items"] for pair in lists), lists
    print(f"{way}: {len(pairs)} records, {len(said)} of them held against what users were told")


def hold(way, pair, answer):
    """What a user was told is on record, as the arm's that said it, with the tokens that the user was told."""
    by_role = {seen["role"]: seen for seen in pair["observations"]}
    if way == "interleave":
        seen = next(seen for seen in pair["observations"] if seen["arm"].startswith("old"))
    else:
        seen = by_role["answer"]
        assert pair["served"] == seen["arm"], pair
    hold_answer(seen, answer["arm"], answer["text"])
    assert (seen["tokens"]["input_tokens"], seen["tokens"]["output_tokens"]) == (answer["input"], answer["output"]), (seen, answer)
    if way == "shadow":
        hold_answer(by_role["shadow"], "new", TEXTS["new"])
        assert [other["fields"] for other in pair["comparison"]] == [{"said": "differ"}], pair


def hold_answer(seen, arm, text):
    assert seen["arm"].split("-")[0] == arm and (seen["fate"], seen["status"]) == ("complete", 200), seen
    assert "estimated" not in seen["tokens"], seen
    assert said(seen) == text, seen


def said(seen):
    """The text of an answer: put together of a stream, else where its protocol has it."""
    if "text" in seen["said"]:
        return seen["said"]["text"]
    body = seen["body"]
    return body["choices"][0]["message"]["content"] if "choices" in body else body["content"][0]["text"]


def hold_copies(pairs):
    """Both models say the same to what is not asked of `own`, so that all that was copied agrees: tokens and words."""
    agreed = collections.Counter()
    for pair in pairs:
        body = pair["request"].get("body") or {}
        if len(pair["observations"]) < 2:
            # After the refusals that are tried the candidate is left alone for a while.
            assert [drop["reason"] for drop in pair["dropped"]] == ["breaker_open"], pair
            continue
        if body.get("model") in (None, "own"):
            continue
        old, new = pair["observations"]
        for what in ("status", "tokens", "said"):
            assert old.get(what) == new.get(what), pair
        agreed.update(comparison["fields"].get("said") for comparison in pair.get("comparison", []))
        agreed.update(f"tools {comparison['tool_calls']}" for comparison in pair.get("comparison", []) if "tool_calls" in comparison)
    assert agreed["agree"] and agreed["tools agree"] and not agreed["differ"], agreed


def hold_tokens(pairs, metrics):
    """The counters are the sums of the records."""
    expected, counted = collections.Counter(), collections.Counter()
    for pair in pairs:
        for seen in pair["observations"]:
            tokens = dict(seen.get("tokens") or {})
            assert tokens.get("output_tokens") or "finish" not in seen.get("said", {}), f"it said something, of no tokens: {seen}"
            source = "estimated" if tokens.pop("estimated", False) else "reported"
            for kind, count in tokens.items():
                expected[pair["experiment"], seen["arm"], seen["role"], kind.replace("_tokens", ""), source] += count
    for labels, count in TOKENS.findall(metrics):
        labels = dict(re.findall(r'(\w+)="([^"]*)"', labels))
        counted[tuple(labels[name] for name in ("experiment", "arm", "role", "kind", "source"))] += int(count)
    assert +expected and +expected == +counted, (+expected, +counted)


main(*sys.argv[1:])
