"""Where programs are started for one scenario, and all stopped at its end."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

from harness.job import Job, Kind
from harness.load import Load, Model
from harness.peers import Command
from harness.process import Program, free_port, wait_for_port


@dataclass(frozen=True)
class Settings:
    """What holds for the whole run."""

    tools: Path
    """Where the generator, the model and the relay are."""
    peers: dict[str, Command]
    proxy_cpu: int
    load_cpu: int
    quick: bool
    seconds: float | None = None
    """Of a slice, where the user wants another length than the scenario's."""


@dataclass(frozen=True)
class Proxy:
    """A proxy that runs, and its job."""

    program: Program
    job: Job

    @property
    def port(self) -> int:
        return self.job.port


@dataclass(frozen=True)
class Seat:
    """A program under test with the load that is meant for it."""

    name: str
    proxy: Program
    load: Load


@dataclass
class Stage:
    """Starts programs, and stops them in the opposite order."""

    settings: Settings
    dir: Path = field(default_factory=lambda: Path(tempfile.mkdtemp(prefix="loadtests-")))
    _running: list[Program] = field(default_factory=list)
    _count: int = 0

    def __enter__(self) -> Stage:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for program in reversed(self._running):
            program.stop()
        shutil.rmtree(self.dir, ignore_errors=True)

    def model(self, *options: str) -> Model:
        model = Model(self.settings.tools, self.settings.load_cpu, self.dir / "models.log", list(options))
        self._running.append(model.program)
        return model

    def load(self, port: int, *options: str) -> Load:
        load = Load(self.settings.tools, self.settings.load_cpu, self.dir / "load.log", port, list(options))
        self._running.append(load.program)
        return load

    def proxy(
        self,
        name: str,
        command: Command,
        kind: Kind,
        legacy: str,
        candidate: str,
        http2: bool = False,
        under: tuple[str, ...] = (),
    ) -> Proxy | None:
        """Starts a proxy, under another program if wanted, and waits until it listens; None: it has no such job."""
        self._count += 1
        own = self.dir / f"{self._count}-{name}"
        own.mkdir()
        job = Job(kind, own, free_port(), free_port(), legacy, candidate, http2, bool(under), self.settings.tools)
        line = command(job)
        if line is None:
            return None
        proxy = Program(name, [*under, *line], self.settings.proxy_cpu, own / "log")
        self._running.append(proxy)
        wait_for_port(proxy, job.port, 60 if under else 15)
        return Proxy(proxy, job)

    def drop(self, program: Program) -> None:
        """Stops a program before the others."""
        program.stop()
        self._running.remove(program)

    def feeding(self) -> float:
        """CPU seconds that everything on the load's core has used."""
        return sum(each.cost().cpu_seconds for each in self._running if each.name in ("load", "model"))
