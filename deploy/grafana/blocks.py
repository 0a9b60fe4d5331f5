"""What dashboards are made of: queries, panels, variables, annotations, and the grid that panels stand on.

A dashboard file (`overview.py`, `experiment.py`, `gateway.py`) says what is shown; how Grafana wants it written is said
here, once.
"""

from __future__ import annotations

# The codes of `crossfade_requests_total` under which a call counts as failed.
FAILED = "5xx|connect_error|timeout|reset|truncated|overloaded|breaker_open"

DATA_SOURCE = {"type": "prometheus", "uid": "${datasource}"}
COLUMNS = 24

VERDICT_COLORS = {
    "promote": "green",
    "waiting": "blue",
    "inconclusive": "purple",
    "hold": "yellow",
    "rollback": "red",
    "invalid": "dark-red",
}
PHASE_COLORS = {
    "scheduled": "purple",
    "running": "blue",
    "held": "yellow",
    "paused": "orange",
    "rolled_back": "red",
    "promoted": "green",
    "ended": "text",
}


# Label matchers, from the variables at the top of a dashboard. `=~` fits one value, several, and all.


def at(**labels: str) -> str:
    """What the chosen gateways say. A label's value may begin with `!`, and hold several values with `|` between."""
    return ", ".join(['job=~"$job"', 'instance=~"$instance"', *matchers(labels)])


def of(**labels: str) -> str:
    """What the chosen gateways say of the chosen experiments."""
    return ", ".join(['job=~"$job"', 'instance=~"$instance"', 'experiment=~"$experiment"', *matchers(labels)])


def judged(**labels: str) -> str:
    """What one process makes of the chosen experiments: evidence of several cannot be added up by a query."""
    return ", ".join(['job=~"$job"', 'instance=~"$judge"', 'experiment=~"$experiment"', *matchers(labels)])


def matchers(labels: dict[str, str]) -> list[str]:
    operators = {(False, False): "=", (True, False): "!=", (False, True): "=~", (True, True): "!~"}
    return [
        f'{label}{operators[value.startswith("!"), "|" in value]}"{value.removeprefix("!")}"'
        for label, value in labels.items()
    ]


# Queries


def rate(metric: str, by: str, where: str | None = None) -> str:
    """A counter's increase per second, added up by labels; without labels, over everything."""
    return f"{summed(by)}(rate(crossfade_{metric}{{{where or of()}}}[$__rate_interval]))"


def increase(metric: str, by: str, where: str | None = None) -> str:
    """A counter's increase over the time shown."""
    return f"{summed(by)}(increase(crossfade_{metric}{{{where or of()}}}[$__range]))"


def summed(by: str) -> str:
    return f"sum by ({by}) " if by else "sum"


def quantile(share: float, histogram: str, by: str, where: str | None = None) -> str:
    return f"histogram_quantile({share}, {rate(f'{histogram}_bucket', f'{by}, le' if by else 'le', where)})"


def filled(part: str, whole: str) -> str:
    """Zero where the whole has series and the part has none yet: a counter begins to exist when it first counts."""
    return f"({part} or 0 * {whole})"


def query(expr: str, legend: str, *, now: bool = False, table: bool = False) -> dict:
    """A query; `now` asks for the present value alone, `table` for that with a column a label."""
    target = {"datasource": DATA_SOURCE, "expr": expr, "legendFormat": legend, "refId": ""}
    if table:
        return target | {"instant": True, "range": False, "format": "table"}
    return target | ({"instant": True, "range": False} if now else {"range": True})


# Panels


