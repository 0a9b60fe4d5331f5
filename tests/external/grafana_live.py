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
from grafana_dashboards import dashboards, metrics, panels

PATIENCE_SECONDS = 100
# What Grafana would put in for a short view; the rate's window holds many scrapes of a second.
BUILT_IN = {"__rate_interval": "20s", "__interval": "5s", "__range": "2m"}
# Metrics that no check can bring about: panels of these show 0 by `or vector(0)`.
NEVER = {"crossfade_panics_total"}


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

    def found(self, expr):
        """The labels of what a query finds."""
        samples = self.get("query", query=expr)["result"]
        return [sample["metric"] for sample in samples if not math.isnan(float(sample["value"][1]))]


def put_in(text, values):
    """The text with its variables' values in place."""
    return re.sub(r"\$(\w+)", lambda name: {**BUILT_IN, **values}.get(name[1], name[0]), text)


def choices(prometheus, dashboard):
    """Every way to choose: all of what many can be chosen of, else each value; and the variables without a value."""
    chosen, lacks = [{}], set()
    for variable in dashboard["templating"]["list"]:
        if variable["type"] != "query":
            continue
        name, asks = variable["name"], variable["query"]["query"]
        of, label = re.fullmatch(r"label_values\((.*), (\w+)\)", asks).groups()
        offered = [(one, prometheus.values(label, put_in(of, one))) for one in chosen]
        if not any(values for _, values in offered):
            lacks.add(f"the variable {name} has no values")
        if variable["multi"] and not repeats(dashboard, name):
            chosen = [one | {name: ".+"} for one in chosen]
        else:
            # An experiment may have nothing to choose of: interleaving has no metrics.
            chosen = [one | {name: value} for one, values in offered for value in values or [""]]
    return chosen, lacks


def repeats(dashboard, variable):
    return any(panel.get("repeat") == variable for panel in panels(dashboard))


def queries(dashboard):
    """What is asked: the place, the query, and the labels that what is found must have."""
    for panel in panels(dashboard):
        for target in panel["targets"]:
            shown = re.findall(r"{{(\w+)}}", target["legendFormat"])
            yield f"`{panel['title']}` {target['refId']}", target["expr"], shown
    for annotation in dashboard["annotations"]["list"]:
        shown = re.findall(r"{{(\w+)}}", annotation["titleFormat"] + annotation["textFormat"])
        yield f"annotation `{annotation['name']}`", annotation["expr"], shown


def columns(prometheus, dashboard):
    """What is wrong with tables: labels that are no columns, and queries whose rows cannot find each other."""
    chosen, _ = choices(prometheus, dashboard)
    tables = [panel for panel in panels(dashboard) if panel["type"] == "table"]
    for one, panel in itertools.product(chosen, tables):
        heads = panel["transformations"][1]["options"]["renameByName"]
        found = [prometheus.found(put_in(target["expr"], one)) for target in panel["targets"]]
        common = sorted(set.intersection(*(set(labels) for rows in found for labels in rows)))
        for rows in found:
            for label in {label for labels in rows for label in labels} - set(heads):
                yield f"`{panel['title']}`: {label} is no column"
            if len(rows) != len({tuple(labels[key] for key in common) for labels in rows}):
                yield f"`{panel['title']}`: two rows of one query have the same {', '.join(common)}"


def selectors(expr):
    """The parts of a query that pick series: a query may find something and yet have a part that never does."""
    return re.findall(r"\b(?:crossfade|process)_\w+\{[^}]*\}", expr)


def missing(prometheus, dashboard, wanted):
    """What is wrong with the wanted queries, and with variables: what finds nothing, whatever is chosen."""
    chosen, lacks = choices(prometheus, dashboard)
    for place, (expr, shown) in wanted.items():
        found = [labels for way in sorted({put_in(expr, one) for one in chosen}) for labels in prometheus.found(way)]
        if not found:
            lacks.add(f"{place} finds nothing: {expr}")
        for label in shown:
            if not all(label in labels for labels in found):
                lacks.add(f"{place} shows the label {label}, which not all that it finds has")
        for selector in selectors(expr):
            if not metrics(selector) & NEVER and not any(prometheus.found(put_in(selector, one)) for one in chosen):
                lacks.add(f"{place} has a part that finds nothing: {selector}")
    return lacks


def unknown_metrics(prometheus, found):
    known = set(prometheus.get("label/__name__/values"))
    named = {name for one in found.values() for _, expr, _ in queries(one) for name in metrics(expr)}
    return {f"Prometheus has no metric {name}" for name in named - known - NEVER}


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
        if "record" in rule and not prometheus.found(rule["record"]):
            yield f"{rule['record']} records nothing"


def main(root, url):
    prometheus, found = Prometheus(url), dashboards(root)
    deadline = time.monotonic() + PATIENCE_SECONDS
    waiting = {
        name: {place: (expr, shown) for place, expr, shown in queries(dashboard)} for name, dashboard in found.items()
    }
    asked = sum(map(len, waiting.values()))
    while True:
        lacks = {name: missing(prometheus, found[name], wanted) for name, wanted in waiting.items()}
        complaints = [f"{name}: {lack}" for name, those in lacks.items() for lack in sorted(those)]
        if not complaints:
            complaints = [complaint for dashboard in found.values() for complaint in columns(prometheus, dashboard)]
        complaints += [*unknown_metrics(prometheus, found), *missing_rules(prometheus, root)]
        if not complaints or time.monotonic() > deadline:
            break
        # What has been found once need not be asked for again.
        waiting = {
            name: {place: asks for place, asks in wanted.items() if any(place in lack for lack in lacks[name])}
            for name, wanted in waiting.items()
        }
        time.sleep(1)
    for complaint in complaints:
        print(complaint, file=sys.stderr)
    print(f"grafana: {asked} queries asked of Prometheus, {len(complaints)} complaints")
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
