"""Challenger against control: effects with intervals, and the test of the planned shares."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from adore.experiment.design import CHALLENGER, CONTROL, Design
from adore.experiment.metrics import METRICS, Metric, rule_count
from adore.experiment.result import MetricEffect
from adore.experiment.sequential import confidence_sequence

__all__ = [
    "SAMPLE_RATIO_ALPHA",
    "compare_any_look",
    "compare_metrics",
    "count_users",
    "method_of",
    "rule_alpha",
    "sample_ratio_p",
]

SAMPLE_RATIO_ALPHA = 0.001
"""Below this p-value the shares of users contradict the plan."""


def count_users(users: pl.DataFrame) -> dict[str, int]:
    """Count the users of each variant.

    Args:
        users: one row a user, with its ``variant``.

    Returns:
        Variant to number of users, by name of the variant.
    """
    table = users.group_by("variant").len().sort("variant")
    return {str(variant): int(count) for variant, count in table.iter_rows()}


def rule_alpha(design: Design) -> float:
    """Share the design's ``alpha`` among all rules that decide.

    By Bonferroni, all of them together err at most as often as the design allows.

    Args:
        design: names ``alpha``.

    Returns:
        How often one rule may err.
    """
    return design.alpha / rule_count()


def compare_any_look(
    users: pl.DataFrame, metric: str, alpha: float, *, guardrail: bool = False
) -> MetricEffect:
    """Compare one metric by a confidence sequence, which is valid at every look.

    Args:
        users: one row a user: its ``variant`` and the metric's column.
        metric: name of the column.
        alpha: chance that the interval misses the truth at any look.
        guardrail: passed on to the effect.

    Returns:
        The effect, challenger less control.
    """
    means = {}
    variance_of_difference = 0.0
    for variant in (CONTROL, CHALLENGER):
        values = users.filter(pl.col("variant") == variant)[metric].to_numpy()
        means[variant] = float(values.mean())
        # The arms are independent, so that the variances of their means add up.
        variance_of_difference += float(values.var(ddof=1)) / len(values)

    standard_error = variance_of_difference**0.5
    control_mean = means[CONTROL]
    effect = means[CHALLENGER] - control_mean
    low, high, p_value = confidence_sequence(
        effect, standard_error, users.height, alpha=alpha
    )
    relative = None
    if control_mean:
        relative = effect / control_mean

    return MetricEffect(
        control=control_mean,
        treatment=means[CHALLENGER],
        effect=effect,
        low=float(low),
        high=float(high),
        relative=relative,
        p=float(p_value),
        guardrail=guardrail,
    )


def _compare_one_look(
    users: pl.DataFrame, metrics: Sequence[Metric], alpha: float
) -> dict[str, MetricEffect]:
    """Compare metrics by Welch's intervals of tea-tasting, valid at one look only."""
    import tea_tasting as tt

    level = 1 - alpha
    means = {
        metric.name: tt.Mean(metric.name, confidence_level=level) for metric in metrics
    }
    compared = tt.Experiment(means).analyze(users, control=CONTROL)

    effects = {}
    for metric in metrics:
        welch = compared[metric.name]
        effects[metric.name] = MetricEffect(
            control=welch.control,
            treatment=welch.treatment,
            effect=welch.effect_size,
            low=welch.effect_size_ci_lower,
            high=welch.effect_size_ci_upper,
            relative=welch.rel_effect_size,
            p=welch.pvalue,
            guardrail=metric.guardrail,
        )
    return effects


def compare_metrics(design: Design, users: pl.DataFrame) -> dict[str, MetricEffect]:
    """Compare every metric that happened at least once.

    Args:
        design: says how often somebody looks, and ``alpha``.
        users: one row a user: its ``variant`` and a column per metric.

    Returns:
        Name of the metric to its effect.
    """
    happened = [metric for metric in METRICS.values() if users[metric.name].sum()]
    if not happened:
        return {}
    if not design.sequential:
        return _compare_one_look(users, happened, design.alpha)

    alpha = rule_alpha(design)
    effects = {}
    for metric in happened:
        effects[metric.name] = compare_any_look(
            users, metric.name, alpha, guardrail=metric.guardrail
        )
    return effects


def method_of(design: Design) -> str:
    """Describe how the interval of a metric is computed, and at what level.

    Args:
        design: says how often somebody looks, and ``alpha``.

    Returns:
        One sentence for people.
    """
    if not design.sequential:
        level = 1 - design.alpha
        return (
            f"fixed horizon: Welch's intervals at {level:.1%}, good for one look only"
        )

    rules = rule_count()
    level = 1 - rule_alpha(design)
    return (
        f"asymptotic confidence sequences at {level:.2%}, "
        f"so that all {rules} rules together "
        f"err at most {design.alpha:.1%}, "
        "however often one looks"
    )


def sample_ratio_p(design: Design, users: pl.DataFrame) -> float:
    """Test whether the shares of users are those of the plan.

    Args:
        design: names the shares, and says how often somebody looks.
        users: one row a user, with its ``variant``.

    Returns:
        tea-tasting's p-value for one look, else one that is valid at every look.
    """
    control_weight = design.weights[CONTROL]
    challenger_weight = design.weights[CHALLENGER]
    if not design.sequential:
        import tea_tasting as tt

        test = tt.SampleRatio(challenger_weight / control_weight)
        compared = tt.Experiment(ratio=test).analyze(users, control=CONTROL)
        return float(compared["ratio"].pvalue)

    # The challenger's share of users is a mean of yes-or-no draws. Its difference from the
    # planned share has the variance of a Bernoulli draw, divided by the number of users.
    planned_share = challenger_weight / (challenger_weight + control_weight)
    count = users.height
    observed_share = count_users(users).get(CHALLENGER, 0) / count
    standard_error = (planned_share * (1 - planned_share) / count) ** 0.5
    _, _, p_value = confidence_sequence(
        observed_share - planned_share,
        standard_error,
        count,
        alpha=SAMPLE_RATIO_ALPHA,
    )
    return float(p_value)
