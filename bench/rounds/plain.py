"""Part ``plain``: four rounds of the demo shop, without a new label."""

from __future__ import annotations

import statistics
from collections import Counter
from typing import Any

from bench.rounds.loop import ROUNDS, Variation, measured_rounds
from bench.rounds.tables import (
    SIMULATED,
    by_round,
    over_seeds,
    values_of,
    with_seed,
    write_plot,
)

PLAIN = Variation("plain")
MEASURES = ("nDCG@10", "macro-F1", "FNR", "FPR", "purchases")
HEAD = [
    "| round | nDCG@10 | macro-F1 | FNR | FPR | purchases a visit |",
    "|---|---|---|---|---|---|",
]


def measure(seed: int) -> dict[str, Any]:
    """Run one seed's loop, and add it to the kept ones."""
    return with_seed("plain", seed, {PLAIN.name: measured_rounds(PLAIN, seed)})


def gains(seeds: Any, ranker: str, measure_name: str, first: str) -> list[float]:
    """Round four's measure less that of a ranker in round one, seed by seed."""
    last_values = values_of(seeds, PLAIN.name, ROUNDS, ranker, measure_name)
    first_values = values_of(seeds, PLAIN.name, 1, first, measure_name)
    return [last - first for last, first in zip(last_values, first_values, strict=True)]


def endings(seeds: Any) -> list[str]:
    """How each round ended, in numbers of seeds."""
    lines = [
        "| round | teacher promoted | gate passed | decisions |",
        "|---|---|---|---|",
    ]
    for number in range(1, ROUNDS + 1):
        rounds = [loop[PLAIN.name][number - 1] for loop in seeds.values()]
        taught = sum(measured["teacher"]["promoted"] for measured in rounds)
        passed = sum(measured["status"] == "passed" for measured in rounds)
        actions = Counter(measured["action"] or "none" for measured in rounds)
        decisions = ", ".join(f"{name} {count}" for name, count in actions.items())
        counts = f"{taught} of {len(rounds)} | {passed} of {len(rounds)}"
        lines.append(f"| {number} | {counts} | {decisions} |")
    return lines


def render(result: dict[str, Any]) -> str:
    """What served, the students, how rounds ended, and the gain over round one."""
    seeds = result["seeds"]
    served = []
    for number in range(1, ROUNDS + 1):
        values = values_of(seeds, PLAIN.name, number, "served", "purchases")
        served.append((f"round {number}", values))
    since_start = gains(seeds, "serves", "purchases", "served")
    ranked = gains(seeds, "serves", "nDCG@10", "served")
    students = gains(seeds, "student", "nDCG@10", "student")
    loops = [loop[PLAIN.name] for loop in seeds.values()]
    seconds = [measured["seconds"] for loop in loops for measured in loop]
    return "\n".join(
        [
            "### Four rounds",
            "",
            SIMULATED,
            "",
            f"{len(seeds)} seed(s): {', '.join(seeds)}. A round's steps took "
            f"{statistics.median(seconds):.0f} s (median, two shared cores). A challenger "
            "serves only once its experiment promotes it: what serves follows late.",
            "",
            write_plot("rounds-plain", "Purchases a visit of what served", served),
            "",
            "What served in the round:",
            "",
            *HEAD,
            *by_round(seeds, PLAIN.name, "served", MEASURES, ROUNDS),
            "",
            "The student that the round made:",
            "",
            *HEAD,
            *by_round(seeds, PLAIN.name, "student", MEASURES, ROUNDS),
            "",
            *endings(seeds),
            "",
            "What serves after round four against what served in round one: purchases a visit "
            f"{over_seeds(since_start, '+.3f')}, nDCG@10 {over_seeds(ranked, '+.3f')}. "
            "Student of round four against that of round one: nDCG@10 "
            f"{over_seeds(students, '+.3f')}.",
        ]
    )
