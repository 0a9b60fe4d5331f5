"""Results as text."""

from __future__ import annotations

from harness.rounds import Ratio, Result, ratio

BASE = "nginx"
FIGURES = "0123456789+-"


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


def events(results: dict[str, Result]) -> list[list[str]]:
    """The events of streams, the first row being the heads."""
    rows = [
        ["proxy", "events", "CPU us an event", "first byte p50 us", "p99", "delay p50 us", "p99", "gap p50 us", "p99"]
    ]
    for name, result in results.items():
        times = [
            f"{result.event(of, quantile):,.0f}"
            for of in ("first_byte_us", "delay_us", "gap_us")
            for quantile in ("p50", "p99")
        ]
        cpu = result.cpu_us * result.requests / max(result.events, 1)
        rows.append([name, f"{result.events:,}", f"{cpu:.1f}", *times])
    return rows


def spread(of: Ratio | None) -> str:
    return "-" if of is None else f"{of.median:.2f} ({of.low:.2f}-{of.high:.2f})"


def plain(rows: list[list[str]]) -> str:
    """Columns under each other, figures to the right, words to the left."""
    columns = list(zip(*rows, strict=True))
    widths = [max(map(len, column)) for column in columns]
    words = [any(cell[:1] not in FIGURES for cell in column[1:]) for column in columns]
    lines = []
    for row in rows:
        cells = zip(row, widths, words, strict=True)
        lines.append(
            "  ".join(cell.ljust(width) if word else cell.rjust(width) for cell, width, word in cells).rstrip()
        )
    return "\n".join(lines)


def markdown(rows: list[list[str]]) -> str:
    heads, *body = rows
    rule = ["---", *["---:"] * (len(heads) - 1)]
    return "\n".join("| " + " | ".join(row) + " |" for row in [heads, rule, *body])
