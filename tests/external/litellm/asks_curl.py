"""curl: every answer to the byte, and every header field."""

import json

import steady
from with_curl import curl

MESSAGES = [{"role": "user", "content": "hello"}]
LONG = [{"role": "user", "content": "word " * 20_000}]
CHAT, COMPLETIONS, MESSAGES_PATH = "/v1/chat/completions", "/v1/completions", "/v1/messages"


def asked(path, body=None, *options, key=None, version="1.1"):
    def case(target):
        sent = key if key is not None else target.key
        given = [*options, "--header", f"x-user-id: {target.user}"]
        given += ["--header", f"authorization: Bearer {sent}"] if sent else []
        if body is not None:
            text = body if isinstance(body, str) else json.dumps(body)
            given += ["--header", "content-type: application/json", "--data-binary", text]
        status, headers, answer = curl(target, path, *given, version=version)
        return status, steady.headers(headers), steady.text(answer.decode())

    return case


def of_no_length(case):
    """An answer that LiteLLM gives in chunks: where the gateway waits for whole lists, it tells the length of what it got."""

    def asked(target):
        status, headers, answer = case(target)
        assert target.gateway or "content-length" not in dict(headers), headers
        if target.mixes:
            headers = [field for field in headers if field[0] != "content-length"]
        return status, headers, answer

    return asked


def chat(model="same", **more):
    return {"model": model, "messages": MESSAGES, **more}


def message(model="same", **more):
    return {"model": model, "max_tokens": 100, "messages": MESSAGES, **more}


USAGE = {"stream": True, "stream_options": {"include_usage": True}}
REFUSED = ["unknown", "limited", "broken", "too-long", "overloaded"]
CASES = {
    "models": asked("/v1/models"),
    **{f"chat over HTTP/{version}": asked(CHAT, chat(), version=version) for version in ["1.0", "1.1", "2"]},
    "two choices": asked(CHAT, chat(n=2)),
    "long chat": asked(CHAT, {"model": "same", "messages": LONG}),
    "chat of a provider": asked(CHAT, chat("deep")),
    "tools": asked(CHAT, chat("tools")),
    "tools of a provider": asked(CHAT, chat("deep-tools")),
    "tools beside text": asked(CHAT, chat("tools-and-text")),
    "stream": asked(CHAT, chat(stream=True)),
    "stream with its usage": asked(CHAT, chat(**USAGE)),
    "stream with its usage over HTTP/2": asked(CHAT, chat(**USAGE), version="2"),
    "stream of a provider": asked(CHAT, chat("deep", **USAGE)),
    "completion": asked(COMPLETIONS, {"model": "same", "prompt": "hello"}),
    "stream of a completion": asked(COMPLETIONS, {"model": "same", "prompt": "hello", **USAGE}),
    "embeddings": asked("/v1/embeddings", {"model": "vectors", "input": ["a", "b"]}),
    "embeddings as base64": asked("/v1/embeddings", {"model": "vectors", "input": "a", "encoding_format": "base64"}),
    "message": asked(MESSAGES_PATH, message()),
    "message of a provider": asked(MESSAGES_PATH, message("deep")),
    "message with tools": asked(MESSAGES_PATH, message("deep-tools")),
    "events of a message": asked(MESSAGES_PATH, message("deep", stream=True)),
    **{f"refusal: {model}": asked(CHAT, chat(model)) for model in REFUSED},
    **{f"refusal of a stream: {model}": asked(CHAT, chat(model, stream=True)) for model in REFUSED},
    **{f"refusal of a message: {model}": asked(MESSAGES_PATH, message(model)) for model in REFUSED},
    "a key that is not known": asked(CHAT, chat(), key="sk-wrong"),
    "a message's key that is not known": asked(MESSAGES_PATH, message(), key="sk-wrong"),
    # LiteLLM fails over it, says so in plain text and closes the connection.
    "no key": of_no_length(asked(CHAT, chat(), key="")),
    "no JSON": asked(CHAT, '{"model": "same", '),
    "no messages": asked(CHAT, {"model": "same"}),
    "no such path": asked("/v1/missing"),
    "method that is not allowed": asked(CHAT, None, "--request", "PUT"),
    "preflight": asked(CHAT, None, "--request", "OPTIONS", "--header", "origin: https://app.example", "--header", "access-control-request-method: POST"),
    "head": lambda target: asked("/health/liveliness", None, "--head")(target)[:2],
    "health": asked("/health/liveliness"),
}
