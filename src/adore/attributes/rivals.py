"""Words of a query that exclude each other (``round``, ``square``), and offers other than new."""

from __future__ import annotations

from collections.abc import Iterable

from adore.attributes.prices import PRICE
from adore.attributes.text import stem

__all__ = ["OFFERS", "kind_of", "rivals", "same_or_rival"]

_GROUPS: tuple[tuple[str, str], ...] = (
    ("function", "electric/motorized/motorised manual"),
    ("function", "wired wireless/bluetooth"),
    ("function", "corded cordless"),
    ("function", "disposable reusable/washable/refillable"),
    ("function", "analog/analogue digital"),
    ("use-case", "indoor outdoor"),
    ("use-case", "christmas/xmas halloween easter valentine/valentines thanksgiving"),
    ("use-case", "birthday wedding graduation/grad retirement"),
    ("use-case", "basketball tennis golf yoga cycling soccer baseball volleyball bowling"),
    ("style", "round/circular square rectangular/rectangle oval"),
    ("style", "striped/stripe plaid floral leopard camo/camouflage paisley"),
    ("style", "modern/contemporary vintage/retro/antique"),
    ("style", "matte glossy"),
    ("style", "liquid powder gel capsule/capsules/tablet/tablets gummy/gummies"),
    ("degree", "soft firm"),
    ("degree", "wide narrow"),
    ("degree", "lightweight heavyweight/heavy"),
    ("degree", "mini jumbo/giant"),
    ("degree", "mild spicy"),
)
"""Kind (an error type) and words of which a thing is one only; ``/`` joins words that mean the same."""

OFFERS: dict[str, str] = {
    "refurbished": "refurbished",
    "renewed": "refurbished",
    "used": "used",
    "preowned": "used",
    "rental": "rental",
    "sample": "sample",
    "tester": "sample",
}
"""A way to sell to its one name; an item that names none is sold new."""

_KIND: dict[str, tuple[str, int, str]] = {
    stem(word): (kind, at, family.split("/")[0])
    for at, (kind, group) in enumerate(_GROUPS)
    for family in group.split()
    for word in family.split("/")
}


def kind_of(word: str) -> str:
    """The error type that a stem's rivals make, or ``""``.

    Example:
        >>> kind_of("round"), kind_of("renewed"), kind_of("price:20"), kind_of("bottle")
        ('style', 'offer-type', 'price-tier', '')
    """
    if word.startswith(PRICE):
        return "price-tier"
    return "offer-type" if word in OFFERS else _KIND.get(word, ("",))[0]


def rivals(word: str) -> list[str]:
    """Words that a stem excludes, one of each meaning, as they are written.

    Example:
        >>> rivals("manual"), rivals("square"), rivals("bottle")
        (['electric'], ['round', 'rectangular', 'oval'], [])
    """
    if word not in _KIND:
        return []
    _, at, own = _KIND[word]
    return [name for name in (f.split("/")[0] for f in _GROUPS[at][1].split()) if name != own]


def same_or_rival(word: str, title: Iterable[str]) -> tuple[str, bool]:
    """The word of a title that means the same as ``word`` (True), or else one that excludes it (False), or nothing.

    Example:
        >>> same_or_rival("wireless", ["bluetooth", "wired"]), same_or_rival("round", ["square", "tray"])
        (('bluetooth', True), ('square', False))
    """
    if word in OFFERS:
        return next((w for w in title if OFFERS.get(w) == OFFERS[word]), ""), True
    if word not in _KIND:
        return "", False
    _, at, own = _KIND[word]
    said = [(w, _KIND[w][2] == own) for w in title if w in _KIND and _KIND[w][1] == at]
    return max(said, key=lambda pair: pair[1], default=("", False))
