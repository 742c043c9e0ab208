"""What the parts of ``rounds`` share: kept seeds, figures over seeds, tables and the plot."""

from __future__ import annotations

import json
import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from bench.headline import RESULTS
from bench.rounds.loop import Document
from markupsafe import Markup
from scipy.stats import t as student_t

from adore.report.plots import Interval, forest
from adore.storage import write_bytes

__all__ = [
    "SIMULATED",
    "by_round",
    "over_seeds",
    "values_of",
    "with_seed",
    "write_plot",
]

SIMULATED = (
    "**Simulated shoppers, judgements and truth** on a small demo shop "
    "(`bench/rounds/profile.yaml`); no label by people after round one. Measures are by the "
    "known truth on test queries; a test query stays one in every round. Purchases are those that "
    "a visit brings on average by the shoppers' own model: they read true grades and positions "
    "alone, so prices, tastes and novelty play no part. Intervals are 95 % (Student's t) over "
    "seeds."
)
STYLE = (
    "<style>text{font:13px sans-serif}.dim{fill:#657085}.small{font-size:11px}"
    ".grid{stroke:#e5e2da}.span{stroke:#3553c9;stroke-width:3}circle{fill:#3553c9}</style>"
)
Seeds = Mapping[str, Any]
"""Result by seed."""


def with_seed(part: str, seed: int, result: Document) -> dict[str, Any]:
    """Add a seed's result to the kept ones of a part.

    Args:
        part: its name.
        seed: the seed that was measured.
        result: of the seed.

    Returns:
        ``seeds``: result by seed.
    """
    path = RESULTS / f"rounds-{part}.json"
    seeds = {}
    if path.is_file():
        seeds = json.loads(path.read_text("utf-8"))["result"]["seeds"]
    seeds[str(seed)] = result
    return {"seeds": dict(sorted(seeds.items(), key=lambda pair: int(pair[0])))}


def interval_of(values: Sequence[float]) -> tuple[float, float, float]:
    """Mean over seeds, with its 95 % interval; of one seed the interval has no width."""
    middle = statistics.fmean(values)
    if len(values) < 2:
        return middle, middle, middle
    error = statistics.stdev(values) / math.sqrt(len(values))
    half = float(student_t.ppf(0.975, len(values) - 1)) * error
    return middle, middle - half, middle + half


def over_seeds(values: Sequence[float], form: str = ".3f") -> str:
    """Write a figure over seeds.

    Args:
        values: one a seed; empty: nothing is known.
        form: of the numbers.

    Returns:
        The mean, with its interval where there are several seeds.
    """
    if not values:
        return ""
    middle, low, high = interval_of(values)
    if len(values) < 2:
        return f"{middle:{form}}"
    return f"{middle:{form}} [{low:{form}}, {high:{form}}]"


def values_of(
    seeds: Seeds, variation: str, number: int, ranker: str, measure: str
) -> list[float]:
    """Pick one measure of one ranker of one round, over seeds.

    Args:
        seeds: measured rounds by variation, by seed.
        variation: its name.
        number: of the round, from 1.
        ranker: ``served``, ``student``, ``serves`` or ``first student``.
        measure: its name.

    Returns:
        One value for each seed that has it.
    """
    values = []
    for variations in seeds.values():
        rounds = variations.get(variation, [])
        if len(rounds) >= number and measure in rounds[number - 1]["rankers"][ranker]:
            values.append(rounds[number - 1]["rankers"][ranker][measure])
    return values


def by_round(
    seeds: Seeds, variation: str, ranker: str, measures: Iterable[str], rounds: int
) -> list[str]:
    """Make a table's rows: each round with its measures.

    Args:
        seeds: measured rounds by variation, by seed.
        variation: its name.
        ranker: whose measures.
        measures: their names.
        rounds: number of rounds.

    Returns:
        Lines of Markdown, without a head.
    """
    lines = []
    for number in range(1, rounds + 1):
        cells = [str(number)]
        for measure in measures:
            values = values_of(seeds, variation, number, ranker, measure)
            cells.append(over_seeds(values) or "-")
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def write_plot(
    name: str, title: str, rows: Iterable[tuple[str, Sequence[float]]]
) -> str:
    """Write a plot beside the page.

    Args:
        name: of the file, without its ending.
        title: what it shows.
        rows: label and values over seeds, from top to bottom.

    Returns:
        The Markdown that shows it.
    """
    intervals = []
    for label, values in rows:
        if values:
            intervals.append(Interval(label, *interval_of(values)))
    plot = str(forest(intervals, title))
    head = '<svg xmlns="http://www.w3.org/2000/svg" '
    standalone = plot.replace("<svg ", head, 1).replace("<title>", f"{STYLE}<title>", 1)
    write_bytes(standalone.encode(), RESULTS / f"{name}.svg")
    return f"![{Markup.escape(title)}]({name}.svg)"
