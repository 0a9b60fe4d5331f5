"""Holds what Helm renders of the chart against what kustomize renders.

Usage: chart.py RENDERED OWN

RENDERED is the folder that objects.py gets. OWN is the chart under chart-values.yaml and with a controller.
"""

import copy
import sys
from pathlib import Path

import yaml

SAME = {"chart": "standalone", "chart-fleet": "fleet", "chart-monitored": "fleet-monitored"}


def read(path):
    """The objects of a file by kind and name."""
    return {(o["kind"], o["metadata"]["name"]): o for o in yaml.safe_load_all(path.read_text())}


def differences(mine, theirs, place):
    """Where two values differ, from the outside in."""
    if isinstance(mine, dict) and isinstance(theirs, dict):
        for key in sorted(mine.keys() | theirs.keys()):
            yield from differences(mine.get(key), theirs.get(key), f"{place}.{key}")
    elif isinstance(mine, list) and isinstance(theirs, list) and len(mine) == len(theirs):
        for index, pair in enumerate(zip(mine, theirs)):
            yield from differences(*pair, f"{place}[{index}]")
    elif mine != theirs:
        yield f"{place} is {mine}, and kustomize says {theirs}"


def compare(name, mine, theirs):
    for kind, called in sorted(mine.keys() | theirs.keys()):
        yield from differences(mine.get((kind, called)), theirs.get((kind, called)), f"{name}: {kind} {called}: ")


def values_arrive(objects):
    """The complaints about what chart-values.yaml must cause."""
    kinds = {kind for kind, _ in objects}
    for kind in ("HorizontalPodAutoscaler", "PodDisruptionBudget", "NetworkPolicy", "PodMonitor", "PrometheusRule"):
        if kind in kinds:
            yield f"a {kind}, which is switched off, is there"
    for name in ("crossfade", "crossfade-controller"):
        pod = objects["Deployment", name]["spec"]["template"]["spec"]
        container = pod["containers"][0]
        found = (container["image"], pod["imagePullSecrets"], container["env"][0]["valueFrom"], container["env"][-1])
        wanted = ("registry.example/gateway:7", [{"name": "registry"}],
                  {"secretKeyRef": {"name": "other-token", "key": "token"}},
                  {"name": "OTEL_EXPORTER_OTLP_ENDPOINT", "value": "http://collector:4318"})
        if found != wanted:
            yield f"{name}: image, its Secrets, token and variable are {found}; expected {wanted}"
    spec = objects["Deployment", "crossfade"]["spec"]
    pod = spec["template"]["spec"]
    records = next(v for v in pod["volumes"] if v["name"] == "crossfade-records")["emptyDir"]["sizeLimit"]
    found = (spec["replicas"], pod["terminationGracePeriodSeconds"], pod["containers"][0]["resources"]["limits"], records)
    wanted = (3, 90, {"cpu": "4", "memory": "2Gi"}, "8Gi")
    if found != wanted:
        yield f"replicas, time to stop, limits and room for records are {found}; expected {wanted}"


def main(rendered, own):
    sides = [(name, read(rendered / f"{name}.yaml"), read(rendered / f"{twin}.yaml")) for name, twin in SAME.items()]
    wrong = [complaint for side in sides for complaint in compare(*side)]
    wrong += [f"own values: {complaint}" for complaint in values_arrive(read(own))]
    name, mine, theirs = copy.deepcopy(sides[0])
    mine["Deployment", "crossfade"]["spec"]["template"]["spec"]["containers"][0]["ports"][1]["containerPort"] = 9099
    if not any("containerPort is 9099" in complaint for complaint in compare(name, mine, theirs)):
        wrong.append("nobody complained of another port")
    sys.exit("\n".join(wrong) or 0)


main(*map(Path, sys.argv[1:]))
