"""Devices by family, generation and tier.

An iPhone 15 is no iPhone 15 Pro, an iPad 10th generation is an iPad 10.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import NamedTuple

from adore.attributes.language import Language
from adore.attributes.spans import TextSpan, TokenSpan, find_phrases, tokens_within
from adore.text import visible, word_stems

__all__ = [
    "Device",
    "DeviceMention",
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
_MODEL_ENDS = (
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
"""Ends of families that are models of their own, apart from the plain name."""
_SAME_TIERS = frozenset(("slim", "digital", "5g"))
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
_HINTS = (
    "iphone", "ipad", "ipod", "macbook", "airpod", "apple watch", "galaxy", "pixel", "kindle",
    "fire hd", "echo ", "playstation", "ps", "xbox", "nintendo", "gopro", "fitbit", "redmi",
    "oneplus", "surface",
)  # fmt: skip
"""One of them stands in every name; to look for them is cheap."""
_DEVICE_WORDS = frozenset(
    "iphone ipad ipod airpod macbook galaxy pixel kindle fitbit gopro ps4 ps5 xbox nintendo "
    "android smartwatch samsung apple".split()
)
_MODEL_WORDS = frozenset(
    "pro max mini plus ultra air note watch tab fold flip se series".split()
)
_WITH = re.compile(r"\b(?:with|included?|mit|avec|con)\b|[-–—]")
_MAKERS = frozenset(["samsung", "apple"])
"""Makers whose name is part of a device's name."""


class Device(NamedTuple):
    """A device: ``galaxy``, ``s23``, ``{ultra}``; no generation: any."""

    family: str
    generation: str
    tiers: frozenset[str]

    @property
    def name(self) -> str:
        """One way to write it, which :func:`parse_device` reads back."""
        name_parts = (self.family, self.generation, *sorted(self.tiers, reverse=True))
        return " ".join(filter(None, name_parts))

    @property
    def is_model(self) -> bool:
        """Whether it is more than the name of a family."""
        if self.generation or self.tiers:
            return True
        return self.family.endswith(_MODEL_ENDS)


class DeviceMention(NamedTuple):
    """A device that ``text[start:end]`` names."""

    device: Device
    start: int
    end: int


def find_devices(text: str) -> Iterator[DeviceMention]:
    """Yield the well-known devices of a text.

    Lists of generations (``iPhone 13/14 Pro``) are taken apart.

    Yields:
        The devices, in the order of the text.

    Example:
        >>> text = "case for iPhone 15 Pro / 14, iPad (10th generation)"
        >>> [mention.device.name for mention in find_devices(text)]
        ['iphone 15 pro', 'iphone 14', 'ipad 10']
    """
    lower_text = text.lower()
    if not any(name_hint in lower_text for name_hint in _HINTS):
        return
    for device_match in _DEVICE.finditer(text):
        family, ordinal, number, tiers, later_generation = device_match.groups()
        device = _device(family, ordinal or number or later_generation, tiers)
        if device is None:
            continue
        yield DeviceMention(device, device_match.start(), device_match.end())
        if device.generation:
            yield from _more_of_family(family, text, device_match.end())


def _more_of_family(family: str, text: str, start: int) -> Iterator[DeviceMention]:
    """Further generations of the same family that follow each other at a place."""
    next_match = _ANOTHER.match(text, start)
    while next_match:
        ordinal, generation, tiers = next_match.groups()
        device = _device(family, ordinal or generation, tiers)
        if device:
            yield DeviceMention(device, next_match.start(), next_match.end())
        next_match = _ANOTHER.match(text, next_match.end())


def _device(family: str, generation: str | None, tiers: str) -> Device | None:
    """The device of a match's groups, or None for a name that needs a number and has none."""
    family = re.sub(r"\s+", " ", family.lower())
    family = family.replace("sery", "series").replace("airpods", "airpod")
    if family in _NEEDS_NUMBER and not generation:
        return None
    if family == "ps":
        family = "playstation"

    named_tiers = set(re.findall(_TIERS, tiers.lower()))
    # S23+ is a way to write S23 Plus.
    if "+" in tiers:
        named_tiers.add("plus")
    distinct_tiers = frozenset(named_tiers - _SAME_TIERS)
    return Device(family, (generation or "").lower(), distinct_tiers)


@lru_cache(maxsize=16_384)
def parse_device(text: str) -> Device | None:
    """Return the first device that a phrase names, or None.

    Returns:
        None for a phrase that names none.

    Example:
        >>> ipad = parse_device("ipad 10")
        >>> parse_device("ipad 10th generation") == parse_device("iPad gen 10") == ipad
        True
    """
    for mention in find_devices(text):
        return mention.device
    return None


