#!/usr/bin/env bash
# OpenFeature's own Python SDK and its OFREP provider ask the gateway which model a user has, after the demo's traffic.
# Bulk evaluation, which that provider does not have, is asked with curl.
set -euo pipefail
source "$(dirname "$0")/gateway.bash"

python_with openfeature-sdk==0.10.0 openfeature-provider-ofrep==0.3.0
build_gateway
cd "$work"
start demo "$crossfade" demo --serve --requests 200 --rate 0
until_true 120 "the demo to have sent its traffic" grep -q "metrics: http://" demo.log
admin=$(grep -o "http://[0-9.:]*/metrics" demo.log | head -n 1)
admin=${admin%/metrics}

"$python" "$external/ofrep_client.py" "$admin" || fail "the provider does not get what the API says"

bulk=(curl --silent --dump-header headers.txt --write-out '%{http_code}' --output flags.json)
bulk+=(--data '{"context": {"targetingKey": "user-1"}}' "$admin/ofrep/v1/evaluate/flags")
[[ $("${bulk[@]}") == 200 ]] || fail "bulk evaluation is not answered"
tag=$(sed -n 's/^etag: \(.*\)\r$/\1/pI' headers.txt)
[[ $("${bulk[@]}" --header "if-none-match: $tag") == 304 ]] || fail "an unchanged answer is sent again"
echo "ofrep: OpenFeature's provider gets the arms that the API tells"
