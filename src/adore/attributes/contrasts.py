"""Words of a query that exclude each other (``round``, ``square``), and offers other than new."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache

from adore.attributes.language import Language
from adore.attributes.language_packs import PACKS, load_language
from adore.attributes.prices import PRICE
from adore.taxonomy import ERROR_TYPES

__all__ = ["contrast_type", "contrasts", "is_offer", "same_or_contrast"]


@lru_cache(maxsize=1)
def _groups() -> dict[str, tuple[str, tuple[str, ...]]]:
    """Meaning to its error type and to the group of which a product has one only.

    Each language's words for the meanings are in its pack.
    """
    groups: dict[str, tuple[str, tuple[str, ...]]] = {}
    for error in ERROR_TYPES.values():
        for group in error.contrasts:
            groups.update(dict.fromkeys(group, (error.name, group)))
    return groups


@lru_cache(maxsize=1)
def _meanings() -> dict[str, str]:
    """Stem to meaning in every language that has a pack.

    A stem of two languages means what it does in English.
    """
    found: dict[str, str] = {}
    for code in sorted(PACKS, key=lambda code: (code != "en", code)):
        for stem, name in load_language(code).contrasts.items():
            found.setdefault(stem, name)
    return found


@lru_cache(maxsize=1)
def _offers() -> dict[str, str]:
    """Stem to the way to sell that it names, in every language.

    An item that names none is sold new.
    """
    return {
        stem: name
        for code in PACKS
        for stem, name in load_language(code).offers.items()
    }


def is_offer(word: str) -> bool:
    """Whether a stem names a way to sell other than new.

    Example:
        >>> is_offer("renewed"), is_offer("gebraucht"), is_offer("bottle")
        (True, True, False)
    """
    return word in _offers()


def contrast_type(word: str) -> str:
    """The error type that a stem's rivals make, or ``""``.

    Example:
        >>> [contrast_type(word) for word in ("round", "renewed", "price:20", "bottle")]
        ['style', 'offer-type', 'price-tier', '']
    """
    if word.startswith(PRICE):
        return "price-tier"
    if is_offer(word):
        return "offer-type"
    meaning = _meanings().get(word, "")
    groups = _groups()
    return groups[meaning][0] if meaning in groups else ""


def contrasts(word: str, language: Language) -> list[str]:
    """Words that a stem excludes, one of each meaning, as the language writes them.

    Args:
        word: the stem.
        language: of the stem and of the words.

    Returns:
        nothing for a stem without a rival.

    Example:
        >>> english, german = load_language("en"), load_language("de")
        >>> contrasts("manual", english), contrasts("square", english), contrasts("bottle", english)
        (['electric'], ['round', 'rectangular', 'oval'], [])
        >>> contrasts(german.stem("rund"), german)
        ['quadratisch', 'rechteckig', 'oval']
    """
    own = language.contrasts.get(word, "")
    groups = _groups()
    if own not in groups:
        return []
    written: Mapping[str, str] = language.written.get("contrasts", {})
    names = groups[own][1]
    return [
        written[name].split(",")[0] for name in names if name != own and name in written
    ]


def same_or_contrast(word: str, title: Iterable[str]) -> tuple[str, bool]:
    """What a title says of the meaning that a word has.

    Args:
        word: a stem.
        title: the stems of a title.

    Returns:
        the title's word that means the same, and True; or else one that excludes ``word``, and
        False; an empty word if it has neither.

    Example:
        >>> same_or_contrast("wireless", ["bluetooth", "wired"])
        ('bluetooth', True)
        >>> same_or_contrast("round", ["square", "tray"])
        ('square', False)
    """
    meanings = _meanings()
    own = meanings.get(word)
    if own is None:
        offers = _offers()
        same = (
            (w for w in title if offers.get(w) == offers[word])
            if word in offers
            else iter(())
        )
        return next(same, ""), word in offers
    groups = _groups()
    group = groups[own][1]
    said = [
        (w, meanings[w] == own)
        for w in title
        if w in meanings and groups[meanings[w]][1] == group
    ]
    return max(said, key=lambda pair: pair[1], default=("", False))
