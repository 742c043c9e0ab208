"""The error types: synthesis, offline slices and online segments all name errors from here."""

from __future__ import annotations

from dataclasses import dataclass

from adore.errors import check

__all__ = ["ERROR_TYPES", "TYPE_OF", "ErrorType", "error_type"]


@dataclass(frozen=True, slots=True)
class ErrorType:
    """One way in which a ranker is wrong about a pair.

    Attributes:
        name: its word everywhere.
        definition: one sentence for people.
        attribute: the key attribute that an edit of this type moves (``feature``: a word of the
            query that is no other attribute; ``""``: whichever the edit takes, or none).
        level: level of that attribute, 1 weighs most; 0 where there is no one attribute.
        grade: intended grade of an exact pair after the edit (ESCI value; see
            ``adore.types.Grade``).
    """

    name: str
    definition: str
    attribute: str
    level: int
    grade: int

    @property
    def positive(self) -> bool:
        """True for hard positives: the pair stays exact and the words change."""
        return self.grade == 3


ERROR_TYPES: tuple[ErrorType, ...] = tuple(
    ErrorType(*fields)
    for fields in (
        (
            "category",
            "The item is another kind of product that shares words with the query.",
            "product_type",
            1,
            0,
        ),
        (
            "accessory",
            "The item is a part of, or made for, the product that is asked.",
            "product_type",
            1,
            1,
        ),
        (
            "complement",
            "The item is of a kind that people use together with what is asked.",
            "product_type",
            1,
            1,
        ),
        (
            "modifier-as-head",
            "The item is what a word beside the query's head names.",
            "product_type",
            1,
            0,
        ),
        (
            "negation",
            "The item has the very thing that the query excludes.",
            "exclusion",
            2,
            2,
        ),
        (
            "knowledge-intent",
            "The query wants to know something; the item is only its topic.",
            "product_type",
            1,
            0,
        ),
        (
            "compatibility",
            "The item fits another device or system than the one asked.",
            "compatibility",
            2,
            2,
        ),
        (
            "brand",
            "The item is right but for another brand than the one asked.",
            "brand",
            2,
            2,
        ),
        (
            "model",
            "The item is of another series or model than the one asked.",
            "model",
            2,
            2,
        ),
        (
            "audience",
            "The item is made for other people than those asked.",
            "audience",
            2,
            2,
        ),
        (
            "function",
            "The item works in another way than asked (electric, manual).",
            "feature",
            3,
            2,
        ),
        (
            "use-case",
            "The item is for another place, sport or occasion than asked.",
            "feature",
            3,
            2,
        ),
        (
            "alternative",
            "The item is a neighbouring kind of product that serves the same need.",
            "product_type",
            1,
            2,
        ),
        (
            "offer-type",
            "The query asks used, renewed, rented or a sample; the item is sold new.",
            "feature",
            3,
            2,
        ),
        (
            "keyword-stuffing",
            "Another kind of product whose title holds the query's words.",
            "product_type",
            1,
            0,
        ),
        (
            "size",
            "The item is right but in another size or volume than asked.",
            "size",
            3,
            2,
        ),
        ("pack", "The item is right but in another count than asked.", "pack", 3, 2),
        (
            "colour",
            "The item is right but in another colour than asked.",
            "colour",
            3,
            2,
        ),
        (
            "material",
            "The item is right but of another material than asked.",
            "material",
            3,
            2,
        ),
        (
            "style",
            "The item has another shape, pattern, look or form than asked.",
            "feature",
            3,
            2,
        ),
        (
            "degree",
            "The item is softer, thinner, wider ... than asked.",
            "feature",
            3,
            2,
        ),
        ("price-tier", "The item costs more than the query allows.", "feature", 3, 2),
        (
            "partial-multi-constraint",
            "The item meets all constraints of the query but one.",
            "",
            0,
            2,
        ),
        ("synonym", "Hard positive: the item is right, said in other words.", "", 0, 3),
        (
            "over-strict",
            "Hard positive: the item is right, and says less, more or in another order.",
            "",
            0,
            3,
        ),
    )
)

TYPE_OF: dict[str, str] = {
    attribute: next(e.name for e in ERROR_TYPES if e.attribute == attribute)
    for attribute in dict.fromkeys(e.attribute for e in ERROR_TYPES)
    if attribute not in ("", "feature")
}
"""Key attribute to the error type that a conflict in it is called."""


def error_type(name: str) -> ErrorType:
    """Look up one error type by name.

    Raises:
        ConfigError: no such error type.
    """
    by_name = {e.name: e for e in ERROR_TYPES}
    check(
        name in by_name,
        "error_type",
        name,
        must=f"one of {sorted(by_name)}",
        fix="use one of them",
    )
    return by_name[name]
