#!/usr/bin/env bash
# Sends one traced request through a shadow experiment and holds its spans, as a real OTLP receiver gets them,
# against what they must be.
set -euo pipefail
source "$(dirname "$0")/gateway.bash"

trace_id=4bf92f3577b34da6a3ce929d0e0e4736
span_id=00f067aa0ba902b7

python_with grpcio opentelemetry-proto
build_gateway

start receiver "$python" "$external/otlp_receiver.py" "$work/otlp.port" "$trace_id" "$span_id"
receiver_pid=$!
for model in old new; do
    start "$model" python3 "$external/echo_model.py" "$work/$model.port" "$work/$model.seen"
done
for port in otlp old new; do
    until_true 20 "$port to listen" test -s "$work/$port.port"
done
read -r data admin <<<"$(free_ports 2)"
cat >"$work/policy.yaml" <<YAML
listen: {data: "127.0.0.1:$data", admin: "127.0.0.1:$admin"}
record: {dir: "$work/records"}
models:
  old: {url: "http://127.0.0.1:$(cat "$work/old.port")"}
  new: {url: "http://127.0.0.1:$(cat "$work/new.port")"}
experiments:
  - name: traced
    legacy: old
    candidate: new
    strategy: {shadow: {sample: 100%}}
YAML

export OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:$(cat "$work/otlp.port")"
start_gateway "$work/policy.yaml" "$admin"
curl --fail --silent --output /dev/null --header "traceparent: 00-$trace_id-$span_id-01" --data '{"x": 1}' \
    "http://127.0.0.1:$data/anything"
until_true 20 "the copy to reach the candidate" test -s "$work/new.seen"
stop_gateway

wait "$receiver_pid" || fail "the spans are not what they must be"
# Each model must have been told the id of its own client span, so that its spans hang under it.
for model in old new; do
    parent=$(cut -d- -f3 "$work/$model.seen")
    grep -q "client $model $parent" "$work/receiver.log" || fail "model $model was told parent $parent"
done
echo "otlp: one server span, one client span a model, all in the client's trace"
