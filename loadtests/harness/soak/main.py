"""The run: starts everything, looks at the gateway now and then, and says at the end what is wrong."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import shutil
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from harness import tools
from harness.load import Model
from harness.process import Program, allow_many_files, free_port, wait_for_port
from harness.soak.counters import Counters
from harness.soak.policy import KEEP_BYTES, MODELS, ROTATE_BYTES, PolicyFile
from harness.soak.users import PATIENCE, Crowd
from harness.soak.watch import Watch

STEADY = ["shadowed", "split", "stepped", "mixed", "beset", "streamed", "pass"]
"""Paths that the load generator asks all the time. It reports no outcomes, so none of requests that wait for one."""
SLICE = 5.0
"""Seconds of one of its slices."""


@dataclass
class Soak:
    """Everything that runs."""

    gateway: Program
    policy: PolicyFile
    crowd: Crowd
    watch: Watch
    loads: dict[str, Program]
    reloads: Counter[bool] = field(default_factory=Counter)
    """Policies that were loaded, good and bad."""
    wrong: list[str] = field(default_factory=list)

    async def run(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        self.crowd.come()
        await asyncio.gather(
            self._look(end, seconds),
            self._reload(end),
            *(self._load(path, load, end) for path, load in self.loads.items()),
        )
        await self.crowd.leave()
        counters = await self._quiet()
        reloads = (self.reloads[True], self.reloads[False])
        self.wrong += counters.complaints(self.crowd.seen.answered, self.crowd.seen.joined, reloads)
        self.wrong += self.watch.complaints()
        self.wrong += self.crowd.seen.errors

    async def _look(self, end: float, seconds: float) -> None:
        """Prints memory and descriptors, every 10 s or often enough for a short run."""
        begun = time.monotonic()
        while (now := time.monotonic()) < end and self.gateway.alive():
            sample = self.watch.look(now - begun)
            records = sum(file.stat().st_size for file in self.policy.records.glob("*.jsonl"))
            print(
                f"{sample.seconds:6.0f} s  {sample.memory_bytes / 2**20:7.1f} MiB  {sample.descriptors:5} descriptors"
                f"  {records / 2**20:6.1f} MiB of records  {self.crowd.seen.answered.total():8} answers"
                f"  {len(self.crowd.seen.errors)} errors",
                flush=True,
            )
            # One batch of lines may make a segment larger than it is to be.
            if records > KEEP_BYTES + 3 * ROTATE_BYTES:
                self.wrong.append(f"{records} bytes of records are kept, expected about {KEEP_BYTES}")
            await asyncio.sleep(min(10.0, seconds / 24))

    async def _reload(self, end: float) -> None:
        """Changes the policy every other second, and has it loaded."""
        while time.monotonic() < end:
            good = self.policy.change()
            status = await asyncio.to_thread(_post, f"http://127.0.0.1:{self.policy.admin}/-/reload")
            self.reloads[good] += 1
            if status != (200 if good else 422):
                self.wrong.append(f"version {self.policy.version} of the policy: {status}")
            await asyncio.sleep(2)

    async def _load(self, path: str, load: Program, end: float) -> None:
        """Keeps the generator going and counts what it saw."""
        while time.monotonic() < end:
            load.send(f"seconds {SLICE}")
            report = json.loads(await asyncio.to_thread(load.line, SLICE + 2 * PATIENCE))
            self.crowd.seen.answered[path] += report["requests"]
            errors = {kind: count for kind, count in report["errors"].items() if count}
            if errors:
                self.crowd.seen.errors.append(f"load of /{path}: {errors}")

    async def _quiet(self) -> Counters:
        """Waits until the gateway has nothing left to do; a flood that nobody reads takes its deadline."""
        for load in self.loads.values():
            load.stop()
        end = time.monotonic() + 60
        while True:
            counters = await asyncio.to_thread(Counters.read, self.policy.admin)
            waiting = counters.waiting()
            if waiting is None:
                return counters
            if time.monotonic() > end:
                self.wrong.append(f"a minute after the last user: {waiting}")
                return counters
            await asyncio.sleep(0.2)


def main() -> int:
    arguments = _arguments()
    allow_many_files()
    own = _build(arguments.binary)
    with _directory() as folder, _soak(own, folder, arguments.rate) as soak:
        asyncio.run(soak.run(arguments.seconds))
        seen = soak.crowd.seen
        print(f"answers {dict(seen.answered)}\nrude users {dict(seen.rude)}\nreloads {dict(soak.reloads)}")
        status = soak.gateway.stop(15)
        if status != 0:
            soak.wrong.append(f"the gateway ended with {status}")
        soak.wrong += _broken_lines(soak.policy.records)
    for complaint, times in Counter(soak.wrong).most_common(40):
        print(f"WRONG, {times} times: {complaint}")
    print(f"soak: {len(soak.wrong)} things are wrong" if soak.wrong else "soak: flat, no errors, every request counted")
    return 1 if soak.wrong else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="soak", description=__doc__)
    parser.add_argument("--seconds", type=float, default=600, help="how long; 600 by default, 20 at least")
    parser.add_argument("--rate", type=float, default=1000, help="steady requests a second; 1000 by default")
    parser.add_argument("--binary", type=Path, help="the gateway; built for release by default")
    return parser.parse_args()


def _build(binary: Path | None) -> Path:
    tools.build(with_pingora=False, with_crossfade=binary is None)
    return binary or tools.crossfade()


@contextmanager
def _directory() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="soak-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _soak(binary: Path, folder: Path, rate: float) -> Iterator[Soak]:
    """Starts models, gateway and load; stops them in the opposite order."""
    cores = sorted(os.sched_getaffinity(0))
    own = tools.target("release")
    with ExitStack() as running:

        def started(program: Program) -> Program:
            running.callback(program.stop)
            return program

        models = {}
        for name, options in MODELS.items():
            model = Model(own, cores[-1], folder / f"{name}.log", options)
            started(model.program)
            models[name] = model.address
        policy = PolicyFile(folder / "policy.yaml", free_port(), free_port(), models)
        command = [str(binary), "run", "--config", str(policy.path)]
        gateway = started(Program("gateway", command, cores[0], folder / "gateway.log"))
        wait_for_port(gateway, policy.port, 30)
        loads = {}
        for path in STEADY:
            options = ["--target", f"127.0.0.1:{policy.port}", "--path", f"/{path}", "--connections", "8"]
            options += ["--rate", str(rate / len(STEADY)), "--timeout", str(PATIENCE), "--header", "x-user-id: steady"]
            loads[path] = started(Program(path, [str(own / "load"), *options], cores[-1], folder / "load.log", pipes=True))
        yield Soak(gateway, policy, Crowd(policy.port, policy.admin), Watch(gateway.pid), loads)


def _post(url: str) -> int:
    try:
        with urllib.request.urlopen(urllib.request.Request(url, data=b""), timeout=30) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def _broken_lines(records: Path) -> list[str]:
    """Lines of the record that are no JSON."""
    broken = []
    for file in records.glob("*.jsonl"):
        for number, line in enumerate(file.read_bytes().splitlines(), 1):
            try:
                json.loads(line)
            except ValueError:
                broken.append(f"{file.name}:{number} is no JSON")
    return broken
