#!/usr/bin/env bash
# Sends one traced chat through a shadow experiment, reports that it was liked, and holds its spans and that event, as a
# real OTLP receiver gets them, against what they must be. The models answer what they are asked.
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
  old: {url: "http://127.0.0.1:$(cat "$work/old.port")", protocol: openai}
  new: {url: "http://127.0.0.1:$(cat "$work/new.port")", protocol: openai}
experiments:
  - name: traced
    legacy: old
    candidate: new
    outcomes: {liked: {type: binary}}
    strategy: {shadow: {sample: 100%, held_back: 0%}}
YAML

export OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:$(cat "$work/otlp.port")"
start_gateway "$work/policy.yaml" "$admin"
cat >"$work/chat.json" <<JSON
{"model": "gpt-x", "id": "c-1", "messages": [{"role": "user", "content": "a question"}],
 "choices": [{"message": {"content": "a question"}, "finish_reason": "length"}],
 "usage": {"prompt_tokens": 5, "completion_tokens": 7}}
JSON
curl --fail --silent --output /dev/null --dump-header "$work/head" --header "traceparent: 00-$trace_id-$span_id-01" \
    --header "content-type: application/json" --data @"$work/chat.json" "http://127.0.0.1:$data/v1/chat/completions"
written() {
    curl --fail --silent "http://127.0.0.1:$admin/metrics" | grep -q 'crossfade_records_written_total{.*kind="pair"'
}
until_true 20 "the pair to be written" written
id=$(tr -d '\r' <"$work/head" | sed -n 's/^crossfade-id: //p')
curl --fail --silent --output /dev/null --header "content-type: application/json" \
    --data "{\"request_id\": \"$id\", \"outcome\": \"liked\", \"value\": true}" "http://127.0.0.1:$admin/feedback"
stop_gateway

wait "$receiver_pid" || fail "the spans are not what they must be"
# Each model must have been told the id of its own client span, so that its spans hang under it.
for model in old new; do
    parent=$(cut -d- -f3 "$work/$model.seen")
    grep -q "client $model $parent" "$work/receiver.log" || fail "model $model was told parent $parent"
done
echo "otlp: one server span, one client span a model, all in the client's trace, and what was said of the answer"
