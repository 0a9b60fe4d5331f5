"""Holds the dashboards against Grafana's own model of a dashboard and against the rules of good ones.

Usage: grafana_lint.py ROOT

No Prometheus is needed: whether queries find anything is what grafana_live.py looks at.
"""

import json
import re
import sys
from itertools import combinations
from pathlib import Path

import yaml
from grafana_dashboards import LEFT_OUT, catalogue, dashboards, family, metrics, panels
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard

# Keys that Grafana reads and the SDK's model of a dashboard does not hold: the data source's own part of an annotation,
# and what a variable shows as its definition.
UNMODELLED = {"titleFormat", "textFormat", "tagKeys", "step", "useValueForTime", "definition"}
PROMETHEUS = {"type": "prometheus", "uid": "${datasource}"}


def lost(ours, read, path=""):
    """Where what the SDK read and wrote again is not what we wrote: keys and values that Grafana would not know."""
    if isinstance(ours, dict) and isinstance(read, dict):
        for key, value in ours.items():
            if key not in UNMODELLED:
                yield from lost(value, read[key], f"{path}.{key}") if key in read else [f"{path}.{key}"]
    elif isinstance(ours, list) and isinstance(read, list) and len(ours) == len(read):
        for place, (one, other) in enumerate(zip(ours, read, strict=True)):
            yield from lost(one, other, f"{path}[{place}]")
    elif ours != read:
        yield f"{path}: {ours} was read as {read}"


def unknown_to_grafana(dashboard):
    read = json.loads(json.dumps(Dashboard.from_json(dashboard), cls=JSONEncoder))
    return [f"Grafana does not know {place}" for place in lost(dashboard, read)]


def of_dashboard(dashboard):
    variables = {variable["name"]: variable for variable in dashboard["templating"]["list"]}
    links = dashboard["links"]
    wanted = {
        "a fixed uid": dashboard.get("uid", "").startswith("crossfade-"),
        "no id": "id" not in dashboard,
        "tags": dashboard["tags"] == ["crossfade"],
        "a description": dashboard.get("description"),
        "editable: false": dashboard["editable"] is False,
        "a shared crosshair": dashboard["graphTooltip"] == 1,
        "refresh: 30s": dashboard["refresh"] == "30s",
        "a schema of Grafana 11 or 12": 39 <= dashboard["schemaVersion"] <= 42,
        "links to the others": any(link["tags"] == ["crossfade"] and link["includeVars"] for link in links),
        "annotations": len(dashboard["annotations"]["list"]) >= 2,
        "the variable datasource": variables["datasource"]["query"] == "prometheus",
        "the variables job, instance, experiment": {"job", "instance", "experiment"} <= set(variables),
    }
    yield from (f"lacks {what}" for what, is_there in wanted.items() if not is_there)
    for variable in variables.values():
        if variable["type"] == "query":
            yield from of_variable(variable)
    ids = [panel["id"] for panel in dashboard["panels"]]
    if len(ids) != len(set(ids)):
        yield "two panels have one id"
    for one, other in combinations(dashboard["panels"], 2):
        if overlap(one["gridPos"], other["gridPos"]):
            yield f"`{one['title']}` overlaps `{other['title']}`"
    for panel in panels(dashboard):
        yield from (f"`{panel['title']}`: {complaint}" for complaint in of_panel(panel, variables))


def of_variable(variable):
    name = variable["name"]
    if variable["datasource"] != PROMETHEUS:
        yield f"the variable {name} does not ask ${{datasource}}"
    if variable["refresh"] != 2:
        yield f"the variable {name} is not asked for anew when the time changes"
    if variable["multi"] and variable.get("allValue") != ".+":
        yield f"the variable {name} lacks allValue: .+"


def overlap(one, other):
    return (
        one["x"] < other["x"] + other["w"]
        and other["x"] < one["x"] + one["w"]
        and one["y"] < other["y"] + other["h"]
        and other["y"] < one["y"] + one["h"]
    )


