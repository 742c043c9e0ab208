"""Read the live experiment from what the routers shipped; analyse, decide and, if asked, act."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from adore.artifacts import write_table
from adore.errors import MissingError, check
from adore.experiment.analyse import CHALLENGER, Design, analyse
from adore.experiment.decision import decide
from adore.release.kubernetes import KubernetesTarget, Release
from adore.serving.exposure import read_shipped

__all__ = ["judge_live", "review"]


def judge_live(live: Release, *, alpha: float = 0.05, min_users: int = 100) -> dict[str, Any]:
    """The live experiment's result and decision.

    Args:
        live: a release of two variants; its config says where exposures and events were shipped.

    Returns:
        what :func:`analyse` returns, with ``decision`` and ``torn`` (lines that could not be read).
    """
    plan, place = live.plan, live.config.exposures
    check(bool(place), "kubernetes.exposures", place, must="a place", fix="set it, and release again")
    tables, torn = {}, 0
    for log in ("exposures", "events"):
        try:
            rows, broken = read_shipped(place, log)
        except MissingError:  # nobody came yet
            rows, broken = [], 0
        tables[log], torn = rows, torn + broken
    shown = [
        {k: v for k, v in e.items() if k != "salt"} for e in tables["exposures"] if e["experiment"] == plan["name"]
    ]
    design = Design(plan["name"], plan["salt"], plan["weights"], alpha=alpha, min_users=min_users)
    with tempfile.TemporaryDirectory(prefix="adore-online-") as home:
        frames = [
            write_table(rows, Path(home), name) for name, rows in (("exposures", shown), ("events", tables["events"]))
        ]
    result = analyse(design, *frames)
    return {**result, "torn": torn, "decision": decide(result)}


def review(target: KubernetesTarget, *, act: bool) -> dict[str, Any]:
    """Judge the live experiment and, with ``act``, promote or roll back, once: not if it was acted on before.

    Returns:
        as :func:`judge_live`, with ``acted``, what was done before, and ``live``, the release that serves after.
    """
    live = target.live()
    if CHALLENGER not in live.plan["variants"]:
        nothing = {"action": "hold", "reason": f"release {live.number} is no experiment: one variant serves everybody"}
        return {"decision": nothing, "live": live.number}
    result = judge_live(live)
    action, number = result["decision"]["action"], live.number
    if act and action != "hold" and not live.acted:
        number = target.promote(CHALLENGER if action == "promote" else "control", of=live, why="by the review")
    return {**result, "acted": live.acted, "live": number}
