"""The harness's arithmetic and its reading of other programs' reports."""

from __future__ import annotations

import unittest

from harness import counting, crosscheck, table
from harness.hostile import FAILING, HEALTHY, OFF, Harm
from harness.load import Slice
from harness.rounds import Result, Sample, difference, ratio
from harness.targets import Figures, judge


def result(name: str, cpu_us: list[float], p99: float = 100.0, errors: int = 0) -> Result:
    """A proxy whose slices of 1,000 requests cost so much each."""
    seen = Slice(1000, errors, 0, 1000.0, 50.0, p99, 200.0)
    return Result(name, [Sample(seen, cost / 1000, 2000, 2**20, 0.9, 0.5) for cost in cpu_us])


class Harness(unittest.TestCase):
    def test_a_ratio_is_the_median_of_the_rounds_ratios(self) -> None:
        results = {"a": result("a", [10, 30, 20, 80]), "b": result("b", [20, 20, 20, 20])}
        found = ratio(results, "a", "b", "cpu_us")
        assert found is not None
        self.assertEqual((found.median, found.low, found.high), (1.25, 1.0, 4.0))
        self.assertIsNone(ratio(results, "a", "missing", "cpu_us"))
        self.assertAlmostEqual(results["a"].cpu_us, 35.0)
        self.assertEqual(results["a"].sleeps, 2.0)

    def test_a_difference_comes_with_its_interval(self) -> None:
        results = {"a": result("a", [10, 12, 14, 12]), "b": result("b", [10, 10, 10, 10])}
        above, half = difference(results, "a", "b", "cpu_us")
        self.assertAlmostEqual(above, 2.0)
        self.assertAlmostEqual(half, 1.96 * (8 / 3) ** 0.5 / 2)

    def test_other_programs_reports_are_understood(self) -> None:
        heads = "% time     seconds  usecs/call     calls    errors syscall\n"
        reports = {heads + "100.00    0.05           3     16400        12 total\n": 16400}
        reports[heads + "100.00    0.05           3     16400           total\n"] = 16400
        for report, calls in reports.items():
            self.assertEqual(counting.total(report), calls, report)
        rates = {
            "Requests/sec:  12345.67\n": "12,346",
            "finished in 2.00s, 7100.50 req/s, 1MB/s": "7,100",
            "": "no figure",
        }
        for report, rate in rates.items():
            self.assertEqual(crosscheck.rate(report), rate, report)

    def test_targets_are_met_or_not(self) -> None:
        proxies = {"crossfade": [16.0, 16.0], "nginx": [20.0, 20.0], "haproxy": [16.0, 16.0]}
        compared = {"pass": {name: result(name, cost) for name, cost in proxies.items()}}
        harms = [
            Harm("crossfade", "hangs", {what: result(what, [20, 20], p99, errors) for what, p99 in times.items()})
            for times, errors in (
                ({OFF: 100, HEALTHY: 100, FAILING: 900}, 0),
                ({OFF: 100, HEALTHY: 100, FAILING: 100}, 1),
            )
        ]
        judged = judge(Figures(compared=compared, harms=harms))
        self.assertEqual([(each.measured[:4], each.met) for each in judged[:2]], [("0.80", True), ("1.00", False)])
        self.assertEqual([each.met for each in judged[2:]], [True, False])

    def test_figures_stand_to_the_right_and_words_to_the_left(self) -> None:
        rows = [["proxy", "us", "why"], ["a", "1.5", "fast"], ["bc", "10.5", "slow"]]
        self.assertEqual(table.plain(rows).splitlines(), ["proxy    us  why", "a       1.5  fast", "bc     10.5  slow"])
        self.assertEqual(table.markdown(rows).splitlines()[1], "| --- | ---: | ---: |")


if __name__ == "__main__":
    unittest.main()
