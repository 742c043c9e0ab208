"""Says from evidence alone whether an edit moved what it meant to move, and nothing else."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence, Set

from adore.attributes.contrasts import contrast_type
from adore.taxonomy import ERROR_TYPES
from adore.types import Evidence

__all__ = ["clean", "fault"]


def clean(evidence: Sequence[Evidence]) -> bool:
    """True if a good pair's evidence holds no conflict, so that an edit's is the only one."""
    return bool(evidence) and all(fact.state != "conflict" for fact in evidence)


def fault(
    error: str, attribute: str, before: Sequence[Evidence], after: Sequence[Evidence]
) -> str:
    """Why the difference between two pairs' evidence is not exactly the intended one.

    Whatever else the query asked must still be asked and keep its state; what it asks
    anew must be matched. A hard positive has no conflict; any other edit has one
    conflict, in ``attribute``; a word's conflict is of the error type's own kind. An item
    of another product type need not have the query's loose words (``feature``), and a
    neighbouring kind need only not be said to be of the asked one.

    Args:
        error: an error type's name.
        attribute: the attribute that was edited (``""`` for hard positives).
        before: evidence of the good pair.
        after: evidence of the edited pair.

    Returns:
        ``""`` if the edit holds, else a reason for people.
    """
    own = {attribute}
    if attribute == "product_type":
        own.add("feature")
    rest_before = _rest(before, own)
    rest_after = _rest(after, own)

    for name, state in sorted(rest_before - rest_after):
        return f"{name} was {state} and no longer is"
    for name, state in sorted(rest_after - rest_before):
        if state != "match":
            return f"{name} is asked anew and is {state}"
    return _own_fault(error, attribute, before, after)


def _rest(evidence: Sequence[Evidence], own: Set[str]) -> Counter[tuple[str, str]]:
    """How often each other attribute is in each state."""
    return Counter(
        (fact.attribute, fact.state) for fact in evidence if fact.attribute not in own
    )


def _states(evidence: Sequence[Evidence], attribute: str) -> Counter[str]:
    """How often one attribute is in each state."""
    return Counter(fact.state for fact in evidence if fact.attribute == attribute)


def _own_fault(
    error: str, attribute: str, before: Sequence[Evidence], after: Sequence[Evidence]
) -> str:
    """Why the edited attribute did not move as meant."""
    own_before = _states(before, attribute)
    own_after = _states(after, attribute)
    conflicts = own_after["conflict"]
    more = conflicts - own_before["conflict"]

    if ERROR_TYPES[error].positive:
        return f"{attribute} is in conflict" if more > 0 else ""
    if error == "alternative":
        return "it is said to be of the asked kind" if own_after["match"] else ""
    if more != 1:
        return f"{attribute} has {conflicts} conflicts, not one more than before"

    kinds = {
        contrast_type(fact.asked)
        for fact in after
        if fact.attribute == "feature" and fact.state == "conflict"
    }
    if attribute == "feature" and error not in kinds:
        return f"the word in conflict is of {sorted(kinds)}"

    fewer_matches = own_before["match"] - own_after["match"]
    if fewer_matches > 1 or own_after["unknown"] > own_before["unknown"]:
        return f"{attribute} moved in more than one value"
    return ""
