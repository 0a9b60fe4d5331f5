"""What is asked, a server itself or the gateway before it, and what may differ between the two."""

import json
from dataclasses import dataclass

HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding"}
ADDED_TO_ANSWERS = {"crossfade-id"}
ADDED_TO_REQUESTS = {"via", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto"}


@dataclass(frozen=True)
class Target:
    """A server, or the gateway before it."""

    port: int
    gateway: bool
    mixes: bool = False
    """Whether it mixes lists, for which it asks models for what is not compressed."""
    ca: str | None = None
    """The certificate of the authority, where it speaks TLS."""
    key: str = "sk-none"
    """The key that clients of language models send."""
    user: str = "nobody"
    """Who those clients say they ask for."""

    @property
    def authority(self):
        return f"localhost:{self.port}"

    def url(self, path="", kind="http"):
        return f"{kind}{'s' if self.ca else ''}://{self.authority}{path}"


def fields(pairs, but=ADDED_TO_ANSWERS):
    """Header fields in an order of their own, without those of one connection and those that the gateway adds."""
    kept = ((name.lower(), value) for name, value in pairs)
    return sorted((name, value) for name, value in kept if name not in HOP_BY_HOP | but)


def arrived(target, body):
    """What /echo says of the request that reached it."""
    seen = json.loads(body)
    names = {name for name, _ in seen["headers"]}
    if target.gateway:
        assert ADDED_TO_REQUESTS <= names, f"models are not told {ADDED_TO_REQUESTS - names}"
    headers = fields(seen["headers"], ADDED_TO_REQUESTS | ({"accept-encoding"} if target.mixes else set()))
    seen["headers"] = [(name, value.replace(target.authority, "AUTHORITY")) for name, value in headers]
    return seen
