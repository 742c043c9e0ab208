"""Devices that things are made for: those that a catalogue names, and well-known ones."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from adore.attributes.said import Said, grams
from adore.attributes.text import Token

__all__ = ["device_spans"]

_DEVICES = frozenset(
    "iphone ipad ipod airpod macbook galaxy pixel kindle fitbit gopro ps4 ps5 xbox nintendo android smartwatch samsung "
    "apple".split()
)
_DEVICE_MORE = frozenset("pro max mini plus ultra air note watch tab fold flip se series".split())
_DEVICE_MAKERS = frozenset(["samsung", "apple"])
"""Devices that things are made for, and the words of their names."""


def device_spans(said: Said, devices: Mapping[str, set[str]], used: set[int]) -> Iterator[tuple[int, int]]:
    """Devices that the catalogue names, and well-known ones with the rest of their name (*galaxy s22 ultra*).

    Args:
        said: the text.
        devices: the catalogue's, by their first word.
        used: places of words that mean something else.

    Returns:
        first word and the one after the last of each, from left to right.
    """
    _, text, toks = said
    spans = list(grams(toks, devices, used))
    taken = used.union(*(range(a, b) for a, b in spans))
    for a, token in enumerate(toks):
        if token.stem not in _DEVICES or a in taken:
            continue
        b = a + 1
        while b < len(toks) and b not in taken and _goes_on(text, toks, b):
            b += 1
        spans.append((a, b))
        taken.update(range(a, b))
    yield from sorted(spans)


def _goes_on(text: str, toks: list[Token], b: int) -> bool:
    """Whether word ``b`` still belongs to the name of the device before it."""
    word, before = toks[b].stem, toks[b - 1].stem
    more = word in _DEVICE_MORE or word[0].isdigit() or re.fullmatch(r"[a-z]\d{1,3}", word) is not None
    own = word in _DEVICES - _DEVICE_MAKERS and before in _DEVICE_MAKERS
    return (more or own) and not text[toks[b - 1].end : toks[b].start].strip()
