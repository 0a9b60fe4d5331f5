#!/usr/bin/env bash
# Runs a gateway with users under every strategy and some trouble, and the controller of its fleet; lets a real Prometheus
# scrape both, and holds the dashboards, the alerts and the recording rules of deploy/ against what is found there.
set -euo pipefail
source "$(dirname "$0")/gateway.bash"

deploy="$root/deploy"
rules="$deploy/prometheus/rules.yaml"

prometheus_here
"$prometheus_bin/promtool" check rules "$rules" || fail "promtool finds fault with the rules"
"$prometheus_bin/promtool" test rules "$deploy/prometheus/rules.test.yaml" || fail "an alert does not fire when it should, or the reverse"
python3 -B "$deploy/prometheus/for_kubernetes.py" --check || fail "the rules for Kubernetes are not the rules"
python3 -B "$deploy/grafana/generate.py" --check || fail "the dashboards are not what their source says"

# Pinned: unpinned, pip takes the greatest epoch, which is an older Grafana's.
python_with 'grafana-foundation-sdk==1769699379!11.6.0' pyyaml
"$python" "$external/grafana_lint.py" "$root" || fail "a dashboard breaks a rule"

build_gateway
read -r http https gone data admin controller prometheus <<<"$(free_ports 7)"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 1 -subj /CN=localhost \
    -addext 'subjectAltName=IP:127.0.0.1' -addext 'basicConstraints=critical,CA:FALSE' \
    -keyout "$work/key.pem" -out "$work/certificate.pem" 2>/dev/null
start models python3 "$external/grafana_models.py" "$http" "$https" "$work/certificate.pem" "$work/key.pem"
for port in "$http" "$https"; do
    until_true 20 "the models to listen" bash -c ": </dev/tcp/127.0.0.1/$port"
done

# experiment NAME STRATEGY: one on digits, by a header.
experiment() {
    cat <<YAML
  - name: $1
    match: {headers: {x-test: $1}}
    legacy: old
    candidate: new
    unit: [{header: x-user-id}]
    outcomes: {truth: {type: label}, solved: {type: binary, absent: none}}
    compare: {label: {exact: $.label}}
    metrics:
      accuracy: {prediction: $.label, truth: truth}
      edit_similarity: {prediction: $.label, truth: truth}
    strategy: {$2}
YAML
}

mkdir "$work/decisions"
cat >"$work/policy.yaml" <<YAML
listen: {data: "127.0.0.1:$data", admin: "127.0.0.1:$admin", max_connections: 64}
limits: {header_count: 40}
record: {dir: "$work/records", queue: {records: 64}}
webhooks: {ops: {url: "http://127.0.0.1:$http/hook/changes"}}
fleet:
  decisions: "$work/decisions/fleet.json"
  controller: {listen: "127.0.0.1:$controller", replicas: {url: "http://127.0.0.1:$admin"}}
models:
  old: {url: "http://127.0.0.1:$http/old", cost: {per_request: 0.00002}}
  new: {url: "https://127.0.0.1:$https/new", tls: {ca_file: "$work/certificate.pem"}, cost: {per_second: 0.0004}}
  old-chat: {url: "http://127.0.0.1:$http/old", protocol: openai, cost: {per_million_output_tokens: 10}}
  new-chat: {url: "http://127.0.0.1:$http/new", protocol: openai, cost: {per_million_output_tokens: 2}}
  gone: {url: "http://127.0.0.1:$gone", breaker: {}}
experiments:
$(experiment shadow 'shadow: {control: 20%, held_back: 20%, budget: {per_second: 10}}')
$(experiment canary 'canary: {steps: [{weight: 20%, hold: 1s}, {weight: 50%, hold: 1h}], pair: 20%, fallback: legacy}')
$(experiment rolled 'canary: {steps: [{weight: 50%, hold: 1h}], pair: 20%}')
$(experiment ab 'ab: {arms: {old: 50%, new: 50%}, pair: 20%}')
  - name: interleave
    match: {headers: {x-test: interleave}}
    legacy: old
    candidate: new
    unit: [{header: x-user-id}]
    outcomes: {click: {type: click, absent: none}}
    strategy: {interleave: {items: "$.results[*]", id: $.doc_id, deadline: 1s, credit: click}}
  - {name: chat, match: {headers: {x-test: chat}}, legacy: old-chat, candidate: new-chat, strategy: {shadow: {}}}
  - {name: gone, match: {headers: {x-test: gone}}, legacy: gone, candidate: new, strategy: {shadow: {budget: {in_flight: 1}}}}
default: old
YAML
start_gateway "$work/policy.yaml" "$admin"
start controller "$crossfade" controller --config "$work/policy.yaml"
until_true 20 "the controller to be ready" curl --fail --silent "http://127.0.0.1:$controller/readyz"

cat >"$work/prometheus.yaml" <<YAML
global: {scrape_interval: 1s, evaluation_interval: 1s}
rule_files: [$rules]
scrape_configs:
  - {job_name: crossfade, static_configs: [{targets: ["127.0.0.1:$admin", "127.0.0.1:$controller"]}]}
YAML
"$prometheus_bin/promtool" check config "$work/prometheus.yaml" >"$work/config.log" || fail "promtool finds fault with the configuration"
start prometheus "$prometheus_bin/prometheus" --config.file="$work/prometheus.yaml" --storage.tsdb.path="$work/tsdb" \
    --web.listen-address="127.0.0.1:$prometheus" --log.level=warn
until_true 20 "Prometheus to be ready" curl --fail --silent "http://127.0.0.1:$prometheus/-/ready"

start users python3 "$external/grafana_users.py" "$data" "$admin" "$controller" "$work/policy.yaml"
"$python" "$external/grafana_live.py" "$root" "http://127.0.0.1:$prometheus" || fail "a query finds nothing, or fails"
