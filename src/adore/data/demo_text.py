"""How the demo shop's sellers and shoppers write: dirty titles, lazy queries."""

from __future__ import annotations

import random
from typing import Any

from adore.data.demo_shop import CATEGORIES, Intent, Spec

__all__ = ["item_row", "query_text"]

_NOISE = ("🔥 ", "NEW ", "[Sale] ", "*** ", "✅ ", "Best Gift - ")
_TAILS = (
    " - Premium Quality",
    " | Free Returns",
    " (2026 Model)",
    " &amp; Gift Box",
    " for Home & Travel",
    " ⭐⭐⭐⭐⭐",
)
_OTHER = {
    "ml": (29.5735, "fl oz"),
    "g": (28.3495, "oz"),
    "kg": (0.453592, "lb"),
    "cm": (2.54, "inch"),
}
_SHADES = {
    "grey": ("grey", "gray", "charcoal"),
    "blue": ("blue", "navy"),
    "red": ("red", "burgundy"),
    "white": ("white", "ivory"),
    "black": ("black",),
    "green": ("green", "olive"),
}


def _amount(value: float, unit: str, rng: random.Random) -> str:
    if not value:
        return ""
    if unit == "ml" and value >= 500 and rng.random() < 0.3:
        return f"{value / 1000:g} L"
    if unit in _OTHER and rng.random() < 0.2:
        factor, name = _OTHER[unit]
        return f"{value / factor:.1f} {name}"
    return f"{value:g}{rng.choice(('', ' '))}{unit}"


def _option(spec: Spec, option: str, rng: random.Random) -> str:
    if spec.has_option:
        return f"with {option}" if rng.random() < 0.85 else ""
    return rng.choice((f"no {option}", f"without {option}", "", ""))


def _title(spec: Spec, rng: random.Random) -> str:
    c = CATEGORIES[spec.category]
    noun = rng.choice((c.noun, c.noun, *c.synonyms))
    if spec.accessory:
        parts = [
            spec.brand,
            c.accessory,
            f"for {noun}" if rng.random() < 0.6 else "",
            spec.colour,
        ]
    else:
        parts = [
            spec.brand if rng.random() < 0.75 else "",
            spec.series if rng.random() < 0.7 else "",
            rng.choice(_SHADES[spec.colour]) if rng.random() < 0.7 else "",
            spec.material if rng.random() < 0.7 else "",
            noun,
            rng.choice((f"for {spec.device}", f"compatible with {spec.device}"))
            if spec.device
            else "",
            f"for {spec.audience}" if spec.audience and rng.random() < 0.85 else "",
            _option(spec, c.option, rng),
            _amount(spec.size, c.unit, rng) if rng.random() < 0.8 else "",
            f"pack of {spec.pack}" if spec.pack > 1 else "",
        ]
    head, *tail = [part for part in parts if part]
    if rng.random() < 0.3:
        rng.shuffle(tail)

    title = " ".join([head, *tail])
    if rng.random() < 0.08:
        title = title.upper()
    elif rng.random() < 0.7:
        title = title.title()

    noise = rng.choice(_NOISE) if rng.random() < 0.15 else ""
    end = rng.choice(_TAILS) if rng.random() < 0.3 else ""
    return noise + title + end


def item_row(spec: Spec, rng: random.Random) -> dict[str, Any]:
    """The catalogue row that a seller would write for a spec: fields missing, words dirty.

    Args:
        spec: what the item really is.
        rng: gives every draw.
    """
    c = CATEGORIES[spec.category]
    leaf = (
        f"{c.path.rsplit(' > ', 1)[0]} > {c.accessory.title()}s"
        if spec.accessory
        else c.path
    )
    attributes: dict[str, Any] = {"series": spec.series} if not spec.accessory else {}
    if rng.random() < 0.8:
        attributes["colour"] = rng.choice(_SHADES[spec.colour]).title()
    if spec.device and not spec.accessory:
        attributes["compatible_with"] = spec.device
    if spec.size and not spec.accessory and rng.random() < 0.5:
        attributes["size"] = _amount(spec.size, c.unit, rng)
    bullets = [
        f"{spec.brand} {spec.series}: made to last",
        rng.choice(("Easy to clean", "Loved by thousands", "Gift ready")),
    ]
    if spec.material and not spec.accessory:
        bullets.append(f"Made of {spec.material}")
    return {
        "item_id": spec.item_id,
        "title": _title(spec, rng),
        "brand": spec.brand if rng.random() < 0.9 else "",
        "category": leaf if rng.random() < 0.95 else "",
        "attributes": attributes,
        "description": "",
        "bullet_points": bullets,
        "price": round(rng.uniform(5, 120), 2),
    }


def _typo(word: str, rng: random.Random) -> str:
    """Two neighbouring letters exchanged, but neither the first nor the last of the word."""
    if len(word) < 5:
        return word

    place = rng.randrange(1, len(word) - 2)
    before = word[:place]
    after = word[place + 2 :]
    exchanged = word[place + 1] + word[place]
    return before + exchanged + after


def query_text(intent: Intent, rng: random.Random) -> str:
    """What a shopper would type for an intent.

    Args:
        intent: what the shopper really wants.
        rng: gives every draw.
    """
    c = CATEGORIES[intent.category]
    noun = c.noun if rng.random() < 0.7 else rng.choice(c.synonyms)
    if rng.random() < 0.06:
        noun = _typo(noun, rng)
    front = [intent.brand.lower(), intent.colour, intent.material]
    back = [
        f"for {intent.device}" if intent.device else "",
        rng.choice((f"for {intent.audience}", intent.audience))
        if intent.audience
        else "",
        _amount(intent.size, c.unit, rng),
        rng.choice((f"without {c.option}", f"no {c.option}"))
        if intent.without_option
        else "",
    ]
    return " ".join(p for p in [*front, noun, *back] if p)
