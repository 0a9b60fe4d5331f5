"""The policy under test: all four strategies, failing candidates, small segments; and how it changes meanwhile."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

ROTATE_BYTES = 2 * 1024 * 1024
KEEP_BYTES = 8 * 1024 * 1024
UNITS = 500
"""Users by name. What is remembered of each is bounded, and is to be full by half time."""

FRAME = """\
listen: {{data: "127.0.0.1:{port}", admin: "127.0.0.1:{admin}", workers: 2, drain: 5s}}
record: {{dir: "{records}", rotate: {{bytes: {rotate}B, every: 5s}}, keep: {{bytes: {keep}B}}}}
feedback: {{remember: 2000}}
models:
{models}
experiments:
  - {{name: shadowed, match: {{path: /shadowed}}, legacy: plain, candidate: other, unit: [{{header: x-user-id}}],
     strategy: {{shadow: {{sample: {sample}%, control: 5%}}}}}}
  - {{name: labelled, match: {{path: /labelled}}, legacy: plain, candidate: other, unit: [{{header: x-user-id}}],
     strategy: {{shadow: {{}}}}, outcomes: {{truth: {{type: label}}}},
     metrics: {{accuracy: {{prediction: $.y, truth: truth}}}}}}
  - {{name: beset, match: {{path: /beset}}, legacy: plain, candidates: [erring, resetting, hanging, flooding],
     strategy: {{shadow: {{deadline: 500ms, budget: {{in_flight: 16}}}}}}}}
  - {{name: stepped, match: {{path: /stepped}}, legacy: plain, candidate: erring, unit: [{{header: x-user-id}}],
     strategy: {{canary: {{steps: [{{weight: 50%, approve: manual}}], pair: {sample}%, fallback: legacy}}}}}}
  - {{name: split, match: {{path: /split}}, legacy: plain, candidate: other, unit: [{{header: x-user-id}}],
     strategy: {{ab: {{arms: {{plain: 50%, other: 50%}}, pair: 20%}}}}}}
  - {{name: mixed, match: {{path: /mixed}}, legacy: listing, candidate: listing-too, unit: [{{header: x-user-id}}],
     strategy: {{interleave: {{items: "$.results[*]", id: $.id, depth: 5, deadline: 2s, credit: click}}}},
     outcomes: {{click: {{type: click}}}}}}
  - {{name: streamed, match: {{path: /streamed}}, legacy: streaming, candidate: streaming,
     strategy: {{shadow: {{sample: 50%}}}}}}
  - {{name: large, match: {{path: /large}}, legacy: large, candidate: plain, strategy: {{shadow: {{}}}}}}
default: plain
"""

LISTS = [["a", "b", "c", "d", "e", "f"], ["d", "c", "g", "h", "a", "i"]]


def _list(ids: list[str]) -> str:
    return '{"results":[' + ",".join('{"id":"%s"}' % id for id in ids) + "]}"


MODELS: dict[str, list[str]] = {
    "plain": ["--bytes", "200"],
    "other": ["--bytes", "300", "--delay-ms", "2"],
    "listing": ["--body", _list(LISTS[0])],
    "listing-too": ["--body", _list(LISTS[1])],
    "streaming": ["--do", "stream", "--events", "20", "--interval-ms", "5"],
    "large": ["--bytes", "2000000"],
    "erring": ["--do", "error"],
    "resetting": ["--do", "reset"],
    "hanging": ["--do", "hang-body"],
    "flooding": ["--do", "flood"],
}
"""The models by name, each with the options of the program that plays it."""

EXPERIMENTS = ["shadowed", "labelled", "beset", "stepped", "split", "mixed", "streamed", "large"]


@dataclass
class PolicyFile:
    """The file, and the version that it holds. Every fifth version is invalid."""

    path: Path
    port: int
    admin: int
    models: dict[str, str]
    """Addresses by name."""
    version: int = 0

    def __post_init__(self) -> None:
        self._write()

    @property
    def records(self) -> Path:
        return self.path.parent / "records"

    def change(self) -> bool:
        """Writes the next version; says whether it is a good one."""
        self.version += 1
        self._write()
        return self._good()

    def _good(self) -> bool:
        return self.version % 5 != 4

    def _write(self) -> None:
        text = FRAME.format(
            port=self.port,
            admin=self.admin,
            records=self.records,
            rotate=ROTATE_BYTES,
            keep=KEEP_BYTES,
            models="\n".join(f'  {name}: {{url: "http://{at}"}}' for name, at in self.models.items()),
            sample=80 + self.version % 20,
        )
        if not self._good():
            text = text.replace("strategy:", "stratgey:", 1)
        beside = self.path.with_suffix(".new")
        beside.write_text(text)
        os.replace(beside, self.path)
