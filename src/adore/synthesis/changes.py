"""Says from evidence alone whether an edit moved what it meant to move, and nothing else."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from adore.attributes.rivals import kind_of
from adore.taxonomy import error_type
from adore.types import Evidence

__all__ = ["clean", "fault"]


def clean(evidence: Sequence[Evidence]) -> bool:
    """True if a good pair's evidence holds no conflict, so that an edit's conflict is the only one."""
    return bool(evidence) and all(e.state != "conflict" for e in evidence)


def fault(
    error: str, attribute: str, before: Sequence[Evidence], after: Sequence[Evidence]
) -> str:
    """Why the difference between two pairs' evidence is not exactly the intended one.

    Whatever else the query asked must still be asked and keep its state; what it asks anew must be
    matched. A hard positive has no conflict; any other edit has one conflict, in ``attribute``; a word's conflict is
    of the error type's own kind. An item of another product type need not have the query's loose words (``feature``),
    and a neighbouring kind need only not be said to be of the asked one.

    Args:
        error: an error type's name.
        attribute: the attribute that was edited (``""`` for hard positives).
        before: evidence of the good pair.
        after: evidence of the edited pair.

    Returns:
        ``""`` if the edit holds, else a reason for people.
    """
    loose = "feature" if attribute == "product_type" else attribute
    rest_before, rest_after = (
        Counter(
            (e.attribute, e.state)
            for e in many
            if e.attribute not in (attribute, loose)
        )
        for many in (before, after)
    )
    for name, state in sorted(rest_before - rest_after):
        return f"{name} was {state} and no longer is"
    for name, state in sorted(rest_after - rest_before):
        if state != "match":
            return f"{name} is asked anew and is {state}"
    return _own_fault(error, attribute, before, after)


def _own_fault(
    error: str, attribute: str, before: Sequence[Evidence], after: Sequence[Evidence]
) -> str:
    """Why the edited attribute did not move as meant."""
    own_before, own_after = (
        Counter(e.state for e in many if e.attribute == attribute)
        for many in (before, after)
    )
    more = own_after["conflict"] - own_before["conflict"]
    if error_type(error).positive:
        return f"{attribute} is in conflict" if more > 0 else ""
    if error == "alternative":
        return "it is said to be of the asked kind" if own_after["match"] else ""
    if more != 1:
        return f"{attribute} has {own_after['conflict']} conflicts, not one more than before"
    kinds = {
        kind_of(e.asked)
        for e in after
        if e.attribute == "feature" and e.state == "conflict"
    }
    if attribute == "feature" and error not in kinds:
        return f"the word in conflict is of {sorted(kinds)}"
    if (
        own_before["match"] - own_after["match"] > 1
        or own_after["unknown"] > own_before["unknown"]
    ):
        return f"{attribute} moved in more than one value"
    return ""
