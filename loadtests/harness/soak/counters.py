"""The gateway's counters, and what must hold between them when all is quiet."""

from __future__ import annotations

import re
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass

from harness.soak.policy import EXPERIMENTS

SERIES = re.compile(r"^(?P<name>\w+)(?:\{(?P<labels>.*)\})? (?P<value>\S+)$")
LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')


@dataclass(frozen=True)
class Counters:
    """The metrics at one moment."""

    series: list[tuple[str, dict[str, str], float]]

    @staticmethod
    def read(admin: int) -> Counters:
        with urllib.request.urlopen(f"http://127.0.0.1:{admin}/metrics", timeout=30) as answer:
            return Counters.parsed(answer.read().decode())

    @staticmethod
    def parsed(text: str) -> Counters:
        return Counters(list(_series(text)))

    def sum(self, name: str, **labels: str) -> int:
        """The sum of the series of this name that carry these labels."""
        matches = (value for own, has, value in self.series if own == name and labels.items() <= has.items())
        return round(sum(matches))

    def waiting(self) -> str | None:
        """What is not at rest yet."""
        for name in ("crossfade_connections", "crossfade_copies_in_flight", "crossfade_record_queue_records"):
            if self.sum(name):
                return f"{name} is {self.sum(name)}"
        # What the writer has taken out of its queue is not counted until it is on disk.
        for experiment in EXPERIMENTS:
            assigned, written, lost = self._pairs(experiment)
            if assigned != written + lost:
                return f"{experiment}: {assigned} requests, {written} pairs recorded, {lost} lost"
        return None

    def _pairs(self, experiment: str) -> tuple[int, int, int]:
        """An experiment's requests, the pairs of them that are on disk, and those that are lost."""
        return (
            self.sum("crossfade_assigned_total", experiment=experiment),
            self.sum("crossfade_records_written_total", experiment=experiment, kind="pair"),
            self.sum("crossfade_records_lost_total", experiment=experiment, kind="pair"),
        )

    def complaints(self, answered: dict[str, int], reports: int, reloads: tuple[int, int]) -> list[str]:
        """What does not add up. `answered`: whole answers that users saw of each experiment; `reports`: outcomes
        that were joined; `reloads`: good and bad policies that were loaded."""
        wrong = []
        for experiment in EXPERIMENTS:
            assigned, _, _ = self._pairs(experiment)
            if assigned < answered[experiment]:
                wrong.append(f"{experiment}: {answered[experiment]} answers of {assigned} requests")
        outcomes = self.sum("crossfade_records_written_total", kind="outcome")
        outcomes += self.sum("crossfade_records_lost_total", kind="outcome")
        if outcomes != reports:
            wrong.append(f"{reports} outcomes joined, {outcomes} recorded or lost")
        good, bad = reloads
        rejected = self.sum("crossfade_policy_reloads_total", result="rejected")
        changed = self.sum("crossfade_policy_reloads_total", result="changed")
        if changed != good or (rejected == 0) != (bad == 0):
            wrong.append(f"{good} good and {bad} bad policies, {changed} reloads and {rejected} refusals")
        faults = self.sum("crossfade_records_lost_total", reason="fault")
        if faults:
            wrong.append(f"{faults} records lost by a fault of the gateway's")
        return wrong


def _series(text: str) -> Iterator[tuple[str, dict[str, str], float]]:
    for line in text.splitlines():
        found = SERIES.match(line)
        if found:
            labels = dict(LABEL.findall(found["labels"] or ""))
            yield found["name"], labels, float(found["value"])
