"""Exposures and events to effects with intervals, or to a refusal with its reason."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import polars as pl

from adore.experiment.comparison import (
    SAMPLE_RATIO_ALPHA,
    compare_any_look,
    compare_metrics,
    count_users,
    method_of,
    rule_alpha,
    sample_ratio_p,
)
from adore.experiment.design import FOREVER, Design
from adore.experiment.exposure_check import check_exposures, register_texts
from adore.experiment.metrics import METRICS, PRIMARY
from adore.experiment.result import ExperimentResult
from adore.significance import Interval, draw_weights, interval

if TYPE_CHECKING:
    import duckdb

__all__ = ["analyse", "analyse_tables", "mean_per_user", "per_user"]


def per_user(db: duckdb.DuckDBPyConnection, design: Design) -> pl.DataFrame:
    """Aggregate the tables ``exposures`` and ``events`` to one row a user, in DuckDB.

    An exposure that was logged twice counts once. Those of the table ``strays`` do not
    count.

    Args:
        db: has the tables ``exposures``, ``events`` and ``strays``; the table
            ``versions`` is registered in it.
        design: names the window and the model version of each variant.

    Returns:
        ``client_id, variant`` (assigned), ``first`` (exposure, ms), ``requests``,
        ``wrong`` (share of them that another variant or model answered), ``early``
        (events before the first exposure) and a column per metric.
    """
    window = design.window()
    metric_columns = ", ".join(metric.sql(window) for metric in METRICS.values())
    sql = f"""
        WITH s AS (
            SELECT x.client_id, x.variant, min(x.timestamp) AS first, count(*) AS requests,
                avg((x.served <> x.variant
                    OR x.model_version <> coalesce(v.version, x.model_version))::INT) AS wrong
            FROM (SELECT DISTINCT ON (exposure_id) * FROM exposures) x
            ANTI JOIN strays USING (client_id, variant)
            LEFT JOIN versions v USING (variant) GROUP BY ALL)
        SELECT s.*, count(e.event_id) FILTER (WHERE e.timestamp < s.first) AS early,
            {metric_columns}
        FROM s LEFT JOIN events e USING (client_id)
        GROUP BY ALL ORDER BY client_id"""
    versions = {
        "variant": list(design.versions),
        "version": list(design.versions.values()),
    }
    register_texts(db, "versions", versions)
    frame: pl.DataFrame = db.sql(sql).pl()
    return frame


def _too_few(design: Design, counts: dict[str, int]) -> dict[str, int]:
    """Users of the variants that have fewer than the design requires."""
    too_few = {}
    for variant in design.weights:
        count = counts.get(variant, 0)
        if count < design.min_users:
            too_few[variant] = count
    return too_few


def _mismatch(users: pl.DataFrame) -> dict[str, float]:
    """Per assigned variant, the share of requests that another variant or model answered."""
    requests = pl.col("requests")
    wrong_requests = (pl.col("wrong") * requests).sum()
    share = wrong_requests / requests.sum()
    by_variant = users.group_by("variant").agg(share)
    return dict(by_variant.sort("variant").iter_rows())


def _failing(design: Design, users: pl.DataFrame, mismatch: dict[str, float]) -> str:
    """That the challenger significantly fails to answer for its users; empty if it answers."""
    if _too_few(design, count_users(users)):
        return ""

    more_than_control = compare_any_look(users, "wrong", rule_alpha(design))
    if more_than_control.low <= 0:
        return ""
    shares = {variant: f"{share:.1%}" for variant, share in mismatch.items()}
    return f"another variant or model answers for the challenger: {shares}"


def _compare(
    design: Design, users: pl.DataFrame, until: int, result: ExperimentResult
) -> ExperimentResult:
    """The result with what was compared, or why nothing was."""
    mismatch = _mismatch(users)
    result = replace(result, mismatch=mismatch)
    wrong_requests = float((users["wrong"] * users["requests"]).sum())
    wrong_share = wrong_requests / float(users["requests"].sum())
    if wrong_share > design.max_mismatch:
        return replace(
            result,
            refusal=(
                f"served is not assigned in {wrong_share:.1%} of requests "
                f"(at most {design.max_mismatch:.0%})"
            ),
            failing=_failing(design, users, mismatch),
        )

    settled = users
    watched = ""
    if design.sequential:
        # A user counts once the window has passed, so that all are watched equally long.
        settled = users.filter(pl.col("first") <= until - design.window())
        watched = f", watched for {design.window_hours:g} hours"
    counts = count_users(settled)
    result = replace(result, users=counts)
    too_few = _too_few(design, counts)
    if too_few:
        return replace(
            result,
            refusal=(
                f"too few users: {too_few}, "
                f"at least {design.min_users} each are needed{watched}"
            ),
        )

    p_value = sample_ratio_p(design, settled)
    result = replace(result, sample_ratio_p=p_value)
    if p_value < SAMPLE_RATIO_ALPHA:
        refusal = f"sample-ratio mismatch: {counts}, p {p_value:.2g}"
        return replace(result, refusal=refusal)
    return replace(result, metrics=compare_metrics(design, settled))


def _unexposed(db: duckdb.DuckDBPyConnection) -> dict[str, int]:
    """Events of users who were never exposed, by that reason; empty if there are none."""
    sql = "SELECT count(*) FROM events ANTI JOIN exposures USING (client_id)"
    ((count,),) = db.sql(sql).fetchall()
    if not count:
        return {}
    return {"of users who were never exposed": count}


def analyse_tables(
    db: duckdb.DuckDBPyConnection,
    design: Design,
    *,
    until: int = FOREVER,
    lost: int = 0,
) -> ExperimentResult:
    """Analyse the tables ``exposures`` and ``events`` of a database.

    Args:
        db: has the tables; the tables ``strays`` and ``versions`` are registered in it.
        design: what was decided before the experiment began.
        until: when the logs end, in ms since the epoch; a sequential design needs it.
        lost: exposures that could not be read.

    Returns:
        The effect on each metric, or a refusal.

    Raises:
        ConfigError: the weights of the design do not sum to 1.
    """
    exposure_check = check_exposures(db, design, lost)
    users = per_user(db, design)
    result = ExperimentResult(
        design=design,
        method=method_of(design),
        users=count_users(users),
        exposures=exposure_check.rows,
        early_events=int(users["early"].sum()),
        left_out={
            "exposures": exposure_check.left_out(),
            "events": _unexposed(db),
        },
        refusal=exposure_check.refusal(design.max_mismatch),
    )
    if result.refusal:
        return result
    return _compare(design, users, until, result)


def analyse(
    design: Design,
    exposures: pl.DataFrame,
    events: pl.DataFrame,
    *,
    until: int = FOREVER,
    lost: int = 0,
) -> ExperimentResult:
    """Analyse two frames.

    Args:
        design: what was decided before the experiment began.
        exposures: ``exposure_id, client_id, timestamp`` (ms), ``variant`` (assigned),
            ``served`` and ``model_version``, one row an answer.
        events: ``event_id, client_id, action_name, timestamp`` (ms), one row an act.
        until: when the logs end, in ms since the epoch; a sequential design needs it.
        lost: exposures that could not be read.

    Returns:
        The effect on each metric, or a refusal.

    Raises:
        ConfigError: the weights of the design do not sum to 1.

    Example:
        >>> rows = {"client_id": ["a"], "timestamp": [0]}
        >>> arm = {"variant": ["control"], "served": ["control"], "model_version": ["m1"]}
        >>> exposures = pl.DataFrame({"exposure_id": ["x"], **rows, **arm})
        >>> events = pl.DataFrame({"event_id": ["e"], "action_name": ["purchase"], **rows})
        >>> design = Design("summer", "salt", {"control": 1.0, "challenger": 0.0})
        >>> analyse(design, exposures, events).refusal
        "too few users: {'control': 1, 'challenger': 0}, at least 100 each are needed"
    """
    import duckdb

    with duckdb.connect() as db:
        db.register("exposures", exposures.to_arrow())
        db.register("events", events.to_arrow())
        return analyse_tables(db, design, until=until, lost=lost)


def mean_per_user(
    design: Design, exposures: pl.DataFrame, events: pl.DataFrame, *, seed: int = 0
) -> Interval:
    """Compute the primary metric of what serves, where one variant serves everybody.

    Args:
        design: names the one variant.
        exposures: as :func:`analyse` takes them; at least one.
        events: as :func:`analyse` takes them.
        seed: seeds the bootstrap by user.

    Returns:
        The mean per user, and its 95 % interval.

    Raises:
        ConfigError: the weights of the design do not sum to 1, or nobody was exposed.
    """
    import duckdb

    with duckdb.connect() as db:
        db.register("exposures", exposures.to_arrow())
        db.register("events", events.to_arrow())
        check_exposures(db, design, 0)
        users = per_user(db, design)
    counts = users[PRIMARY].to_numpy().astype(np.float64)
    rows = np.stack([counts, np.ones_like(counts)], axis=-1)
    return interval(rows, _mean, draw_weights(len(rows), seed=seed))


def _mean(sums: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Mean of sums ``[..., (total, users)]``."""
    return np.asarray(sums[..., 0] / sums[..., 1])
