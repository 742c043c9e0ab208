"""Signs: pairs of which shoppers' behaviour is clear, for or against the judge's grade."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from adore.behaviour.grade_model import GradeModel
from adore.types import JUDGED_EXACT, JUDGED_STRICTLY, Grade, SignKind

__all__ = [
    "CONFIRMATIONS",
    "LENIENT_CORRECTION",
    "STRICT_CORRECTIONS",
    "SignKind",
    "SignRule",
    "find_signs",
]


LENIENT_CORRECTION = SignKind.BOUGHT_JUDGED_STRICTLY
"""The judge was too strict."""
STRICT_CORRECTIONS = (SignKind.RETURNED_JUDGED_EXACT, SignKind.SKIPPED_JUDGED_EXACT)
"""The judge was too lenient."""
CONFIRMATIONS = (
    SignKind.BOUGHT_JUDGED_EXACT,
    SignKind.RETURNED_JUDGED_STRICTLY,
    SignKind.SKIPPED_JUDGED_STRICTLY,
)
"""The judge was right."""


@dataclass(frozen=True, slots=True)
class SignRule:
    """When behaviour is clear enough for a sign.

    Attributes:
        confidence: smallest P(exact), or P(not exact), given the behaviour.
        min_exposure: smallest number of examined impressions, corrected for position.
        min_clients: smallest number of clients: buyers who kept the item, or clients
            who were shown it.
        skips_count: whether a skipped item is a sign. It is not where position bias is
            unknown.
    """

    confidence: float
    min_exposure: float
    min_clients: int
    skips_count: bool


def find_signs(seen: pl.DataFrame, model: GradeModel, rule: SignRule) -> pl.DataFrame:
    """Find the pairs that give a sign.

    Args:
        seen: trials joined with the judge's ``grade``, as for
            :meth:`~adore.behaviour.grade_model.GradeModel.posterior`.
        model: gives P(exact) of every pair.
        rule: what is clear enough.

    Returns:
        The columns of ``GradeModel.posterior``, with ``behaviour`` (``bought``, ``returned``
        or ``skipped``), the ``kind`` of sign (values of :class:`SignKind`) and
        ``wanted_exact``.
    """
    pairs = model.posterior(seen)
    exposed = pairs.filter(pl.col("examined") >= rule.min_exposure)

    exact = pl.col("posterior").list.get(int(Grade.EXACT))
    kept = pl.col("kept")
    enough_buyers = kept >= rule.min_clients
    is_likely_exact = exact >= rule.confidence
    is_bought = enough_buyers & is_likely_exact

    enough_clients = pl.col("clients") >= rule.min_clients
    is_likely_below = exact <= 1 - rule.confidence
    is_rejected = enough_clients & is_likely_below
    was_returned = pl.col("returned") > 0
    is_returned = is_rejected & was_returned
    is_skipped = is_rejected & (kept == 0) & pl.lit(rule.skips_count)

    # The first that applies; null where behaviour is not clear.
    behaviour = (
        pl.when(is_bought)
        .then(pl.lit("bought"))
        .when(is_returned)
        .then(pl.lit("returned"))
        .when(is_skipped)
        .then(pl.lit("skipped"))
    )
    is_judged_exact = pl.col("grade") == int(Grade.EXACT)
    judgement = (
        pl.when(is_judged_exact)
        .then(pl.lit(JUDGED_EXACT))
        .otherwise(pl.lit(JUDGED_STRICTLY))
    )
    kind = pl.concat_str(behaviour, judgement, separator=", ")
    signs = exposed.with_columns(
        behaviour=behaviour,
        kind=kind,
        wanted_exact=is_bought,
    )
    is_sign = pl.col("kind").is_not_null()
    return signs.filter(is_sign)
