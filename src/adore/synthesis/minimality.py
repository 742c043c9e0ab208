"""Decides from evidence alone whether an edit changed what it meant to change, and nothing else."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence

from adore.attributes.contrasts import contrast_type
from adore.taxonomy import ERROR_TYPES
from adore.types import Evidence

__all__ = ["edit_fault", "is_conflict_free", "types_of_words_in_conflict"]


def is_conflict_free(evidence: Sequence[Evidence]) -> bool:
    """Whether a good pair has evidence without a conflict, so that an edit's is the only one."""
    if not evidence:
        return False
    return all(fact.state != "conflict" for fact in evidence)


def edit_fault(
    error_type: str,
    attribute: str,
    before: Sequence[Evidence],
    after: Sequence[Evidence],
) -> str:
    """Say why the difference between two pairs' evidence is not exactly the intended one.

    Whatever else the query asked for must still be asked for and keep its state. What it
    asks for anew must be matched. A hard positive has no conflict. Any other edit has one
    conflict, in ``attribute``; the conflict of a word must be of the error type's own
    contrasts. An item of another product type need not have the query's loose words
    (``feature``). A type that needs no conflict only must not match.

    Args:
        error_type: an error type's name.
        attribute: the attribute that was edited (``""`` for hard positives).
        before: evidence of the good pair.
        after: evidence of the edited pair.

    Returns:
        ``""`` if the edit is minimal, else a reason for people.
    """
    edited = {attribute}
    if attribute == "product_type":
        edited.add("feature")

    # whatever was not edited: its states may not be lost, and new ones must match
    rest_before = _other_states(before, edited)
    rest_after = _other_states(after, edited)

    for name, state in sorted(rest_before - rest_after):
        return f"{name} was {state} and no longer is"
    for name, state in sorted(rest_after - rest_before):
        if state != "match":
            return f"{name} is asked anew and is {state}"
    return _attribute_fault(error_type, attribute, before, after)


def _other_states(
    evidence: Sequence[Evidence], edited: Collection[str]
) -> Counter[tuple[str, str]]:
    """How often each attribute that was not edited is in each state."""
    states = Counter[tuple[str, str]]()
    for fact in evidence:
        if fact.attribute not in edited:
            states[fact.attribute, fact.state] += 1
    return states


def _states_of(evidence: Sequence[Evidence], attribute: str) -> Counter[str]:
    """How often one attribute is in each state."""
    states = Counter[str]()
    for fact in evidence:
        if fact.attribute == attribute:
            states[fact.state] += 1
    return states


def _attribute_fault(
    error_type: str,
    attribute: str,
    before: Sequence[Evidence],
    after: Sequence[Evidence],
) -> str:
    """Why the edited attribute did not change as meant."""
    states_before = _states_of(before, attribute)
    states_after = _states_of(after, attribute)
    conflicts = states_after["conflict"]
    new_conflicts = conflicts - states_before["conflict"]

    error = ERROR_TYPES[error_type]
    if error.positive:
        if new_conflicts > 0:
            return f"{attribute} is in conflict"
        return ""
    if not error.needs_conflict:
        if states_after["match"] > 0:
            return "it matches the asked product type"
        return ""

    if new_conflicts != 1:
        return f"{attribute} has {conflicts} conflicts, not one more than before"
    return _value_fault(error_type, attribute, before, after)


def _value_fault(
    error_type: str,
    attribute: str,
    before: Sequence[Evidence],
    after: Sequence[Evidence],
) -> str:
    """Why the one new conflict is not of the intended word or value."""
    # a word of the right kind must be the one in conflict
    word_types = types_of_words_in_conflict(after)
    if attribute == "feature" and error_type not in word_types:
        return f"the word in conflict is of {word_types}"

    # a query may ask for several values of an attribute; only one may change
    states_before = _states_of(before, attribute)
    states_after = _states_of(after, attribute)
    fewer_matches = states_before["match"] - states_after["match"]
    more_unknown = states_after["unknown"] - states_before["unknown"]
    if fewer_matches > 1 or more_unknown > 0:
        return f"{attribute} moved in more than one value"
    return ""


def types_of_words_in_conflict(evidence: Sequence[Evidence]) -> list[str]:
    """The error types of the loose words that are in conflict.

    Args:
        evidence: of one pair.

    Returns:
        Different names, in their order; ``""`` stands for words without contrasts.
    """
    names = set[str]()
    for fact in evidence:
        if fact.attribute == "feature" and fact.state == "conflict":
            names.add(contrast_type(fact.asked))
    return sorted(names)
