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

CONTROL = "control"
CHALLENGER = "challenger"
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
RULES = 2 + sum(metric.guardrail for metric in METRICS)
"""What can move a release: primary metric, each guardrail, a challenger that does not answer."""


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
    """Largest share of requests that another variant or model answered than the assigned one.

    Of exposures that were lost, logged twice, or of a variant that the salt does not give,
    too."""
    sequential: bool = False
    """Whether somebody may look again and again, and stop when it pleases."""
    window_hours: float = 24.0
    """With ``sequential``: how long after the first exposure a user is watched.

    Counted is who was watched so long."""

    def window(self) -> int:
        """How long a user's events count, in milliseconds."""
        return int(self.window_hours * 3_600_000) if self.sequential else FOREVER


def design_of(plan: Mapping[str, Any], *, sequential: bool = False) -> Design:
    """The design of a release's plan.

    Args:
        plan: an ``experiment.json``: name, salt, weights and variants; its ``design``, if
            any, has further fields of :class:`Design`.
        sequential: whether somebody looks again and again.
    """
    versions = {name: about["version"] for name, about in plan["variants"].items()}
    same = {key: plan[key] for key in ("name", "salt", "weights")}
    return Design(
        **same, versions=versions, sequential=sequential, **plan.get("design", {})
    )


def per_user(db: duckdb.DuckDBPyConnection, design: Design) -> pl.DataFrame:
    """One row a user of the tables ``exposures`` and ``events``, over DuckDB.

    An exposure that was logged twice counts once; those of the table ``strays`` do not
    count.

    Args:
        db: has the tables ``exposures``, ``events`` and ``strays``; the table
            ``versions`` is registered in it.
        design: names the window and the model version of each variant.

    Returns:
        ``client_id, variant`` (assigned), ``first`` (exposure, ms), ``requests``,
        ``wrong`` (share of them that another variant or model answered), ``early``
        (events before the first exposure) and a count per metric: events with an id of
        their own, from the first exposure on, within the design's window.
    """
    counts = ", ".join(_count_sql(metric, design) for metric in METRICS)
    sql = f"""
        WITH s AS (
            SELECT x.client_id, x.variant, min(x.timestamp) AS first, count(*) AS requests,
                avg((x.served <> x.variant
                    OR x.model_version <> coalesce(v.version, x.model_version))::INT) AS wrong
            FROM (SELECT DISTINCT ON (exposure_id) * FROM exposures) x
            ANTI JOIN strays USING (client_id, variant)
            LEFT JOIN versions v USING (variant) GROUP BY ALL)
        SELECT s.*, count(e.event_id) FILTER (WHERE e.timestamp < s.first) AS early, {counts}
        FROM s LEFT JOIN events e USING (client_id)
        GROUP BY ALL ORDER BY client_id"""
    versions = {
        "variant": list(design.versions),
        "version": list(design.versions.values()),
    }
    _register(db, "versions", versions)
    frame: pl.DataFrame = db.sql(sql).pl()
    return frame


def _count_sql(metric: Metric, design: Design) -> str:
    """The column that counts one metric's events of a user within the window."""
    return (
        f"count(DISTINCT e.event_id) FILTER (WHERE e.action_name = '{metric.action}' "
        f"AND e.timestamp >= s.first "
        f"AND e.timestamp < s.first + {design.window()}) AS {metric.name}"
    )


def _register(
    db: duckdb.DuckDBPyConnection, name: str, columns: dict[str, list[str]]
) -> None:
    """Make a table of texts, which may be empty, known to the database."""
    frame = pl.DataFrame(columns, schema=dict.fromkeys(columns, pl.String))
    db.register(name, frame.to_arrow())


def _counts(users: pl.DataFrame) -> dict[str, int]:
    """Users per variant."""
    table = users.group_by("variant").len().sort("variant")
    return {str(variant): int(count) for variant, count in table.iter_rows()}


