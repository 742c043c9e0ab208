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


def gains(seeds: Any, number: int, measure_name: str) -> list[float]:
    """What the round's student is ahead of the frozen one, by seed."""
    frozen = values_of(seeds, DRIFT.name, number, "first student", measure_name)
    student = values_of(seeds, DRIFT.name, number, "student", measure_name)
    return [now - then for then, now in zip(frozen, student, strict=True)]


def recovered(seeds: Any, number: int, measure_name: str) -> list[float]:
    """Share of the first student's loss since round one that the round's has not, by seed."""
    start = values_of(seeds, DRIFT.name, 1, "first student", measure_name)
    frozen = values_of(seeds, DRIFT.name, number, "first student", measure_name)
    ahead = gains(seeds, number, measure_name)
    shares = []
    for before, now, gain in zip(start, frozen, ahead, strict=True):
        # Where drift took nothing away, there is nothing to win back.
        if before > now:
            shares.append(gain / (before - now))
    return shares


def render(result: dict[str, Any]) -> str:
    """The frozen student against the loop's, round by round."""
    seeds = result["seeds"]
    lines = [
        "### A drifting shop",
        "",
        f"{len(seeds)} seed(s); simulated as above. From round two on 20 % of the items are "
        "replaced each round, by new brands and words, and shoppers ask for them; judgements by "
        "people stay those of round one. *Frozen*: round one's student. *Recovered*: the "
        "round's student's lead, as a share of what the frozen one has lost since round one. "
        "Purchases fall for everybody, as fewer items fit exactly, so nothing is recovered there.",
        "",
        "| round | measure | frozen | what served | the round's student | lead | recovered |",
        "|---|---|---|---|---|---|---|",
    ]
    for number in range(2, ROUNDS + 1):
        for measure_name in MEASURES:
            cells = [str(number), measure_name]
            for ranker in ("first student", "served", "student"):
                values = values_of(seeds, DRIFT.name, number, ranker, measure_name)
                cells.append(over_seeds(values) or "-")
            cells.append(over_seeds(gains(seeds, number, measure_name), "+.3f"))
            shares = []
            if measure_name != "purchases":
                shares = recovered(seeds, number, measure_name)
            cells.append(over_seeds(shares, ".0%") or "-")
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)
