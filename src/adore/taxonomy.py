"""The error types: synthesis, offline slices and online segments all name errors from here."""

from __future__ import annotations

from dataclasses import dataclass

from adore.errors import check

__all__ = ["ERROR_TYPES", "ErrorType", "error_type"]


@dataclass(frozen=True, slots=True)
class ErrorType:
    """One way in which a ranker is wrong about a pair.

    Attributes:
        name: its word everywhere.
        definition: one sentence for people.
        attribute: the key attribute that an edit of this type changes (``""``: only words change).
        grade: intended grade of an exact pair after the edit (ESCI value; see ``adore.types.Grade``).
    """

    name: str
    definition: str
    attribute: str
    grade: int


ERROR_TYPES: tuple[ErrorType, ...] = (
    ErrorType("category", "The item is another kind of product that shares words with the query.", "product_type", 0),
    ErrorType("brand", "The item is right but for another brand than the one asked.", "brand", 2),
    ErrorType("size", "The item is right but in another size, volume or count than asked.", "size", 2),
    ErrorType("colour", "The item is right but in another colour than asked.", "colour", 2),
    ErrorType("negation", "The item has the very thing that the query excludes.", "exclusion", 2),
    ErrorType("compatibility", "The item fits another device or system than the one asked.", "compatibility", 2),
    ErrorType("synonym", "Hard positive: the item is right, said in other words.", "", 3),
)


def error_type(name: str) -> ErrorType:
    """Look up one error type by name.

    Raises:
        ConfigError: no such error type.
    """
    by_name = {e.name: e for e in ERROR_TYPES}
    check(name in by_name, "error_type", name, must=f"one of {sorted(by_name)}", fix="use one of them")
    return by_name[name]
