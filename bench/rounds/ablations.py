"""Part ``ablations``: the loop without feedback, without error weights, without exploration."""

from __future__ import annotations

from typing import Any

from bench.rounds.loop import ROUNDS, Variation, measured_rounds
from bench.rounds.plain import MEASURES, PLAIN
from bench.rounds.tables import over_seeds, values_of, with_seed

VARIATIONS = (
    PLAIN,
    Variation("without feedback", reads_logs=False),
    Variation("without error weights", changes={"synthesise": {"strategy": "uniform"}}),
    Variation(
        "without exploration",
        changes={"release": {"explore": 0.0}},
        first_changes={"release": {"explore": 0.0}},
    ),
)


def measure(seed: int) -> dict[str, Any]:
    """Run one seed's loops, and add them to the kept ones."""
    loops = {}
    for variation in VARIATIONS:
        loops[variation.name] = measured_rounds(variation, seed)
    return with_seed("ablations", seed, loops)


def render(result: dict[str, Any]) -> str:
    """The student of the last round, loop by loop."""
    seeds = result["seeds"]
    lines = [
        f"### What each part is worth: the student of round {ROUNDS}",
        "",
        f"{len(seeds)} seed(s); simulated as above. *Without feedback*: later rounds read no "
        "log, only the shop's own of before round one. *Without error weights*: synthesis gives "
        "every error type the same share. *Without exploration*: no list is shuffled.",
        "",
        "| loop | nDCG@10 | macro-F1 | FNR | FPR | purchases a visit |",
        "|---|---|---|---|---|---|",
    ]
    for variation in VARIATIONS:
        cells = [variation.name]
        for measure_name in MEASURES:
            values = values_of(seeds, variation.name, ROUNDS, "student", measure_name)
            cells.append(over_seeds(values))
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)
