"""Evaluates every query of the dashboards, and the rules, in a Prometheus that scrapes a gateway with users.

Usage: grafana_live.py ROOT PROMETHEUS_URL

Variables get their values as Grafana gets them, from Prometheus, each from those before it. A query must find
something: not an error, not nothing, not only NaN. What is not there yet is asked for again, for a while.
"""

import itertools
import json
import math
import re
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

import yaml
from grafana_dashboards import AWAITED, dashboards, metrics, panels

PATIENCE_SECONDS = 100
# What Grafana would put in for a short view; the rate's window holds many scrapes of a second.
BUILT_IN = {"__rate_interval": "20s", "__interval": "5s", "__range": "2m"}
# Metrics that no check can bring about: panels of these show 0 by `or vector(0)`.
NEVER = {"crossfade_panics_total"}
# Queries that are empty in a gateway that no fleet's controller and no webhook belongs to, and metrics yet to come.
EMPTY = AWAITED


class Prometheus:
    """A Prometheus and its HTTP API."""

    def __init__(self, url):
        self.url = url

    def get(self, path, **parameters):
        url = f"{self.url}/api/v1/{path}?{urllib.parse.urlencode(parameters, doseq=True)}"
        try:
            with urllib.request.urlopen(url, timeout=30) as answer:
                return json.load(answer)["data"]
        except urllib.error.HTTPError as error:
            raise SystemExit(f"{parameters}: {json.load(error)['error']}") from None

    def values(self, label, of):
        return self.get(f"label/{label}/values", **{"match[]": of})

    def finds(self, expr):
        return any(not math.isnan(float(sample["value"][1])) for sample in self.get("query", query=expr)["result"])


def put_in(text, values):
    """The text with its variables' values in place."""
    return re.sub(r"\$(\w+)", lambda name: {**BUILT_IN, **values}.get(name[1], name[0]), text)


def choices(prometheus, dashboard):
    """Every way to choose: all of what many can be chosen of, else each value in turn; and variables without a value."""
    chosen, empty = [{}], set()
    for variable in dashboard["templating"]["list"]:
        if variable["type"] != "query":
            continue
        name, asks = variable["name"], variable["query"]["query"]
        of, label = re.fullmatch(r"label_values\((.*), (\w+)\)", asks).groups()
        offered = [(one, prometheus.values(label, put_in(of, one))) for one in chosen]
        if not any(values for _, values in offered):
            empty.add(f"the variable {name} has no values")
        if variable["multi"] and not repeats(dashboard, name):
            chosen = [one | {name: ".+"} for one in chosen]
        else:
            # An experiment may have nothing to choose of: interleaving has no metrics.
            chosen = [one | {name: value} for one, values in offered for value in values or [""]]
    return chosen, empty


def repeats(dashboard, variable):
    return any(panel.get("repeat") == variable for panel in panels(dashboard))


def queries(dashboard):
    """What is asked, by the place where it stands."""
    for panel in panels(dashboard):
        for target in panel["targets"]:
            yield f"`{panel['title']}` {target['refId']}", target["expr"]
    for annotation in dashboard["annotations"]["list"]:
        yield f"annotation `{annotation['name']}`", annotation["expr"]


def missing(prometheus, dashboard, wanted):
    """Of the wanted queries those that find nothing, whatever is chosen; and variables without a value."""
    chosen, empty = choices(prometheus, dashboard)
    for place, expr in wanted.items():
        ways = {put_in(expr, one) for one in chosen}
        found = [prometheus.finds(way) for way in sorted(ways)]
        if not any(found) and not metrics(expr) & EMPTY:
            empty.add(f"{place} finds nothing: {expr}")
    return empty


def unknown_metrics(prometheus, found):
    known = set(prometheus.get("label/__name__/values"))
    named = {name for one in found.values() for _, expr in queries(one) for name in metrics(expr)}
    return {f"Prometheus has no metric {name}" for name in named - known - AWAITED - NEVER}


def missing_rules(prometheus, root):
    """Rules that failed, texts of alerts that could not be made, recordings that record nothing."""
    for rule in itertools.chain(*(group["rules"] for group in prometheus.get("rules")["groups"])):
        if rule["health"] != "ok":
            yield f"{rule['name']}: {rule['health']} {rule.get('lastError', '')}"
        for alert in rule.get("alerts", []):
            if "<error" in json.dumps(alert["annotations"]):
                yield f"{rule['name']}: {alert['annotations']}"
    rules = yaml.safe_load(Path(root, "deploy/prometheus/rules.yaml").read_text())
    for rule in itertools.chain(*(group["rules"] for group in rules["groups"])):
        if "record" in rule and not prometheus.finds(rule["record"]):
            yield f"{rule['record']} records nothing"


def main(root, url):
    prometheus, found = Prometheus(url), dashboards(root)
    deadline = time.monotonic() + PATIENCE_SECONDS
    waiting = {name: dict(queries(dashboard)) for name, dashboard in found.items()}
    asked = sum(map(len, waiting.values()))
    while True:
        lacks = {name: missing(prometheus, found[name], wanted) for name, wanted in waiting.items()}
        complaints = [f"{name}: {lack}" for name, those in lacks.items() for lack in sorted(those)]
        complaints += [*unknown_metrics(prometheus, found), *missing_rules(prometheus, root)]
        if not complaints or time.monotonic() > deadline:
            break
        # What has been found once need not be asked for again.
        waiting = {
            name: {place: expr for place, expr in wanted.items() if any(place in lack for lack in lacks[name])}
            for name, wanted in waiting.items()
        }
        time.sleep(1)
    for complaint in complaints:
        print(complaint, file=sys.stderr)
    print(f"grafana: {asked} queries asked of Prometheus, {len(complaints)} complaints")
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
