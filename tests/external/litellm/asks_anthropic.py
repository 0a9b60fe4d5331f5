"""anthropic: messages, calls of tools, streams of events, errors by their class."""

import anthropic
import steady
from target import fields
from with_anthropic import ASKED
from with_anthropic import client


def message(model):
    def case(target):
        raw = client(target).messages.with_raw_response.create(model=model, **ASKED)
        return steady.headers(fields(raw.headers.multi_items())), steady.read(raw.parse().model_dump())

    return case


def stream(target):
    with client(target).messages.stream(model="deep", **ASKED) as events:
        read = [event.model_dump() for event in events]
    assert len(read) > 10, read
    return steady.read(read), steady.read(events.get_final_message().model_dump())


def refused(model):
    def case(target):
        try:
            client(target).messages.create(model=model, **ASKED)
        except anthropic.APIStatusError as error:
            return type(error).__name__, error.status_code, error.body
        raise AssertionError("it was not refused")

    return case


# LiteLLM answers a stream of messages with events only where a provider is asked: its mock of one is not a stream.
CASES = {
    "message": message("same"),
    "message of a provider": message("deep"),
    "tools of a provider": message("deep-tools"),
    "stream": stream,
    **{f"refusal: {model}": refused(model) for model in ["unknown", "limited", "broken"]},
}
