#!/usr/bin/env bash
# LiteLLM's proxy works behind the gateway as it does without it: two of them, whose models answer by mock, are asked by
# curl, openai, anthropic and LiteLLM's own client, directly and through a gateway of each strategy, and all get the same.
# Where the two say different things, users are told what their arm says, and the records hold both, with the tokens that
# LiteLLM told. Its packages, about 800 MB, stay under the target directory; it is kept from asking anything of the network.
set -euo pipefail
source "$(dirname "$0")/gateway.bash"

venv="${CARGO_TARGET_DIR:-$root/target}/litellm"
wanted="$external/litellm/requirements.txt"
if ! cmp --silent "$wanted" "$venv/installed.txt"; then
    python3 -m venv --clear "$venv"
    "$venv/bin/pip" --quiet --disable-pip-version-check install --requirement "$wanted"
    cp "$wanted" "$venv/installed.txt"
fi
build_gateway

# LiteLLM refuses to start with a key that others could know, and looks up prices, news and templates where it is not told
# to keep to those it came with.
LITELLM_MASTER_KEY="sk-$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')"
export LITELLM_MASTER_KEY
export LITELLM_LOCAL_MODEL_COST_MAP=True LITELLM_LOCAL_ANTHROPIC_BETA_HEADERS=True LITELLM_LOCAL_BLOG_POSTS=True
export LITELLM_LOCAL_POLICY_TEMPLATES=True HF_HUB_OFFLINE=1 DISABLE_ADMIN_UI=True NO_DOCS=True
export OLD_TEXT="The old one says that two and two are four." NEW_TEXT="From the new one: it is five."
export PYTHONPATH="$external/clients" PYTHONDONTWRITEBYTECODE=1

read -r old new <<<"$(free_ports 2)"
export DEEP_URL="http://127.0.0.1:$old/v1"
OWN_TEXT=$OLD_TEXT start old "$venv/bin/litellm" --config "$external/litellm/proxy.yaml" --host 127.0.0.1 --port "$old"
OWN_TEXT=$NEW_TEXT start new "$venv/bin/litellm" --config "$external/litellm/proxy.yaml" --host 127.0.0.1 --port "$new"
for port in "$old" "$new"; do
    until_true 120 "LiteLLM on $port" curl --fail --silent "http://127.0.0.1:$port/health/readiness"
done

declare -A strategies=(
    [shadow]="shadow: {held_back: 0%}"
    [canary]="canary: {steps: [{weight: 50%, approve: manual}]}"
    [ab]="ab: {arms: {old@: 50%, new@: 50%}}"
    [interleave]="interleave: {items: \"$.data[*]\", id: $.id, deadline: 10s, credit: click}"
)

# policy WAY: OpenAI's protocol in one experiment, Anthropic's in another.
policy() {
    local way=$1 to_old="url: \"http://127.0.0.1:$old\"" to_new="url: \"http://127.0.0.1:$new\""
    echo "listen: {data: \"127.0.0.1:$data\", admin: \"127.0.0.1:$admin\"}"
    echo "record: {dir: \"$work/records-$way\"}"
    echo "models:"
    echo "  old: {$to_old, protocol: openai}"
    echo "  new: {$to_new, protocol: openai}"
    echo "  old-messages: {$to_old, protocol: anthropic}"
    echo "  new-messages: {$to_new, protocol: anthropic}"
    echo "default: old"
    local after="unit: [{header: x-user-id}], outcomes: {click: {type: click, absent: none}}, compare: {said: {answer: text}}}"
    echo "experiments:"
    echo "  - {name: messages, match: {path: /v1/messages}, legacy: old-messages, candidate: new-messages,"
    echo "     strategy: {${strategies[$way]//@/-messages}}, $after"
    echo "  - {name: chats, legacy: old, candidate: new, strategy: {${strategies[$way]//@/}}, $after"
}

gateways=()
declare -A admins=() pids=()
for way in "${!strategies[@]}"; do
    read -r data admin <<<"$(free_ports 2)"
    policy "$way" >"$work/$way.yaml"
    start_gateway "$work/$way.yaml" "$admin"
    gateways+=("$way=$data")
    admins[$way]=$admin
    pids[$way]=$gateway_pid
done
timeout 400 "$venv/bin/python" "$external/litellm/ask.py" "$old" "$work/said.json" "${gateways[@]}" ||
    fail "not all clients get the same through the gateway"
for way in "${!pids[@]}"; do
    curl --fail --silent --output "$work/$way.metrics" "http://127.0.0.1:${admins[$way]}/metrics"
    gateway_pid=${pids[$way]}
    stop_gateway
    python3 "$external/litellm/records.py" "$way" "$work/said.json" "$work/records-$way" "$work/$way.metrics" ||
        fail "the records are not what was said"
done
echo "litellm: what all clients get through the gateway is what they get of LiteLLM's proxy without it"
