"""Words of a query that exclude each other (``round``, ``square``), and offers other than new."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import NamedTuple

from adore.attributes.language import Language
from adore.attributes.language_packs import PACKS, load_language
from adore.attributes.prices import PRICE
from adore.taxonomy import ERROR_TYPES

__all__ = ["Contrast", "contrast_type", "contrasts", "is_offer", "same_or_contrast"]


class _Group(NamedTuple):
    """The error type that meanings make which exclude each other, and those meanings."""

    error_type: str
    meanings: tuple[str, ...]


@lru_cache(maxsize=1)
def _groups() -> dict[str, _Group]:
    """Meaning to its group; each language's words for the meanings are in its pack."""
    group_of: dict[str, _Group] = {}
    for error in ERROR_TYPES.values():
        for meanings in error.contrasts:
            group = _Group(error.name, meanings)
            for meaning in meanings:
                group_of[meaning] = group
    return group_of


class Contrast(NamedTuple):
    """What a title says of the meaning of a word.

    Attributes:
        word: a stem of the title; empty if the title says nothing of it.
        is_same: whether that stem means the same.
    """

    word: str
    is_same: bool


@lru_cache(maxsize=1)
def _meanings() -> dict[str, str]:
    """Stem to meaning in every language that has a pack.

    A stem of two languages means what it does in English.

    Returns:
        The table.
    """
    meaning_of: dict[str, str] = {}
    other_codes = sorted(set(PACKS) - {"en"})
    for language_code in ("en", *other_codes):
        for stem, meaning in load_language(language_code).contrasts.items():
            meaning_of.setdefault(stem, meaning)
    return meaning_of


@lru_cache(maxsize=1)
def _offers() -> dict[str, str]:
    """Stem to the kind of offer that it names, in every language.

    An item that names none is sold new.

    Returns:
        The table.
    """
    offer_of: dict[str, str] = {}
    for language_code in PACKS:
        offer_of.update(load_language(language_code).offers)
    return offer_of


def is_offer(word: str) -> bool:
    """Whether a stem names an offer of other than new things.

    Returns:
        False for a word that names no offer.

    Example:
        >>> is_offer("renewed"), is_offer("gebraucht"), is_offer("bottle")
        (True, True, False)
    """
    return word in _offers()


def contrast_type(word: str) -> str:
    """Return the error type that a stem's contrasts make, or ``""``.

    Returns:
        The name of the error type.

    Example:
        >>> [contrast_type(word) for word in ("round", "renewed", "price:20", "bottle")]
        ['style', 'offer-type', 'price-tier', '']
    """
    if word.startswith(PRICE):
        return "price-tier"
    if is_offer(word):
        return "offer-type"
    meaning = _meanings().get(word, "")
    group = _groups().get(meaning)
    return group.error_type if group else ""


def contrasts(word: str, language: Language) -> list[str]:
    """List words that a stem excludes, one of each meaning, as the language writes them.

    Args:
        word: the stem.
        language: of the stem and of the words.

    Returns:
        nothing for a stem without contrasts.

    Example:
        >>> english, german = load_language("en"), load_language("de")
        >>> [contrasts(word, english) for word in ("manual", "square", "bottle")]
        [['electric'], ['round', 'rectangular', 'oval'], []]
        >>> contrasts(german.stem("rund"), german)
        ['quadratisch', 'rechteckig', 'oval']
    """
    meaning = language.contrasts.get(word, "")
    group = _groups().get(meaning)
    if group is None:
        return []

    words_for: Mapping[str, str] = language.written.get("contrasts", {})
    excluded_words: list[str] = []
    for other_meaning in group.meanings:
        if other_meaning != meaning and other_meaning in words_for:
            first_word, *_ = words_for[other_meaning].split(",")
            excluded_words.append(first_word)
    return excluded_words


def same_or_contrast(word: str, title: Iterable[str]) -> Contrast:
    """Find what a title says of the meaning of a word.

    Args:
        word: a stem.
        title: the stems of a title.

    Returns:
        the title's first word that means the same; or else the first that excludes ``word``.

    Example:
        >>> tuple(same_or_contrast("wireless", ["bluetooth", "wired"]))
        ('bluetooth', True)
        >>> tuple(same_or_contrast("round", ["square", "tray"]))
        ('square', False)
    """
    meaning_of = _meanings()
    meaning = meaning_of.get(word)
    if meaning is None:
        return _same_offer(word, title)

    group_of = _groups()
    contrast = Contrast("", False)
    for stem in title:
        stem_meaning = meaning_of.get(stem, "")
        if stem_meaning == meaning:
            return Contrast(stem, True)
        group = group_of.get(stem_meaning)
        excludes = group is not None and meaning in group.meanings

        # A later word of the title may still mean the same.
        if excludes and not contrast.word:
            contrast = Contrast(stem, False)
    return contrast


def _same_offer(word: str, title: Iterable[str]) -> Contrast:
    """The title's word for the same offer; other offers exclude nothing here."""
    offer_of = _offers()
    offer = offer_of.get(word)
    if offer is None:
        return Contrast("", False)
    for stem in title:
        if offer_of.get(stem) == offer:
            return Contrast(stem, True)
    return Contrast("", True)
