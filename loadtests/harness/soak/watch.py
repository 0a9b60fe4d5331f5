"""Memory and descriptors of the gateway over time, and whether they stay what they are.

The rule: the second half of the run is cut in two. The median of its last part may exceed the median of its first
by 5 % and 8 MiB of memory, or by 5 % and 64 descriptors. The first half is for filling what is bounded. Medians,
because one sample may fall into a burst; the fixed allowances, because a short run sees few samples.
"""

from __future__ import annotations

import statistics
from dataclasses import dataclass, field
from pathlib import Path

SHARE = 0.05
MEMORY_BYTES = 8 * 1024 * 1024
DESCRIPTORS = 64


@dataclass(frozen=True)
class Sample:
    """One look at a process."""

    seconds: float
    memory_bytes: int
    descriptors: int


@dataclass
class Watch:
    """The samples of one process."""

    pid: int
    samples: list[Sample] = field(default_factory=list)

    def look(self, seconds: float) -> Sample:
        sample = Sample(seconds, self._memory_bytes(), len(list(Path(f"/proc/{self.pid}/fd").iterdir())))
        self.samples.append(sample)
        return sample

    def complaints(self) -> list[str]:
        """What grew."""
        memory = [sample.memory_bytes for sample in self.samples]
        descriptors = [sample.descriptors for sample in self.samples]
        return [
            *grown("memory in bytes", memory, MEMORY_BYTES),
            *grown("open descriptors", descriptors, DESCRIPTORS),
        ]

    def _memory_bytes(self) -> int:
        for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
        raise RuntimeError(f"process {self.pid} has no memory")


def grown(what: str, values: list[int], allowance: int) -> list[str]:
    """One complaint when values grow in their second half."""
    second = values[len(values) // 2 :]
    if len(second) < 4:
        return [f"only {len(values)} samples of {what}, expected at least 8: run longer"]
    middle = len(second) // 2
    before, after = statistics.median(second[:middle]), statistics.median(second[middle:])
    if after > before * (1 + SHARE) + allowance:
        return [f"{what} grew in the second half: from {before:,.0f} to {after:,.0f}"]
    return []
