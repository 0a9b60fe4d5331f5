"""openai: chats, streams, calls of tools, completions, embeddings, errors by their class."""

import openai
import steady
from asks_curl import REFUSED
from target import fields
from with_openai import MESSAGES
from with_openai import client

USAGE = {"include_usage": True}


def chat(model, **more):
    def case(target):
        raw = client(target).chat.completions.with_raw_response.create(model=model, messages=MESSAGES, **more)
        return steady.headers(fields(raw.headers.multi_items())), steady.read(raw.parse().model_dump())

    return case


def chunks(model, **more):
    def case(target):
        with client(target).chat.completions.create(model=model, messages=MESSAGES, stream=True, **more) as read:
            return steady.read([chunk.model_dump() for chunk in read])

    return case


def completion(target):
    return steady.read(client(target).completions.create(model="same", prompt="hello").model_dump())


def completion_chunks(target):
    with client(target).completions.create(model="same", prompt="hello", stream=True) as read:
        return steady.read([chunk.model_dump() for chunk in read])


def embeddings(target):
    return client(target).embeddings.create(model="vectors", input=["a", "b"], encoding_format="float").model_dump()


def models(target):
    listed = [model.model_dump() for model in client(target).models.list()]
    assert {"same", "own", "deep"} <= {model["id"] for model in listed}, listed
    return listed


def refused(model):
    def case(target):
        try:
            client(target).chat.completions.create(model=model, messages=MESSAGES)
        except openai.APIStatusError as error:
            return type(error).__name__, error.status_code, error.body
        raise AssertionError("it was not refused")

    return case


CASES = {
    "chat": chat("same"),
    "tools": chat("tools"),
    "tools of a provider": chat("deep-tools"),
    "tools beside text": chat("tools-and-text"),
    "stream": chunks("same"),
    "stream with its usage": chunks("same", stream_options=USAGE),
    "stream of a provider": chunks("deep", stream_options=USAGE),
    "stream of a provider beside tools": chunks("tools-and-text"),
    "completion": completion,
    "stream of a completion": completion_chunks,
    "embeddings": embeddings,
    "models": models,
    **{f"refusal: {model}": refused(model) for model in REFUSED},
}
