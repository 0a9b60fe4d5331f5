"""Programs that run on one core, what they have cost so far, and their end."""

from __future__ import annotations

import contextlib
import os
import resource
import select
import signal
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")
FILES = 65536
"""Descriptors that a program may open: an idle connection of a proxy is one."""


@dataclass(frozen=True)
class Cost:
    """What a program and its children have used since they began."""

    cpu_seconds: float
    sleeps: int
    rss_bytes: int

    def since(self, before: Cost) -> Cost:
        return Cost(self.cpu_seconds - before.cpu_seconds, self.sleeps - before.sleeps, self.rss_bytes)


class Program:
    """A running program. It is stopped by its own process id, and its output is in a file."""

    def __init__(
        self, name: str, command: list[str], cpu: int, log: Path, pipes: bool = False, stop: int = signal.SIGTERM
    ) -> None:
        self.name, self.log, self._stop = name, log, stop
        with log.open("ab") as output:
            self._popen = subprocess.Popen(
                ["taskset", "-c", str(cpu), *command],
                stdin=subprocess.PIPE if pipes else subprocess.DEVNULL,
                stdout=subprocess.PIPE if pipes else output,
                stderr=output,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        return self._popen.pid

    def alive(self) -> bool:
        return self._popen.poll() is None

    def send(self, line: str) -> None:
        assert self._popen.stdin is not None, "started with pipes"
        self._popen.stdin.write(line.encode() + b"\n")
        self._popen.stdin.flush()

    def line(self, seconds: float) -> str:
        """The next line of its output. Fails when none comes in time."""
        out = self._popen.stdout
        assert out is not None, "started with pipes"
        if not select.select([out], [], [], seconds)[0]:
            raise Broken(f"{self.name} said nothing for {seconds:.0f} s", self.log)
        line = out.readline().decode()
        if not line:
            raise Broken(f"{self.name} ended", self.log)
        return line

    def processes(self) -> list[int]:
        """Its process and all that came from it."""
        found, left = [], [self.pid]
        while left:
            pid = left.pop()
            found.append(pid)
            try:
                for task in Path(f"/proc/{pid}/task").iterdir():
                    left += [int(child) for child in (task / "children").read_text().split()]
            except OSError:
                pass
        return found

    def cost(self) -> Cost:
        costs = [_cost(pid) for pid in self.processes()]
        return Cost(
            sum(cost.cpu_seconds for cost in costs),
            sum(cost.sleeps for cost in costs),
            sum(cost.rss_bytes for cost in costs),
        )

    def kill(self) -> None:
        """Ends it at once, as a machine would that has no memory left."""
        _kill(self.pid)
        self._popen.wait()

    def stop(self, seconds: float = 5) -> int:
        """Asks it to end, and makes it end when it does not; gives its status."""
        if self.alive():
            self._popen.send_signal(self._stop)
            if self._popen.stdin is not None:
                self._popen.stdin.close()
            try:
                self._popen.wait(seconds)
            except subprocess.TimeoutExpired:
                for pid in reversed(self.processes()):
                    _kill(pid)
        return self._popen.wait()


class Broken(Exception):
    """A program did not do what it is there for."""

    def __init__(self, what: str, log: Path) -> None:
        text = log.read_text(errors="replace") if log.exists() else ""
        tail = "\n".join(text.splitlines()[-12:])
        super().__init__(f"{what}\n{tail}" if tail else what)


def allow_many_files() -> None:
    """Lets this process and all that it starts open many descriptors, as far as the system lets it."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    for most in (max(FILES, hard), hard):
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
            return
        except (ValueError, OSError):
            continue


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for_port(program: Program, port: int, seconds: float) -> None:
    """Waits until somebody listens."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if not program.alive():
            raise Broken(f"{program.name} ended at its start", program.log)
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    raise Broken(f"{program.name} does not listen after {seconds:.0f} s", program.log)


def _cost(pid: int) -> Cost:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
        sleeps = sum(_sleeps(task) for task in Path(f"/proc/{pid}/task").iterdir())
    except OSError:
        return Cost(0.0, 0, 0)
    # After the name: state is the first field, utime and stime the twelfth and the thirteenth.
    ticks = int(fields[11]) + int(fields[12])
    return Cost(ticks / TICKS, sleeps, pages * resource.getpagesize())


def _sleeps(task: Path) -> int:
    try:
        for line in (task / "status").read_text().splitlines():
            if line.startswith("voluntary_ctxt_switches"):
                return int(line.split()[1])
    except OSError:
        pass
    return 0


def _kill(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
