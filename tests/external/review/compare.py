"""Holds the record against what reviewers meant: compare.py LINES MEANT_FILE."""

import json
import sys
from collections import Counter
from pathlib import Path

from cases import NEW
from cases import OLD
from cases import case_of

lines = [json.loads(line) for line in Path(sys.argv[1]).read_text().splitlines()]
meant = json.loads(Path(sys.argv[2]).read_text())

cases = {
    line["request_id"]: case_of(line["request"]["body"]["messages"][-1]["content"])
    for line in lines
    if line["kind"] == "pair"
}
found = {}
for line in (line for line in lines if line["kind"] == "judgement"):
    (answer,) = line["answers"]
    assert (line["mode"], answer["arm"]) == ("human", NEW), line
    key = (line["judge"], line["reviewer"], cases[line["request_id"]])
    assert key not in found, f"{key} is on record twice"
    said = {"word": answer["against_legacy"], "new_left": line["left"] == NEW}
    found[key] = said | {"reasons": line.get("reasons", []), "note": answer.get("explanation", "")}
    assert line["left"] in (OLD, NEW), line

expected = {}
for word in meant:
    key = tuple(word.pop(name) for name in ("judge", "reviewer", "case"))
    expected[key] = word
assert found == expected, "\n".join(str((key, found.get(key), expected.get(key))) for key in found | expected)

sides = Counter(word["new_left"] for word in found.values())
assert min(sides[True], sides[False]) * 5 >= len(found), f"the sides are not drawn by lot: {sides}"
print(f"{len(found)} judgements are on record as they were meant; the new model stood on the left in {sides[True]}")
