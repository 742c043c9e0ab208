"""What is served. Usage: python -m bench.bench_serving [PART ...]; see :mod:`bench.sections`."""

from __future__ import annotations

import sys

from bench.sections import Section

PARTS = ("images",)

if __name__ == "__main__":
    Section("serving", "Serving", PARTS).main(sys.argv[1:])