def panel(
    kind: str,
    title: str,
    says: str,
    queries: list[dict],
    size: tuple[int, int],
    unit: str,
    *,
    options: dict,
    custom: dict | None = None,
    steps: list[tuple[str, float | None]] | None = None,
    overrides: list[dict] | None = None,
    colors: str | None = None,
    **defaults,
) -> dict:
    """A panel of a width of 24ths and a height; `says` tells how to read it and what to do."""
    steps = steps or [("text" if kind == "stat" else "green", None)]
    return {
        "type": kind,
        "title": title,
        "description": says,
        "datasource": DATA_SOURCE,
        "gridPos": {"w": size[0], "h": size[1]},
        "targets": [target | {"refId": chr(ord("A") + place)} for place, target in enumerate(queries)],
        "fieldConfig": {
            "defaults": {
                "unit": unit,
                **defaults,
                **({"color": {"mode": colors}} if colors else {}),
                "thresholds": {
                    "mode": "absolute",
                    "steps": [{"color": color, "value": value} for color, value in steps],
                },
                **({"custom": custom} if custom else {}),
            },
            "overrides": overrides or [],
        },
        "options": options,
    }


def lines(
    title: str,
    says: str,
    queries: list[dict],
    unit: str,
    *,
    size: tuple[int, int] = (8, 8),
    stacked: str | None = None,
    limit: bool = False,
    **more,
) -> dict:
    """Values over time. `stacked` is `normal` or `percent`; `limit` draws the thresholds as lines."""
    custom = {"fillOpacity": 30 if stacked else 8, "lineWidth": 1, "showPoints": "never"}
    if stacked:
        custom["stacking"] = {"mode": stacked, "group": "A"}
    if limit:
        custom["thresholdsStyle"] = {"mode": "dashed"}
    options = {
        "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True, "calcs": []},
        "tooltip": {"mode": "multi", "sort": "desc"},
    }
    more.setdefault("colors", "palette-classic-by-name")
    return panel("timeseries", title, says, queries, size, unit, options=options, custom=custom, **more)


def stat(
    title: str,
    says: str,
    queries: list[dict],
    unit: str,
    *,
    size: tuple[int, int] = (4, 4),
    shows: str = "auto",
    graph: bool = False,
    **more,
) -> dict:
    """One value, large. `shows` is Grafana's text mode: `name` shows the legend in place of the value."""
    options = {
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
        "orientation": "auto",
        "textMode": shows,
        "colorMode": "value",
        "graphMode": "area" if graph else "none",
        "justifyMode": "auto",
    }
    more.setdefault("colors", "thresholds")
    return panel("stat", title, says, queries, size, unit, options=options, **more)


def bars(title: str, says: str, queries: list[dict], unit: str, *, size: tuple[int, int] = (8, 8), **more) -> dict:
    """Present values as bars beside each other."""
    options = {
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
        "orientation": "horizontal",
        "displayMode": "gradient",
        "valueMode": "color",
        "showUnfilled": True,
        "minVizWidth": 8,
        "minVizHeight": 16,
    }
    return panel("bargauge", title, says, queries, size, unit, options=options, min=0, **more)


def timeline(title: str, says: str, queries: list[dict], *, size: tuple[int, int] = (12, 6), **more) -> dict:
    """What held when: one bar a series, coloured where its value is 1."""
    options = {
        "mergeValues": True,
        "showValue": "never",
        "alignValue": "left",
        "rowHeight": 0.8,
        "legend": {"displayMode": "list", "placement": "bottom", "showLegend": False, "calcs": []},
        "tooltip": {"mode": "single", "sort": "none"},
    }
    more.setdefault("steps", [("transparent", None), ("blue", 1)])
    custom = {"fillOpacity": 80, "lineWidth": 0}
    return panel(
        "state-timeline",
        title,
        says,
        queries,
        size,
        "short",
        options=options,
        custom=custom,
        colors="thresholds",
        **more,
    )


