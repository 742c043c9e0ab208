"""Reviews the live experiment: analyses its logs, decides and, on request, acts."""

from __future__ import annotations

import tempfile
import time
from dataclasses import dataclass, replace
from typing import Any

from adore.errors import check
from adore.experiment.analysis import analyse_tables
from adore.experiment.decision import Action, Decision, decide
from adore.experiment.design import CHALLENGER, design_of
from adore.experiment.result import ExperimentResult
from adore.release.event_store import load_logs
from adore.release.kubernetes.releases import Release, live_of
from adore.release.kubernetes.target import KubernetesTarget

__all__ = ["LiveAnalysis", "Review", "analyse_live", "review"]

Document = dict[str, Any]
"""A JSON object."""


@dataclass(frozen=True, slots=True)
class LiveAnalysis:
    """Result of the live experiment so far, and the decision."""

    result: ExperimentResult
    decision: Decision

    def to_json(self) -> Document:
        """Return the result's fields, and the decision.

        Returns:
            A JSON object; ``left_out`` has the number of ignored rows by log,
            ``left_out_reasons`` by log and reason.
        """
        reasons = self.result.left_out
        total_counts = {
            log_name: sum(row_counts.values())
            for log_name, row_counts in reasons.items()
        }
        return {
            **self.result.to_json(),
            "left_out": total_counts,
            "left_out_reasons": reasons,
            "decision": self.decision.to_json(),
        }


@dataclass(frozen=True, slots=True)
class Review:
    """One analysis of the live experiment, and the action that followed."""

    decision: Decision
    live: int
    """Number of the release that serves after the review; 0: none."""
    analysis: LiveAnalysis | None = None
    """None where no experiment is live."""
    acted: str = ""
    """What was done about the experiment before the review."""

    def to_json(self) -> Document:
        """Return the analysis' fields, with ``acted`` and ``live``."""
        if self.analysis is None:
            action = self.decision.action.value
            decision = {"action": action, "reason": self.decision.reason}
            return {"decision": decision, "live": self.live}
        return {**self.analysis.to_json(), "acted": self.acted, "live": self.live}


def analyse_live(live: Release, *, now: float | None = None) -> LiveAnalysis:
    """Analyse the live experiment; repeated analyses keep the error rate (sequential test).

    Args:
        live: a release of two variants; its plan holds the design, its config the place
            of exposures and events.
        now: current time in seconds since the epoch; None: from the clock.

    Returns:
        The result, and the decision that follows from it.
    """
    import duckdb

    exposure_place = live.config.exposures
    if now is None:
        now = time.time()
    until_millis = int(1000 * now)
    check(
        bool(exposure_place),
        "kubernetes.exposures",
        exposure_place,
        must="a place",
        fix="set it, and release again",
    )
    with (
        tempfile.TemporaryDirectory(prefix="adore-review-") as work_folder,
        duckdb.connect(f"{work_folder}/live.duckdb") as database,
    ):
        unread_rows = load_logs(database, live, until_millis)
        lost_exposures = sum(unread_rows["exposures"].values())
        design = design_of(live.plan, sequential=True)
        result = analyse_tables(
            database, design, until=until_millis, lost=lost_exposures
        )

    # The analysis sees readable events only; the loader counted the others.
    reasons = dict(result.left_out)
    reasons["events"] = {**unread_rows["events"], **reasons["events"]}
    result = replace(result, left_out=reasons)
    return LiveAnalysis(result, decide(result))


def _hold(reason: str) -> Decision:
    """The decision where there is no experiment to decide about."""
    return Decision(Action.HOLD, reason, method="")


def review(target: KubernetesTarget, *, act: bool) -> Review:
    """Analyse the live experiment and, on request, act on it once.

    Args:
        target: the cluster whose live release is analysed.
        act: promote or roll back as decided, unless somebody has acted on it before.

    Returns:
        The decision, and the release that serves then. Without a live experiment the
        decision is to hold.
    """
    live_release = live_of(target.releases())
    if live_release is None:
        return Review(_hold("no release is live"), live=0)
    if CHALLENGER not in live_release.plan["variants"]:
        reason = f"release {live_release.number} is no experiment: it has one variant"
        return Review(_hold(reason), live=live_release.number)

    analysis = analyse_live(live_release)
    action = analysis.decision.action
    live_number = live_release.number
    # Whoever promoted or rolled back knows more than the numbers: do not undo it.
    if act and action is not Action.HOLD and not live_release.acted:
        winning_variant = "control"
        if action is Action.PROMOTE:
            winning_variant = CHALLENGER
        live_number = target.promote(
            winning_variant, judged_release=live_release, reason="by the review"
        )
    return Review(analysis.decision, live_number, analysis, live_release.acted)
