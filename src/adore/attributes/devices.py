"""Devices by family, generation and tier.

An iPhone 15 is no iPhone 15 Pro, an iPad 10th generation is an iPad 10.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import NamedTuple

from adore.attributes.language import Language
from adore.attributes.spans import TextSpan, grams, inside
from adore.text import Token, visible, word_stems

__all__ = [
    "Device",
    "device_spans",
    "find_devices",
    "is_head",
    "is_made_for",
    "parse_device",
    "same_device",
]

_FAMILIES = (
    r"iphone(?: se)?|ipad(?: pro| air| mini)?|ipod touch|macbook(?: air| pro)?|"
    r"airpods?(?: pro| max)?|apple watch(?: ultra| se)?|"
    r"galaxy (?:note|tab|watch|buds?|z ?fold|z ?flip|fold|flip)|galaxy|"
    r"pixel(?: watch| buds?| tablet)?|kindle(?: paperwhite| oasis| scribe| fire)?|"
    r"fire hd|echo (?:dot|show|pop)|"
    r"playstation|ps(?= ?[1-6])|xbox(?: ser(?:ies|y)| one)?|nintendo switch|gopro hero|"
    r"fitbit (?:charge|versa|inspire|sense)|redmi note|oneplus|surface (?:pro|go|laptop)"
)
_NEEDS_NUMBER = frozenset(("galaxy", "pixel", "ps", "oneplus", "fire hd", "redmi note"))
"""Names that mean something else, too."""
_TIERS = r"pro|max|plus|ultra|mini|lite|fe|xl|oled|slim|digital|5g"
_KINDS = (
    " pro",
    " air",
    " mini",
    " max",
    " ultra",
    " se",
    " one",
    " paperwhite",
    " oasis",
    " scribe",
)
"""Ends of families that are told from their plain name."""
_SAME = frozenset(("slim", "digital", "5g"))
"""Tiers that fit and do the same as the plain device."""
_NO_UNIT = (
    r"(?![\d.,]*\d)(?!\s?-?(?:[\"”″x×]|inch|in\b|zoll|gb|tb|mm|cm|mah|watt|w\b|"
    r"packs?\b|pcs|pieces?|stück|count|ct\b|ft\b|months?|years?|hours?))"
)
_GENERATION = (
    r"(?:(\d{1,2})(?:st|nd|rd|th|\.|ª|e|ème)? ?gen(?:eration|eración|ération)?(?!\w)\.?|"
    r"(?:gen(?:eration)?\.? ?|series |sery |hero ?)?"
    rf"(\d{{1,2}}[acse]?|[sajmfz]\d{{1,2}}|xs|xr|x|s)(?:(?!\w)|(?={_TIERS})){_NO_UNIT})"
)
_TIER_WORDS = rf"((?:[ -]?(?:{_TIERS})(?!\w)|\+)*)"
_LATER = r"(?: ?\(?(\d{1,2})(?:st|nd|rd|th|\.)? gen\w*\)?)?"
_DEVICE = re.compile(
    rf"(?<![\w-])({_FAMILIES})(?![^\W\d_])(?:[ (-]{{0,2}}{_GENERATION})?\)?{_TIER_WORDS}{_LATER}",
    re.IGNORECASE,
)
_ANOTHER = re.compile(
    rf"(?:\s*(?:[,/&|+]|\b(?:and|und|et|y|or|oder)\b)\s*|\s+){_GENERATION}{_TIER_WORDS}",
    re.IGNORECASE,
)
_QUICK = (
    "iphone", "ipad", "ipod", "macbook", "airpod", "apple watch", "galaxy", "pixel", "kindle",
    "fire hd", "echo ", "playstation", "ps", "xbox", "nintendo", "gopro", "fitbit", "redmi",
    "oneplus", "surface",
)  # fmt: skip
"""One of them stands in every name; to look for them is cheap."""
_OTHERS = frozenset(
    "iphone ipad ipod airpod macbook galaxy pixel kindle fitbit gopro ps4 ps5 xbox nintendo "
    "android smartwatch samsung apple".split()
)
_MORE = frozenset(
    "pro max mini plus ultra air note watch tab fold flip se series".split()
)
_MAKERS = frozenset(["samsung", "apple"])
"""Devices that things are made for, and the words of their names."""


class Device(NamedTuple):
    """A device: ``galaxy``, ``s23``, ``{ultra}``; no generation: any."""

    family: str
    generation: str
    tiers: frozenset[str]

    @property
    def name(self) -> str:
        """One way to write it, which :func:`parse_device` reads back."""
        return " ".join(
            part
            for part in (
                self.family,
                self.generation,
                *sorted(self.tiers, reverse=True),
            )
            if part
        )

    @property
    def is_model(self) -> bool:
        """Whether it is more than the name of a family."""
        return bool(self.generation or self.tiers or self.family.endswith(_KINDS))


def find_devices(text: str) -> Iterator[tuple[Device, int, int]]:
    """Well-known devices of a text, with start and end.

    Lists of generations (``iPhone 13/14 Pro``) are taken apart.

    Example:
        >>> text = "case for iPhone 15 Pro / 14, iPad (10th generation)"
        >>> [device.name for device, _, _ in find_devices(text)]
        ['iphone 15 pro', 'iphone 14', 'ipad 10']
    """
    low = text.lower()
    if not any(name in low for name in _QUICK):
        return
    for m in _DEVICE.finditer(text):
        device = _device(m.group(1), m.group(2) or m.group(3) or m.group(5), m.group(4))
        if device is None:
            continue
        yield device, m.start(), m.end()
        more = _ANOTHER.match(text, m.end()) if device.generation else None
        while more:
            another = _device(m.group(1), more.group(1) or more.group(2), more.group(3))
            if another:
                yield another, more.start(), more.end()
            more = _ANOTHER.match(text, more.end())


def _device(family: str, generation: str | None, tiers: str) -> Device | None:
    """The device of a match's groups, or None for a name that needs a number and has none."""
    family = re.sub(r"\s+", " ", family.lower())
    family = family.replace("sery", "series").replace("airpods", "airpod")
    if family in _NEEDS_NUMBER and not generation:
        return None
    if family == "ps":
        family = "playstation"

    named = set(re.findall(_TIERS, tiers.lower()))
    if "+" in tiers:
        named.add("plus")
    return Device(family, (generation or "").lower(), frozenset(named - _SAME))


