"""Which errors to make more of: those that teacher, student and shoppers show."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from adore.attributes.rivals import kind_of
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
"""Most of all candidates that are hard positives: too strict a judge is the commonest error, and one that people's
judgements mend better than pairs whose grade no edit changes (``docs/benchmarks.md``)."""


def confusions(graded: Iterable[tuple[int, int, Sequence[Evidence]]]) -> dict[str, int]:
    """How often an answer and a human differ, per error type that the evidence names.

    An exact pair that was graded down is ``over-strict`` where the evidence has a conflict and ``synonym`` where it
    has none. Another pair counts for each conflict, by its attribute, by the kind of word, or, where it is of
    another kind of product, by the human grade; and for ``partial-multi-constraint`` if all else that was asked
    matches.

    Args:
        graded: human grade, answered grade and evidence of each pair.
    """
    wrong = Counter[str]()
    for human, answered, evidence in graded:
        if human != answered:
            wrong.update(_types(Grade(human), evidence))
    return dict(sorted(wrong.items()))


def _types(human: Grade, evidence: Sequence[Evidence]) -> set[str]:
    conflicts = [e for e in evidence if e.state == "conflict"]
    if human == Grade.EXACT:
        return {"over-strict" if conflicts else "synonym"}
    met = sum(
        e.state == "match" and e.attribute not in ("product_type", "feature")
        for e in evidence
    )
    partly = (
        {"partial-multi-constraint"} if len(conflicts) == 1 and met > 1 else set[str]()
    )
    return ({_type(human, e) for e in conflicts} | partly) - {""}


def _type(human: Grade, e: Evidence) -> str:
    if e.attribute == "feature":
        return kind_of(e.asked)
    if e.attribute == "product_type":
        return "accessory" if e.found.startswith("accessory") else _KIND[human]
    return TYPE_OF.get(e.attribute, "")


def mix(given: Mapping[str, float], *wrong: Mapping[str, int]) -> dict[str, float]:
    """Share of candidates per error type, summing to 1.

    Args:
        given: the user's weights; types that are not named get 0. Empty: half of the candidates are spread
            evenly, half go where errors are (all evenly if there are none); hard positives get a quarter at most.
        wrong: wrong answers per error type; each that has any speaks with the same voice.

    Raises:
        ConfigError: an unknown error type, a negative weight, or nothing but zeros.
    """
    names = [e.name for e in ERROR_TYPES]
    unknown = sorted(set(given) - set(names))
    check(
        not unknown,
        "synthesise.weights",
        unknown,
        must=f"among {names}",
        fix="rename or drop them",
    )
    check(
        all(w >= 0 for w in given.values()),
        "synthesise.weights",
        dict(given),
        must=">= 0",
        fix="raise them",
    )
    if given:
        check(
            sum(given.values()) > 0,
            "synthesise.weights",
            dict(given),
            must="above 0 in sum",
            fix="raise one",
        )
        return {n: given.get(n, 0.0) / sum(given.values()) for n in names}
    voices = [
        {n: w.get(n, 0) / sum(w.values()) for n in names}
        for w in wrong
        if sum(w.values())
    ]
    even = {n: 1.0 / len(names) for n in names}
    spread = {
        n: 0.5 * even[n]
        + 0.5 * sum(v[n] for v in voices or [even]) / max(1, len(voices))
        for n in names
    }
    return _capped(spread)


def _capped(shares: dict[str, float]) -> dict[str, float]:
    """Hard positives, scaled down to :data:`_POSITIVE` where they have more; the other types get the rest."""
    positive = {e.name for e in ERROR_TYPES if e.positive}
    held = sum(shares[n] for n in positive)
    if held <= _POSITIVE:
        return shares
    down, up = _POSITIVE / held, (1 - _POSITIVE) / (1 - held) if held < 1 else 1.0
    return {n: share * (down if n in positive else up) for n, share in shares.items()}


def quotas(
    shares: Mapping[str, float],
    *,
    total: int,
    per_type: int,
    available: Mapping[str, int],
) -> dict[str, int]:
    """How many candidates of each type to keep: shares of ``total``, and what one type lacks goes to the others.

    Example:
        >>> quotas({"a": 0.5, "b": 0.5}, total=10, per_type=8, available={"a": 2, "b": 20})
        {'a': 2, 'b': 8}
    """
    room = {n: min(available.get(n, 0), per_type) for n in shares if shares[n] > 0}
    taken = dict.fromkeys(room, 0)
    open_types = dict(room)
    while (left := total - sum(taken.values())) > 0 and open_types:
        weight = sum(shares[n] for n in open_types)
        for name in open_types:
            part = max(1, int(left * shares[name] / weight))
            taken[name] += min(
                part, room[name] - taken[name], total - sum(taken.values())
            )
        open_types = {n: r for n, r in open_types.items() if taken[n] < r}
    return taken