def same_device(wanted: str, stated: str) -> bool | None:
    """Whether a phrase names the asked device.

    Args:
        wanted: the phrase of a query; without a generation it asks for any that has its tiers.
        stated: the phrase of an item.

    Returns:
        None where one of them is no known device.

    Example:
        >>> same_device("iphone 15", "iPhone 15 Pro"), same_device("iphone", "iPhone 15")
        (False, True)
        >>> same_device("ps5", "PS 5")
        True
    """
    asked_device = parse_device(wanted)
    stated_device = parse_device(stated)
    if asked_device is None or stated_device is None:
        return None
    if asked_device.family != stated_device.family:
        return False
    if not asked_device.generation:
        return asked_device.tiers <= stated_device.tiers
    return (
        asked_device.generation == stated_device.generation
        and asked_device.tiers == stated_device.tiers
    )


def is_made_for(text: str, start: int, end: int, language: Language) -> bool:
    """Whether a title names a device only as what its own thing is for (``iPhone 15 Pro Case``).

    Args:
        text: the title.
        start: of the device's name.
        end: of it.
        language: whose accessories are made for devices.

    Returns:
        False if the title names no accessory.
    """
    beside_device = re.match(r"[^,;(|]{0,40}", text[end:])
    following = ""
    if beside_device:
        following = beside_device.group()

    # What comes *with* the device says nothing of what it is.
    after_device = _WITH.split(following)[0]
    for title_part in (text[:start], after_device):
        stems = word_stems(title_part, language)
        if not language.accessories.isdisjoint(stems):
            return True
    return False


def is_head(stem: str) -> bool:
    """Whether a stem alone names devices, so that it is what a query wants to buy."""
    return stem == "playstation" or (stem in _DEVICE_WORDS and stem not in _MAKERS)


def device_spans(
    span: TextSpan, phrases: Mapping[str, set[str]], used: set[int]
) -> list[TokenSpan]:
    """Find the words that name devices.

    Well-known devices, those of the catalogue, and makers' names with what follows.

    Args:
        span: the text and its words.
        phrases: the catalogue's devices by their first word.
        used: indexes of words that no name may have.

    Returns:
        the words of each name, in order.
    """
    tokens = span.tokens
    name_spans: list[TokenSpan] = []
    taken_positions = set(used)

    # The surest names come first: a word belongs to one name.
    for mention in find_devices(visible(span.text)):
        name_span = _known_device(span, mention, taken_positions)
        if name_span:
            name_spans.append(name_span)
            taken_positions.update(name_span.positions)

    for phrase_span in find_phrases(tokens, phrases, taken_positions):
        name_spans.append(phrase_span)
        taken_positions.update(phrase_span.positions)

    for first_position, token in enumerate(tokens):
        if token.stem not in _DEVICE_WORDS or first_position in taken_positions:
            continue
        stop = first_position + 1
        while stop < len(tokens) and stop not in taken_positions:
            if not _continues_device(span, stop):
                break
            stop += 1
        name_span = TokenSpan(first_position, stop)
        name_spans.append(name_span)
        taken_positions.update(name_span.positions)

    return sorted(name_spans)


def _known_device(
    span: TextSpan, mention: DeviceMention, taken_positions: set[int]
) -> TokenSpan | None:
    """The words of a well-known device, unless some are taken."""
    tokens = span.tokens
    positions = tokens_within(tokens, mention.start, mention.end)
    if not positions or not taken_positions.isdisjoint(positions):
        return None
    if not parse_device(span.text[mention.start : mention.end]):
        return None

    # The maker's name before it belongs to it (*Samsung Galaxy S23*).
    first_position = min(positions)
    position_before = first_position - 1
    is_free = first_position > 0 and position_before not in taken_positions
    if is_free and tokens[position_before].stem in _MAKERS:
        first_position = position_before
    return TokenSpan(first_position, max(positions) + 1)


def _continues_device(span: TextSpan, position: int) -> bool:
    """Whether a word still belongs to the name of the device before it."""
    token = span.tokens[position]
    previous = span.tokens[position - 1]
    if span.text[previous.end : token.start].strip():
        return False

    stem = token.stem
    if stem in _MODEL_WORDS or stem[0].isdigit():
        return True
    if re.fullmatch(r"[a-z]\d{1,3}", stem):
        return True
    return previous.stem in _MAKERS and stem in _DEVICE_WORDS and stem not in _MAKERS
