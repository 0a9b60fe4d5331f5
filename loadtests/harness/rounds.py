"""Rounds: each proxy gets a slice in turn, the order changes from round to round, and like is compared with like.

The machine's mood changes over seconds, so a ratio is taken within a round, and the median of the rounds' ratios
counts, with the range that holds the middle half of them.
"""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass, field

from harness.load import Slice
from harness.stage import Seat, Stage

WARM_UP = 0.3
CALM_PATIENCE = 3.0


@dataclass(frozen=True)
class Sample:
    """One proxy's slice."""

    seen: Slice
    cpu_seconds: float
    sleeps: int
    rss_bytes: int
    proxy_busy: float
    """Share of its core that the proxy used."""
    load_busy: float
    """Share of their core that the load and the models used."""

    @property
    def cpu_us(self) -> float:
        return self.cpu_seconds * 1e6 / max(self.seen.requests, 1)


@dataclass
class Result:
    """One proxy's figures in a scenario."""

    name: str
    samples: list[Sample] = field(default_factory=list)

    @property
    def requests(self) -> int:
        return sum(sample.seen.requests for sample in self.samples)

    @property
    def errors(self) -> int:
        return sum(sample.seen.errors for sample in self.samples)

    @property
    def cpu_us(self) -> float:
        return sum(sample.cpu_seconds for sample in self.samples) * 1e6 / max(self.requests, 1)

    @property
    def sleeps(self) -> float:
        return sum(sample.sleeps for sample in self.samples) / max(self.requests, 1)

    def median(self, what: str) -> float:
        """Of a figure of the samples or of what the load saw."""
        return statistics.median(_figure(sample, what) for sample in self.samples)

    def event(self, of: str, quantile: str) -> float:
        """The median over the slices of a quantile of a stream's times."""
        found = [sample.seen.events[of][quantile] for sample in self.samples if sample.seen.events]
        return float(statistics.median(found))

    @property
    def events(self) -> int:
        return sum(sample.seen.events.get("count", 0) for sample in self.samples)


@dataclass(frozen=True)
class Ratio:
    """How one proxy's figure compares with another's in the same rounds."""

    median: float
    low: float
    high: float
    """The middle half of the rounds lies between these two."""


def play(stage: Stage, seats: list[Seat], rounds: int, seconds: float, calm: bool = False) -> dict[str, Result]:
    """Gives every proxy its slices; if wanted, each after what the one before left behind has come to rest."""
    results = {seat.name: Result(seat.name) for seat in seats}
    for seat in seats:
        seat.load.seconds(WARM_UP)
    for turn in range(rounds):
        start = turn % len(seats)
        for seat in seats[start:] + seats[:start]:
            if calm:
                _wait_for_calm(seats)
            results[seat.name].samples.append(_sample(stage, seat, seconds))
    return results


def difference(results: dict[str, Result], name: str, base: str, what: str) -> tuple[float, float]:
    """By how much one figure is above another in the same rounds, and half the width of its 95 % interval."""
    pairs = zip(results[name].samples, results[base].samples, strict=True)
    above = [_figure(own, what) - _figure(other, what) for own, other in pairs]
    spread = statistics.stdev(above) if len(above) > 1 else 0.0
    return statistics.mean(above), 1.96 * spread / len(above) ** 0.5


def ratio(results: dict[str, Result], name: str, base: str, what: str) -> Ratio | None:
    """A figure of one proxy to that of another, round by round."""
    if name not in results or base not in results:
        return None
    pairs = zip(results[name].samples, results[base].samples, strict=False)
    ratios = sorted(_figure(own, what) / _figure(other, what) for own, other in pairs if _figure(other, what) > 0)
    if not ratios:
        return None
    return Ratio(statistics.median(ratios), ratios[len(ratios) // 4], ratios[(3 * len(ratios)) // 4])


def _sample(stage: Stage, seat: Seat, seconds: float) -> Sample:
    before, fed, begun = seat.proxy.cost(), stage.feeding(), time.monotonic()
    seen = seat.load.seconds(seconds)
    cost, lasted = seat.proxy.cost().since(before), time.monotonic() - begun
    fed = stage.feeding() - fed
    return Sample(seen, cost.cpu_seconds, cost.sleeps, cost.rss_bytes, cost.cpu_seconds / lasted, fed / lasted)


def _wait_for_calm(seats: list[Seat]) -> None:
    """Until the proxies have nothing to do any more, but no longer than they would need to give up their copies."""
    end = time.monotonic() + CALM_PATIENCE
    while time.monotonic() < end:
        before = sum(seat.proxy.cost().cpu_seconds for seat in seats)
        time.sleep(0.05)
        if sum(seat.proxy.cost().cpu_seconds for seat in seats) - before < 0.02:
            return


def _figure(sample: Sample, what: str) -> float:
    own = getattr(sample, what, None)
    return float(own if own is not None else getattr(sample.seen, what))
