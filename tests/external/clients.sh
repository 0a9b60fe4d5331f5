#!/usr/bin/env bash
# Real clients work through the gateway as they do without it: curl, httpx, openai, anthropic, tritonclient, grpcio and
# websockets ask scripted servers directly and through it, and get the same. Once plainly, once over TLS, and once under
# each strategy: with every request copied, with half of the users or of the requests given to a candidate that says the
# same, and where lists would be mixed. Their packages, about 280 MB, stay under the target directory.
set -euo pipefail
source "$(dirname "$0")/gateway.bash"

for tool in curl openssl; do
    command -v "$tool" >/dev/null || fail "$tool is missing; \`apt-get install $tool\` gets it"
done
venv="${CARGO_TARGET_DIR:-$root/target}/clients"
wanted="$external/clients/requirements.txt"
if ! cmp --silent "$wanted" "$venv/installed.txt"; then
    python3 -m venv --clear "$venv"
    "$venv/bin/pip" --quiet --disable-pip-version-check install --requirement "$wanted"
    cp "$wanted" "$venv/installed.txt"
fi
python="$venv/bin/python"
build_gateway

for models in old new; do
    start "$models" "$python" "$external/clients/servers.py" "$work/$models.ports"
done
for models in old new; do
    until_true 60 "the $models servers" test -s "$work/$models.ports"
done
read -r -a old <"$work/old.ports"
read -r -a new <"$work/new.ports"

openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=DNS:localhost,IP:127.0.0.1 \
    -keyout "$work/key.pem" -out "$work/cert.pem" 2>/dev/null
declare -A listening=([plain]="" [tls]=", tls: {cert_file: \"$work/cert.pem\", key_file: \"$work/key.pem\"}")
declare -A strategies=(
    [shadow]="shadow: {}"
    [canary]="canary: {steps: [{weight: 50%, approve: manual}]}"
    [ab]="ab: {arms: {old: 50%, new: 50%}}"
    [interleave]="interleave: {items: \"$.results[*]\", id: $.id, credit: click}"
)

# start_before WAY KIND: a gateway before the servers of one kind; its ports are then in $data and $admin.
start_before() {
    local way=$1 kind=$2
    read -r data admin <<<"$(free_ports 2)"
    {
        echo "listen: {data: \"127.0.0.1:$data\", admin: \"127.0.0.1:$admin\"${listening[$way]:-}}"
        echo "record: {dir: \"$work/records-$way-$kind\"}"
        echo "models: {old: {url: \"http://127.0.0.1:${old[$kind]}\"}, new: {url: \"http://127.0.0.1:${new[$kind]}\"}}"
        if [[ -v strategies[$way] ]]; then
            echo "experiments:"
            echo "  - {name: all, legacy: old, candidate: new, unit: [{header: user-agent}], strategy: {${strategies[$way]}},"
            echo "     outcomes: {click: {type: click, absent: none}}}"
        else
            echo "default: old"
        fi
    } >"$work/$way-$kind.yaml"
    start_gateway "$work/$way-$kind.yaml" "$admin"
}

# check_way WAY [CA_FILE]: every client, against every server.
check_way() {
    local way=$1 kind gateways=() ports=() admins=()
    for kind in 0 1 2; do
        start_before "$way" "$kind"
        ports+=("$data")
        admins+=("$admin")
        gateways+=("$gateway_pid")
    done
    timeout 600 "$python" "$external/clients/compare.py" "$way" "${old[*]}" "${ports[*]}" "${@:2}" ||
        fail "not all clients get the same through the gateway ($way)"
    if [[ $way == shadow ]]; then
        for kind in 0 1; do
            curl --silent --output "$work/metrics" "http://127.0.0.1:${admins[$kind]}/metrics"
            grep -q '^crossfade_copies_sent_total{.*} [1-9]' "$work/metrics" || fail "no request was copied"
        done
    fi
    for gateway_pid in "${gateways[@]}"; do
        stop_gateway
    done
}

check_way plain
check_way tls "$work/cert.pem"
for way in "${!strategies[@]}"; do
    check_way "$way"
done
echo "clients: what all of them get through the gateway is what they get without it"
