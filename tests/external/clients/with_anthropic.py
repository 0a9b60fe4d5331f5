"""anthropic: messages, streams of events, errors by their class."""

import anthropic
from target import fields

ASKED = {"max_tokens": 100, "messages": [{"role": "user", "content": "hello"}]}


def client(target):
    http = anthropic.DefaultHttpxClient(verify=target.ca, trust_env=False) if target.ca else anthropic.DefaultHttpxClient(trust_env=False)
    asks_for = {"x-user-id": target.user}
    return anthropic.Anthropic(base_url=target.url(), api_key=target.key, max_retries=0, http_client=http, default_headers=asks_for)


def message(target):
    raw = client(target).messages.with_raw_response.create(model="m", **ASKED)
    return fields(raw.headers.multi_items()), raw.parse().model_dump()


def stream(target):
    with client(target).messages.stream(model="m", **ASKED) as events:
        return [event.model_dump() for event in events], events.get_final_message().model_dump()


def overloaded(target):
    try:
        client(target).messages.create(model="overloaded", **ASKED)
    except anthropic.APIStatusError as error:
        return type(error).__name__, error.status_code, error.body
    raise AssertionError("it was not refused")


CASES = {"message": message, "stream": stream, "overload": overloaded}
