"""What operators do to a gateway under load: reload it, stop it, kill it. Only Crossfade is asked."""

from __future__ import annotations

import http.client
import json
import time
from dataclasses import dataclass
from pathlib import Path

from harness.job import Kind
from harness.peers import Command
from harness.process import Broken
from harness.stage import Proxy, Settings, Stage

RATE = 2000
INVALID = "models: {legacy: {url: nowhere}}\n"


@dataclass(frozen=True)
class Reloads:
    """Reloads under load, and what the users noticed."""

    done: int
    rejected: int
    requests: int
    errors: int
    dropped: int
    """Connections that had to be made again."""


@dataclass(frozen=True)
class Stop:
    """A stop under load: the answers that users got, and the pairs on disk."""

    answers: int
    pairs: int
    twice: int
    torn: int
    seconds: float

    @property
    def lost(self) -> int:
        return max(self.answers - self.pairs, 0)


def reload(command: Command, settings: Settings) -> Reloads:
    """Reloads again and again, every fifth time with a file that is wrong."""
    count = 100 if settings.quick else 1000
    with Stage(settings) as stage:
        proxy = _start(stage, command, Kind.SHADOW)
        policy = proxy.job.dir / "policy.yaml"
        good = policy.read_text()
        load = stage.load(proxy.port, "--rate", str(RATE))
        load.seconds(0.3)
        seconds = count / 100
        load.begin(seconds)
        rejected, begun = 0, time.monotonic()
        for turn in range(count):
            # Each good file differs from the one before, so each is taken in.
            policy.write_text(INVALID if turn % 5 == 4 else f"{good}# {turn}\n")
            rejected += _post(proxy.job.admin_port, "/-/reload") == 422
            time.sleep(max(0.0, begun + (turn + 1) * seconds / count - time.monotonic()))
        seen = load.end(seconds)
        return Reloads(count, rejected, seen.requests, seen.errors, seen.connects)


def stop(command: Command, settings: Settings, kill: bool) -> Stop:
    """Stops a gateway in the middle of a slice; what users were answered must be on disk."""
    with Stage(settings) as stage:
        proxy = _start(stage, command, Kind.SHADOW)
        load = stage.load(proxy.port, "--rate", str(RATE), "--timeout", "1")
        load.begin(2)
        time.sleep(1)
        begun = time.monotonic()
        if kill:
            proxy.program.kill()
        else:
            proxy.program.stop(10)
        seconds = time.monotonic() - begun
        seen = load.end(2)
        ids, torn = _pairs(proxy.job.dir / "records")
        return Stop(seen.requests, len(set(ids)), len(ids) - len(set(ids)), torn, seconds)


def table(reloads: Reloads, stopped: Stop, killed: Stop) -> list[list[str]]:
    """The first row being the heads."""
    return [
        ["what", "answers", "user errors or lost", "else"],
        [
            f"{reloads.done:,} reloads, {reloads.rejected:,} of them rejected",
            f"{reloads.requests:,}",
            f"{reloads.errors:,}",
            f"{reloads.dropped:,} connections made again",
        ],
        *(
            [
                f"{signal} at {RATE:,} requests/s, {each.seconds:.2f} s to the end",
                f"{each.answers:,}",
                f"{each.lost:,}",
                f"{each.pairs:,} pairs on disk, {each.twice:,} twice, {each.torn:,} torn",
            ]
            for signal, each in (("SIGTERM", stopped), ("SIGKILL", killed))
        ),
    ]


def _start(stage: Stage, command: Command, kind: Kind) -> Proxy:
    proxy = stage.proxy("crossfade", command, kind, stage.model().address, stage.model().address)
    assert proxy is not None, "Crossfade knows every job"
    return proxy


def _post(port: int, path: str) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("POST", path)
        return connection.getresponse().status
    except OSError as error:
        raise Broken(f"the admin address does not answer: {error}", Path()) from error
    finally:
        connection.close()


def _pairs(records: Path) -> tuple[list[str], int]:
    """The requests' ids in the log, and how many lines are no records."""
    ids, torn = [], 0
    for segment in sorted(records.glob("*.jsonl*")):
        for line in segment.read_text().splitlines():
            try:
                record = json.loads(line)
            except ValueError:
                torn += 1
                continue
            if record["kind"] == "pair":
                ids.append(record["request_id"])
    return ids, torn
