"""How the demo shop's sellers and shoppers write: dirty titles, lazy queries."""

from __future__ import annotations

import random

from adore.data.demo_shop import CATEGORIES, Category, Intent, Spec
from adore.data.rows import Row

__all__ = ["item_row", "query_text"]

_PREFIXES = ("🔥 ", "NEW ", "[Sale] ", "*** ", "✅ ", "Best Gift - ")
_SUFFIXES = (
    " - Premium Quality",
    " | Free Returns",
    " (2026 Model)",
    " &amp; Gift Box",
    " for Home & Travel",
    " ⭐⭐⭐⭐⭐",
)
_OTHER_UNITS = {
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


def _shades(colour: str) -> tuple[str, ...]:
    return _SHADES.get(colour, (colour,))


def _amount(value: float, unit: str, rng: random.Random) -> str:
    """A size as sellers write it, now and then in another unit."""
    if not value:
        return ""
    if unit == "ml" and value >= 500 and rng.random() < 0.3:
        return f"{value / 1000:g} L"
    if unit in _OTHER_UNITS and rng.random() < 0.2:
        factor, unit_name = _OTHER_UNITS[unit]
        return f"{value / factor:.1f} {unit_name}"
    space = rng.choice(("", " "))
    return f"{value:g}{space}{unit}"


def _option(spec: Spec, option: str, rng: random.Random) -> str:
    if spec.has_option:
        return _maybe(f"with {option}", 0.85, rng)
    # Half of the sellers do not mention what a product lacks.
    return rng.choice((f"no {option}", f"without {option}", "", ""))


def _maybe(text: str, share: float, rng: random.Random) -> str:
    """The text in a share of the cases, else ``""``; it always draws."""
    return text if rng.random() < share else ""


def _accessory_parts(spec: Spec, noun: str, rng: random.Random) -> list[str]:
    category = CATEGORIES[spec.category]
    purpose = _maybe(f"for {noun}", 0.6, rng)
    return [spec.brand, category.accessory, purpose, spec.colour]


def _product_parts(spec: Spec, noun: str, rng: random.Random) -> list[str]:
    # Every draw is in the order of the title; its conditions draw only where they apply.
    category = CATEGORIES[spec.category]
    title_parts = [_maybe(spec.brand, 0.75, rng), _maybe(spec.series, 0.7, rng)]
    if rng.random() < 0.7:
        title_parts.append(rng.choice(_shades(spec.colour)))
    title_parts.append(_maybe(spec.material, 0.7, rng))
    title_parts.append(noun)

    if spec.device:
        wordings = (f"for {spec.device}", f"compatible with {spec.device}")
        title_parts.append(rng.choice(wordings))
    if spec.audience:
        title_parts.append(_maybe(f"for {spec.audience}", 0.85, rng))
    title_parts.append(_option(spec, category.option, rng))
    if rng.random() < 0.8:
        title_parts.append(_amount(spec.size, category.unit, rng))
    if spec.pack > 1:
        title_parts.append(f"pack of {spec.pack}")
    return title_parts


def _title(spec: Spec, rng: random.Random) -> str:
    category = CATEGORIES[spec.category]
    noun = rng.choice((category.noun, category.noun, *category.synonyms))
    if spec.accessory:
        title_parts = _accessory_parts(spec, noun, rng)
    else:
        title_parts = _product_parts(spec, noun, rng)
    first_part, *other_parts = filter(None, title_parts)
    if rng.random() < 0.3:
        rng.shuffle(other_parts)

    title = " ".join([first_part, *other_parts])
    if rng.random() < 0.08:
        title = title.upper()
    elif rng.random() < 0.7:
        title = title.title()

    # Sellers advertise in titles: the reader must see through it.
    if rng.random() < 0.15:
        title = rng.choice(_PREFIXES) + title
    if rng.random() < 0.3:
        title += rng.choice(_SUFFIXES)
    return title


def _attributes(spec: Spec, category: Category, rng: random.Random) -> Row:
    attributes: Row = {}
    if not spec.accessory:
        attributes["series"] = spec.series
    if rng.random() < 0.8:
        attributes["colour"] = rng.choice(_shades(spec.colour)).title()
    if spec.accessory:
        return attributes

    if spec.device:
        attributes["compatible_with"] = spec.device
    if spec.size and rng.random() < 0.5:
        attributes["size"] = _amount(spec.size, category.unit, rng)
    return attributes


def _category_path(spec: Spec, category: Category) -> str:
    if not spec.accessory:
        return category.path
    parent = category.path.rsplit(" > ", 1)[0]
    return f"{parent} > {category.accessory.title()}s"


def item_row(spec: Spec, rng: random.Random) -> Row:
    """Write the catalogue row that a seller would write: fields missing, words dirty.

    Args:
        spec: what the item really is.
        rng: gives every draw.

    Returns:
        The row.
    """
    category = CATEGORIES[spec.category]
    attributes = _attributes(spec, category, rng)
    bullets = [
        f"{spec.brand} {spec.series}: made to last",
        rng.choice(("Easy to clean", "Loved by thousands", "Gift ready")),
    ]
    if spec.material and not spec.accessory:
        bullets.append(f"Made of {spec.material}")
    return {
        "item_id": spec.item_id,
        "title": _title(spec, rng),
        "brand": _maybe(spec.brand, 0.9, rng),
        "category": _maybe(_category_path(spec, category), 0.95, rng),
        "attributes": attributes,
        "description": "",
        "bullet_points": bullets,
        "price": round(rng.uniform(5, 120), 2),
    }


def _typo(word: str, rng: random.Random) -> str:
    """Two neighbouring letters exchanged, but neither the first nor the last of the word."""
    if len(word) < 5:
        return word

    letter_index = rng.randrange(1, len(word) - 2)
    before = word[:letter_index]
    after = word[letter_index + 2 :]
    exchanged = word[letter_index + 1] + word[letter_index]
    return before + exchanged + after


def query_text(intent: Intent, rng: random.Random) -> str:
    """Write what a shopper would type for an intent.

    Args:
        intent: what the shopper really wants.
        rng: gives every draw.

    Returns:
        The query.
    """
    category = CATEGORIES[intent.category]
    product_noun = (
        category.noun if rng.random() < 0.7 else rng.choice(category.synonyms)
    )
    if rng.random() < 0.06:
        product_noun = _typo(product_noun, rng)

    query_parts = [intent.brand.lower(), intent.colour, intent.material, product_noun]
    if intent.device:
        query_parts.append(f"for {intent.device}")
    if intent.audience:
        query_parts.append(rng.choice((f"for {intent.audience}", intent.audience)))
    query_parts.append(_amount(intent.size, category.unit, rng))
    if intent.without_option:
        query_parts.append(
            rng.choice((f"without {category.option}", f"no {category.option}"))
        )
    return " ".join(filter(None, query_parts))
