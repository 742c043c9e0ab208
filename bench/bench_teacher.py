"""The teacher's benchmarks: runs the parts, writes bench/results/ and their section of docs/benchmarks.md.

Usage: python -m bench.bench_teacher [PART ...]   (agreement signs poisoning evidence speed endpoint vllm)
"""

from __future__ import annotations

import importlib
import json
import sys
import time
from pathlib import Path

from adore.artifacts import write_json
from adore.progress import say

ROOT = Path(__file__).parents[1]
PARTS = ("agreement", "signs", "poisoning", "evidence", "speed", "endpoint", "vllm")
BEGIN, END = "<!-- teacher: begin -->", "<!-- teacher: end -->"
HEAD = """## The teacher

`make bench-teacher [PARTS="agreement evidence"]`; JSON in `bench/results/teacher-*.json`."""


def result_of(part: str) -> Path:
    """Where a part's figures lie."""
    return ROOT / "bench" / "results" / f"teacher-{part}.json"


def run(part: str, seed: int) -> None:
    """Measure one part and keep its figures."""
    say(f"bench {part}")
    begun = time.perf_counter()
    result = importlib.import_module(f"bench.teacher.{part}").measure(seed)
    if result:
        write_json({"seed": seed, "seconds": round(time.perf_counter() - begun, 1), "result": result}, result_of(part))


def section() -> str:
    """The Markdown of every part that has figures."""
    out = [BEGIN, HEAD]
    for part in PARTS:
        if result_of(part).is_file():
            found = json.loads(result_of(part).read_text("utf-8"))
            out += [
                importlib.import_module(f"bench.teacher.{part}").render(found["result"]),
                f"({part}: seed {found['seed']}, {found['seconds']:.0f} s)",
            ]
    return "\n\n".join([*out, END])


def main(parts: list[str]) -> None:
    """Run what was asked, print and write the section."""
    for part in parts or PARTS:
        run(part, seed=0)
    page = ROOT / "docs" / "benchmarks.md"
    text = page.read_text("utf-8")
    kept = text.split(BEGIN)[0].rstrip() + "\n\n"
    page.write_text(f"{kept}{section()}\n", "utf-8")
    print(section())


if __name__ == "__main__":
    main(sys.argv[1:])
