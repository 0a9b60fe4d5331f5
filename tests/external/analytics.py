"""Makes the tables of deploy/analytics, and holds the answers of its queries against a report's.

Usage: analytics.py tables HOUSE_PORT_FILE
       analytics.py figures HOUSE_PORT_FILE LAKE REPORT RECORDS
"""

import decimal
import glob
import importlib.util
import json
import pathlib
import re
import sys
import urllib.parse
import urllib.request

import duckdb

ANALYTICS = pathlib.Path(__file__).parents[2] / "deploy/analytics"
UNTIMED = ("cancelled", "connect_error", "overloaded", "breaker_open")


def statements(path):
    """The statements of a file with what each is called, in their order; of tables the name is empty."""
    for text in re.split(r";\s*$", path.read_text(), flags=re.M):
        named = re.search(r"^-- (\w+): ", text, re.M)
        if re.sub(r"--.*", "", text).strip():
            yield named.group(1) if named else "", text


def house(port_file):
    url = f"http://127.0.0.1:{pathlib.Path(port_file).read_text()}/"

    def run(query):
        request = urllib.request.Request(url, query.encode(), method="POST")
        try:
            answer = urllib.request.urlopen(request).read()
        except urllib.error.HTTPError as error:
            sys.exit(f"FAILED: ClickHouse: {error.read().decode()}\n{query}")
        if not answer.strip():
            return []
        answer = json.loads(answer, parse_float=decimal.Decimal)
        names = [column["name"] for column in answer["meta"]]
        return [dict(zip(names, row)) for row in answer["data"]]

    return run


def duck(lake):
    connection = duckdb.connect()
    connection.execute("SET VARIABLE lake = ?", [lake])

    def run(query):
        found = connection.execute(query)
        names = [column[0] for column in found.description or []]
        return [dict(zip(names, row)) for row in found.fetchall()]

    return run


def spark(lake):
    from pyspark.sql import SparkSession

    settings = {
        "spark.driver.bindAddress": "127.0.0.1", "spark.driver.host": "127.0.0.1", "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false", "spark.sql.shuffle.partitions": "1", "spark.sql.session.timeZone": "UTC",
    }
    builder = SparkSession.builder.master("local[1]")
    for name, value in settings.items():
        builder = builder.config(name, value)
    session = builder.getOrCreate()
    session.sparkContext.setLogLevel("ERROR")
    return lambda query: [row.asDict() for row in session.sql(query.replace("${lake}", lake)).collect()]


class Expected:
    """What a report says, in the shape of the queries' answers."""

    def __init__(self, report, records):
        self.summaries = [experiment["summary"] for experiment in json.load(open(report, encoding="utf-8"))["experiments"]]
        lines = [json.loads(line) for file in glob.glob(f"{records}/*.jsonl") for line in open(file, encoding="utf-8")]
        self.pairs = [line for line in lines if line["kind"] == "pair"]
        self.counted = [p for p in self.pairs if p["enrolled"] and not p.get("forced") and not p.get("retry")]

    def requests(self):
        return {(s["experiment"],): (s["requests"], *s["left_out"].values()) for s in self.summaries}

    def arms(self):
        return {
            (s["experiment"], arm["arm"]): (arm["assigned"], arm["enrolled"])
            for s in self.summaries for arm in s["arms"] if arm["assigned"]
        }

    def calls(self):
        return {
            (s["experiment"], arm["arm"], call["role"]): (
                call["requests"], call["errors"], call["cancelled"], call["tokens"]["input_tokens"],
                call["tokens"]["output_tokens"], sum(decimal.Decimal(cost) for cost in call["cost"].values()),
            )
            for s in self.summaries for arm in s["arms"] for call in arm["calls"]
        }

    def quantiles(self):
        return {
            (s["experiment"], arm["arm"], call["role"]): call["total_ms"]
            for s in self.summaries for arm in s["arms"] for call in arm["calls"]
        }

    def agreement(self):
        return {
            (s["experiment"], a["arm"], a["role"], a["field"]): (a["agree"], a["differ"], a["missing"])
            for s in self.summaries for a in s["agreement"]
        }

    def accuracy(self):
        return {
            (s["experiment"], metric["metric"], call["arm"], call["role"]):
                (round(call["value"], 9), call["examples"], call["failed"])
            for s in self.summaries for metric in s["metrics"] if metric["kind"] == "accuracy"
            for call in metric["calls"] if call["examples"]
        }

    def outcomes(self):
        return {
            (s["experiment"], o["outcome"], o["arm"]): (o["reports"], o["late"], o["sum"])
            for s in self.summaries for o in s["outcomes"]
        }

    def copies(self):
        """The report tells how many were sent; what became of them is counted in the log."""
        found = {}

        def count(pair, leg, step):
            key = (pair["experiment"], leg["arm"], leg["role"], step)
            if leg["role"] in ("shadow", "control", "pair"):
                found[key] = (found.get(key, (0,))[0] + 1,)

        for pair in self.counted:
            compared = {(c["arm"], c["role"]) for c in pair.get("comparison", [])}
            for leg in pair["observations"]:
                count(pair, leg, "sent")
                if leg["fate"] == "complete":
                    count(pair, leg, "complete")
                if (leg["arm"], leg["role"]) in compared:
                    count(pair, leg, "compared")
            for copy in pair.get("dropped", []):
                count(pair, copy, f"dropped: {copy['reason']}")
        for (experiment, arm, role), call in self.calls().items():
            if role in ("shadow", "control", "pair"):
                assert found[experiment, arm, role, "sent"] == (call[0],)
        return found

    def gaps(self):
        return {(s["experiment"], gap["of"], gap["reason"]): (gap["lost"],) for s in self.summaries for gap in s["lost"]}

    def samples(self, key):
        """The times of an arm's calls, in milliseconds, in their order."""
        legs = ((p["experiment"], leg) for p in self.counted for leg in p["observations"])
        return sorted(
            leg["total_ms"] for experiment, leg in legs
            if (experiment, leg["arm"], leg["role"]) == key and leg["fate"] not in UNTIMED
        )


