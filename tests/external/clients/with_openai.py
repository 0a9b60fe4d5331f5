"""openai: chat, streams, embeddings, errors by their class, and retries."""

import uuid

import openai
from target import fields

MESSAGES = [{"role": "user", "content": "hello"}]


def client(target, retries=0):
    """Trusts our certificate as its users do: by an HTTP client of theirs."""
    http = openai.DefaultHttpxClient(verify=target.ca, trust_env=False) if target.ca else openai.DefaultHttpxClient(trust_env=False)
    asks_for = {"x-user-id": target.user}
    return openai.OpenAI(base_url=target.url("/v1"), api_key=target.key, max_retries=retries, http_client=http, default_headers=asks_for)


def chat(target):
    raw = client(target).chat.completions.with_raw_response.create(model="m", messages=MESSAGES)
    return fields(raw.headers.multi_items()), raw.parse().model_dump()


def stream(target):
    asked = {"model": "m", "messages": MESSAGES, "stream": True, "stream_options": {"include_usage": True}}
    with client(target).chat.completions.create(**asked) as chunks:
        return [chunk.model_dump() for chunk in chunks]


def embeddings(target):
    return client(target).embeddings.create(model="m", input=["a", "b"]).model_dump()


def plain_embeddings(target):
    return client(target).embeddings.create(model="m", input=["a"], encoding_format="float").model_dump()


def refused(model):
    def case(target):
        try:
            client(target).chat.completions.create(model=model, messages=MESSAGES)
        except openai.APIStatusError as error:
            return type(error).__name__, error.status_code, error.body, error.request_id
        raise AssertionError("it was not refused")

    return case


def retried(target):
    """Fails twice; the client tries again by itself and the model is told how often."""
    messages = [{"role": "user", "content": f"retry {uuid.uuid4()}"}]
    return client(target, retries=2).chat.completions.create(model="fails-twice", messages=messages).model_dump()


CASES = {
    "chat": chat,
    "stream": stream,
    "embeddings": embeddings,
    "plain embeddings": plain_embeddings,
    **{f"refusal: {model}": refused(model) for model in ["unknown", "forbidden", "wrong", "limited"]},
    "retries": retried,
}
