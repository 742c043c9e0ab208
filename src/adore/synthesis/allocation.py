"""Which errors to make more of: those that teacher, student and shoppers show."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from adore.attributes.contrasts import contrast_type
from adore.errors import check
from adore.taxonomy import ERROR_TYPES, TYPE_OF
from adore.types import Evidence, Grade

__all__ = ["confusions", "mix", "quotas"]

_KIND = {
    Grade.IRRELEVANT: "category",
    Grade.COMPLEMENT: "complement",
    Grade.SUBSTITUTE: "alternative",
}
"""What an item of another kind is called, by the grade that people give it."""
_POSITIVE = 0.25
"""Most of all candidates that are hard positives.

Too strict a judge is the commonest error, and one that people's judgements mend better
than pairs whose grade no edit changes (``docs/benchmarks.md``).
"""


def confusions(graded: Iterable[tuple[int, int, Sequence[Evidence]]]) -> dict[str, int]:
    """How often an answer and a human differ, per error type that the evidence names.

    An exact pair that was graded down is ``over-strict`` where the evidence has a
    conflict and ``synonym`` where it has none. Another pair counts for each conflict, by
    its attribute, by the kind of word, or, where it is of another kind of product, by the
    human grade; and for ``partial-multi-constraint`` if all else that was asked matches.

    Args:
        graded: human grade, answered grade and evidence of each pair.
    """
    wrong = Counter[str]()
    for human, answered, evidence in graded:
        if human != answered:
            wrong.update(_types(Grade(human), evidence))
    return dict(sorted(wrong.items()))


def _types(human: Grade, evidence: Sequence[Evidence]) -> set[str]:
    """The error types of one wrong answer."""
    conflicts = [fact for fact in evidence if fact.state == "conflict"]
    if human == Grade.EXACT:
        return {"over-strict" if conflicts else "synonym"}

    types = {_type(human, fact) for fact in conflicts}
    met = [
        fact
        for fact in evidence
        if fact.state == "match" and fact.attribute not in ("product_type", "feature")
    ]
    if len(conflicts) == 1 and len(met) > 1:
        types.add("partial-multi-constraint")
    return types - {""}


def _type(human: Grade, e: Evidence) -> str:
    if e.attribute == "feature":
        return contrast_type(e.asked)
    if e.attribute == "product_type":
        return "accessory" if e.found.startswith("accessory") else _KIND[human]
    return TYPE_OF.get(e.attribute, "")


def mix(given: Mapping[str, float], *wrong: Mapping[str, int]) -> dict[str, float]:
    """Share of candidates per error type, summing to 1.

    Args:
        given: the user's weights; types that are not named get 0. Empty: half of the
            candidates are spread evenly, half go where errors are (all evenly if there
            are none); hard positives get a quarter at most.
        wrong: wrong answers per error type; each that has any speaks with the same voice.

    Raises:
        ConfigError: an unknown error type, a negative weight, or nothing but zeros.
    """
    names = list(ERROR_TYPES)
    unknown = sorted(set(given) - set(names))
    check(
        not unknown,
        "synthesise.weights",
        unknown,
        must=f"among {names}",
        fix="rename or drop them",
    )
    check(
        all(weight >= 0 for weight in given.values()),
        "synthesise.weights",
        dict(given),
        must=">= 0",
        fix="raise them",
    )
    if given:
        total = sum(given.values())
        check(
            total > 0,
            "synthesise.weights",
            dict(given),
            must="above 0 in sum",
            fix="raise one",
        )
        return {name: given.get(name, 0.0) / total for name in names}
    return _capped(_spread(names, wrong))


def _spread(
    names: Sequence[str], wrong: Iterable[Mapping[str, int]]
) -> dict[str, float]:
    """Half evenly, half by the mean of the shares of errors."""
    even = 1.0 / len(names)
    voices: list[dict[str, float]] = []
    for counts in wrong:
        total = sum(counts.values())
        if total:
            voices.append({name: counts.get(name, 0) / total for name in names})

    spread: dict[str, float] = {}
    for name in names:
        shares = [voice[name] for voice in voices] or [even]
        spread[name] = 0.5 * even + 0.5 * sum(shares) / len(shares)
    return spread


def _capped(shares: dict[str, float]) -> dict[str, float]:
    """Hard positives, scaled down to :data:`_POSITIVE` where they have more.

    The other types get the rest.
    """
    positive = {kind.name for kind in ERROR_TYPES.values() if kind.positive}
    held = sum(shares[name] for name in positive)
    if held <= _POSITIVE:
        return shares

    # both groups keep their own proportions, and all shares still sum to 1
    down = _POSITIVE / held
    up = (1 - _POSITIVE) / (1 - held) if held < 1 else 1.0
    capped: dict[str, float] = {}
    for name, share in shares.items():
        factor = down if name in positive else up
        capped[name] = share * factor
    return capped


def quotas(
    shares: Mapping[str, float],
    *,
    total: int,
    per_type: int,
    available: Mapping[str, int],
) -> dict[str, int]:
    """How many candidates of each type to keep.

    Shares of ``total``, and what one type lacks goes to the others.

    Args:
        shares: error type to its share; a type with 0 gets nothing.
        total: candidates in all.
        per_type: most candidates of one type.
        available: error type to how many were made; a type that is not named has none.

    Example:
        >>> quotas({"a": 0.5, "b": 0.5}, total=10, per_type=8, available={"a": 2, "b": 20})
        {'a': 2, 'b': 8}
    """
    room: dict[str, int] = {}
    for name, share in shares.items():
        if share > 0:
            room[name] = min(available.get(name, 0), per_type)

    taken = dict.fromkeys(room, 0)
    open_types = list(room)
    left = total
    while left > 0 and open_types:
        # each round shares out what is left among the types that still have some
        weight = sum(shares[name] for name in open_types)
        for name in open_types:
            part = max(1, int(left * shares[name] / weight))
            still = total - sum(taken.values())
            taken[name] += min(part, room[name] - taken[name], still)

        left = total - sum(taken.values())
        open_types = [name for name in open_types if taken[name] < room[name]]
    return taken
