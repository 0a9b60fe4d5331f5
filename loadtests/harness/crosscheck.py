"""Other people's generators against the same proxy, to see that ours tells the same."""

from __future__ import annotations

import re
import shutil
import subprocess

from harness.job import Kind
from harness.peers import PEERS
from harness.stage import Settings, Stage

WRK = """\
wrk.method = "POST"
wrk.headers["content-type"] = "application/json"
wrk.body = string.rep("x", 1000)
"""


def run(settings: Settings) -> list[list[str]]:
    """nginx, asked by each generator for two seconds; the first row being the heads."""
    rows = [["generator", "requests/s"]]
    seconds = 1 if settings.quick else 2
    with Stage(settings) as stage:
        model = stage.model().address
        ports = {}
        for http2 in (False, True):
            started = stage.proxy("nginx", PEERS["nginx"], Kind.PASS, model, model, http2)
            assert started is not None, "passing on is every proxy's job"
            ports[http2] = started.port
        ours = stage.load(ports[False]).seconds(seconds)
        rows.append(["ours, HTTP/1.1", f"{ours.rps:,.0f}"])
        over2 = stage.load(ports[True], "--http2", "--connections", "4").seconds(seconds)
        body, script = stage.dir / "body", stage.dir / "post.lua"
        body.write_text("x" * 1000)
        script.write_text(WRK)
        url = {http2: f"http://127.0.0.1:{port}/" for http2, port in ports.items()}
        rows += _theirs(settings, "wrk", ["-t1", "-c64", f"-d{seconds}s", "-s", str(script), url[False]])
        rows += _theirs(settings, "oha", ["--no-tui", "-c64", f"-z{seconds}s", "-mPOST", "-D", str(body), url[False]])
        rows.append(["ours, HTTP/2", f"{over2.rps:,.0f}"])
        rows += _theirs(settings, "h2load", ["-c4", "-m16", "-t1", f"-D{seconds}", "-d", str(body), url[True]])
    return rows


def _theirs(settings: Settings, program: str, options: list[str]) -> list[list[str]]:
    """One row, or none where the generator is not installed."""
    binary = shutil.which(program)
    if binary is None:
        return []
    command = ["taskset", "-c", str(settings.load_cpu), binary, *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    return [[program, rate(done.stdout)]]


def rate(report: str) -> str:
    """Finds the rate in what wrk, oha or h2load prints."""
    found = re.search(r"Requests/sec:\s+([\d.]+)|finished in [^,]+, ([\d.]+) req/s", report)
    return f"{float(found.group(1) or found.group(2)):,.0f}" if found else "no figure"
