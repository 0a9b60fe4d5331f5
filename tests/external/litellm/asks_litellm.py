"""LiteLLM's own client with the gateway as its `api_base`: chats, streams, embeddings, errors by their class."""

import litellm
import steady
from with_openai import MESSAGES

litellm.suppress_debug_info = True


def options(target, path="/v1"):
    return {"api_base": target.url(path), "api_key": target.key, "extra_headers": {"x-user-id": target.user}, "max_retries": 0}


def chat(model):
    return lambda target: steady.read(litellm.completion(model=model, messages=MESSAGES, **options(target)).model_dump())


def stream(target):
    read = litellm.completion(model="openai/same", messages=MESSAGES, stream=True, stream_options={"include_usage": True}, **options(target))
    return steady.read([chunk.model_dump() for chunk in read])


def message(target):
    """Asks in Anthropic's protocol and answers in OpenAI's."""
    return steady.read(litellm.completion(model="anthropic/same", messages=MESSAGES, **options(target, "")).model_dump())


def embeddings(target):
    return litellm.embedding(model="openai/vectors", input=["a", "b"], encoding_format="float", **options(target)).model_dump()


def refused(model):
    def case(target):
        try:
            litellm.completion(model=f"openai/{model}", messages=MESSAGES, **options(target))
        except litellm.exceptions.APIError as error:
            return type(error).__name__, error.status_code, error.message
        except Exception as error:
            return type(error).__name__, getattr(error, "status_code", None), str(error)
        raise AssertionError("it was not refused")

    return case


CASES = {
    "chat": chat("openai/same"),
    "tools": chat("openai/tools"),
    "stream": stream,
    "message": message,
    "embeddings": embeddings,
    **{f"refusal: {model}": refused(model) for model in ["unknown", "limited", "too-long"]},
}
