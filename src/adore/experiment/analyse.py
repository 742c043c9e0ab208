"""Exposures and events to an effect with an interval, or to a refusal with its reason."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import polars as pl

from adore.experiment.assignment import assign

__all__ = ["METRICS", "Design", "Metric", "analyse", "per_user"]

CONTROL, CHALLENGER = "control", "challenger"


@dataclass(frozen=True, slots=True)
class Metric:
    """Something counted per user. ``good``: +1 more is better, -1 less is better."""

    name: str
    action: str
    good: int
    guardrail: bool = False


METRICS: tuple[Metric, ...] = (
    Metric("purchases_per_user", "purchase", 1),
    Metric("clicks_per_user", "click", 1),
    Metric("carts_per_user", "add_to_cart", 1),
    Metric("returns_per_user", "return", -1, guardrail=True),
)


@dataclass(frozen=True, slots=True)
class Design:
    """What was decided before the experiment began."""

    name: str
    salt: str
    weights: Mapping[str, float]
    alpha: float = 0.05
    min_users: int = 100
    """Least users per variant."""
    max_mismatch: float = 0.02
    """Largest share of requests that another variant answered than the assigned one."""


def per_user(exposures: pl.DataFrame, events: pl.DataFrame) -> pl.DataFrame:
    """One row a user: ``client_id, variant`` (assigned) and a count per metric, over DuckDB.

    Only events of exposed users count.
    """
    import duckdb

    counts = ", ".join(f"count(*) FILTER (WHERE e.action_name = '{m.action}') AS {m.name}" for m in METRICS)
    sql = f"""
        SELECT x.client_id, x.variant, {counts}
        FROM (SELECT DISTINCT client_id, variant FROM exposures) x LEFT JOIN events e USING (client_id)
        GROUP BY ALL ORDER BY client_id"""
    with duckdb.connect() as db:
        db.register("exposures", exposures.to_arrow())
        db.register("events", events.to_arrow())
        frame: pl.DataFrame = db.sql(sql).pl()
        return frame


def _refusal(design: Design, exposures: pl.DataFrame, users: pl.DataFrame) -> str:
    """Why no number may be given; empty if it may."""
    if exposures.is_empty():
        return "no exposures were logged: check the router's log folder"
    if exposures["exposure_id"].n_unique() < exposures.height:
        return "the exposure log is broken: some exposure ids occur twice"
    if users["client_id"].n_unique() < users.height:
        return "some users were assigned to two variants: salts or weights changed during the experiment"
    wrong = [
        u for u, v in users.select("client_id", "variant").iter_rows() if assign(u, design.salt, design.weights) != v
    ]
    if wrong:
        return f"mixed salts: {len(wrong)} users are not where this salt puts them"
    mismatch = float((exposures["served"] != exposures["variant"]).mean() or 0.0)  # type: ignore[arg-type]
    if mismatch > design.max_mismatch:
        return f"served is not assigned in {mismatch:.1%} of requests (at most {design.max_mismatch:.0%})"
    counts = {str(v): int(n) for v, n in users.group_by("variant").len().iter_rows()}
    few = {v: counts.get(v, 0) for v in design.weights if counts.get(v, 0) < design.min_users}
    return f"too few users: {few}, at least {design.min_users} each are needed" if few else ""


def analyse(design: Design, exposures: pl.DataFrame, events: pl.DataFrame) -> dict[str, Any]:
    """Welch's test per metric and a sample-ratio check, through tea-tasting.

    Args:
        exposures: the ``exposures`` table.
        events: the ``events`` table.

    Returns:
        ``design``, ``users`` per variant, ``sample_ratio_p`` and either ``metrics`` (name to control,
        treatment, effect, relative effect, interval, p) or ``refusal``.
    """
    users = per_user(exposures, events)
    counts = {str(v): int(n) for v, n in users.group_by("variant").len().sort("variant").iter_rows()}
    result: dict[str, Any] = {
        "design": asdict(design),
        "users": counts,
        "exposures": exposures.height,
        "refusal": "",
        "metrics": {},
    }
    result["refusal"] = _refusal(design, exposures, users)
    if result["refusal"]:
        return result
    import tea_tasting as tt

    ratio = design.weights[CHALLENGER] / design.weights[CONTROL]
    seen = [m for m in METRICS if users[m.name].sum()]  # nothing can be said of what never happened
    tests = {m.name: tt.Mean(m.name, confidence_level=1 - design.alpha) for m in seen}
    found = tt.Experiment(sample_ratio=tt.SampleRatio(ratio), **tests).analyze(users, control=CONTROL)
    result["sample_ratio_p"] = float(found["sample_ratio"].pvalue)
    if result["sample_ratio_p"] < 0.001:
        result["refusal"] = f"sample-ratio mismatch: {counts}, p {result['sample_ratio_p']:.2g}"
        return result
    for metric in seen:
        one = found[metric.name]
        result["metrics"][metric.name] = {
            "control": one.control,
            "treatment": one.treatment,
            "effect": one.effect_size,
            "low": one.effect_size_ci_lower,
            "high": one.effect_size_ci_upper,
            "relative": one.rel_effect_size,
            "p": one.pvalue,
            "guardrail": metric.guardrail,
        }
    return result