def table(
    title: str,
    says: str,
    queries: list[dict],
    columns: dict[str, str],
    unit: str,
    *,
    size: tuple[int, int],
    overrides: list[dict],
) -> dict:
    """One row for each set of labels that all queries share; `columns` are fields by name and their heads, in order."""
    made = panel(
        "table",
        title,
        says,
        queries,
        size,
        unit,
        options={"showHeader": True, "cellHeight": "sm", "footer": {"show": False, "reducer": ["sum"]}},
        custom={"align": "auto", "cellOptions": {"type": "auto"}, "inspect": False},
        overrides=overrides,
    )
    # Values have their query's letter after their name; those of the rest are needed for joining only.
    values = [f"Value #{chr(ord('A') + place)}" for place in range(len(queries))]
    organize = {
        "excludeByName": {name: True for name in ["Time", *values] if name not in columns},
        "indexByName": {name: place for place, name in enumerate(columns)},
        "renameByName": columns,
    }
    return made | {
        "transformations": [
            {"id": "merge", "options": {}},
            {"id": "organize", "options": organize},
        ]
    }


def repeated(made: dict, by: str, across: int) -> dict:
    """The panel once for each value of a variable."""
    return made | {"repeat": by, "repeatDirection": "h", "maxPerRow": across}


# Overrides: how some of a panel's fields differ from the rest.


def override(name: str, **properties) -> dict:
    """For the field of this name, or, between slashes, the fields that match. `custom_x` is written `custom.x`."""
    matcher = "byRegexp" if name.startswith("/") else "byName"
    listed = [
        {"id": f"custom.{key.removeprefix('custom_')}" if key.startswith("custom_") else key, "value": value}
        for key, value in properties.items()
    ]
    return {"matcher": {"id": matcher, "options": name}, "properties": listed}


def fixed(color: str) -> dict:
    return {"mode": "fixed", "fixedColor": color}


def colored(words: dict[str, str]) -> list[dict]:
    """Gives series whose legend ends in one of these words its colour."""
    return [override(f"/{word}$/", color=fixed(color)) for word, color in words.items()]


def word_cells(head: str, words: dict[str, str]) -> dict:
    """Paints a table's cells by the words in them."""
    options = {word: {"color": color, "index": place} for place, (word, color) in enumerate(words.items())}
    return override(head, mappings=[{"type": "value", "options": options}], custom_cellOptions={"type": "color-text"})


def value_cells(head: str, unit: str, steps: list[tuple[str, float | None]] | None = None, decimals: int = 2) -> dict:
    """A table's column with a unit of its own, and colours by its value."""
    if not steps:
        return override(head, unit=unit, decimals=decimals)
    thresholds = {"mode": "absolute", "steps": [{"color": color, "value": value} for color, value in steps]}
    return override(
        head,
        unit=unit,
        decimals=decimals,
        thresholds=thresholds,
        color={"mode": "thresholds"},
        custom_cellOptions={"type": "color-text"},
    )


# Variables


def data_source() -> dict:
    return {
        "type": "datasource",
        "name": "datasource",
        "label": "Data source",
        "query": "prometheus",
        "current": {"text": "default", "value": "default"},
        "refresh": 1,
        "hide": 0,
        "regex": "",
        "multi": False,
        "includeAll": False,
    }


def labels(name: str, title: str, of: str, label: str, *, says: str, many: bool = True) -> dict:
    """A variable that holds the values of a label; `many` may be chosen at once, all by default."""
    text = f"label_values({of}, {label})"
    variable = {
        "type": "query",
        "name": name,
        "label": title,
        "description": says,
        "datasource": DATA_SOURCE,
        "definition": text,
        "query": {"query": text, "refId": name},
        "refresh": 2,
        "sort": 1,
        "hide": 0,
        "regex": "",
        "multi": many,
        "includeAll": many,
    }
    if many:
        return variable | {"allValue": ".+", "current": {"text": "All", "value": "$__all"}}
    return variable | {"current": {"text": "", "value": ""}}


def gateways() -> list[dict]:
    """The variables that every dashboard begins with."""
    return [
        data_source(),
        labels("job", "Job", "crossfade_build_info", "job", says="Prometheus' jobs that scrape gateways."),
        labels(
            "instance",
            "Instance",
            'crossfade_build_info{job=~"$job"}',
            "instance",
            says="Gateways; what they count is added up.",
        ),
    ]


