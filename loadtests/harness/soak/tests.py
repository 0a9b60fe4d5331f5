"""The soak's rule of growth and its reading of the metrics."""

from __future__ import annotations

import unittest

from harness.soak.counters import Counters
from harness.soak.watch import grown

MIB = 2**20
METRICS = """\
# HELP crossfade_assigned_total Requests.
crossfade_assigned_total{arm="new",experiment="split",enrolled="true"} 3
crossfade_assigned_total{arm="old",experiment="split",enrolled="true"} 4
crossfade_records_written_total{experiment="split",kind="pair"} 6
crossfade_connections 0
"""


class Soak(unittest.TestCase):
    def test_only_what_grows_in_the_second_half_is_complained_of(self) -> None:
        cases = {
            "level": ([40 * MIB] * 60, 0),
            "filled by half time": ([(40 + min(minute, 25)) * MIB for minute in range(60)], 0),
            "one peak": ([(90 if sample == 50 else 40) * MIB for sample in range(60)], 0),
            "a leak": ([(40 + sample) * MIB for sample in range(60)], 1),
            "too short": ([40 * MIB] * 5, 1),
        }
        for name, (values, complaints) in cases.items():
            self.assertEqual(len(grown("memory", values, 8 * MIB)), complaints, name)

    def test_counters_that_disagree_are_complained_of(self) -> None:
        counters = Counters.parsed(METRICS)
        self.assertEqual(counters.sum("crossfade_assigned_total", experiment="split"), 7)
        self.assertEqual(counters.waiting(), "split: 7 requests, 6 pairs recorded, 0 lost")
        lost = METRICS + 'crossfade_records_lost_total{experiment="split",kind="pair",reason="queue"} 1\n'
        self.assertIsNone(Counters.parsed(lost).waiting())


if __name__ == "__main__":
    unittest.main()
