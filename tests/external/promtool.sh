#!/usr/bin/env bash
# Holds /metrics, after the demo's traffic, against Prometheus' own linter.
set -euo pipefail
source "$(dirname "$0")/gateway.bash"

prometheus_here
build_gateway
cd "$work"
start demo "$crossfade" demo --serve --requests 500 --rate 0
until_true 120 "the demo to have sent its traffic" grep -q "metrics: http://" "$work/demo.log"
curl --fail --silent "$(grep -o "http://[0-9.:]*/metrics" "$work/demo.log" | head -n 1)" >"$work/metrics.txt"

"$prometheus_bin/promtool" check metrics <"$work/metrics.txt" || fail "promtool has complaints"
for name in requests request_duration_seconds cost copies_sent pairs interleaving_wins feedback records_written; do
    grep -q "^crossfade_$name" "$work/metrics.txt" || fail "crossfade_$name has no series after the demo"
done
echo "promtool: $(grep -vc '^#' "$work/metrics.txt") samples, no complaint"
