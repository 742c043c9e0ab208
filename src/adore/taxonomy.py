"""The error types, by which synthesis, offline slices and online segments name errors.

:func:`register_error_type` adds one; ``docs/extending.md`` has the recipe.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from adore.errors import check
from adore.registry import Registry
from adore.types import ATTRIBUTES, Grade

__all__ = [
    "ERROR_TYPES",
    "TYPE_OF",
    "ErrorType",
    "mean_shares",
    "register_error_type",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorType:
    """One way in which a ranker is wrong about a pair.

    Attributes:
        name: its word in profiles, tables and error texts.
        definition: one sentence for people.
        grade: the grade that an exact pair is meant to have after an edit of this type.
        attribute: the key attribute that an edit of this type changes. ``feature`` is a
            word of the query that belongs to no other attribute; ``""`` means that each
            edit chooses the attribute, or changes none.
        contrasts: groups of words of which a product has at most one (``round``,
            ``square``). A query that asks for one word and an item that says another of
            its group differ in this error type. Each word is a key of ``contrasts`` in a
            language pack, which lists how that language writes it.
        needs_conflict: an edit of this type must make the evidence contradict the query.
            Without it, the evidence only must not say that the item matches.
    """

    name: str
    definition: str
    grade: Grade
    attribute: str = ""
    contrasts: tuple[tuple[str, ...], ...] = ()
    needs_conflict: bool = True

    @property
    def positive(self) -> bool:
        """True for hard positives: the pair stays exact and the words change."""
        return self.grade == Grade.EXACT

    @property
    def level(self) -> int:
        """Level of the attribute, 1 weighs most; 0 where there is no single attribute."""
        return ATTRIBUTES.get(self.attribute, 0)


ERROR_TYPES: Registry[ErrorType] = Registry("error type")
"""Every error type by name. The order of registration is the order of all tables."""


def register_error_type(error: ErrorType) -> ErrorType:
    """Add an error type.

    Args:
        error: the new type.

    Returns:
        The type.

    Raises:
        ConfigError: another type has the name, or the attribute is no key attribute.
    """
    check(
        error.attribute in ("", *ATTRIBUTES),
        f"attribute of error type {error.name}",
        error.attribute,
        must=f"empty or one of: {', '.join(ATTRIBUTES)}",
        fix="choose one of them",
    )
    return ERROR_TYPES.add(error.name, error)


_BUILT_IN = (
    ErrorType(
        name="category",
        definition="The item is another kind of product that shares words with the query.",
        grade=Grade.IRRELEVANT,
        attribute="product_type",
    ),
    ErrorType(
        name="accessory",
        definition="The item is a part of, or made for, the product that is asked.",
        grade=Grade.COMPLEMENT,
        attribute="product_type",
    ),
    ErrorType(
        name="complement",
        definition="The item is of a kind that people use together with what is asked.",
        grade=Grade.COMPLEMENT,
        attribute="product_type",
    ),
    ErrorType(
        name="modifier-as-head",
        definition="The item is what a word beside the query's head names.",
        grade=Grade.IRRELEVANT,
        attribute="product_type",
    ),
    ErrorType(
        name="negation",
        definition="The item has the very thing that the query excludes.",
        grade=Grade.SUBSTITUTE,
        attribute="exclusion",
    ),
    ErrorType(
        name="knowledge-intent",
        definition="The query wants to know something; the item is only its topic.",
        grade=Grade.IRRELEVANT,
        attribute="product_type",
    ),
    ErrorType(
        name="compatibility",
        definition="The item fits another device or system than the one asked.",
        grade=Grade.SUBSTITUTE,
        attribute="compatibility",
    ),
    ErrorType(
        name="brand",
        definition="The item is right but for another brand than the one asked.",
        grade=Grade.SUBSTITUTE,
        attribute="brand",
    ),
    ErrorType(
        name="model",
        definition="The item is of another series or model than the one asked.",
        grade=Grade.SUBSTITUTE,
        attribute="model",
    ),
    ErrorType(
        name="audience",
        definition="The item is made for other people than those asked.",
        grade=Grade.SUBSTITUTE,
        attribute="audience",
    ),
    ErrorType(
        name="function",
        definition="The item works in another way than asked (electric, manual).",
        grade=Grade.SUBSTITUTE,
        attribute="feature",
        contrasts=(
            ("electric", "manual"),
            ("wired", "wireless"),
            ("corded", "cordless"),
            ("disposable", "reusable"),
            ("analog", "digital"),
        ),
    ),
    ErrorType(
        name="use-case",
        definition="The item is for another place, sport or occasion than asked.",
        grade=Grade.SUBSTITUTE,
        attribute="feature",
        contrasts=(
            ("indoor", "outdoor"),
            ("christmas", "halloween", "easter", "valentine", "thanksgiving"),
            ("birthday", "wedding", "graduation", "retirement"),
            (
                "basketball",
                "tennis",
                "golf",
                "yoga",
                "cycling",
                "soccer",
                "baseball",
                "volleyball",
                "bowling",
            ),
        ),
    ),
    ErrorType(
        name="alternative",
        definition="The item is a neighbouring kind of product that serves the same need.",
        grade=Grade.SUBSTITUTE,
        attribute="product_type",
        needs_conflict=False,
    ),
    ErrorType(
        name="offer-type",
        definition="The query asks used, renewed, rented or a sample; the item is sold new.",
        grade=Grade.SUBSTITUTE,
        attribute="feature",
    ),
    ErrorType(
        name="keyword-stuffing",
        definition="Another kind of product whose title holds the query's words.",
        grade=Grade.IRRELEVANT,
        attribute="product_type",
    ),
    ErrorType(
        name="size",
        definition="The item is right but in another size or volume than asked.",
        grade=Grade.SUBSTITUTE,
        attribute="size",
    ),
    ErrorType(
        name="pack",
        definition="The item is right but in another count than asked.",
        grade=Grade.SUBSTITUTE,
        attribute="pack",
    ),
    ErrorType(
        name="colour",
        definition="The item is right but in another colour than asked.",
        grade=Grade.SUBSTITUTE,
        attribute="colour",
    ),
    ErrorType(
        name="material",
        definition="The item is right but of another material than asked.",
        grade=Grade.SUBSTITUTE,
        attribute="material",
    ),
    ErrorType(
        name="style",
        definition="The item has another shape, pattern, look or form than asked.",
        grade=Grade.SUBSTITUTE,
        attribute="feature",
        contrasts=(
            ("round", "square", "rectangular", "oval"),
            ("striped", "plaid", "floral", "leopard", "camo", "paisley"),
            ("modern", "vintage"),
            ("matte", "glossy"),
            ("liquid", "powder", "gel", "capsule", "gummy"),
        ),
    ),
    ErrorType(
        name="degree",
        definition="The item is softer, thinner, wider ... than asked.",
        grade=Grade.SUBSTITUTE,
        attribute="feature",
        contrasts=(
            ("soft", "firm"),
            ("wide", "narrow"),
            ("lightweight", "heavyweight"),
            ("mini", "jumbo"),
            ("mild", "spicy"),
        ),
    ),
    ErrorType(
        name="price-tier",
        definition="The item costs more than the query allows.",
        grade=Grade.SUBSTITUTE,
        attribute="feature",
    ),
    ErrorType(
        name="partial-multi-constraint",
        definition="The item meets all constraints of the query but one.",
        grade=Grade.SUBSTITUTE,
    ),
    ErrorType(
        name="synonym",
        definition="Hard positive: the item is right, said in other words.",
        grade=Grade.EXACT,
    ),
    ErrorType(
        name="over-strict",
        definition="Hard positive: the item is right, and says less, more or in another order.",
        grade=Grade.EXACT,
    ),
)

for _error in _BUILT_IN:
    register_error_type(_error)


def mean_shares(sources: Iterable[Mapping[str, int]]) -> dict[str, float]:
    """Compute each error type's mean share of the errors of several sources.

    Counts of several sources cannot be added: some are pairs, some purchases. So every source
    that has errors has the same vote.

    Args:
        sources: errors per error type, one mapping for each source.

    Returns:
        Error type to its share; they sum to 1. Empty where no source has an error.

    Example:
        >>> mean_shares([{"brand": 3, "colour": 1}, {"brand": 0}])
        {'brand': 0.75, 'colour': 0.25}
    """
    with_errors = [counts for counts in sources if any(counts.values())]
    error_types: dict[str, None] = {}
    for counts in with_errors:
        error_types.update(dict.fromkeys(counts))

    shares: dict[str, float] = {}
    for error_type in error_types:
        votes = []
        for counts in with_errors:
            total = sum(counts.values())
            votes.append(counts.get(error_type, 0) / total)
        shares[error_type] = sum(votes) / len(votes)
    return shares


def _first_by_attribute() -> dict[str, str]:
    """Each key attribute that stands for itself, and its first error type."""
    first: dict[str, str] = {}
    for error in _BUILT_IN:
        if error.attribute not in ("", "feature"):
            first.setdefault(error.attribute, error.name)
    return first


TYPE_OF: dict[str, str] = _first_by_attribute()
"""Key attribute to the error type that a conflict in it is called."""