def _few(design: Design, users: pl.DataFrame) -> dict[str, int]:
    """Users of the variants that have fewer than the design asks for."""
    counts = _counts(users)
    few = {}
    for variant in design.weights:
        count = counts.get(variant, 0)
        if count < design.min_users:
            few[variant] = count
    return few


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
    """Count what is wrong, and register the table ``strays``.

    It holds users and variants that do not belong together.
    """
    totals = "SELECT count(*), count(DISTINCT exposure_id) FROM exposures"
    ((shown, ids),) = db.sql(totals).fetchall()

    grouped = "SELECT client_id, variant, count(*) FROM exposures GROUP BY ALL"
    users = set[str]()
    rows = 0
    strays: dict[str, list[str]] = {"client_id": [], "variant": []}
    stray_rows = 0
    for user, variant, count in db.sql(grouped).fetchall():
        users.add(user)
        rows += 1
        if assign(user, design.salt, design.weights) != variant:
            strays["client_id"].append(user)
            strays["variant"].append(variant)
            stray_rows += count
    _register(db, "strays", strays)

    return _Log(
        shown=shown,
        lost=lost,
        again=shown - ids,
        strays=stray_rows,
        stray_users=len(set(strays["client_id"])),
        two_variants=rows - len(users),
    )


def _broken(design: Design, log: _Log) -> str:
    """Why the log says nothing about anything; empty if it may.

    A few odd rows spoil no experiment.
    """
    most = design.max_mismatch
    if not log.shown:
        return "no exposures were logged: check the router's log folder"
    if log.again > most * log.shown:
        return (
            "the exposure log is broken: some exposure ids occur twice, "
            f"{log.again} of {log.shown} rows"
        )
    if log.lost > most * (log.shown + log.lost):
        return (
            f"the exposure log is broken: {log.lost} of {log.shown + log.lost} lines "
            "cannot be read"
        )
    if log.strays <= most * log.shown:
        return ""
    if log.two_variants:
        return (
            "some users were assigned to two variants: "
            "salts or weights changed during the experiment"
        )
    return f"mixed salts: {log.stray_users} users are not where this salt puts them"


def _mismatch(users: pl.DataFrame) -> dict[str, float]:
    """Per assigned variant, the share of requests that another variant or model answered."""
    share = (pl.col("wrong") * pl.col("requests")).sum() / pl.col("requests").sum()
    return dict(users.group_by("variant").agg(share).sort("variant").iter_rows())


def _compare(users: pl.DataFrame, column: str, alpha: float) -> dict[str, Any]:
    """Challenger less control at any look, as a confidence sequence."""
    means = {}
    variance = 0.0
    for variant in (CONTROL, CHALLENGER):
        values = users.filter(pl.col("variant") == variant)[column].to_numpy()
        means[variant] = float(values.mean())
        variance += float(values.var(ddof=1)) / len(values)

    # standard error of a difference of means of independent arms
    error = variance**0.5
    control = means[CONTROL]
    effect = means[CHALLENGER] - control

    found = confidence_sequence(effect, error, users.height, alpha=alpha)
    low, high, p = map(float, found)
    relative = effect / control if control else None
    return {
        "control": control,
        "treatment": means[CHALLENGER],
        "effect": effect,
        "low": low,
        "high": high,
        "relative": relative,
        "p": p,
    }


def _welch(
    users: pl.DataFrame, names: list[str], alpha: float
) -> dict[str, dict[str, Any]]:
    """Challenger less control at one look, through tea-tasting."""
    import tea_tasting as tt

    metrics = {name: tt.Mean(name, confidence_level=1 - alpha) for name in names}
    found = tt.Experiment(metrics).analyze(users, control=CONTROL)

    theirs = {
        "control": "control",
        "treatment": "treatment",
        "effect": "effect_size",
        "relative": "rel_effect_size",
        "low": "effect_size_ci_lower",
        "high": "effect_size_ci_upper",
        "p": "pvalue",
    }
    results = {}
    for name in names:
        one = found[name]
        results[name] = {key: getattr(one, their) for key, their in theirs.items()}
    return results


def _ratio_p(design: Design, users: pl.DataFrame) -> float:
    """p of the sample ratio: tea-tasting's for one look, else valid at every look."""
    weights = design.weights
    if not design.sequential:
        import tea_tasting as tt

        test = tt.SampleRatio(weights[CHALLENGER] / weights[CONTROL])
        found = tt.Experiment(ratio=test).analyze(users, control=CONTROL)
        return float(found["ratio"].pvalue)

    # the challenger's share of users, less the planned one, is a mean of yes-or-no draws
    both = weights[CHALLENGER] + weights[CONTROL]
    share = weights[CHALLENGER] / both
    count = users.height
    seen = _counts(users).get(CHALLENGER, 0)
    off = seen / count - share
    error = (share * (1 - share) / count) ** 0.5
    _, _, p = confidence_sequence(off, error, count, alpha=0.001)
    return float(p)


