"""Carries out the steps of deploy/Dockerfile without a container: each stage is a folder, its commands run on this machine.

Usage: image_steps.py DOCKERFILE CONTEXT FOLDER [NAME=VALUE...]

CONTEXT is the repository, of which stages see what git tracks and .dockerignore lets pass; NAME=VALUE is a build argument.
CARGO_TARGET_DIR is the caller's and not the Dockerfile's, so that what was compiled once is there again. Afterwards
FOLDER/root is what the last stage holds, and FOLDER/image.json what the image would say of itself. Knows the instructions
that this Dockerfile uses and refuses others.
"""

import fnmatch
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path


class Stage:
    """A folder that stands for a stage's file system, and what was said about it so far."""

    def __init__(self, root, before=None):
        self.root = root
        self.env = dict(before.env) if before else {}
        self.workdir = before.workdir if before else "/"
        self.said = {}
        if before:
            shutil.copytree(before.root, root, symlinks=True)
        else:
            root.mkdir(parents=True)

    def place(self, path):
        """Where a path of the stage is on this machine."""
        return self.root / os.path.join(self.workdir, path).lstrip("/")


def instructions(text):
    """Pairs of a keyword and its argument."""
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    joined = "\n".join(lines).replace("\\\n", " ")
    return [(line.split(None, 1)[0].upper(), line.split(None, 1)[1].strip()) for line in joined.splitlines()]


def stages(steps):
    """The arguments before the first stage, and each stage: what it is made from, its name, its steps."""
    arguments, found = {}, []
    for word, rest in steps:
        if word == "FROM":
            source, name = (rest.split() + ["AS", str(len(found))])[:3:2]
            found.append((source, name, []))
        elif found:
            found[-1][2].append((word, rest))
        elif word == "ARG":
            arguments.update([rest.split("=", 1)])
    return arguments, found


def context(repository, folder):
    """A folder with the files that a build would be sent."""
    patterns = (repository / ".dockerignore").read_text().split("\n")
    rules = [pattern for pattern in patterns if pattern and not pattern.startswith("#")]
    files = subprocess.run(["git", "-C", repository, "ls-files"], check=True, capture_output=True, text=True)

    def is_sent(path):
        sent = True
        for rule in rules:
            pattern = rule.lstrip("!")
            parents = [path, *(str(parent) for parent in Path(path).parents)]
            if any(fnmatch.fnmatch(parent, pattern.removeprefix("**/")) for parent in parents):
                sent = rule.startswith("!")
        return sent

    for path in filter(is_sent, files.stdout.splitlines()):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(repository / path, folder / path)
    return folder


def run(stage, command):
    """Runs a command of a stage, unless it would install what this machine has."""
    install = re.search(r"apt-get install (.*)", command)
    if install:
        packages = [word for word in shlex.split(install[1]) if not word.startswith("-")]
        if subprocess.run(["dpkg", "-s", *packages], capture_output=True).returncode == 0:
            print(f"image: here already: {' '.join(packages)}")
            return
    own = {"CARGO_TARGET_DIR": os.environ["CARGO_TARGET_DIR"]}
    print(f"image: {command}", flush=True)
    subprocess.run(["sh", "-c", command], check=True, cwd=stage.place("."), env={**os.environ, **stage.env, **own})


def copy(stage, rest, named, sent):
    """Copies into a stage: from the context, or from another stage, which has what its commands installed here."""
    words = rest.split()
    flags = dict(word[2:].split("=", 1) for word in words if word.startswith("--"))
    *sources, target = [word for word in words if not word.startswith("--")]
    for source in sources:
        if "from" in flags:
            found = named(flags["from"]).place(source)
            found = found if found.exists() else Path(source)
        else:
            found = sent / source
        into = stage.place(target)
        into = into / found.name if target.endswith("/") else into
        into.parent.mkdir(parents=True, exist_ok=True)
        if found.is_dir():
            shutil.copytree(found, into, dirs_exist_ok=True)
        else:
            shutil.copy2(found, into / found.name if into.is_dir() else into)
        if "chown" in flags and os.geteuid() == 0:
            user, group = map(int, flags["chown"].split(":"))
            os.chown(into, user, group)


def follow(stage, steps, arguments, named, sent):
    """Carries out the steps of one stage."""
    for word, rest in steps:
        if word == "ARG":
            name, _, value = rest.partition("=")
            stage.env[name] = arguments.get(name, value)
        elif word == "ENV":
            stage.env.update([rest.split("=", 1)])
        elif word == "WORKDIR":
            stage.workdir = rest
            stage.place(".").mkdir(parents=True, exist_ok=True)
        elif word == "COPY":
            copy(stage, rest, named, sent)
        elif word == "RUN":
            run(stage, rest)
        elif word in ("USER", "EXPOSE"):
            stage.said[word] = rest
        elif word in ("ENTRYPOINT", "CMD"):
            stage.said[word] = json.loads(rest)
        elif word == "LABEL":
            stage.said[word] = dict(label.split("=", 1) for label in shlex.split(rest))
        else:
            sys.exit(f"image: {word} is an instruction that image_steps.py does not know")


def main(dockerfile, repository, folder, *given):
    arguments, found = stages(instructions(Path(dockerfile).read_text()))
    arguments.update(argument.split("=", 1) for argument in given)
    sent = context(Path(repository), Path(folder) / "context")
    done = {}

    def named(name, root=None):
        """The stage of this name; made when it is asked for, as a build leaves out what nobody needs."""
        if name not in done:
            source, steps = next((source, steps) for source, other, steps in found if other == name)
            source = re.sub(r"\$\{(\w+)}", lambda match: arguments[match[1]], source)
            before = named(source) if source in [other for _, other, _ in found] else None
            done[name] = Stage(root or Path(folder) / "stages" / name, before)
            follow(done[name], steps, arguments, named, sent)
        return done[name]

    last = named(found[-1][1], Path(folder) / "root")
    (Path(folder) / "image.json").write_text(json.dumps(last.said, indent=2))


main(*sys.argv[1:])