def of_panel(panel, variables):
    defaults, grid = panel["fieldConfig"]["defaults"], panel["gridPos"]
    if not panel["title"] or len(panel.get("description", "")) < 30:
        yield "a panel has a title, and a description that says how to read it"
    if panel["datasource"] != PROMETHEUS or any(target["datasource"] != PROMETHEUS for target in panel["targets"]):
        yield "does not ask ${datasource}"
    if not defaults.get("unit"):
        yield "has no unit"
    if defaults["thresholds"]["steps"][0]["value"] is not None:
        yield "the first threshold has a value"
    if grid["x"] + grid["w"] > 24:
        yield "stands beyond the 24 columns"
    if "repeat" in panel and panel["repeat"] not in variables:
        yield f"is repeated by {panel['repeat']}, which is no variable"
    for target in panel["targets"]:
        if panel["type"] != "table" and not target["legendFormat"]:
            yield f"query {target['refId']} has no legend"
        yield from (f"query {target['refId']}: {complaint}" for complaint in of_query(target["expr"], variables))


def of_query(expr, variables):
    for range_ in re.findall(r"\b(?:rate|irate)\([^\[]*\[([^\]]*)\]", expr):
        if range_ != "$__rate_interval":
            yield f"a rate over {range_}, not $__rate_interval"
    for range_ in re.findall(r"\bincrease\([^\[]*\[([^\]]*)\]", expr):
        if range_ != "$__range":
            yield f"an increase over {range_}, not $__range"
    plain = re.sub(r"\b(?:rate|increase)\(\w+\{[^}]*\}\[[^\]]*\]\)", "", expr)
    for name in metrics(plain):
        if name.endswith(("_total", "_bucket", "_count", "_sum")):
            yield f"the counter {name} is in no rate or increase"
    for selector in re.findall(r"\b(?:crossfade|process)_\w+\{([^}]*)\}", expr):
        if 'job=~"$job"' not in selector or not re.search(r'instance=~"\$(instance|judge)"', selector):
            yield f"{{{selector}}} is not narrowed to the chosen job and instance"
    for name in re.findall(r"\$(\w+)", re.sub(r'"\$1"', "", expr)):
        if name not in variables and not name.startswith("__"):
            yield f"${name} is no variable"


def of_all(found, known):
    shown = {
        family(name)
        for one in found.values()
        for panel in panels(one)
        for t in panel["targets"]
        for name in metrics(t["expr"])
    }
    shown_anywhere = shown | {
        name for one in found.values() for a in one["annotations"]["list"] for name in metrics(a["expr"])
    }
    of_process = {name for name in shown if name.startswith("process_")}
    yield from (f"{name} is on no panel, and not in LEFT_OUT" for name in sorted(known - shown_anywhere - LEFT_OUT))
    yield from (f"{name} is in LEFT_OUT and shown" for name in sorted(LEFT_OUT & shown_anywhere))
    yield from (f"{name} is not in the catalogue" for name in sorted(shown_anywhere - known - of_process))
    titles = [dashboard["title"] for dashboard in found.values()]
    uids = [dashboard["uid"] for dashboard in found.values()]
    if len(set(titles)) != len(titles) or len(set(uids)) != len(uids):
        yield "two dashboards have one title or uid"


def of_rules(root, known):
    rules = yaml.safe_load(Path(root, "deploy/prometheus/rules.yaml").read_text())
    tests = Path(root, "deploy/prometheus/rules.test.yaml").read_text()
    for rule in (rule for group in rules["groups"] for rule in group["rules"]):
        name = rule.get("alert") or rule["record"]
        unknown = {family(metric) for metric in re.findall(r"(?<!:)\bcrossfade_\w+", rule["expr"])} - known
        yield from (f"{name}: {metric} is not in the catalogue" for metric in sorted(unknown))
        if "record" in rule:
            if not re.fullmatch(r"\w+:crossfade_\w+:\w+", name):
                yield f"{name} is not named level:metric:operation"
            continue
        if f'alertname="{name}"' not in tests:
            yield f"{name} has no case that fires in rules.test.yaml"
        if rule["labels"].get("severity") not in ("critical", "warning", "info"):
            yield f"{name} has no severity"
        texts = rule["annotations"]
        if set(texts) != {"summary", "description", "runbook"} or "{{" not in texts["description"]:
            yield f"{name} needs a summary, a description with values, and a runbook"


def main(root):
    register_default_plugins()
    found, known = dashboards(root), catalogue(root)
    complaints = [
        f"{name}: {complaint}"
        for name, dashboard in found.items()
        for complaint in [*of_dashboard(dashboard), *unknown_to_grafana(dashboard)]
    ]
    complaints += [*of_all(found, known), *of_rules(root, known)]
    for complaint in complaints:
        print(complaint, file=sys.stderr)
    count = sum(len(panels(dashboard)) for dashboard in found.values())
    print(f"grafana: {len(found)} dashboards with {count} panels, {len(complaints)} complaints")
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
