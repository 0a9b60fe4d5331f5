"""What a gateway does on disks that misbehave. Run by disk.sh, in a mount namespace of its own.

Usage: disk.py CROSSFADE WORK ECHO_MODEL
"""

import json
import os
import subprocess
import sys
import threading
import time
import urllib.request
from pathlib import Path

crossfade, work, echo = sys.argv[1], Path(sys.argv[2]), sys.argv[3]

POLICY = """
listen: {{data: "127.0.0.1:0", admin: "127.0.0.1:0", workers: 1}}
record: {{dir: {dir}, rotate: {{every: 300ms, pack: false}}}}
models: {{m: {{url: "http://127.0.0.1:{port}"}}}}
experiments:
  - {{name: e, legacy: m, candidate: m, strategy: {{shadow: {{}}}}}}
"""


def until(what, holds, seconds=30):
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"waited too long for {what}"
        time.sleep(0.01)


def sh(*command):
    subprocess.run(command, check=True)


class Gateway:
    """A running gateway whose records are in a directory."""

    def __init__(self, name, directory):
        self.directory = directory
        policy = work / f"{name}.yaml"
        policy.write_text(POLICY.format(dir=directory, port=port))
        environment = dict(os.environ, LD_PRELOAD=str(work / "syncs.so"))
        environment |= {"FAILS": str(work / f"{name}.fails"), "SLOW": str(work / f"{name}.slow")}
        self.process = subprocess.Popen(
            [crossfade, "run", "--config", policy], stderr=subprocess.PIPE, text=True, env=environment
        )
        self.said = []
        for line in self.process.stderr:
            event = json.loads(line)
            if event["message"] == "serving":
                self.data, self.admin = event["data"], event["admin"]
                break
        threading.Thread(target=lambda: self.said.extend(self.process.stderr), daemon=True).start()
        self.asked = 0

    def ask(self, count):
        """Every user must have the whole right answer."""
        body = json.dumps({"text": "x" * 2000}).encode()
        for _ in range(count):
            request = urllib.request.Request(f"http://{self.data}/", body, {"content-type": "application/json"})
            assert urllib.request.urlopen(request, timeout=10).read() == body
            self.asked += 1

    def metric(self, name, *labels):
        text = urllib.request.urlopen(f"http://{self.admin}/metrics").read().decode()
        lines = (line for line in text.splitlines() if line.startswith((name + " ", name + "{")))
        return sum(float(line.rsplit(" ", 1)[1]) for line in lines if all(label in line for label in labels))

    def counted(self):
        return self.metric("crossfade_records_written_total", 'kind="pair"'), self.metric(
            "crossfade_records_lost_total", 'kind="pair"'
        )

    def until_accounted(self):
        until("every record to be written or lost", lambda: sum(self.counted()) == self.asked)

    def ends(self):
        """The log must tell what the metrics told, to the record."""
        self.until_accounted()
        written, lost = self.counted()
        self.process.terminate()
        assert self.process.wait(30) == 0, self.said
        stats = subprocess.run(
            [crossfade, "records", "verify", "--format", "json", self.directory], capture_output=True, text=True
        )
        assert stats.returncode == 0, stats.stdout
        told = json.loads(stats.stdout)["experiments"]["e"]
        assert (told["pairs"], told["lost"]) == (written, lost), (told, written, lost)
        return int(written), int(lost)


def goes_on_soon(gateway):
    """Writing goes on within a second of there being room, without a restart."""
    before, _ = gateway.counted()
    began = time.monotonic()
    while gateway.counted()[0] == before:
        gateway.ask(1)
        assert time.monotonic() - began < 10, "records are not written again"
    return time.monotonic() - began


def full_disk():
    mount = work / "full"
    mount.mkdir()
    sh("mount", "-t", "tmpfs", "-o", "size=512k", "none", mount)
    gateway = Gateway("full", mount / "records")
    until("a full disk", lambda: gateway.ask(20) or gateway.counted()[1] > 40)
    sh("mount", "-o", "remount,size=64m", mount)
    seconds = goes_on_soon(gateway)
    gateway.ask(50)
    written, lost = gateway.ends()
    sh("umount", mount)
    print(f"full: {written} written, {lost} lost and told; written again {seconds:.2f} s after there was room")
    assert seconds < 1


def read_only_disk():
    directory = work / "readonly"
    gateway = Gateway("readonly", directory)
    gateway.ask(50)
    gateway.until_accounted()
    # A file that is open for writing keeps its own file system from it; the next one meets what is mounted over it.
    sh("mount", "--bind", directory, directory)
    sh("mount", "-o", "remount,bind,ro", directory)
    until("records to be lost", lambda: gateway.ask(5) or gateway.counted()[1] > 20)
    sh("umount", directory)
    seconds = goes_on_soon(gateway)
    written, lost = gateway.ends()
    print(f"read-only: {written} written, {lost} lost and told; written again after {seconds:.2f} s")
    assert seconds < 1


def gone():
    directory = work / "gone" / "records"
    gateway = Gateway("gone", directory)
    gateway.ask(20)
    gateway.until_accounted()
    directory.rename(work / "moved")
    (work / "gone").rmdir()
    (work / "gone").write_text("in the way")
    gateway.ask(20)
    gateway.until_accounted()
    (work / "gone").unlink()
    seconds = goes_on_soon(gateway)
    gateway.until_accounted()
    written, lost = gateway.counted()
    gateway.process.terminate()
    assert gateway.process.wait(30) == 0
    print(f"gone: {int(written)} written, {int(lost)} lost; written again after {seconds:.2f} s")
    assert seconds < 1


def failing_sync():
    gateway = Gateway("failing", work / "failing")
    gateway.ask(20)
    gateway.until_accounted()
    (work / "failing.fails").touch()
    failures = lambda: gateway.metric("crossfade_record_sync_failures_total")
    until("syncs to fail", lambda: gateway.ask(5) or failures() >= 3)
    (work / "failing.fails").unlink()
    gateway.ask(20)
    gateway.until_accounted()
    failed = failures()
    segments = list((work / "failing").glob("crossfade-*"))
    written, lost = gateway.ends()
    assert lost == 0 and len(segments) >= failed, (lost, segments)
    print(f"failing sync: {written} written, none lost, {int(failed)} files left for others")


def slow_sync():
    gateway = Gateway("slow", work / "slow")
    (work / "slow.slow").touch()
    began = time.monotonic()
    gateway.ask(200)
    gateway.until_accounted()
    seconds = time.monotonic() - began
    (work / "slow.slow").unlink()
    written, lost = gateway.ends()
    print(f"slow sync: {written} written, {lost} lost in {seconds:.1f} s, with syncs of 2 s")
    assert lost == 0


model = subprocess.Popen([sys.executable, echo, work / "port", work / "seen"])
try:
    until("the model", lambda: (work / "port").exists() and (work / "port").read_text())
    port = (work / "port").read_text()
    for check in (full_disk, read_only_disk, gone, failing_sync, slow_sync):
        check()
finally:
    model.kill()
