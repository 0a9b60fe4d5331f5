#!/usr/bin/env bash
# Runs every query of deploy/analytics over the records of a demo, by DuckDB and Spark from Parquet files and by ClickHouse
# from its tables, and holds each answer against `crossfade report`. Every line is there twice: deliveries are at least once.
set -euo pipefail
source "$(dirname "$0")/gateway.bash"

# Spark only where there is a Java to run it on.
engines=(chdb duckdb pyarrow)
if command -v java >/dev/null; then engines+=(pyspark); fi
python_with "${engines[@]}"
build_gateway
"$crossfade" demo --records "$work/demo" --requests 300 --rate 0 >"$work/demo.log"
mkdir "$work/records"
mv "$work"/demo/*/log/crossfade-*.jsonl "$work/records"
# What the demo has none of: failures, retries, gaps, late outcomes, copies that were dropped.
cp "$root/tests/vectors/records/log.jsonl" "$work/records/crossfade-20990101T000000-$(printf '0%.0s' {1..32}).jsonl"
"$crossfade" report "$work/records" --format json >"$work/report.json"

start house "$python" "$external/clickhouse_embedded.py" "$work/house.port"
until_true 60 "ClickHouse to listen" test -s "$work/house.port"
"$python" "$external/analytics.py" tables "$work/house.port"

# has_all DELIVERY ADMIN_PORT: says whether nothing waits for a delivery.
has_all() {
    curl --silent "http://127.0.0.1:$2/metrics" | grep -q "^crossfade_delivery_lag_bytes{delivery=\"$1\"} 0$"
}

# deliver NAME BYTES: runs a gateway until both targets have every line; the targets go by this name. Portions of another
# size are other portions, which ClickHouse cannot know by their tokens.
deliver() {
    local data admin
    read -r data admin <<<"$(free_ports 2)"
    cat >"$work/policy.yaml" <<YAML
listen: {data: "127.0.0.1:$data", admin: "127.0.0.1:$admin"}
record:
  dir: "$work/records"
  rotate: {pack: false}
  deliver:
    $1-lake: {parquet: {dir: "$work/lake"}, every: 100ms}
    $1-house: {clickhouse: {url: "http://127.0.0.1:$(cat "$work/house.port")"}, bytes: $2, every: 100ms}
models: {old: {url: "http://127.0.0.1:9"}}
default: old
YAML
    start_gateway "$work/policy.yaml" "$admin"
    until_true 120 "the lake to have every line" has_all "$1-lake" "$admin"
    until_true 120 "ClickHouse to have every line" has_all "$1-house" "$admin"
    stop_gateway
}
deliver first 1MiB
deliver again 700KiB
"$python" "$external/analytics.py" figures "$work/house.port" "$work/lake" "$work/report.json" "$work/records"
