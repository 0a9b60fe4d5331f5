"""Results as text."""

from __future__ import annotations

from harness.rounds import Ratio, Result, ratio

BASE = "nginx"


def of(results: dict[str, Result]) -> list[list[str]]:
    """A scenario's results, the first row being the heads."""
    heads = ["proxy", "requests/s", f"x {BASE}", "CPU us", f"x {BASE}", "p50 us", "p99 us", "p99.9 us", "sleeps"]
    rows = [[*heads, "RSS MiB", "errors", "busy"]]
    for name, result in results.items():
        rows.append(
            [
                name,
                f"{result.median('rps'):,.0f}",
                spread(ratio(results, name, BASE, "rps")),
                f"{result.cpu_us:.1f}",
                spread(ratio(results, name, BASE, "cpu_us")),
                f"{result.median('p50'):,.0f}",
                f"{result.median('p99'):,.0f}",
                f"{result.median('p999'):,.0f}",
                f"{result.sleeps:.2f}",
                f"{result.samples[-1].rss_bytes / 2**20:.1f}",
                f"{result.errors:,}",
                f"{result.median('proxy_busy'):.0%}/{result.median('load_busy'):.0%}",
            ]
        )
    return rows


def spread(of: Ratio | None) -> str:
    return "-" if of is None else f"{of.median:.2f} ({of.low:.2f}-{of.high:.2f})"


def plain(rows: list[list[str]]) -> str:
    """Columns under each other, figures to the right."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = []
    for row in rows:
        first, *rest = (cell.rjust(width) for cell, width in zip(row, widths, strict=True))
        lines.append("  ".join([row[0].ljust(len(first)), *rest]))
    return "\n".join(lines)


def markdown(rows: list[list[str]]) -> str:
    heads, *body = rows
    rule = ["---", *["---:"] * (len(heads) - 1)]
    return "\n".join("| " + " | ".join(row) + " |" for row in [heads, rule, *body])