@lru_cache(maxsize=16_384)
def parse_device(text: str) -> Device | None:
    """The device that a phrase names, or None.

    Example:
        >>> ipad = parse_device("ipad 10")
        >>> parse_device("ipad 10th generation") == parse_device("iPad gen 10") == ipad
        True
    """
    return next((device for device, _, _ in find_devices(text)), None)


def same_device(asked: str, found: str) -> bool | None:
    """Whether a phrase names the asked device.

    Args:
        asked: the phrase of a query; without a generation it asks for any that has its tiers.
        found: the phrase of an item.

    Returns:
        None where one of them is no device that is known.

    Example:
        >>> same_device("iphone 15", "iPhone 15 Pro"), same_device("iphone", "iPhone 15")
        (False, True)
        >>> same_device("ps5", "PS 5")
        True
    """
    wanted, given = parse_device(asked), parse_device(found)
    if wanted is None or given is None:
        return None
    if wanted.family != given.family:
        return False
    if not wanted.generation:
        return wanted.tiers <= given.tiers
    return wanted.generation == given.generation and wanted.tiers == given.tiers


def is_made_for(text: str, start: int, end: int, language: Language) -> bool:
    """Whether a title names a device only as what its own thing is for (``iPhone 15 Pro Case``).

    Args:
        text: the title.
        start: of the device's name.
        end: of it.
        language: whose accessories are made for devices.
    """
    beside = re.match(r"[^,;(|]{0,40}", text[end:])
    after = re.split(
        r"\b(?:with|included?|mit|avec|con)\b|[-–—]", beside.group() if beside else ""
    )[0]
    return any(
        stem in language.accessories
        for part in (text[:start], after)
        for stem in word_stems(part, language)
    )


def is_head(stem: str) -> bool:
    """Whether a stem alone names devices, so that it is what a query wants to buy."""
    return stem in _OTHERS - _MAKERS or stem == "playstation"


def device_spans(
    said: TextSpan, phrases: Mapping[str, set[str]], used: set[int]
) -> list[tuple[int, int]]:
    """Places of the words that name devices.

    Well-known devices, those of the catalogue, and makers' names with what follows.

    Args:
        said: the text.
        phrases: the catalogue's devices by their first word.
        used: words that are taken.

    Returns:
        of each name the place of its first word and that after its last, in order.
    """
    _, text, toks = said
    spans = list[tuple[int, int]]()
    taken = set(used)

    for _, start, end in find_devices(visible(text)):
        places = sorted(inside(toks, start, end))
        if not places or taken & set(places) or not parse_device(text[start:end]):
            continue
        first, stop = places[0], places[-1] + 1

        # The maker's name before it belongs to it (*Samsung Galaxy S23*).
        before = first - 1
        if first > 0 and toks[before].stem in _MAKERS and before not in taken:
            first = before
        spans.append((first, stop))
        taken.update(range(first, stop))

    for first, stop in grams(toks, phrases, taken):
        spans.append((first, stop))
        taken.update(range(first, stop))

    for first, token in enumerate(toks):
        if token.stem not in _OTHERS or first in taken:
            continue
        stop = first + 1
        while (
            stop < len(toks)
            and stop not in taken
            and _continues_device(text, toks, stop)
        ):
            stop += 1
        spans.append((first, stop))
        taken.update(range(first, stop))

    return sorted(spans)


def _continues_device(text: str, toks: list[Token], place: int) -> bool:
    """Whether the word at ``place`` still belongs to the name of the device before it."""
    token, before = toks[place], toks[place - 1]
    if text[before.end : token.start].strip():
        return False

    word = token.stem
    if word in _MORE or word[0].isdigit():
        return True
    if re.fullmatch(r"[a-z]\d{1,3}", word):
        return True
    return before.stem in _MAKERS and word in _OTHERS - _MAKERS
