"""What a customer buys.
Usage: python -m bench.bench_quality [PART ...]; see :mod:`bench.sections`.
"""

from __future__ import annotations

import sys

from bench.sections import Section

PARTS = ("judged", "kto", "world", "latency")

if __name__ == "__main__":
    Section("quality", "Quality on queries that nobody judged", PARTS).main(
        sys.argv[1:]
    )
