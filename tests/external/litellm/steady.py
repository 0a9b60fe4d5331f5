"""What LiteLLM says differently each time it is asked the same, and nothing else, put out of the comparison.

Ids keep which of them are the same; times have to be of now; header fields have to be there, whatever their value.
"""

import json
import re
import time

# Of a call, and of the call beneath it where LiteLLM asked another LiteLLM, whose fields it hands on with a prefix.
OF_THE_CALL = {"date", "x-litellm-call-id"} | {f"x-litellm-{part}-duration-ms" for part in ("response", "callback", "overhead")}
BENEATH = "llm_provider-"
ID = re.compile(r"\b(chatcmpl-|msg_)[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b")
CREATED = re.compile(r'("created": ?)(\d{10})\b')


def headers(pairs):
    """Header fields, those of the call without their value."""
    return [(name, "*" if name.removeprefix(BENEATH) in OF_THE_CALL else value) for name, value in pairs]


def text(body):
    """A body, or what a client read of it as JSON."""
    seen = {}
    body = ID.sub(lambda found: f"{found[1]}{seen.setdefault(found[0], len(seen))}", body)
    return CREATED.sub(lambda found: found[1] + ("now" if abs(int(found[2]) - time.time()) < 120 else found[2]), body)


def read(said):
    """What a client read, of the shape that its `model_dump` gives."""
    return text(json.dumps(said, ensure_ascii=False))
