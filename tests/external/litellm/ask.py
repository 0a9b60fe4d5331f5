"""Asks the old one of two LiteLLM proxies directly and through the gateways before both, and writes down what models said through them.

Usage: ask.py OLD_PORT SAID_FILE WAY=GATEWAY_PORT...

In the environment: the key, and OLD_TEXT and NEW_TEXT, which the two proxies answer where they do not say the same.
"""

import json
import os
import sys
from pathlib import Path

import asks_anthropic
import asks_curl
import asks_litellm
import asks_openai
import with_anthropic
import with_openai
from alike import compare
from target import Target


def remembered(case):
    """The same, asked only once without the gateway: LiteLLM's mocks say the same every time."""
    got = {}

    def ask(target):
        if target.gateway:
            return case(target)
        if target.mixes not in got:
            got[target.mixes] = case(target)
        return got[target.mixes]

    return ask


CLIENTS = [
    (client, 0, {name: remembered(case) for name, case in asks.CASES.items()})
    for client, asks in [("curl", asks_curl), ("openai", asks_openai), ("anthropic", asks_anthropic), ("litellm", asks_litellm)]
]
KEY = os.environ["LITELLM_MASTER_KEY"]
TEXTS = {os.environ["OLD_TEXT"]: "old", os.environ["NEW_TEXT"]: "new"}
USERS = [f"user-{number}" for number in range(16)]


def main(old, said_file, *gateways):
    failed, said = 0, {}
    for way, port in (gateway.split("=") for gateway in gateways):
        said[way] = [answer for user in USERS for answer in asked(Target(int(port), gateway=True, key=KEY, user=user))]
        for user in users_of_each_arm(way, said[way]):
            direct, through = (Target(int(at), gateway=at == port, mixes=way == "interleave", key=KEY, user=user) for at in (old, port))
            failed += compare(f"{way} as {user}", CLIENTS, [direct], [through])
    Path(said_file).write_text(json.dumps(said))
    return 1 if failed else 0


def asked(target):
    """What a user is told: twice in OpenAI's protocol, and in Anthropic's."""
    chats, messages = with_openai.client(target).chat.completions.with_raw_response, with_anthropic.client(target).messages.with_raw_response
    question = {"model": "own", "messages": with_openai.MESSAGES}

    raw = chats.create(**question)
    whole = raw.parse()
    yield answer(target, raw, whole.choices[0].message.content, whole.usage.prompt_tokens, whole.usage.completion_tokens)

    raw = chats.create(**question, stream=True, stream_options={"include_usage": True})
    chunks = list(raw.parse())
    text = "".join(choice.delta.content or "" for chunk in chunks for choice in chunk.choices)
    [usage] = [chunk.usage for chunk in chunks if chunk.usage]
    yield answer(target, raw, text, usage.prompt_tokens, usage.completion_tokens)

    raw = messages.create(**question, max_tokens=100)
    message = raw.parse()
    yield answer(target, raw, message.content[0].text, message.usage.input_tokens, message.usage.output_tokens)


def answer(target, raw, text, read, written):
    assert raw.headers["x-litellm-model-id"] == "own", raw.headers
    return {"id": raw.headers.get("crossfade-id"), "user": target.user, "arm": TEXTS[text], "text": text, "input": read, "output": written}


def users_of_each_arm(way, answers):
    """One user whose chats and messages are all the old model's and, where answers are shared out, one with the new's."""
    told = {user: [answer["arm"] for answer in answers if answer["user"] == user] for user in USERS}
    unlike = {user: arms for user, arms in told.items() if arms[0] != arms[1]}
    assert not unlike, f"{way}: their chats and their streams come from different arms: {unlike}"
    arms = {arm for user in USERS for arm in told[user]}
    assert arms == ({"old", "new"} if way in ("canary", "ab") else {"old"}), f"{way}: answers of {arms}"
    return [next(user for user in USERS if set(told[user]) == {arm}) for arm in sorted(arms, reverse=True)]


sys.exit(main(*sys.argv[1:]))
