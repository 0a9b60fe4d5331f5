#!/usr/bin/env bash
# Runs the chat demo, pastes what it prints into a shell as whoever tries it does, and asks its models and its judge
# through OpenAI's own client for Python, which reads streams, usage and errors by its own idea of the API.
set -euo pipefail
source "$(dirname "$0")/gateway.bash"

# expect NAME TEXT: holds the output of the pasted commands against a text.
expect() {
    grep -qF "$2" "$work/pasted.txt" || { cat "$work/pasted.txt" >&2; fail "$1: expected $2"; }
}

build_gateway
python_with "$(grep ^openai== "$external/clients/requirements.txt")"
cd "$work"
start demo "$crossfade" demo --llm --swap --serve --requests 1350 --rate 0
demo_pid=$!
until_true 120 "the demo to have sent its traffic" grep -q "^metrics: http://" demo.log
grep -qE '^  shadow +chat-legacy ' demo.log || fail "the better model did not win as legacy"
sed -n '/^Every request/,$s/^  //p' demo.log >pasted.sh
bash -eu pasted.sh >pasted.txt 2>&1 || fail "a pasted command ended with code $?"

expect "the record" '"observations": ['
expect "the answer's id" 'crossfade-id: '
expect "the model's id of the request" 'x-request-id: req_'
expect "the stream" 'data: {"id":"chatcmpl-'
expect "its usage" '"completion_tokens":'
expect "its end" 'data: [DONE]'
expect "the thumb" '{"result":"joined"}'
expect "the judge" '\"winner\":\"b\"'
expect "what is known of a test" '"standing": '

data=$(sed -n 's/^models through the gateway: //p' demo.log)
judge=$(sed -n 's|^  curl .*case.json.* \(http://[0-9.:]*\)/v1/chat/completions.*|\1|p' demo.log)
"$python" "$external/chat_demo_client.py" "$data/v1" "$judge/v1"

kill -TERM "$demo_pid"
unset "started[$demo_pid]"
wait "$demo_pid" || fail "the demo ended with code $?"
echo "chat_demo: everything it tells to paste works, and OpenAI's client reads its models and its judge"
