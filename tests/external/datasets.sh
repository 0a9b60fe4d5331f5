#!/usr/bin/env bash
# Exports the demo's records, replays them against its candidate while that is up, and loads what was exported with Hugging
# Face's `datasets` and with pyarrow, as whoever trains on it does. It installs 400 MB from PyPI, so it runs only when
# CROSSFADE_EXTERNAL_HEAVY=1.
set -euo pipefail

if [[ ${CROSSFADE_EXTERNAL_HEAVY:-} != 1 ]]; then
    echo "datasets: left out, for it installs 400 MB; CROSSFADE_EXTERNAL_HEAVY=1 runs it"
    exit 0
fi
source "$(dirname "$0")/gateway.bash"

python_with datasets
build_gateway
cd "$work"
start demo "$crossfade" demo --serve --requests 300 --rate 0
until_true 120 "the demo to have sent its traffic" grep -q "^metrics: http://" demo.log

log=(records/demo-*/log)
"$crossfade" export "${log[@]}" --set prod --experiment digits-shadow --format huggingface -o snapshots/rows
"$crossfade" export "${log[@]}" --set prod --experiment digits-shadow --format parquet -o snapshots/columns
"$crossfade" export "${log[@]}" --set prod --experiment digits-shadow --format openai-evals -o snapshots/evals
"$crossfade" replay snapshots/rows --to digits-candidate --policy records/demo-*/demo.yaml --pace max -o replayed \
    --fail-if 'error_rate > 0' --fail-if 'accuracy_drop > 0.5%' >replay.txt || fail "the replay: $(cat replay.txt)"
"$crossfade" report replayed >report.txt
grep -q "digits-legacy.recorded" report.txt || fail "the report lacks the recorded model"

"$python" - <<'PYTHON' || fail "what was exported cannot be loaded"
import json
import datasets
import pyarrow.parquet

manifest = json.load(open("snapshots/rows/manifest.json"))
rows = datasets.load_dataset("snapshots/rows", cache_dir="cache")["train"]
assert len(rows) == manifest["counts"]["kept"], (len(rows), manifest["counts"])
assert {answer["model"] for answer in rows[0]["answers"]} == {"digits-legacy", "digits-candidate"}
assert rows[0]["outcomes"][0]["name"] == "digit"
assert len(json.loads(rows[0]["request"])["inputs"][0]["data"]) == 64

columns = pyarrow.parquet.read_table("snapshots/columns/records.parquet")
lines = sum(1 for _ in open("snapshots/columns/" + manifest["records"]))
assert columns.num_rows == lines, (columns.num_rows, lines)

evals = [json.loads(line) for line in open("snapshots/evals/evals.jsonl")]
assert len(evals) == len(rows)
assert evals[0]["ideal"] == rows[0]["outcomes"][0]["value"]
print(f"datasets: {len(rows)} rows, {columns.num_rows} lines in Parquet, {len(evals)} evals")
PYTHON
