"""Stage ``experiment``: simulated shoppers use real servers and a real router over HTTP.

The stage analyses the logs and decides.
"""

from __future__ import annotations

import json
from pathlib import Path

from adore.experiment.analysis import analyse
from adore.experiment.decision import Action, decide
from adore.experiment.design import design_of
from adore.experiment.metrics import PRIMARY
from adore.release.segments import segments
from adore.release.simulated_traffic import Config, serve_visits
from adore.storage import write_json

__all__ = ["Config", "run"]


def run(
    config: Config, prepared: Path, evidence: Path, release: Path, output: Path
) -> dict[str, float]:
    """Write ``exposures``, ``events``, ``result.json`` and ``decision.json``.

    The tables are those of :func:`adore.release.simulated_traffic.serve_visits`.

    Args:
        config: number and behaviour of the simulated shoppers.
        prepared: output of ``prepare``, with queries and true grades.
        evidence: output of ``evidence``: what the queries ask for, by which the effect is
            told by segment.
        release: output of the release stage, with variants and plan.
        output: the stage's folder.

    Returns:
        The stage's figures: number of requests and of degraded ones, the effect on
        purchases (0 if it was not measured), and 1 if the challenger is promoted, else 0.
    """
    release_plan = json.loads((release / "experiment.json").read_text("utf-8"))
    traffic = serve_visits(config, prepared, release, output)

    # All visits are over, so the test is a single analysis, not a sequential one.
    design = design_of(release_plan)
    exposures, events = traffic.measured()
    result = analyse(design, exposures, events, lost=traffic.torn_exposures)
    decision = decide(result)
    labels = {"simulated": True, "experiment": release_plan["name"]}
    by_segment = []
    # An experiment that says nothing as a whole says nothing of its parts.
    if not result.refusal:
        by_segment = segments(
            design, prepared, evidence, traffic.exposures, traffic.events
        )
    observations = {
        **traffic.to_json(),
        "segments": by_segment,
        "variants": release_plan["variants"],
    }
    write_json({**result.to_json(), **observations}, output / "result.json")
    write_json({**decision.to_json(), **labels}, output / "decision.json")

    purchases = result.metrics.get(PRIMARY)
    purchase_effect = 0.0
    if purchases is not None:
        purchase_effect = purchases.effect
    promoted = float(decision.action is Action.PROMOTE)
    return {
        "requests": float(traffic.exposures.height),
        "degraded": float(traffic.degraded()),
        "purchases_effect": purchase_effect,
        "promoted": promoted,
    }
