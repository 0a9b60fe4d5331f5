#!/usr/bin/env python3
"""Writes a long log for `crossfade report` from the demo's records.

Each pair of the demo's shadow and canary experiments becomes many: with a new id, a new time and a new user, and with its
outcome some thousand requests later, as users take their time. What models answered and how long they took stays.
"""

import argparse
import collections
import hashlib
import json
import pathlib
import subprocess
import zlib

STEP_MICROS = 1_000  # between two requests
LAG = 20_000  # requests between a pair and its outcome
USERS = 100_000
FILE_BYTES = 256 * 1024 * 1024
BEGIN_MICROS = 1_764_547_200_000_000  # 2025-12-01T00:00:00Z


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("demo", type=pathlib.Path, help="the demo's directory of records")
    arguments.add_argument("out", type=pathlib.Path, help="the directory to write to")
    arguments.add_argument("--pairs", type=int, default=1_000_000)
    arguments.add_argument("--pack", action="store_true", help="pack each file with zstd's tool when it has ended")
    arguments.add_argument("--experiments", default="digits-shadow,digits-canary")
    asked = arguments.parse_args()
    designs, templates = read(asked.demo, asked.experiments.split(","))
    asked.out.mkdir(parents=True)
    with Segments(asked.out, designs, asked.pack) as segments:
        write(segments, templates, asked.pairs)


def read(demo: pathlib.Path, experiments: list[str]) -> tuple[list[str], list[tuple[str, str | None]]]:
    """The design lines, and each pair with its outcome, the experiments' in turn and each one's in their order."""
    designs, pairs, outcomes = {}, collections.defaultdict(list), {}
    for path in sorted(demo.rglob("*.jsonl")):
        for line in path.open(encoding="utf-8"):
            record = json.loads(line)
            if record["experiment"] not in experiments:
                continue
            match record["kind"]:
                case "design":
                    designs[record["experiment"]] = line
                case "pair":
                    pairs[record["experiment"]].append((record, line))
                case "outcome":
                    outcomes[record["request_id"]] = line
    templates = []
    for together in zip(*(pairs[name] for name in experiments), strict=False):
        for record, line in together:
            outcome = outcomes.get(record["request_id"])
            templates.append((template(line, record), outcome and template(outcome, record)))
    return list(designs.values()), templates


def template(line: str, record: dict) -> str:
    """The line with marks where id, time and user stood."""
    told = json.loads(line)
    # The checksum is of the line as it was.
    line = line.split(',"crc32":"')[0]
    line = line.replace(record["request_id"], "@ID@").replace(told["time"], "@TIME@")
    line = line.replace(record["time"], "@TIME@")
    return line.replace(record["unit"], "@UNIT@")


def write(segments: "Segments", templates: list[tuple[str, str | None]], pairs: int) -> None:
    users = [hashlib.sha256(str(user).encode()).hexdigest()[:32] for user in range(USERS)]
    waiting: collections.deque[str] = collections.deque()
    for number in range(pairs):
        # Every user comes back, and meets other digits then.
        pair, outcome = templates[number * 7 % len(templates) if len(templates) % 7 else number % len(templates)]
        micros = BEGIN_MICROS + number * STEP_MICROS
        marks = (request_id(number, micros), moment(micros), users[number * 31 % USERS])
        segments.add(filled(pair, marks))
        if outcome:
            waiting.append(filled(outcome, marks))
        if len(waiting) > LAG:
            segments.add(waiting.popleft())
    for outcome in waiting:
        segments.add(outcome)


def filled(template: str, marks: tuple[str, str, str]) -> str:
    for mark, value in zip(("@ID@", "@TIME@", "@UNIT@"), marks, strict=True):
        template = template.replace(mark, value)
    return f'{template},"crc32":"{zlib.crc32(template.encode()):08x}"}}\n'


def request_id(number: int, micros: int) -> str:
    """A UUIDv7 of this moment."""
    stamp, rest = f"{micros // 1000:012x}", hashlib.blake2b(number.to_bytes(8, "big"), digest_size=10).hexdigest()
    return f"{stamp[:8]}-{stamp[8:]}-7{rest[:3]}-b{rest[3:6]}-{rest[6:18]}"


def moment(micros: int) -> str:
    seconds, rest = divmod(micros - BEGIN_MICROS, 1_000_000)
    minutes, second = divmod(seconds, 60)
    hours, minute = divmod(minutes, 60)
    day, hour = divmod(hours, 24)
    return f"2025-12-{1 + day:02}T{hour:02}:{minute:02}:{second:02}.{rest:06}Z"


class Segments:
    """Files as the gateway rotates them, each with the designs at its beginning."""

    def __init__(self, folder: pathlib.Path, designs: list[str], pack: bool) -> None:
        self.folder, self.designs, self.pack = folder, designs, pack
        self.count, self.bytes, self.file = 0, 0, None

    def __enter__(self) -> "Segments":
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def end(self) -> None:
        if self.file:
            self.file.close()
            if self.pack:
                subprocess.run(["zstd", "-q", "--rm", self.file.name], check=True)

    def add(self, line: str) -> None:
        if self.file is None or self.bytes >= FILE_BYTES:
            self.begin()
        self.bytes += self.file.write(line)

    def begin(self) -> None:
        self.end()
        name = f"crossfade-20251201T{self.count:06}-{self.count:032x}.jsonl"
        self.file = (self.folder / name).open("w", encoding="utf-8")
        self.bytes = sum(self.file.write(design) for design in self.designs)
        self.count += 1


if __name__ == "__main__":
    main()
