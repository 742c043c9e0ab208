"""The rooms' benchmark parts; each keeps its figures and its page in ``bench/results``.

A part is a module ``bench.<room>.<part>`` with ``measure(seed) -> dict`` (plain JSON)
and ``render(result) -> str``.
"""

from __future__ import annotations

import importlib
import json
import time
from dataclasses import dataclass
from pathlib import Path

from bench.headline import RESULTS

from adore.progress import log_line
from adore.storage import write_json

__all__ = ["ROOMS", "Room"]


@dataclass(frozen=True)
class Room:
    """One room's benchmarks.

    Args:
        name: folder under ``bench``.
        title: heading of its page.
        parts: its modules, in the page's order.
    """

    name: str
    title: str
    parts: tuple[str, ...]

    def result_of(self, part: str) -> Path:
        """Where a part's figures are."""
        return RESULTS / f"{self.name}-{part}.json"

    def measure(self, part: str, seed: int) -> None:
        """Measure one part and keep its figures."""
        log_line(f"bench {part}")
        begun = time.perf_counter()
        result = importlib.import_module(f"bench.{self.name}.{part}").measure(seed)
        seconds = round(time.perf_counter() - begun, 1)
        if result:
            write_json(
                {"seed": seed, "seconds": seconds, "result": result},
                self.result_of(part),
            )

    def render(self) -> str:
        """The Markdown of every part that has figures."""
        command = f"python -m bench {self.name} {self.parts[0]}"
        intro = f"`{command}`; JSON in `bench/results/{self.name}-*.json`."
        out = [f"# {self.title}", intro]
        for part in self.parts:
            if not self.result_of(part).is_file():
                continue
            figures = json.loads(self.result_of(part).read_text("utf-8"))
            module = importlib.import_module(f"bench.{self.name}.{part}")
            text = module.render(figures["result"]).replace("### ", "## ")
            made = f"({part}: seed {figures['seed']}, {figures['seconds']:.0f} s)"
            out += [text.strip(), made]
        return "\n\n".join(out) + "\n"

    def write_page(self) -> str:
        """Write ``bench/results/<room>.md`` from the kept figures, and return its text."""
        text = self.render()
        (RESULTS / f"{self.name}.md").write_text(text, "utf-8")
        return text


ROOMS = {
    room.name: room
    for room in (
        Room(
            "student",
            "Quality on queries that nobody judged",
            ("judged", "kto", "world", "latency"),
        ),
        Room(
            "teacher",
            "The teacher",
            (
                "kto",
                "agreement",
                "signs",
                "position",
                "poisoning",
                "evidence",
                "speed",
                "endpoint",
                "vllm",
            ),
        ),
        Room("serving", "Serving", ("images", "hung")),
        Room("experiment", "Experiments", ("peeking",)),
        Room(
            "rounds",
            "Round after round",
            ("plain", "ablations", "drift", "poisoned"),
        ),
    )
}
