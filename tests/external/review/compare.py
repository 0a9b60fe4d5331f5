"""Holds the record against what reviewers meant: compare.py LINES MEANT_FILE REPORT."""

import json
import sys
from collections import Counter
from pathlib import Path

from cases import NEW
from cases import OLD
from cases import case_of

lines = [json.loads(line) for line in Path(sys.argv[1]).read_text().splitlines()]
meant = json.loads(Path(sys.argv[2]).read_text())

report = json.loads(Path(sys.argv[3]).read_text())

cases = {
    line["request_id"]: case_of(line["request"]["body"]["messages"][-1]["content"])
    for line in lines
    if line["kind"] == "pair"
}
found, panels = {}, []
for line in (line for line in lines if line["kind"] == "judgement"):
    (answer,) = line["answers"]
    assert (line["mode"], answer["arm"]) == ("human", NEW), line
    key = (line["judge"], line["reviewer"], cases[line["request_id"]])
    assert key not in found, f"{key} is on record twice"
    said = {"word": answer["against_legacy"], "new_left": line["left"] == NEW}
    found[key] = said | {"reasons": line.get("reasons", []), "note": answer.get("explanation", "")}
    assert line["left"] in (OLD, NEW), line
    assert line.get("each") == (2 if line["judge"] == "panel" else None), line
    if "panel" in line:
        panels.append((key[2], {vote["reviewer"]: vote["said"] for vote in line["panel"]}))

expected = {}
for word in meant:
    key = tuple(word.pop(name) for name in ("judge", "reviewer", "case"))
    expected[key] = word
assert found == expected, "\n".join(str((key, found.get(key), expected.get(key))) for key in found | expected)

sides = Counter(word["new_left"] for word in found.values())
assert min(sides[True], sides[False]) * 5 >= len(found), f"the sides are not drawn by lot: {sides}"
# The last of two lines on a pair has both words, and they count as what both said, else as a tie.
together = {case for judge, _, case in found if judge == "panel"}
assert sorted(case for case, _ in panels) == sorted(together)
for case, votes in panels:
    assert votes == {name: word["word"] for (judge, name, its), word in found.items() if (judge, its) == ("panel", case)}
decided = Counter(word if len({*votes.values()}) == 1 else "tie" for _, votes in panels for word in [next(iter(votes.values()))])
alone = Counter(word["word"] for (judge, *_), word in found.items() if judge == "people")
(summary,) = (one["summary"] for one in report["experiments"] if one["summary"]["experiment"] == "support-chat")
for judge in summary["judges"]:
    expected = decided if judge["judge"] == "panel" else alone
    assert [judge[name] for name in ("wins", "losses", "ties")] == [expected[word] for word in ("win", "loss", "tie")], judge
same = sum(len({*votes.values()}) == 1 for _, votes in panels) / len(panels)
(people,) = (judge["people"] for judge in summary["judges"] if judge["judge"] == "panel")
assert abs(people["agreement"] - same) < 1e-9 and "kappa" in people and "alpha" in people, people

print(f"{len(found)} judgements are on record as they were meant; the new model stood on the left in {sides[True]}")
