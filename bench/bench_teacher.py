"""The teacher's benchmarks.
Usage: python -m bench.bench_teacher [PART ...]; see :mod:`bench.sections`.
"""

from __future__ import annotations

import sys

from bench.sections import Section

PARTS = ("agreement", "signs", "poisoning", "evidence", "speed", "endpoint", "vllm")

if __name__ == "__main__":
    Section("teacher", "The teacher", PARTS).main(sys.argv[1:])
