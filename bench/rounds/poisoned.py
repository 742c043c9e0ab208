"""Part ``poisoned``: from round two on a tenth of the traffic pushes one brand."""

from __future__ import annotations

from typing import Any

from bench.rounds.loop import ROUNDS, Variation, measured_rounds
from bench.rounds.plain import PLAIN
from bench.rounds.tables import over_seeds, values_of, with_seed

POISONED = Variation("poisoned", changes={"experiment": {"bots": 0.1}})
LIMIT = 2.0
"""Points that the brand may gain."""


def measure(seed: int) -> dict[str, Any]:
    """Run one seed with and without bots, and add both loops to the kept ones."""
    loops = {}
    for variation in (PLAIN, POISONED):
        loops[variation.name] = measured_rounds(variation, seed)
    return with_seed("poisoned", seed, loops)


def gained(seeds: Any, number: int, ranker: str) -> list[float]:
    """Points of looks that the brand gained by the bots, by seed."""
    with_bots = values_of(seeds, POISONED.name, number, ranker, "page share")
    without = values_of(seeds, PLAIN.name, number, ranker, "page share")
    return [mine - theirs for mine, theirs in zip(with_bots, without, strict=True)]


def render(result: dict[str, Any]) -> str:
    """The brand's gain, round by round, of the student and of what serves."""
    seeds = result["seeds"]
    brands = {loops[POISONED.name][0]["brand"] for loops in seeds.values()}
    lines = [
        "### Poisoned traffic",
        "",
        f"{len(seeds)} seed(s); simulated as above. From round two on 10 % of the traffic's "
        "visits are by accounts that browse like shoppers and buy every item of one brand that "
        f"they are shown ({', '.join(sorted(brands))}). Share of shoppers' looks that the brand's "
        "items get in test lists that hold one, in points, against the same loop without bots.",
        "",
        "| round | gain, student | gain, what serves then |",
        "|---|---|---|",
    ]
    for number in range(1, ROUNDS + 1):
        student = over_seeds(gained(seeds, number, "student"), "+.2f")
        serves = over_seeds(gained(seeds, number, "serves"), "+.2f")
        lines.append(f"| {number} | {student} | {serves} |")
    worst = max(
        *gained(seeds, ROUNDS, "student"),
        *gained(seeds, ROUNDS, "serves"),
    )
    verdict = "holds" if worst <= LIMIT else "does NOT hold"
    lines += ["", f"Limit of {LIMIT:g} points after round {ROUNDS}: {verdict}."]
    return "\n".join(lines)
