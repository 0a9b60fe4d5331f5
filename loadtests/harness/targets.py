"""The numbers to reach, and whether they are: one row for each, from the figures of a run."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from harness.counting import Counts
from harness.hostile import Harm
from harness.idle import Idle
from harness.operate import RATE, Reloads, Stop
from harness.rounds import Result, difference, ratio

NOT_SLOWER_US = 1_000
"""Above this, more than noise at the 99th percentile counts."""


@dataclass
class Figures:
    """All that a run has found, by scenario and proxy."""

    compared: dict[str, dict[str, Result]] = field(default_factory=dict)
    counts: dict[str, dict[str, Counts]] = field(default_factory=dict)
    harms: list[Harm] = field(default_factory=list)
    idle: dict[str, Idle] = field(default_factory=dict)
    operated: tuple[Reloads, Stop, Stop] | None = None


@dataclass(frozen=True)
class Target:
    """One number to reach."""

    what: str
    reach: str
    measured: str
    met: bool


def judge(figures: Figures, own: str = "crossfade") -> list[Target]:
    """What the figures say of the targets; a scenario that was not run has no row."""
    return [
        *_speed(figures, own),
        *_rate(figures.compared.get("rate", {}), own),
        *(_harm(harm) for harm in figures.harms if harm.proxy == own),
        *_streams(figures.compared.get("sse", {}), own),
        *_one_stream(figures.compared.get("sse1", {}), own),
        *_ratio(figures, own, "h2", "HTTP/2 front: CPU", "nginx", "cpu_us", 0.6),
        *_idle(figures.idle.get(own)),
        *_operated(figures.operated),
    ]


def _speed(figures: Figures, own: str) -> Iterator[Target]:
    yield from _ratio(figures, own, "pass", "passthrough: CPU", "nginx", "cpu_us", 0.85)
    yield from _ratio(figures, own, "pass", "passthrough: CPU", "haproxy", "cpu_us", 0.95)
    counts = figures.counts.get("pass", {}).get(own)
    if counts is not None and counts.instructions is not None:
        most, found = 24_000, counts.instructions
        yield Target("passthrough: user instructions a request", f"at most {most:,}", f"{found:,.0f}", found <= most)
    if counts is not None and counts.calls is not None:
        yield Target("passthrough: system calls a request", "at most 4.2", f"{counts.calls:.2f}", counts.calls <= 4.2)
    yield from _ratio(figures, own, "shadow", "100 % shadow, recorded: CPU", "nginx", "cpu_us", 0.6)
    found_rps = ratio(figures.compared.get("shadow", {}), own, "nginx", "rps")
    if found_rps is not None:
        measured = f"{found_rps.median:.2f} ({found_rps.low:.2f} to {found_rps.high:.2f})"
        yield Target("100 % shadow: requests/s", "at least 1.7 x nginx mirror", measured, found_rps.median >= 1.7)


def _ratio(
    figures: Figures, own: str, scenario: str, what: str, base: str, figure: str, most: float
) -> Iterator[Target]:
    found = ratio(figures.compared.get(scenario, {}), own, base, figure)
    if found is not None:
        measured = f"{found.median:.2f} ({found.low:.2f} to {found.high:.2f})"
        yield Target(f"{what} a request", f"at most {most} x {base}", measured, found.median <= most)


def _rate(results: dict[str, Result], own: str) -> Iterator[Target]:
    if not {own, "nginx", "direct"} <= results.keys():
        return
    added, theirs = (results[name].median("p50") - results["direct"].median("p50") for name in (own, "nginx"))
    yield Target(
        "5,000 requests/s: added p50",
        "at most nginx's + 5 %",
        f"{added:.0f} us, nginx {theirs:.0f}",
        added <= 1.05 * theirs,
    )
    above, half = difference(results, own, "nginx", "p99")
    measured = f"{above:+,.0f} ± {half:,.0f} us above nginx's"
    yield Target("5,000 requests/s: p99", "no higher than nginx's", measured, above - half <= 0)
    sleeps = results[own].sleeps
    yield Target("5,000 requests/s: sleeps a request", "at most 2.05", f"{sleeps:.2f}", sleeps <= 2.05)


def _harm(harm: Harm) -> Target:
    p50, p50_half = harm.above("p50")
    p99, p99_half = harm.above("p99")
    measured = (
        f"{harm.errors} errors, p50 {p50:+,.0f} ± {p50_half:,.0f} us, p99 {p99:+,.0f} ± {p99_half:,.0f} us,"
        f" CPU {harm.cpu_ratio:.2f}, {harm.rss_bytes / 2**20:.0f} MiB"
    )
    calm = p50 - p50_half <= 0 and (p99 - p99_half <= 0 or p99 <= NOT_SLOWER_US)
    met = harm.errors == 0 and calm and harm.cpu_ratio <= 1.10
    reach = "0 errors, p50 as without copies, p99 + 1 ms, CPU x 1.10"
    return Target(f"candidate {harm.failure}", reach, measured, met)


def _streams(results: dict[str, Result], own: str) -> Iterator[Target]:
    if not {own, "direct", "relay", "nginx"} <= results.keys():
        return
    first = {name: result.event("first_byte_us", "p50") for name, result in results.items()}
    added, floor = first[own] - first["direct"], first["relay"] - first["direct"]
    measured = f"{added:.0f} us, relay {floor:.0f}"
    yield Target("streams: added time to the first byte", "at most 2 x the relay's", measured, added <= 2 * floor)
    late = results[own].event("delay_us", "p99") - results["direct"].event("delay_us", "p99")
    yield Target("streams: an event's added delay, p99", "at most 1 ms", f"{late:,.0f} us", late <= 1_000)
    cpu, theirs = (
        sum(sample.cpu_seconds for sample in results[name].samples) * 1e6 / max(results[name].events, 1)
        for name in (own, "nginx")
    )
    yield Target("streams: CPU an event", "at most nginx's", f"{cpu:.1f} us, nginx {theirs:.1f}", cpu <= theirs)


def _one_stream(results: dict[str, Result], own: str) -> Iterator[Target]:
    """Nothing is held back: a delayed acknowledgement would show as 40 ms."""
    if not {own, "direct"} <= results.keys():
        return
    for of, what in (("first_byte_us", "first byte"), ("delay_us", "an event")):
        added = results[own].event(of, "p99") - results["direct"].event(of, "p99")
        name = f"one stream at a time: {what} later than without a proxy, p99"
        yield Target(name, "at most 1 ms", f"{added:,.0f} us", added <= 1_000)


def _idle(idle: Idle | None) -> Iterator[Target]:
    if idle is None:
        return
    each, fresh = idle.each_bytes, idle.fresh_bytes / 2**20
    yield Target("idle connection, after it was used", "at most 3,000 bytes", f"{each:,.0f} bytes", each <= 3_000)
    yield Target("idle process", "at most 10 MiB", f"{fresh:.1f} MiB", fresh <= 10)


def _operated(operated: tuple[Reloads, Stop, Stop] | None) -> Iterator[Target]:
    if operated is None:
        return
    reloads, stopped, killed = operated
    met = reloads.errors == 0 and reloads.dropped == 0 and reloads.rejected == reloads.done // 5
    measured = f"{reloads.errors} errors, {reloads.dropped} dropped, {reloads.rejected} rejected"
    yield Target(
        f"{reloads.done:,} reloads under load, a fifth of them invalid",
        "0 errors, 0 connections dropped",
        measured,
        met,
    )
    measured = f"{stopped.lost} lost, {stopped.twice} twice, {stopped.torn} torn, in {stopped.seconds:.2f} s"
    met = stopped.lost + stopped.twice + stopped.torn == 0
    yield Target("stopped by SIGTERM under load", "no record lost, none twice, none torn", measured, met)
    most = RATE // 20
    yield Target(
        "killed by SIGKILL under load",
        f"at most the last 50 ms lost: {most} records",
        f"{killed.lost} lost, {killed.twice} twice, {killed.torn} torn",
        killed.lost <= most and killed.twice == 0,
    )


def table(targets: list[Target]) -> list[list[str]]:
    """The first row being the heads."""
    rows = [["what", "to reach", "measured", "met"]]
    return rows + [[each.what, each.reach, each.measured, "yes" if each.met else "**no**"] for each in targets]
