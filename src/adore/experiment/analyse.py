"""Exposures and events to an effect with an interval, or to a refusal with its reason."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import polars as pl

from adore.experiment.assignment import assign
from adore.experiment.sequential import confidence_sequence

if TYPE_CHECKING:
    import duckdb

__all__ = [
    "METRICS",
    "Design",
    "Metric",
    "analyse",
    "analyse_tables",
    "design_of",
    "per_user",
]

CONTROL, CHALLENGER = "control", "challenger"
FOREVER = 2**61
"""Milliseconds."""


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
RULES = 2 + sum(m.guardrail for m in METRICS)
"""What can move a release: the primary metric, each guardrail, and a challenger that does not answer."""


@dataclass(frozen=True, slots=True)
class Design:
    """What was decided before the experiment began."""

    name: str
    salt: str
    weights: Mapping[str, float]
    versions: Mapping[str, str] = field(default_factory=dict)
    """Model version per variant; one that is not named is not checked."""
    alpha: float = 0.05
    min_users: int = 100
    """Least users per variant."""
    max_mismatch: float = 0.02
    """Largest share of requests that another variant or model answered than the assigned one; of exposures that
    were lost, logged twice, or of a variant that the salt does not give, too."""
    sequential: bool = False
    """Whether somebody may look again and again, and stop when it pleases."""
    window_hours: float = 24.0
    """With ``sequential``: how long after the first exposure a user is watched; counted is who was watched so long."""

    def window(self) -> int:
        """How long a user's events count, in milliseconds."""
        return int(self.window_hours * 3_600_000) if self.sequential else FOREVER


def design_of(plan: Mapping[str, Any], *, sequential: bool = False) -> Design:
    """The design of a release's plan, an ``experiment.json``."""
    versions = {name: about["version"] for name, about in plan["variants"].items()}
    same = {k: plan[k] for k in ("name", "salt", "weights")}
    return Design(
        **same, versions=versions, sequential=sequential, **plan.get("design", {})
    )


def per_user(db: duckdb.DuckDBPyConnection, design: Design) -> pl.DataFrame:
    """One row a user of the tables ``exposures`` and ``events``, over DuckDB.

    An exposure that was logged twice counts once; those of the table ``strays`` do not count.

    Returns:
        ``client_id, variant`` (assigned), ``first`` (exposure, ms), ``requests``, ``wrong`` (share of them that
        another variant or model answered), ``early`` (events before the first exposure) and a count per metric:
        events with an id of their own, from the first exposure on, within the design's window.
    """
    counts = ", ".join(
        f"count(DISTINCT e.event_id) FILTER (WHERE e.action_name = '{m.action}' AND e.timestamp >= s.first "
        f"AND e.timestamp < s.first + {design.window()}) AS {m.name}"
        for m in METRICS
    )
    sql = f"""
        WITH s AS (
            SELECT x.client_id, x.variant, min(x.timestamp) AS first, count(*) AS requests,
                avg((x.served <> x.variant OR x.model_version <> coalesce(v.version, x.model_version))::INT) AS wrong
            FROM (SELECT DISTINCT ON (exposure_id) * FROM exposures) x
            ANTI JOIN strays USING (client_id, variant) LEFT JOIN versions v USING (variant) GROUP BY ALL)
        SELECT s.*, count(e.event_id) FILTER (WHERE e.timestamp < s.first) AS early, {counts}
        FROM s LEFT JOIN events e USING (client_id)
        GROUP BY ALL ORDER BY client_id"""
    versions = {
        "variant": list(design.versions),
        "version": list(design.versions.values()),
    }
    db.register(
        "versions",
        pl.DataFrame(versions, schema=dict.fromkeys(versions, pl.String)).to_arrow(),
    )
    frame: pl.DataFrame = db.sql(sql).pl()
    return frame


def _counts(users: pl.DataFrame) -> dict[str, int]:
    return {
        str(v): int(n)
        for v, n in users.group_by("variant").len().sort("variant").iter_rows()
    }


def _few(design: Design, users: pl.DataFrame) -> dict[str, int]:
    counts = _counts(users)
    return {
        v: counts.get(v, 0)
        for v in design.weights
        if counts.get(v, 0) < design.min_users
    }


@dataclass(frozen=True, slots=True)
class _Log:
    """What is wrong with an exposure log, in rows."""

    shown: int
    lost: int
    again: int
    """Rows whose exposure id was there before."""
    strays: int
    """Rows of a variant that this salt does not give their user."""
    stray_users: int
    two_variants: int
    """Users with rows of more than one variant."""

    def left_out(self) -> dict[str, int]:
        """Rows that do not count, by reason."""
        reasons = {
            "cannot be read": self.lost,
            "the same exposure again": self.again,
            "of a variant that the salt does not give this user": self.strays,
        }
        return {reason: n for reason, n in reasons.items() if n}


