"""Runs a room's benchmark parts; keeps their figures and their page in bench/results/.

The headline page, docs/benchmarks.md, is then written anew from all figures.

A part is a module ``bench.<room>.<part>`` with ``measure(seed) -> dict`` (plain JSON)
and ``render(result) -> str``.
"""

from __future__ import annotations

import importlib
import json
import time
from dataclasses import dataclass
from pathlib import Path

from bench import headline
from bench.headline import RESULTS

from adore.progress import log_line
from adore.storage import write_json


@dataclass(frozen=True)
class Section:
    """One room's benchmarks.

    Args:
        room: folder under bench/.
        title: heading of its page.
        parts: its modules, in the page's order.
    """

    room: str
    title: str
    parts: tuple[str, ...]

    def result_of(self, part: str) -> Path:
        """Where a part's figures are."""
        return RESULTS / f"{self.room}-{part}.json"

    def measure(self, part: str, seed: int) -> None:
        """Measure one part and keep its figures."""
        log_line(f"bench {part}")
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
            f"# {self.title}",
            f"{how}; JSON in `bench/results/{self.room}-*.json`.",
        ]
        for part in self.parts:
            if not self.result_of(part).is_file():
                continue
            figures = json.loads(self.result_of(part).read_text("utf-8"))
            module = importlib.import_module(f"bench.{self.room}.{part}")
            text = module.render(figures["result"]).replace("### ", "## ")
            made = f"({part}: seed {figures['seed']}, {figures['seconds']:.0f} s)"
            out += [text.strip(), made]
        return "\n\n".join(out) + "\n"

    def main(self, parts: list[str], seed: int = 0) -> None:
        """Measure the named parts (default: every part), print and write the page."""
        for part in parts or self.parts:
            if part != "page":  # that only writes the page anew
                self.measure(part, seed)
        text = self.render()
        (RESULTS / f"{self.room}.md").write_text(text, "utf-8")
        print(text)
        headline.write()
