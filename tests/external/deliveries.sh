#!/usr/bin/env bash
# Delivers a log to S3 (moto), Azure Blob Storage (Azurite), NATS JetStream (Debian's server) and Kafka (librdkafka's mock
# cluster), and reads back from each what the log holds, line for line. Left out unless CROSSFADE_EXTERNAL_HEAVY=1: it builds
# another gateway, with librdkafka, and installs four servers.
set -euo pipefail

if [[ ${CROSSFADE_EXTERNAL_HEAVY:-} != 1 ]]; then
    echo "deliveries: left out, for it builds and installs a lot; CROSSFADE_EXTERNAL_HEAVY=1 runs it"
    exit 0
fi
source "$(dirname "$0")/gateway.bash"
features=kafka,nats,object-store

python_with azure-storage-blob boto3 duckdb 'moto[server]' nats-py pyarrow
npm install --silent --no-audit --no-fund --prefix "$work/npm" azurite >/dev/null
fetch=(apt-get download -qq -o APT::Sandbox::User=root nats-server)
(cd "$work" && { "${fetch[@]}" || { apt-get update -qq && "${fetch[@]}"; }; })
dpkg -x "$work"/nats-server_*.deb "$work/nats-package"
build_gateway --features "$features"
cargo test --quiet --locked --manifest-path "$root/Cargo.toml" --features "$features" --lib delivery::tests::kafka

read -r data admin s3 azure nats <<<"$(free_ports 5)"
export ACCESS=test SECRET=test AZURE_KEY
AZURE_KEY=$(head -c 32 /dev/urandom | base64)
AZURITE_ACCOUNTS="records:$AZURE_KEY" start azurite "$work/npm/node_modules/.bin/azurite-blob" --silent \
    --location "$work/azurite" --blobPort "$azure" --skipApiVersionCheck --disableTelemetry
start moto "$work/venv/bin/moto_server" --host 127.0.0.1 --port "$s3"
check=("$python" "$external/deliveries.py" "$s3" "$azure" "$nats" "$work/records")
until_true 60 "the stores to listen" "${check[@]}" stores

"${check[@]}" log
cat >"$work/policy.yaml" <<YAML
listen: {data: "127.0.0.1:$data", admin: "127.0.0.1:$admin"}
record:
  dir: "$work/records"
  rotate: {pack: false}
  deliver:
    s3:
      object_store:
        url: s3://records/below/this
        options: {aws_endpoint: "http://127.0.0.1:$s3", aws_allow_http: "true", aws_region: us-east-1}
        secrets: {aws_access_key_id: {from_env: ACCESS}, aws_secret_access_key: {from_env: SECRET}}
      every: 100ms
    azure:
      object_store:
        url: az://records
        format: jsonl_zst
        options:
          azure_storage_account_name: records
          azure_storage_endpoint: "http://127.0.0.1:$azure/records"
          azure_allow_http: "true"
        secrets: {azure_storage_account_key: {from_env: AZURE_KEY}}
      every: 100ms
    nats: {nats: {url: "nats://127.0.0.1:$nats", subject: crossfade.records}, every: 100ms}
models: {old: {url: "http://127.0.0.1:9"}}
default: old
YAML

# metric_is NAME DELIVERY PATTERN: says whether a metric has a value that begins as the pattern says.
metric_is() {
    curl --silent "http://127.0.0.1:$admin/metrics" | grep -q "^crossfade_delivery_$1{delivery=\"$2\"} $3"
}
# failures DELIVERY: how often it failed.
failures() {
    curl --silent "http://127.0.0.1:$admin/metrics" | sed -n "s/^crossfade_delivery_failures_total{delivery=\"$1\"} //p"
}
start_gateway "$work/policy.yaml" "$admin"
# Nobody is there yet.
until_true 30 "NATS to be missed" metric_is failures_total nats '[1-9]'
start nats "$work/nats-package/usr/sbin/nats-server" --jetstream --store_dir "$work/nats" --addr 127.0.0.1 --port "$nats"
until_true 30 "the stream" "${check[@]}" stream
# It refuses some lines and would take those after them: their order must survive that.
refused() { "${check[@]}" refusing && (($(failures nats) > seen + 1)); }
seen=$(failures nats)
until_true 60 "lines to be refused" refused
"${check[@]}" widen
for delivery in s3 azure nats; do
    until_true 120 "$delivery to have every line" metric_is lag_bytes "$delivery" '0$'
done
stop_gateway
"${check[@]}" read

# As if nobody knew how far each came: everything goes again, and nothing is there twice.
rm "$work"/records/delivery-*.json
start_gateway "$work/policy.yaml" "$admin"
for delivery in s3 azure nats; do
    until_true 120 "$delivery to have every line again" metric_is lag_bytes "$delivery" '0$'
done
stop_gateway
"${check[@]}" read

# The report of what is in the store is that of the log.
"$crossfade" report "$work/records" --format json >"$work/own.json"
AWS_ENDPOINT_URL="http://127.0.0.1:$s3" AWS_ALLOW_HTTP=true AWS_REGION=us-east-1 AWS_ACCESS_KEY_ID=$ACCESS \
    AWS_SECRET_ACCESS_KEY=$SECRET "$crossfade" report s3://records/below/this --format json >"$work/store.json"
python3 - "$work/own.json" "$work/store.json" <<'PYTHON'
import json, sys
own, store = (json.load(open(path)) for path in sys.argv[1:])
assert store["sources"] == ["s3://records/below/this"], store["sources"]
assert own["experiments"] == store["experiments"], "the store's report is another one"
print("deliveries: the report of the store is that of the log")
PYTHON