def _look(db: duckdb.DuckDBPyConnection, design: Design, lost: int) -> _Log:
    """Count what is wrong, and register the table ``strays``: users and variants that do not belong together."""
    ((shown, ids),) = db.sql(
        "SELECT count(*), count(DISTINCT exposure_id) FROM exposures"
    ).fetchall()
    users = db.sql(
        "SELECT client_id, variant, count(*) FROM exposures GROUP BY ALL"
    ).fetchall()
    strays = [
        (u, v, n) for u, v, n in users if assign(u, design.salt, design.weights) != v
    ]
    table = {
        "client_id": [u for u, _, _ in strays],
        "variant": [v for _, v, _ in strays],
    }
    db.register(
        "strays", pl.DataFrame(table, schema=dict.fromkeys(table, pl.String)).to_arrow()
    )
    both = len(users) - len({u for u, _, _ in users})
    return _Log(
        shown,
        lost,
        shown - ids,
        sum(n for _, _, n in strays),
        len({u for u, _, _ in strays}),
        both,
    )


def _broken(design: Design, log: _Log) -> str:
    """Why the log says nothing about anything; empty if it may. A few odd rows spoil no experiment."""
    most = design.max_mismatch
    if not log.shown:
        return "no exposures were logged: check the router's log folder"
    if log.again > most * log.shown:
        return f"the exposure log is broken: some exposure ids occur twice, {log.again} of {log.shown} rows"
    if log.lost > most * (log.shown + log.lost):
        return f"the exposure log is broken: {log.lost} of {log.shown + log.lost} lines cannot be read"
    if log.strays <= most * log.shown:
        return ""
    if log.two_variants:
        return "some users were assigned to two variants: salts or weights changed during the experiment"
    return f"mixed salts: {log.stray_users} users are not where this salt puts them"


def _mismatch(users: pl.DataFrame) -> dict[str, float]:
    """Per assigned variant, the share of requests that another variant or model answered."""
    share = (pl.col("wrong") * pl.col("requests")).sum() / pl.col("requests").sum()
    return dict(users.group_by("variant").agg(share).sort("variant").iter_rows())


def _compare(users: pl.DataFrame, column: str, alpha: float) -> dict[str, Any]:
    """Challenger less control at any look, as a confidence sequence."""
    of = {
        v: users.filter(pl.col("variant") == v)[column].to_numpy()
        for v in (CONTROL, CHALLENGER)
    }
    means = {v: float(x.mean()) for v, x in of.items()}
    error = sum(float(x.var(ddof=1)) / len(x) for x in of.values()) ** 0.5
    effect = means[CHALLENGER] - means[CONTROL]
    low, high, p = map(
        float, confidence_sequence(effect, error, users.height, alpha=alpha)
    )
    relative = effect / means[CONTROL] if means[CONTROL] else None
    found = {
        "control": means[CONTROL],
        "treatment": means[CHALLENGER],
        "effect": effect,
    }
    return {**found, "low": low, "high": high, "relative": relative, "p": p}


def _welch(
    users: pl.DataFrame, names: list[str], alpha: float
) -> dict[str, dict[str, Any]]:
    """Challenger less control at one look, through tea-tasting."""
    import tea_tasting as tt

    found = tt.Experiment(
        {m: tt.Mean(m, confidence_level=1 - alpha) for m in names}
    ).analyze(users, control=CONTROL)
    keys = {
        "control": "control",
        "treatment": "treatment",
        "effect": "effect_size",
        "relative": "rel_effect_size",
    }
    keys |= {
        "low": "effect_size_ci_lower",
        "high": "effect_size_ci_upper",
        "p": "pvalue",
    }
    return {m: {k: getattr(found[m], v) for k, v in keys.items()} for m in names}


def _ratio_p(design: Design, users: pl.DataFrame) -> float:
    """p of the sample ratio: tea-tasting's for one look, else valid at every look."""
    weights = design.weights
    if not design.sequential:
        import tea_tasting as tt

        test = tt.SampleRatio(weights[CHALLENGER] / weights[CONTROL])
        return float(
            tt.Experiment(ratio=test).analyze(users, control=CONTROL)["ratio"].pvalue
        )
    share = weights[CHALLENGER] / (weights[CHALLENGER] + weights[CONTROL])
    off = _counts(users).get(CHALLENGER, 0) / users.height - share
    error = (share * (1 - share) / users.height) ** 0.5
    return float(confidence_sequence(off, error, users.height, alpha=0.001)[2])