def near_rank(samples, share, value, tolerance):
    """Whether a value is where a quantile may be: at its rank or beside it, within a tolerance."""
    rank = share * len(samples)
    low, high = samples[max(0, int(rank) - 1)], samples[min(len(samples) - 1, int(rank) + 1)]
    return low * (1 - tolerance) <= float(value) <= high * (1 + tolerance)


def check_quantiles(who, expected, rows):
    for row in rows:
        key = (row["experiment"], row["arm"], row["role"])
        samples = expected.samples(key)
        for name, share in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99)):
            if samples:
                told = expected.quantiles()[key][name]
                assert near_rank(samples, share, row[f"{name}_ms"], 1e-9), (who, key, name, row)
                assert near_rank(samples, share, told, 0.01), (key, name, told)


def keyed(figure, rows, keys):
    found = {}
    for row in rows:
        values = list(row.items())
        key = tuple(value for _, value in values[:keys])
        rest = [value for name, value in values[keys:] if name not in ("p50_ms", "p95_ms", "p99_ms", "currency")]
        if figure == "calls":
            rest[-1] = round(decimal.Decimal(rest[-1] or 0), 12)
        if figure == "accuracy":
            rest[0] = round(float(rest[0]), 9)
        found[key] = tuple(rest)
    return found


def check_live(rows, expected):
    """The figures by minute add up to those of all time."""
    summed = {}
    for row in rows:
        key = (row["experiment"], row["arm"], row["role"])
        before = summed.get(key, (0, 0))
        summed[key] = (before[0] + row["requests"], before[1] + row["errors"])
    assert summed == {key: call[:2] for key, call in expected.calls().items()}, summed


def figures(port_file, lake, report, records):
    expected = Expected(report, records)
    engines = {
        "DuckDB": (duck(lake), [ANALYTICS / "duckdb.sql"]),
        "ClickHouse": (house(port_file), [ANALYTICS / "clickhouse/figures.sql"]),
    }
    if importlib.util.find_spec("pyspark"):
        engines["Spark"] = (spark(lake), [ANALYTICS / "spark.sql"])
    for who, (run, files) in engines.items():
        told = []
        for name, query in (statement for file in files for statement in statements(file)):
            rows = run(query)
            if name in ("records", "pairs"):
                continue
            if name == "live":
                check_live(rows, expected)
            else:
                wanted = getattr(expected, name)()
                assert wanted, f"the records have no {name}, so nothing is checked"
                found = keyed(name, rows, len(next(iter(wanted))))
                assert found == wanted, f"{who}, {name}:\n{found}\n, but the report says\n{wanted}"
            if name == "calls":
                check_quantiles(who, expected, rows)
            told.append(name)
        print(f"{who}: {', '.join(told)} are what `crossfade report` says")


if sys.argv[1] == "tables":
    run = house(sys.argv[2])
    for _, statement in statements(ANALYTICS / "clickhouse/tables.sql"):
        run(statement)
else:
    figures(*sys.argv[2:])
