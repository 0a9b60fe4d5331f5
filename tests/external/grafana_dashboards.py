"""What the checks of dashboards share: the files, their panels and queries, the metrics that they name."""

import json
import re
from pathlib import Path

# Metrics of the catalogue that are on no dashboard on purpose.
LEFT_OUT = {
    # They exist only where `record.deliver` names a target; alerts watch them.
    "crossfade_delivered_records_total",
    "crossfade_delivery_failures_total",
    "crossfade_delivery_lag_bytes",
    "crossfade_delivery_lag_seconds",
    "crossfade_delivery_lost_bytes_total",
    "crossfade_delivery_skipped_records_total",
    # They exist only where an experiment has judges.
    "crossfade_judge_consistency_ratio",
    "crossfade_judge_kappa",
    "crossfade_judge_win_ratio",
    "crossfade_judge_drops_total",
    "crossfade_judge_waiting",
    "crossfade_judgements_total",
}


def dashboards(root):
    """The dashboards by the names of their files."""
    found = {
        path.stem: json.loads(path.read_text())
        for path in sorted(Path(root, "deploy/grafana/dashboards").glob("*.json"))
    }
    assert found, "no dashboards"
    return found


def panels(dashboard):
    """The panels of a dashboard without rows."""
    return [panel for panel in dashboard["panels"] if panel["type"] != "row"]


def metrics(expr):
    """The names of the metrics in a query."""
    return set(re.findall(r"\b(?:crossfade|process)_\w+", expr))


def family(name):
    """The metric that a series belongs to: a histogram's own name."""
    return re.sub(r"(_seconds?)_(bucket|sum|count)$", r"\1", name)


def catalogue(root):
    """The names that src/telemetry/metrics.rs declares."""
    text = Path(root, "src/telemetry/metrics.rs").read_text()
    return set(re.findall(r'= "(crossfade_\w+)" \[', text))