def _judge(
    design: Design, users: pl.DataFrame, until: int, result: dict[str, Any]
) -> None:
    """Fill ``users``, ``mismatch``, ``failing``, ``refusal``, ``sample_ratio_p`` and ``metrics``."""
    alpha = design.alpha / RULES
    result["mismatch"] = _mismatch(users)
    wrong = float((users["wrong"] * users["requests"]).sum()) / float(
        users["requests"].sum()
    )
    if wrong > design.max_mismatch:
        text = {v: f"{share:.1%}" for v, share in result["mismatch"].items()}
        result["refusal"] = (
            f"served is not assigned in {wrong:.1%} of requests (at most {design.max_mismatch:.0%})"
        )
        if not _few(design, users) and _compare(users, "wrong", alpha)["low"] > 0:
            result["failing"] = (
                f"another variant or model answers for the challenger: {text}"
            )
        return
    settled = (
        users.filter(pl.col("first") <= until - design.window())
        if design.sequential
        else users
    )
    result["users"] = _counts(settled)
    if few := _few(design, settled):
        watched = (
            f", watched for {design.window_hours:g} hours" if design.sequential else ""
        )
        result["refusal"] = (
            f"too few users: {few}, at least {design.min_users} each are needed{watched}"
        )
        return
    result["sample_ratio_p"] = _ratio_p(design, settled)
    if result["sample_ratio_p"] < 0.001:
        result["refusal"] = (
            f"sample-ratio mismatch: {result['users']}, p {result['sample_ratio_p']:.2g}"
        )
        return
    seen = [
        m.name for m in METRICS if settled[m.name].sum()
    ]  # nothing can be said of what never happened
    once = {} if design.sequential or not seen else _welch(settled, seen, design.alpha)
    found = once or {m: _compare(settled, m, alpha) for m in seen}
    guards = {m.name: m.guardrail for m in METRICS}
    result["metrics"] = {m: {**one, "guardrail": guards[m]} for m, one in found.items()}


def _method(design: Design) -> str:
    if not design.sequential:
        return f"fixed horizon: Welch's intervals at {1 - design.alpha:.1%}, good for one look only"
    level = f"{1 - design.alpha / RULES:.2%}, so that all {RULES} rules together err at most {design.alpha:.1%}"
    return f"asymptotic confidence sequences at {level}, however often one looks"


def _unmatched(db: duckdb.DuckDBPyConnection) -> dict[str, int]:
    """Events of users who were never exposed."""
    sql = "SELECT count(*) FROM events ANTI JOIN exposures USING (client_id)"
    ((count,),) = db.sql(sql).fetchall()
    return {"of users who were never exposed": count} if count else {}


def analyse_tables(
    db: duckdb.DuckDBPyConnection,
    design: Design,
    *,
    until: int = FOREVER,
    lost: int = 0,
) -> dict[str, Any]:
    """What the tables ``exposures`` and ``events`` of a database say.

    Args:
        until: when the logs end, in ms since the epoch; asked of a sequential design.
        lost: exposures that could not be read.

    Returns:
        ``design``, ``method``, ``users`` per variant, ``mismatch`` per variant, ``sample_ratio_p`` and either
        ``metrics`` (name to control, treatment, effect, relative effect, interval, p) or ``refusal``; ``failing``
        says that the challenger surely does not answer for its users; ``left_out`` counts, per log, rows that do not
        count, by reason.
    """
    log = _look(db, design, lost)
    users = per_user(db, design)
    result: dict[str, Any] = {
        "design": asdict(design),
        "method": _method(design),
        "users": _counts(users),
        "exposures": log.shown,
        "early_events": int(users["early"].sum()),
        "refusal": _broken(design, log),
        "failing": "",
        "metrics": {},
        "left_out": {"exposures": log.left_out(), "events": _unmatched(db)},
    }
    if not result["refusal"]:
        _judge(design, users, until, result)
    return result


def analyse(
    design: Design, exposures: pl.DataFrame, events: pl.DataFrame, **more: int
) -> dict[str, Any]:
    """What two frames, the tables of these names, say; see :func:`analyse_tables`."""
    import duckdb

    with duckdb.connect() as db:
        db.register("exposures", exposures.to_arrow())
        db.register("events", events.to_arrow())
        return analyse_tables(db, design, **more)