def experiments(*, many: bool) -> dict:
    return labels(
        "experiment",
        "Experiment",
        f"crossfade_traffic_weight_ratio{{{at()}}}",
        "experiment",
        says="Experiments, by their names in the policy.",
        many=many,
    )


def judge() -> dict:
    return labels(
        "judge",
        "Verdicts of",
        'crossfade_evidence_needed_log_e{job=~"$job", experiment=~"$experiment"}',
        "instance",
        says="Whose verdicts and evidence are shown. Each gateway knows its own requests; a controller knows those "
        "of its whole fleet: where there is one, choose it.",
        many=False,
    )


# Annotations


def annotation(name: str, color: str, expr: str, title: str, text: str, tags: str, *, at_value: bool = False) -> dict:
    """Marks moments on every panel; `at_value` takes the moment from the value, in milliseconds."""
    return {
        "name": name,
        "enable": True,
        "hide": False,
        "iconColor": color,
        "datasource": DATA_SOURCE,
        "expr": expr,
        "titleFormat": title,
        "textFormat": text,
        "tagKeys": tags,
        "step": "10s",
        "useValueForTime": at_value,
    }


def annotations() -> list[dict]:
    by = "experiment, phase, cause"
    changes = f"crossfade_rollout_changes_total{{{of()}}}"
    # A counter begins to exist with its first change, which no increase shows.
    begun = f"(sum by ({by}) ({changes}) unless sum by ({by}) ({changes} offset $__rate_interval))"
    return [
        annotation(
            "Rollout changes",
            "blue",
            f"sum by ({by}) (increase({changes}[$__rate_interval])) > 0 or {begun}",
            "{{experiment}}: {{phase}}",
            "changed by: {{cause}}",
            by,
        ),
        annotation(
            "Policy loaded",
            "purple",
            f"max by (job) (crossfade_policy_last_reload_success_timestamp_seconds{{{at()}}}) * 1000",
            "{{job}}: policy loaded",
            "the policy was loaded, at start or anew",
            "job",
            at_value=True,
        ),
        annotation(
            "Policy rejected",
            "red",
            f"crossfade_policy_last_reload_successful{{{at()}}} == 0",
            "{{instance}}: policy rejected",
            "the file has problems, and the policy before it stays in force",
            "instance",
        ),
    ]


# Dashboards


def row(title: str, *panels: dict) -> list[dict]:
    """A titled row of panels, which fill lines of 24 columns in turn; panels of one line are equally high."""
    return [
        {"type": "row", "title": title, "collapsed": False, "panels": [], "gridPos": {"w": COLUMNS, "h": 1}},
        *panels,
    ]


def dashboard(uid: str, title: str, says: str, variables: list[dict], rows: list[list[dict]]) -> dict:
    return {
        "uid": uid,
        "title": title,
        "description": says,
        "tags": ["crossfade"],
        "schemaVersion": 41,
        "version": 1,
        "editable": False,
        "graphTooltip": 1,
        "refresh": "30s",
        "time": {"from": "now-6h", "to": "now"},
        "timezone": "browser",
        "links": [
            {
                "type": "dashboards",
                "title": "Crossfade",
                "tags": ["crossfade"],
                "icon": "external link",
                "tooltip": "The other dashboards of Crossfade, with the same choices and time",
                "url": "",
                "asDropdown": False,
                "targetBlank": False,
                "includeVars": True,
                "keepTime": True,
            }
        ],
        "templating": {"list": variables},
        "annotations": {"list": annotations()},
        "panels": placed([panel for row in rows for panel in row]),
    }


def placed(panels: list[dict]) -> list[dict]:
    """Numbers the panels and puts them on the grid, from left to right and line by line."""
    x = y = height = 0
    done = []
    for number, panel in enumerate(panels, start=1):
        size = panel["gridPos"]
        if x + size["w"] > COLUMNS:
            x, y, height = 0, y + height, 0
        done.append({"id": number} | panel | {"gridPos": {"x": x, "y": y, **size}})
        x, height = x + size["w"], max(height, size["h"])
    return done