def _judge(
    design: Design, users: pl.DataFrame, until: int, result: dict[str, Any]
) -> None:
    """Fill the result: what was compared, or why nothing was.

    Fields: ``users``, ``mismatch``, ``failing``, ``refusal``, ``sample_ratio_p`` and
    ``metrics``.
    """
    result["mismatch"] = _mismatch(users)
    wrong_requests = float((users["wrong"] * users["requests"]).sum())
    wrong = wrong_requests / float(users["requests"].sum())
    if wrong > design.max_mismatch:
        result["refusal"] = (
            f"served is not assigned in {wrong:.1%} of requests "
            f"(at most {design.max_mismatch:.0%})"
        )
        result["failing"] = _failing(design, users, result["mismatch"])
        return

    settled = users
    if design.sequential:
        settled = users.filter(pl.col("first") <= until - design.window())
    result["users"] = _counts(settled)
    few = _few(design, settled)
    if few:
        watched = ""
        if design.sequential:
            watched = f", watched for {design.window_hours:g} hours"
        result["refusal"] = (
            f"too few users: {few}, at least {design.min_users} each are needed{watched}"
        )
        return

    ratio_p = _ratio_p(design, settled)
    result["sample_ratio_p"] = ratio_p
    if ratio_p < 0.001:
        result["refusal"] = f"sample-ratio mismatch: {result['users']}, p {ratio_p:.2g}"
        return
    result["metrics"] = _metrics(design, settled)


def _failing(design: Design, users: pl.DataFrame, mismatch: dict[str, float]) -> str:
    """That the challenger significantly does not answer for its users; empty if it may."""
    if _few(design, users):
        return ""
    # all rules together may err as often as the design allows
    alpha = design.alpha / RULES
    significant = _compare(users, "wrong", alpha)["low"] > 0
    if not significant:
        return ""
    text = {variant: f"{share:.1%}" for variant, share in mismatch.items()}
    return f"another variant or model answers for the challenger: {text}"


def _metrics(design: Design, users: pl.DataFrame) -> dict[str, dict[str, Any]]:
    """Every metric compared; nothing can be said of what never happened."""
    seen = [metric for metric in METRICS if users[metric.name].sum()]
    if not seen:
        return {}

    if design.sequential:
        # all rules together may err as often as the design allows
        alpha = design.alpha / RULES
        found = {one.name: _compare(users, one.name, alpha) for one in seen}
    else:
        found = _welch(users, [one.name for one in seen], design.alpha)

    compared = {}
    for metric in seen:
        compared[metric.name] = {**found[metric.name], "guardrail": metric.guardrail}
    return compared


def _method(design: Design) -> str:
    """How the interval of a metric was computed, and at what level."""
    if not design.sequential:
        level = 1 - design.alpha
        return (
            f"fixed horizon: Welch's intervals at {level:.1%}, good for one look only"
        )

    # Bonferroni: all rules together may err as often as the design allows
    level = 1 - design.alpha / RULES
    return (
        f"asymptotic confidence sequences at {level:.2%}, "
        f"so that all {RULES} rules together "
        f"err at most {design.alpha:.1%}, "
        "however often one looks"
    )


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
        db: has the tables; the tables ``strays`` and ``versions`` are registered in it.
        design: what was decided before the experiment began.
        until: when the logs end, in ms since the epoch; asked of a sequential design.
        lost: exposures that could not be read.

    Returns:
        ``design``, ``method``, ``users`` per variant, ``mismatch`` per variant,
        ``sample_ratio_p`` and either ``metrics`` (name to control, treatment, effect,
        relative effect, interval, p) or ``refusal``; ``failing`` says that the
        challenger significantly does not answer for its users; ``left_out`` counts, per log,
        rows that do not count, by reason.
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
    """What two frames say.

    Args:
        design: what was decided before the experiment began.
        exposures: rows of the log of exposures, one an answer.
        events: rows of the log of events, one an act of a shopper.
        **more: ``until`` and ``lost`` of :func:`analyse_tables`.

    Returns:
        As :func:`analyse_tables`.
    """
    import duckdb

    with duckdb.connect() as db:
        db.register("exposures", exposures.to_arrow())
        db.register("events", events.to_arrow())
        return analyse_tables(db, design, **more)
