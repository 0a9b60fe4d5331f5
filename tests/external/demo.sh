#!/usr/bin/env bash
# Runs the demo and pastes what it prints into a shell, as whoever tries it does: the look at a record, and with
# --serve every command.
set -euo pipefail
source "$(dirname "$0")/gateway.bash"

# expect NAME TEXT: holds the output of the pasted commands against a text.
expect() {
    grep -qF "$2" "$work/pasted.txt" || { cat "$work/pasted.txt" >&2; fail "$1: expected $2"; }
}

build_gateway
cd "$work"
start demo "$crossfade" demo --serve --requests 500 --rate 0
demo_pid=$!
until_true 120 "the demo to have sent its traffic" grep -q "^metrics: http://" demo.log
sed -n '/^Every request/,$s/^  //p' demo.log >pasted.sh
bash -eu pasted.sh >pasted.txt 2>&1 || fail "a pasted command ended with code $?"

expect "the record" '"observations": ['
expect "the answer of a classifier" '"model_name":"digits"'
expect "the answer's id" 'crossfade-id: '
expect "the mixed list" '"doc_id":"image-'
expect "the report" '{"result":"joined"}'
expect "what is known of a test" '"standing": {'
expect "the arm of a user" '"unit":"user-0042"'
expect "the canary's weight" '"weight":"100%"'
expect "the metrics" 'crossfade_requests_total{'

kill -TERM "$demo_pid"
unset "started[$demo_pid]"
wait "$demo_pid" || fail "the demo ended with code $?"
echo "demo: everything it tells to paste works"
