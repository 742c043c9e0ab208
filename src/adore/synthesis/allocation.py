"""How many candidates of each error type to make: more of those that are seen to go wrong."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from adore.attributes.contrasts import contrast_type
from adore.errors import check
from adore.synthesis.catalogue import is_accessory
from adore.taxonomy import ERROR_TYPES, TYPE_OF, mean_shares
from adore.types import Evidence, Grade

__all__ = ["GradedPair", "count_errors", "quotas", "type_shares"]

_OTHER_TYPE = {
    Grade.IRRELEVANT: "category",
    Grade.COMPLEMENT: "complement",
    Grade.SUBSTITUTE: "alternative",
}
"""Human grade of an item of another product type, to the error type."""
_MOST_POSITIVES = 0.25
"""Largest share of hard positives among all candidates.

A judge that is too strict is the most frequent error, but human judgements correct it
better than synthetic pairs whose grade stays the same (``docs/benchmarks.md``).
"""


@dataclass(frozen=True, slots=True)
class GradedPair:
    """What is known of a pair that was answered and judged.

    Attributes:
        human: human grade, 0 to 3.
        answered: grade of the teacher or the student, 0 to 3.
        evidence: evidence of the pair.
    """

    human: int
    answered: int
    evidence: Sequence[Evidence]


def count_errors(pairs: Iterable[GradedPair]) -> dict[str, int]:
    """How often an answer and a human differ, per error type that the evidence names.

    An exact pair that was graded down is ``over-strict`` if the evidence has a conflict,
    else ``synonym``. Any other pair counts for each conflict: by its attribute, by the
    type of the word, or, if the item is of another product type, by the human grade. It
    counts for ``partial-multi-constraint`` if everything else that was asked for matches.

    Args:
        pairs: answered and judged pairs.

    Returns:
        Error type to count, by name.
    """
    error_counts = Counter[str]()
    for pair in pairs:
        if pair.human != pair.answered:
            human_grade = Grade(pair.human)
            error_types = _error_types(human_grade, pair.evidence)
            error_counts.update(error_types)

    in_order = sorted(error_counts.items())
    return dict(in_order)


def _error_types(human: Grade, evidence: Sequence[Evidence]) -> set[str]:
    """The error types of one wrong answer."""
    conflicts = [fact for fact in evidence if fact.state == "conflict"]
    # people accept the item: either the conflict does not matter, or other words mean it
    if human == Grade.EXACT:
        if conflicts:
            return {"over-strict"}
        return {"synonym"}

    error_types = {_error_type(human, fact) for fact in conflicts}
    met_constraints = 0
    for fact in evidence:
        is_constraint = fact.attribute not in ("product_type", "feature")
        if is_constraint and fact.state == "match":
            met_constraints += 1

    if len(conflicts) == 1 and met_constraints > 1:
        error_types.add("partial-multi-constraint")
    return error_types - {""}


def _error_type(human: Grade, conflict: Evidence) -> str:
    """The error type of one conflict; empty if it has none."""
    if conflict.attribute == "feature":
        return contrast_type(conflict.asked)
    if conflict.attribute != "product_type":
        return TYPE_OF.get(conflict.attribute, "")
    if is_accessory(conflict):
        return "accessory"
    return _OTHER_TYPE[human]


def type_shares(
    weights: Mapping[str, float], *errors: Mapping[str, int]
) -> dict[str, float]:
    """Share of candidates per error type, summing to 1.

    Args:
        weights: the user's weights; types that are not named get 0. If empty, half of
            the candidates are spread evenly and half go where errors are (all evenly if
            there are none), and hard positives get a quarter at most.
        errors: counts of errors per error type, one mapping for each source of errors.
            Every source with errors has the same influence.

    Returns:
        Error type to share.

    Raises:
        ConfigError: an unknown error type, a negative weight, or nothing but zeros.
    """
    error_types = list(ERROR_TYPES)
    unknown = sorted(weights.keys() - set(error_types))
    check(
        not unknown,
        "synthesise.weights",
        unknown,
        must=f"among {error_types}",
        fix="rename or drop them",
    )
    check(
        all(weight >= 0 for weight in weights.values()),
        "synthesise.weights",
        dict(weights),
        must=">= 0",
        fix="raise them",
    )
    if not weights:
        return _cap_positives(_spread(error_types, errors))

    total = sum(weights.values())
    check(
        total > 0,
        "synthesise.weights",
        dict(weights),
        must="above 0 in sum",
        fix="raise one",
    )
    return {
        error_type: weights.get(error_type, 0.0) / total for error_type in error_types
    }


def _spread(
    error_types: Sequence[str], errors: Iterable[Mapping[str, int]]
) -> dict[str, float]:
    """Half evenly, half by the mean of the shares of errors."""
    even = 1.0 / len(error_types)
    error_shares = mean_shares(errors)

    spread: dict[str, float] = {}
    for error_type in error_types:
        error_share = even
        if error_shares:
            error_share = error_shares.get(error_type, 0.0)
        spread[error_type] = 0.5 * even + 0.5 * error_share
    return spread


def _cap_positives(shares: Mapping[str, float]) -> dict[str, float]:
    """Scale hard positives down to :data:`_MOST_POSITIVES`; the other types get the rest."""
    positive_share = 0.0
    for error_type, share in shares.items():
        if ERROR_TYPES[error_type].positive:
            positive_share += share
    if positive_share <= _MOST_POSITIVES:
        return dict(shares)

    # both groups keep their own proportions, and all shares still sum to 1
    factor_of_positives = _MOST_POSITIVES / positive_share
    factor_of_others = 1.0
    if positive_share < 1:
        other_share = 1 - positive_share
        factor_of_others = (1 - _MOST_POSITIVES) / other_share

    capped: dict[str, float] = {}
    for error_type, share in shares.items():
        factor = factor_of_others
        if ERROR_TYPES[error_type].positive:
            factor = factor_of_positives
        capped[error_type] = share * factor
    return capped


def quotas(
    shares: Mapping[str, float],
    *,
    total: int,
    per_type: int,
    available: Mapping[str, int],
) -> dict[str, int]:
    """How many candidates of each type to use.

    Shares of ``total``; what one type lacks goes to the others.

    Args:
        shares: error type to its share; a type with 0 gets nothing.
        total: candidates in all.
        per_type: most candidates of one type.
        available: error type to how many were made; a type that is not named has none.

    Returns:
        Error type to how many of its candidates to use.

    Example:
        >>> quotas({"a": 0.5, "b": 0.5}, total=10, per_type=8, available={"a": 2, "b": 20})
        {'a': 2, 'b': 8}
    """
    capacities: dict[str, int] = {}
    for error_type, share in shares.items():
        if share > 0:
            number = available.get(error_type, 0)
            capacities[error_type] = min(number, per_type)

    allotted = dict.fromkeys(capacities, 0)
    open_types = list(capacities)
    remaining = total
    while remaining > 0 and open_types:
        # each round shares out what remains among the types that still have some
        open_share = sum(shares[error_type] for error_type in open_types)
        still_open: list[str] = []
        unallotted = remaining
        for error_type in open_types:
            fair = remaining * shares[error_type] / open_share
            portion = max(1, int(fair))
            capacity = capacities[error_type] - allotted[error_type]
            addition = min(portion, capacity, unallotted)

            allotted[error_type] += addition
            unallotted -= addition
            if allotted[error_type] < capacities[error_type]:
                still_open.append(error_type)

        remaining = unallotted
        open_types = still_open
    return allotted
