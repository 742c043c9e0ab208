"""Read the live experiment from what the routers shipped; analyse, decide and, if asked, act."""

from __future__ import annotations

import tempfile
import time
from dataclasses import replace
from typing import Any

from adore.errors import check
from adore.experiment.analysis import analyse_tables
from adore.experiment.decision import decide
from adore.experiment.design import CHALLENGER, design_of
from adore.release.event_store import load
from adore.release.kubernetes.target import KubernetesTarget, Release

__all__ = ["analyse_live", "review"]


def analyse_live(live: Release, *, now: float | None = None) -> dict[str, Any]:
    """The live experiment's result and decision, as good at this look as at every other.

    Args:
        live: a release of two variants; its plan holds the design, its config the place
            of exposures and events.
        now: seconds since the epoch; the clock's if not given.

    Returns:
        The JSON of :func:`analyse_tables`'s result, with ``decision``; ``left_out`` has the
        number of rows of each log that do not count, ``left_out_reasons`` why.
    """
    import duckdb

    place = live.config.exposures
    seconds = time.time() if now is None else now
    until = int(1000 * seconds)
    check(
        bool(place),
        "kubernetes.exposures",
        place,
        must="a place",
        fix="set it, and release again",
    )
    with (
        tempfile.TemporaryDirectory(prefix="adore-review-") as home,
        duckdb.connect(f"{home}/live.duckdb") as db,
    ):
        unread = load(db, live, until)
        lost = sum(unread["exposures"].values())
        design = design_of(live.plan, sequential=True)
        result = analyse_tables(db, design, until=until, lost=lost)

    reasons = dict(result.left_out)
    reasons["events"] = {**unread["events"], **reasons["events"]}
    result = replace(result, left_out=reasons)
    counts = {log: sum(rows.values()) for log, rows in reasons.items()}
    return {
        **result.to_json(),
        "left_out": counts,
        "left_out_reasons": reasons,
        "decision": decide(result).to_json(),
    }


def review(target: KubernetesTarget, *, act: bool) -> dict[str, Any]:
    """Judge the live experiment and, if asked, act on it once.

    Args:
        target: whose live release is judged.
        act: promote or roll back as decided, but not if it was acted on before.

    Returns:
        as :func:`analyse_live`, with ``acted``, what was done before, and ``live``, the
        release that serves after; 0: none does, which is nothing to judge and no
        failure.
    """
    live = next((release for release in target.releases() if release.live), None)
    if live is None:
        nothing = {"action": "hold", "reason": "no release is live"}
        return {"decision": nothing, "live": 0}
    if CHALLENGER not in live.plan["variants"]:
        nothing = {
            "action": "hold",
            "reason": (
                f"release {live.number} is no experiment: one variant serves everybody"
            ),
        }
        return {"decision": nothing, "live": live.number}

    result = analyse_live(live)
    action = result["decision"]["action"]
    number = live.number
    if act and action != "hold" and not live.acted:
        winner = CHALLENGER if action == "promote" else "control"
        number = target.promote(winner, of=live, why="by the review")
    return {**result, "acted": live.acted, "live": number}
