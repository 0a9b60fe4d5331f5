"""Crossfade: one worker; in an experiment with records, metrics and a verdict, as users run it."""

from __future__ import annotations

from pathlib import Path

from harness.job import Job, Kind
from harness.peers import Command

FRAME = """\
listen: {{data: "127.0.0.1:{port}", admin: "127.0.0.1:{admin}", workers: 1, max_connections: 20000, drain: 2s}}
record: {{dir: "{dir}/records", rotate: {{bytes: 64MiB, pack: false}}, keep: {{bytes: 256MiB}}}}
models:
  legacy: {{url: "http://{legacy}"}}
  candidate: {{url: "http://{candidate}"}}
{experiment}default: legacy
"""

EXPERIMENT = """\
experiments:
  - name: load
    legacy: legacy
    candidate: candidate
    strategy: {strategy}
    outcomes: {outcomes}
"""

LABEL = '{truth: {type: label, window: 1h}}\n    metrics: {accuracy: {prediction: "$.y", truth: truth}}'
CLICK = "{click: {type: click, absent: none}}"

STRATEGIES = {
    Kind.SHADOW: ("{shadow: {}}", LABEL),
    Kind.SPLIT: ("{ab: {arms: {legacy: 50%, candidate: 50%}}}", LABEL),
    Kind.MIX: ('{interleave: {items: "$.results[*]", id: $.id, credit: click}}', CLICK),
}


def of(binary: Path) -> Command:
    """Crossfade from this binary."""

    def command(job: Job) -> list[str] | None:
        experiment = ""
        if job.kind in STRATEGIES:
            strategy, outcomes = STRATEGIES[job.kind]
            experiment = EXPERIMENT.format(strategy=strategy, outcomes=outcomes)
        text = FRAME.format(
            port=job.port,
            admin=job.admin_port,
            dir=job.dir,
            legacy=job.legacy,
            candidate=job.candidate,
            experiment=experiment,
        )
        return [str(binary), "run", "--config", job.write("policy.yaml", text)]

    return command
