#!/usr/bin/env bash
# People judge on the review page in a real browser: with the keyboard alone, blind, light and dark, wide and narrow, two
# of them at once. Then the record has what they meant, and nothing that reached the browser named a model. Pictures are left
# in the folder that REVIEW_PICTURES names.
set -euo pipefail
source "$(dirname "$0")/gateway.bash"

if ! command -v chromium-headless-shell >/dev/null; then
    install=(apt-get install -qq --no-install-recommends -o DPkg::Lock::Timeout=300 chromium-headless-shell
        fonts-dejavu-core fonts-droid-fallback)
    { "${install[@]}" || { apt-get update -qq && "${install[@]}"; }; } >"$work/apt.log" 2>&1 ||
        fail "chromium-headless-shell is missing and cannot be installed"
fi
python_with playwright==1.65.2 axe-playwright-python==0.1.8
build_gateway
start models "$python" "$external/review/models.py" "$work/ports"
until_true 20 "the models" test -s "$work/ports"
read -r old new <"$work/ports"
read -r data admin <<<"$(free_ports 2)"
cat >"$work/policy.yaml" <<YAML
listen: {data: "127.0.0.1:$data", admin: "127.0.0.1:$admin", token: {from_file: "$work/token"}}
record: {dir: "$work/records"}
models: {walnut-large: {url: "http://127.0.0.1:$old"}, maple-small: {url: "http://127.0.0.1:$new"}}
experiments:
  - name: support-chat
    match: {path: /chat}
    legacy: walnut-large
    candidate: maple-small
    strategy: {shadow: {held_back: 0%}}
    judges:
      people:
        human: {question: Which answer helps the customer more?, reasons: [wrong, too long, rude, off topic]}
        sample: 100%
      panel:
        human: {question: Which answer would you rather get?, reviewers: [ann, "بن <b>"], each: 2}
        sample: 100%
    metrics: {helpful: {judge: people}, liked: {judge: panel}}
  - name: quiet
    match: {path: /quiet}
    legacy: walnut-large
    candidate: maple-small
    strategy: {shadow: {held_back: 0%}}
    judges: {people: {human: {}}}
YAML
printf 'a token of 20 letters' >"$work/token"
start_gateway "$work/policy.yaml" "$admin"

pictures="${REVIEW_PICTURES:-$work/pictures}"
mkdir -p "$pictures"
timeout 300 "$python" "$external/review/drive.py" "$data" "$admin" "$work/token" "$pictures" "$work/meant.json" ||
    fail "the page does not do what it should"
stop_gateway
"$crossfade" records cat "$work/records" >"$work/lines.jsonl"
"$crossfade" report "$work/records" --format json >"$work/report.json"
"$python" "$external/review/compare.py" "$work/lines.jsonl" "$work/meant.json" "$work/report.json" || fail "the record is not what was meant"
echo "review: people judge blind and by the keyboard, the record has what they meant, and nobody was shown a model's name"
