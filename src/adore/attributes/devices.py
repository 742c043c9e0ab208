"""Devices by family, generation and tier: an iPhone 15 is no iPhone 15 Pro, an iPad 10th generation is an iPad 10."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import NamedTuple

from adore.attributes.language import Language
from adore.attributes.said import Said, grams, inside
from adore.attributes.text import Token, visible, words

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
    r"iphone(?: se)?|ipad(?: pro| air| mini)?|ipod touch|macbook(?: air| pro)?|airpods?(?: pro| max)?|"
    r"apple watch(?: ultra| se)?|galaxy (?:note|tab|watch|buds?|z ?fold|z ?flip|fold|flip)|galaxy|"
    r"pixel(?: watch| buds?| tablet)?|kindle(?: paperwhite| oasis| scribe| fire)?|fire hd|echo (?:dot|show|pop)|"
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
    r"(?![\d.,]*\d)(?!\s?-?(?:[\"”″x×]|inch|in\b|zoll|gb|tb|mm|cm|mah|watt|w\b|packs?\b|pcs|pieces?|stück|count|ct\b|ft\b|"
    r"months?|years?|hours?))"
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
    "iphone", "ipad", "ipod", "macbook", "airpod", "apple watch", "galaxy", "pixel", "kindle", "fire hd", "echo ",
    "playstation", "ps", "xbox", "nintendo", "gopro", "fitbit", "redmi", "oneplus", "surface",
)  # fmt: skip
"""One of them stands in every name; to look for them is cheap."""
_OTHERS = frozenset(
    "iphone ipad ipod airpod macbook galaxy pixel kindle fitbit gopro ps4 ps5 xbox nintendo android smartwatch samsung "
    "apple".split()
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
    """Well-known devices of a text, lists of generations (``iPhone 13/14 Pro``) taken apart; with start and end.

    Example:
        >>> [d.name for d, _, _ in find_devices("case for iPhone 15 Pro / 14, iPad (10th generation)")]
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
    family = (
        re.sub(r"\s+", " ", family.lower())
        .replace("sery", "series")
        .replace("airpods", "airpod")
    )
    if family in _NEEDS_NUMBER and not generation:
        return None
    named = frozenset(re.findall(_TIERS, tiers.lower())) | (
        frozenset(["plus"]) if "+" in tiers else frozenset()
    )
    return Device(
        "playstation" if family == "ps" else family,
        (generation or "").lower(),
        named - _SAME,
    )


@lru_cache(maxsize=16_384)
def parse_device(text: str) -> Device | None:
    """The device that a phrase names, or None.

    Example:
        >>> parse_device("ipad 10th generation") == parse_device("iPad gen 10") == parse_device("ipad 10")
        True
    """
    return next((device for device, _, _ in find_devices(text)), None)


def same_device(asked: str, found: str) -> bool | None:
    """Whether a phrase names the asked device; None where one of them is no device that is known.

    Example:
        >>> same_device("iphone 15", "iPhone 15 Pro"), same_device("iphone", "iPhone 15"), same_device("ps5", "PS 5")
        (False, True, True)
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
        for stem in words(part, language)
    )


def is_head(stem: str) -> bool:
    """Whether a stem alone names devices, so that it is what a query wants to buy."""
    return stem in _OTHERS - _MAKERS or stem == "playstation"


def device_spans(
    said: Said, phrases: Mapping[str, set[str]], used: set[int]
) -> list[tuple[int, int]]:
    """Places of the words that name devices: well-known ones, those of the catalogue, and makers' with what follows.

    Args:
        said: the text.
        phrases: the catalogue's devices by their first word.
        used: words that are taken.
    """
    _, text, toks = said
    spans = list[tuple[int, int]]()
    taken = set(used)
    for _, start, end in find_devices(visible(text)):
        places = sorted(inside(toks, start, end))
        if places and not taken & set(places) and parse_device(text[start:end]):
            a, b = places[0], places[-1] + 1
            a -= a > 0 and toks[a - 1].stem in _MAKERS and a - 1 not in taken
            spans.append((a, b))
            taken.update(range(a, b))
    for a, b in grams(toks, phrases, taken):
        spans.append((a, b))
        taken.update(range(a, b))
    for a, token in enumerate(toks):
        if token.stem not in _OTHERS or a in taken:
            continue
        b = a + 1
        while b < len(toks) and b not in taken and _goes_on(text, toks, b):
            b += 1
        spans.append((a, b))
        taken.update(range(a, b))
    return sorted(spans)


def _goes_on(text: str, toks: list[Token], b: int) -> bool:
    """Whether word ``b`` still belongs to the name of the device before it."""
    word, before = toks[b].stem, toks[b - 1].stem
    more = (
        word in _MORE
        or word[0].isdigit()
        or re.fullmatch(r"[a-z]\d{1,3}", word) is not None
    )
    own = word in _OTHERS - _MAKERS and before in _MAKERS
    return (more or own) and not text[toks[b - 1].end : toks[b].start].strip()
