#!/usr/bin/env bash
# Holds /metrics, after the demo's traffic, against Prometheus' own linter.
set -euo pipefail
source "$(dirname "$0")/gateway.bash"

# As the present user: apt's own has no way into the check's folder.
fetch_prometheus() {
    apt-get download -qq -o APT::Sandbox::User=root prometheus
}

find_promtool() {
    if command -v promtool >/dev/null; then
        promtool=promtool
        return
    fi
    # Unpacked, not installed: the package would start a Prometheus of its own.
    (cd "$work" && { fetch_prometheus || { apt-get update -qq && fetch_prometheus; }; })
    dpkg -x "$work"/prometheus_*.deb "$work/prometheus"
    promtool="$work/prometheus/usr/bin/promtool"
}

find_promtool
build_gateway
cd "$work"
start demo "$crossfade" demo --serve --requests 500 --rate 0
until_true 120 "the demo to have sent its traffic" grep -q "metrics: http://" "$work/demo.log"
curl --fail --silent "$(grep -o "http://[0-9.:]*/metrics" "$work/demo.log" | head -n 1)" >"$work/metrics.txt"

"$promtool" check metrics <"$work/metrics.txt" || fail "promtool has complaints"
for name in requests request_duration_seconds cost copies_sent pairs interleaving_wins feedback records_written; do
    grep -q "^crossfade_$name" "$work/metrics.txt" || fail "crossfade_$name has no series after the demo"
done
echo "promtool: $(grep -vc '^#' "$work/metrics.txt") samples, no complaint"
