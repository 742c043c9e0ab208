"""Stage ``production``: where the gate refused, the champion serves simulated shoppers alone.

A real shop goes on while a student is refused, and what its router logs teaches the next round.
"""

from __future__ import annotations

import json
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

from adore.artifacts import write_table
from adore.data.rows import Row
from adore.experiment.analysis import mean_per_user
from adore.experiment.design import CONTROL, design_of
from adore.experiment.metrics import PRIMARY
from adore.release.release import shop_actions
from adore.release.simulated_traffic import Config, serve_visits
from adore.storage import write_json
from adore.student.export import CARD
from adore.student.known import info_of

__all__ = ["Config", "run"]


def run(
    config: Config, prepared: Path, output: Path, champion: Path | None = None
) -> dict[str, float]:
    """Write ``exposures``, ``events`` and ``result.json``, with purchases per user.

    The visits are those that the experiment would have had, and so are the tables: see
    :func:`adore.release.simulated_traffic.serve_visits`.

    Args:
        config: number and behaviour of the simulated shoppers.
        prepared: output of ``prepare``, with queries and true grades.
        output: the stage's folder.
        champion: the ranker that ``config.champion`` names; None: nothing serves, and the
            tables are empty.

    Returns:
        Number of requests, and purchases per user of what serves.

    Raises:
        UnavailableError: the champion or the router does not answer.
    """
    result: Row = {"simulated": True, "users": 0}
    if champion is None:
        nothing: list[Row] = []
        write_table(nothing, output, "exposures")
        write_table(nothing, output, "events")
    else:
        result |= _serve(config, prepared, champion, output)
    write_json(result, output / "result.json")
    purchases = result.get("metrics", {}).get(PRIMARY, {})
    return {
        "requests": float(result.get("requests", 0)),
        "purchases": float(purchases.get("value", 0)),
    }


def _serve(config: Config, prepared: Path, champion: Path, output: Path) -> Row:
    """Serve the champion; returns the fields of ``result.json``."""
    plan = _plan(config, prepared, champion)
    with tempfile.TemporaryDirectory(prefix="adore-production-") as release_folder:
        release = Path(release_folder)
        write_json(plan, release / "experiment.json")
        traffic = serve_visits(config, prepared, release, output)
    exposures, events = traffic.measured()
    purchases = mean_per_user(design_of(plan), exposures, events, seed=config.seed)
    return {
        **traffic.to_json(),
        "users": exposures["client_id"].n_unique(),
        "requests": traffic.exposures.height,
        "variants": plan["variants"],
        "metrics": {PRIMARY: asdict(purchases)},
    }


def _plan(config: Config, prepared: Path, champion: Path) -> dict[str, Any]:
    """A router's config with the champion as its only variant."""
    card = json.loads((champion / CARD).read_text("utf-8"))
    variant = {
        "folder": str(champion.absolute()),
        "kind": card["kind"],
        "version": card["version"],
    }
    return {
        "name": f"{card['kind']}-alone",
        "salt": f"adore|{config.seed}|{card['version']}",
        "weights": {CONTROL: 1.0},
        "variants": {CONTROL: variant},
        "catalogue": str((prepared / "items.parquet").absolute()),
        "explore": config.explore,
        "actions": shop_actions(prepared),
        "dataset": info_of(prepared).model_dump(exclude_defaults=True),
    }
