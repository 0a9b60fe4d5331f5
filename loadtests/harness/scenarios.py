"""The scenarios in which proxies are compared side by side."""

from __future__ import annotations

import json
from dataclasses import dataclass

from harness.job import Kind
from harness.rounds import Result, play
from harness.stage import Seat, Settings, Stage


@dataclass(frozen=True)
class Scenario:
    """A job, the models behind it, the load before it, and how long."""

    name: str
    title: str
    kind: Kind = Kind.PASS
    load: tuple[str, ...] = ()
    model: tuple[str, ...] = ()
    candidate: tuple[str, ...] | None = None
    """What the candidate does otherwise than legacy."""
    http2: bool = False
    direct: bool = False
    """The models are also asked without a proxy, to know what a proxy adds; their own cost stands there."""
    rounds: int = 10
    seconds: float = 0.7


def _list(first: int) -> str:
    """The answer of a ranker: twenty items, a third of which the next ranker has elsewhere."""
    items = [{"id": f"d{(first + place * 7) % 23}", "score": 1.0 - place / 20} for place in range(20)]
    return json.dumps({"results": items}, separators=(",", ":"))


SMALL = ("--bytes", "1000")
LARGE = ("--bytes", "10000")

SCENARIOS = [
    Scenario("pass", "Passthrough, 1 kB in, 200 B out, 64 connections", load=SMALL, rounds=20),
    Scenario("pass10k", "Passthrough, 10 kB in, 10 kB out, 64 connections", load=LARGE, model=LARGE),
    Scenario("shadow", "Every request copied to a healthy candidate", Kind.SHADOW, load=SMALL, rounds=20),
    Scenario("rate", "5,000 requests a second, open loop", load=(*SMALL, "--rate", "5000"), direct=True, seconds=2),
    Scenario(
        "sse",
        "64 streams, 20 events each, 5 ms apart",
        Kind.STREAM,
        load=(*SMALL, "--events"),
        model=("--do", "stream", "--bytes", "120", "--events", "20", "--interval-ms", "5"),
        direct=True,
        rounds=6,
        seconds=1.5,
    ),
    Scenario(
        "sse1",
        "One stream at a time, 20 events each, 5 ms apart",
        Kind.STREAM,
        load=(*SMALL, "--events", "--connections", "1"),
        model=("--do", "stream", "--bytes", "120", "--events", "20", "--interval-ms", "5"),
        direct=True,
        rounds=6,
        seconds=1.5,
    ),
    Scenario(
        "h2", "HTTP/2 front, 4 connections of 16 streams", load=(*SMALL, "--http2", "--connections", "4"), http2=True
    ),
    Scenario("churn", "A new connection for each request, 16 at once", load=(*SMALL, "--fresh", "--connections", "16")),
    Scenario(
        "split", "Half of the requests to each of two models (Crossfade: A/B with records)", Kind.SPLIT, load=SMALL
    ),
    Scenario(
        "mix",
        "Two lists of 20 mixed into one",
        Kind.MIX,
        load=SMALL,
        model=("--body", _list(0)),
        candidate=("--body", _list(7)),
    ),
]


def run(scenario: Scenario, settings: Settings) -> dict[str, Result]:
    """Plays a scenario with every proxy that can do its job."""
    rounds = min(scenario.rounds, 2) if settings.quick else scenario.rounds
    seconds = settings.seconds or (min(scenario.seconds, 0.4) if settings.quick else scenario.seconds)
    with Stage(settings) as stage:
        model = stage.model(*scenario.model)
        legacy, candidate = model.address, stage.model(*(scenario.candidate or scenario.model)).address
        seats = []
        if scenario.direct:
            port = int(legacy.rpartition(":")[2])
            seats.append(Seat("direct", model.program, stage.load(port, *scenario.load)))
        for name, command in settings.peers.items():
            started = stage.proxy(name, command, scenario.kind, legacy, candidate, scenario.http2)
            if started is not None:
                load = stage.load(started.port, *scenario.load)
                seats.append(Seat(name, started.program, load))
        return play(stage, seats, rounds, seconds) if seats else {}
