"""Which errors to make more of: those that the judge really makes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from adore.errors import check
from adore.taxonomy import ERROR_TYPES
from adore.types import Evidence, Grade

__all__ = ["confusions", "mix", "quotas"]

_TYPE_OF = {e.attribute: e.name for e in ERROR_TYPES if e.attribute} | {"pack": "size"}


def confusions(graded: Iterable[tuple[int, int, Sequence[Evidence]]]) -> dict[str, int]:
    """How often an answer and a human differ, per error type whose attribute is in conflict.

    Args:
        graded: human grade, answered grade and evidence of each pair.

    Returns:
        Error type to wrong answers; exact pairs without conflict that were graded down count as ``synonym``.
    """
    wrong = Counter[str]()
    for human, answered, evidence in graded:
        if human != answered:
            types = {_TYPE_OF[e.attribute] for e in evidence if e.state == "conflict" and e.attribute in _TYPE_OF}
            if not types and human == Grade.EXACT:
                types = {"synonym"}
            wrong.update(types)
    return dict(sorted(wrong.items()))


def mix(given: Mapping[str, float], wrong: Mapping[str, int]) -> dict[str, float]:
    """Share of candidates per error type, summing to 1.

    Args:
        given: the user's weights; types that are not named get 0. Empty: half of the candidates are spread
            evenly, half go where ``wrong`` says that errors are (all evenly if nothing is wrong).

    Raises:
        ConfigError: an unknown error type, a negative weight, or nothing but zeros.
    """
    names = [e.name for e in ERROR_TYPES]
    unknown = sorted(set(given) - set(names))
    check(not unknown, "synthesise.weights", unknown, must=f"among {names}", fix="rename or drop them")
    check(all(w >= 0 for w in given.values()), "synthesise.weights", dict(given), must=">= 0", fix="raise them")
    if given:
        check(sum(given.values()) > 0, "synthesise.weights", dict(given), must="above 0 in sum", fix="raise one")
        return {n: given.get(n, 0.0) / sum(given.values()) for n in names}
    total = sum(wrong.values())
    even = 1.0 / len(names)
    return {n: 0.5 * even + 0.5 * wrong.get(n, 0) / total if total else even for n in names}


def quotas(shares: Mapping[str, float], *, total: int, per_type: int, available: Mapping[str, int]) -> dict[str, int]:
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
            taken[name] += min(part, room[name] - taken[name], total - sum(taken.values()))
        open_types = {n: r for n, r in open_types.items() if taken[n] < r}
    return taken
