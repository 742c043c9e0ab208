"""The effect of an experiment by slice of queries: where the challenger lost purchases."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import NormalDist
from typing import Any

import polars as pl

from adore.artifacts import read_table
from adore.evaluation.slices import ALL, SLICES, slice_queries
from adore.experiment.analysis import analyse
from adore.experiment.design import CHALLENGER, Design
from adore.experiment.metrics import PRIMARY
from adore.experiment.result import MetricEffect
from adore.taxonomy import TYPE_OF

__all__ = ["Segment", "lost_purchases", "segments"]


@dataclass(frozen=True, slots=True)
class Segment:
    """The effect on purchases among shoppers who searched a slice's queries.

    Attributes:
        slice: name of the slice.
        error_type: what goes wrong where the slice's items are ranked badly; empty: the
            slice says nothing of it.
        users: how many are compared, by variant.
        control: purchases per user of the control, for these queries.
        challenger: the same of the challenger.
        difference: challenger less control.
        low: lower end of its interval.
        high: upper end.
        lost: purchases that the challenger lost, see :func:`lost_purchases`.
    """

    slice: str
    error_type: str
    users: dict[str, int]
    control: float
    challenger: float
    difference: float
    low: float
    high: float
    lost: float


def lost_purchases(effect: MetricEffect, users: int, alpha: float) -> float:
    """How many purchases a variant surely enough lost.

    A loss is shrunk by its noise: none counts within one standard error, nearly all of it
    beyond three.

    Args:
        effect: on purchases per user.
        users: of the variant.
        alpha: of the effect's interval.

    Returns:
        The number; 0 where nothing was lost.

    Source: the non-negative garrote of one mean (Breiman 1995), with its variance as penalty.
    """
    if effect.effect >= 0:
        return 0.0
    half_width = (effect.high - effect.low) / 2
    standard_error = half_width / NormalDist().inv_cdf(1 - alpha / 2)
    noise_share = (standard_error / effect.effect) ** 2
    kept_share = max(0.0, 1 - noise_share)
    return -effect.effect * users * kept_share


def _of_training(queries: pl.DataFrame, exposures: pl.DataFrame) -> pl.DataFrame:
    """Exposures of queries that are not held out for tests, if there are any."""
    test_queries = queries.filter(split="test")
    others = exposures.join(test_queries, on="query_id", how="anti")
    return others if others.height else exposures


def _segment(
    name: str, design: Design, exposures: pl.DataFrame, events: pl.DataFrame
) -> Segment | None:
    """The effect within one slice; None where too few searched its queries."""
    result = analyse(design, exposures, events)
    effect = result.metrics.get(PRIMARY)
    if effect is None:
        return None
    attributes = SLICES[name].attributes
    error_type = TYPE_OF[attributes[0]] if attributes else ""
    users = dict(result.users)
    return Segment(
        slice=name,
        error_type=error_type,
        users=users,
        control=effect.control,
        challenger=effect.treatment,
        difference=effect.effect,
        low=effect.low,
        high=effect.high,
        lost=lost_purchases(effect, users[CHALLENGER], design.alpha),
    )


def segments(
    design: Design,
    prepared: Path,
    evidence: Path,
    exposures: pl.DataFrame,
    events: pl.DataFrame,
) -> list[dict[str, Any]]:
    """Compare the variants within every slice of queries.

    What is lost weighs the next round's synthesis. So queries that are held out for tests
    count only where no other was searched.

    Args:
        design: of the experiment; a segment needs as many users as it says.
        prepared: output of ``prepare``: the queries and their splits.
        evidence: output of ``evidence``: what the queries ask for.
        exposures: as for :func:`adore.experiment.analysis.analyse`, with ``query_id``.
        events: the same.

    Returns:
        Fields of :class:`Segment` of every slice that can be compared; the slices overlap.

    Raises:
        MissingError: a table is not there.
    """
    queries = read_table(prepared, "queries")
    members = slice_queries(queries, read_table(evidence, "readings"))
    searched = _of_training(queries, exposures)

    rows = []
    for name, query_ids in members.items():
        if name == ALL:
            continue
        is_member = pl.col("query_id").is_in(sorted(query_ids))
        of_slice = searched.filter(is_member)
        # An event counts for the query that it names, and for no other of its user.
        segment = _segment(name, design, of_slice, events.filter(is_member))
        if segment is not None:
            rows.append(asdict(segment))
    return rows
