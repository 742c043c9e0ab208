"""Part ``drift``: a shop of which 20 % is replaced each round, and who keeps up."""

from __future__ import annotations

from typing import Any

from bench.rounds.loop import ROUNDS, Variation, measured_rounds
from bench.rounds.tables import over_seeds, values_of, with_seed

DRIFT = Variation("drift", drifts=True)
MEASURES = ("nDCG@10", "macro-F1", "purchases")


def measure(seed: int) -> dict[str, Any]:
    """Run one seed's loop, and add it to the kept ones."""
    return with_seed("drift", seed, {DRIFT.name: measured_rounds(DRIFT, seed)})


def recovered(seeds: Any, number: int, measure_name: str, ranker: str) -> list[float]:
    """Share of the first student's loss by drift that a ranker does not have, by seed."""
    start = values_of(seeds, DRIFT.name, 1, "first student", measure_name)
    frozen = values_of(seeds, DRIFT.name, number, "first student", measure_name)
    kept_up = values_of(seeds, DRIFT.name, number, ranker, measure_name)
    shares = []
    for before, without, with_loop in zip(start, frozen, kept_up, strict=True):
        loss = before - without
        # Where drift took nothing away, there is nothing to win back.
        if loss > 0:
            shares.append((with_loop - without) / loss)
    return shares


def render(result: dict[str, Any]) -> str:
    """The frozen student against the loop's, round by round."""
    seeds = result["seeds"]
    lines = [
        "### A drifting shop",
        "",
        f"{len(seeds)} seed(s); simulated as above. From round two on 20 % of the items are "
        "replaced each round, by new brands and words, and shoppers ask for them; judgements by "
        "people stay those of round one. *Frozen*: round one's student. *Recovered*: share of "
        "what drift took from it that the round's new student does not lose.",
        "",
        "| round | measure | frozen | what served | the round's student | recovered |",
        "|---|---|---|---|---|---|",
    ]
    for number in range(2, ROUNDS + 1):
        for measure_name in MEASURES:
            cells = [str(number), measure_name]
            for ranker in ("first student", "served", "student"):
                values = values_of(seeds, DRIFT.name, number, ranker, measure_name)
                cells.append(over_seeds(values) or "-")
            shares = recovered(seeds, number, measure_name, "student")
            cells.append(over_seeds(shares, ".0%") or "no loss")
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)
