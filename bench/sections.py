"""Runs a room's benchmark parts,
keeps their figures in bench/results/ and writes their section of docs/benchmarks.md.

A part is a module ``bench.<room>.<part>`` with ``measure(seed) -> dict`` (plain JSON)
and ``render(result) -> str``.
"""

from __future__ import annotations

import importlib
import json
import time
from dataclasses import dataclass
from pathlib import Path

from adore.progress import say
from adore.storage import write_json

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "benchmarks.md"


@dataclass(frozen=True)
class Section:
    """One room's part of the page.

    Args:
        room: folder under bench/.
        title: heading of the section.
        parts: its modules, in the page's order.
    """

    room: str
    title: str
    parts: tuple[str, ...]

    def result_of(self, part: str) -> Path:
        """Where a part's figures lie."""
        return ROOT / "bench" / "results" / f"{self.room}-{part}.json"

    def measure(self, part: str, seed: int) -> None:
        """Measure one part and keep its figures."""
        say(f"bench {part}")
        begun = time.perf_counter()
        result = importlib.import_module(f"bench.{self.room}.{part}").measure(seed)
        seconds = round(time.perf_counter() - begun, 1)
        if result:
            write_json(
                {"seed": seed, "seconds": seconds, "result": result},
                self.result_of(part),
            )

    def render(self) -> str:
        """The Markdown of every part that has figures."""
        how = f'`make bench-{self.room} [PARTS="{" ".join(self.parts[:2])}"]`'
        out = [
            f"<!-- {self.room}: begin -->",
            f"## {self.title}",
            f"{how}; JSON in `bench/results/{self.room}-*.json`.",
        ]
        for part in self.parts:
            if self.result_of(part).is_file():
                found = json.loads(self.result_of(part).read_text("utf-8"))
                text = importlib.import_module(f"bench.{self.room}.{part}").render(
                    found["result"]
                )
                out += [
                    text,
                    f"({part}: seed {found['seed']}, {found['seconds']:.0f} s)",
                ]
        return "\n\n".join([*out, f"<!-- {self.room}: end -->"])

    def main(self, parts: list[str], seed: int = 0) -> None:
        """Measure what was asked (default: every part), print and write the section."""
        for part in parts or self.parts:
            if part != "page":  # that only writes the page anew
                self.measure(part, seed)
        text, section = PAGE.read_text("utf-8"), self.render()
        begin, end = f"<!-- {self.room}: begin -->", f"<!-- {self.room}: end -->"
        before, _, rest = text.partition(begin)
        after = rest.partition(end)[2]
        PAGE.write_text(
            f"{before.rstrip()}\n\n{section}\n\n{after.strip()}".rstrip() + "\n",
            "utf-8",
        )
        print(section)
