#!/usr/bin/env bash
# Puts the gateway before two scikit-learn models that MLServer serves, with a policy of ten lines, and runs all
# four strategies. It installs 528 MB from PyPI, so it runs only when CROSSFADE_EXTERNAL_HEAVY=1.
set -euo pipefail

if [[ ${CROSSFADE_EXTERNAL_HEAVY:-} != 1 ]]; then
    echo "mlserver: left out, for it installs 528 MB; CROSSFADE_EXTERNAL_HEAVY=1 runs it"
    exit 0
fi
source "$(dirname "$0")/gateway.bash"

python_with mlserver mlserver-sklearn scikit-learn
build_gateway
read -r old new data admin grpc_old grpc_new metrics_old metrics_new <<<"$(free_ports 8)"
"$python" "$external/mlserver_models.py" "$work/old" "$old" "$grpc_old" "$metrics_old" plain
"$python" "$external/mlserver_models.py" "$work/new" "$new" "$grpc_new" "$metrics_new" better
export PYTHONPATH="$external"
start mlserver-old "$work/venv/bin/mlserver" start "$work/old"
start mlserver-new "$work/venv/bin/mlserver" start "$work/new"
for port in "$old" "$new"; do
    for model in digits ranker; do
        until_true 120 "MLServer on $port" curl --fail --silent "http://127.0.0.1:$port/v2/models/$model/ready"
    done
done

# check_strategy NAME MODEL STRATEGY: the ten lines, forty users, and what answers and records must say.
check_strategy() {
    local name=$1 model=$2 strategy=$3
    cat >"$work/$name.yaml" <<YAML
listen: {data: "127.0.0.1:$data", admin: "127.0.0.1:$admin"}
record: {dir: "$work/records-$name"}
models:
  old: {url: "http://127.0.0.1:$old", protocol: kserve-v2}
  new: {url: "http://127.0.0.1:$new", protocol: kserve-v2}
experiments:
  - name: $name
    match: {path: /v2/models/$model/infer}
    legacy: old
    candidate: new
    unit: [{header: x-user-id}]
    $strategy
YAML
    start_gateway "$work/$name.yaml" "$admin"
    "$python" "$external/mlserver_users.py" "$name" "$model" "$data" "$admin"
    stop_gateway
    "$python" "$external/mlserver_records.py" "$name" "$work/records-$name"
}

check_strategy shadow digits 'strategy: {shadow: {sample: 100%}}'
check_strategy canary digits 'strategy: {canary: {steps: [{weight: 50%, min_requests: 1000}]}}'
check_strategy ab digits 'strategy: {ab: {arms: {old: 50%, new: 50%}}}'
check_strategy interleave ranker 'outcomes: {click: {type: click}}
    strategy: {interleave: {items: "$.outputs[0].data[*]", id: $, depth: 5, deadline: 5s, credit: click}}'
echo "mlserver: all four strategies work before MLServer"
