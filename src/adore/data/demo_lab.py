"""Another simulated world: a laboratory supplier.

It has one-word queries, twenty fields of its own and no categories. Nobody tunes to it: it tests
whether the loop works in a shop that is nothing like the demo shop.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, replace

from adore.data.rows import Row
from adore.types import Grade

__all__ = [
    "FIELD_VALUES",
    "PRODUCT_TYPES",
    "Intent",
    "Product",
    "ProductType",
    "is_near_miss",
    "item_row",
    "make_intents",
    "make_products",
    "query_text",
    "true_grade",
]

FIRST_ID = 100_000
PART_SHARE = 1 / 6
"""Share of the items that are parts which go with a thing."""
MISSING_SHARE = 1 / 8
"""Share of the fields that matter which a row leaves out."""
FLAG_SHARE = 0.4
"""Share of the items that have a flag."""


@dataclass(frozen=True, slots=True)
class ProductType:
    """One type of product.

    Attributes:
        family: products of one family may substitute one another.
        noun: its name.
        names: what else it is called.
        bodies: what it may be made of.
        volumes: in ml; empty: it has none.
    """

    family: str
    noun: str
    names: tuple[str, ...]
    bodies: tuple[str, ...]
    volumes: tuple[int, ...] = ()


_GLASS = ("borosilicate", "polypropylene", "quartz")
_PLASTIC = ("polypropylene", "polystyrene", "polyethylene")
_METAL = ("stainless", "titanium", "nickel")
PRODUCT_TYPES: tuple[ProductType, ...] = (
    ProductType("vessel", "beaker", ("griffin",), _GLASS, (50, 100, 250, 600)),
    ProductType("vessel", "flask", ("erlenmeyer",), _GLASS, (100, 250, 500, 1000)),
    ProductType("vessel", "bottle", ("carboy",), _GLASS, (250, 500, 1000, 2000)),
    ProductType("vessel", "vial", ("ampoule",), _GLASS, (2, 4, 8, 20)),
    ProductType("dosing", "pipette", ("pipettor",), _PLASTIC, (1, 5, 10, 25)),
    ProductType("dosing", "burette", ("titrator",), _GLASS, (10, 25, 50)),
    ProductType("dosing", "syringe", ("injector",), _PLASTIC, (1, 5, 10, 50)),
    ProductType("culture", "dish", ("petri",), _PLASTIC, (15, 25, 60)),
    ProductType("culture", "microplate", ("wellplate",), _PLASTIC, (24, 48, 96)),
    ProductType("culture", "tube", ("falcon",), _PLASTIC, (2, 15, 50)),
    ProductType(
        "protection", "gloves", ("gauntlets",), ("nitrile", "latex", "neoprene")
    ),
    ProductType("protection", "goggles", ("eyewear",), ("polycarbonate", "acetate")),
    ProductType("protection", "apron", ("smock",), ("neoprene", "polyethylene")),
    ProductType("heating", "hotplate", ("heater",), ("ceramic", "stainless")),
    ProductType("heating", "burner", ("bunsen",), _METAL),
    ProductType("heating", "furnace", ("kiln",), ("ceramic", "stainless")),
    ProductType("moving", "stirrer", ("agitator",), ("ceramic", "stainless")),
    ProductType("moving", "shaker", ("orbital",), ("stainless", "polycarbonate")),
    ProductType("moving", "pump", ("aspirator",), ("stainless", "titanium")),
    ProductType("tool", "spatula", ("scoop",), _METAL),
    ProductType("tool", "forceps", ("tweezers",), _METAL),
    ProductType("tool", "scalpel", ("lancet",), _METAL),
    ProductType("metering", "thermometer", ("probe",), ("borosilicate", "stainless")),
    ProductType("metering", "balance", ("scale",), ("stainless", "polycarbonate")),
)
_PARTS = (
    "rack for {}",
    "brush for {}",
    "{} carrying case",
    "{} spare seal",
    "{} holder",
)


def _all_bodies() -> tuple[str, ...]:
    bodies = set[str]()
    for product_type in PRODUCT_TYPES:
        bodies.update(product_type.bodies)
    return tuple(sorted(bodies))


FIELD_VALUES: dict[str, tuple[str, ...]] = {
    "body": _all_bodies(),
    "maker": ("Vitralab", "Glassmann", "Orbisci", "Labkraft", "Corvex", "Pyrolux"),
    "discipline": ("microbiology", "chemistry", "histology", "pharmacy", "geology"),
    "closure": ("threaded", "stoppered", "snap-on"),
    "storage": ("ambient", "refrigerated", "frozen"),
    "tint": ("amber", "colourless"),
}
"""Own fields of words; a query may name any of their values."""
FLAGS = ("sterile", "autoclavable", "disposable", "graduated")
"""Own fields of true and false."""
_SIMILAR_BODIES = (
    set(_PLASTIC),
    {"nitrile", "latex", "neoprene"},
    {"borosilicate", "quartz"},
)
"""Bodies that may substitute one another."""


@dataclass(frozen=True, slots=True)
class Product:
    """What an item really is; its title and fields may say less.

    Attributes:
        item_id: its id.
        product_type: index in :data:`PRODUCT_TYPES`.
        is_part: whether it only goes with a product of the type.
        volume: in ml; 0: it has none.
        fields: value of each own field.
    """

    item_id: int
    product_type: int
    is_part: bool
    volume: int
    fields: dict[str, str | bool]


@dataclass(frozen=True, slots=True)
class Intent:
    """What a shopper wants: a product type, a value of one field, or both.

    Attributes:
        query_id: its id.
        word: the name by which the shopper calls the type.
        product_type: index in :data:`PRODUCT_TYPES`; -1: any.
        field: name of an own field; empty: none matters.
        value: of the field; of a flag, its name.
    """

    query_id: str
    word: str = ""
    product_type: int = -1
    field: str = ""
    value: str = ""


def make_products(rng: random.Random, count: int) -> list[Product]:
    """Make items spread evenly over the types, one in six a part that goes with a product.

    Args:
        rng: gives every draw.
        count: number of items.

    Returns:
        The items.
    """
    products = []
    for number in range(count):
        index = number % len(PRODUCT_TYPES)
        product_type = PRODUCT_TYPES[index]
        # The order of the draws decides which shop comes out.
        fields: dict[str, str | bool] = {}
        for field_name, values in FIELD_VALUES.items():
            fields[field_name] = rng.choice(values)
        fields["body"] = rng.choice(product_type.bodies)
        for flag in FLAGS:
            fields[flag] = rng.random() < FLAG_SHARE

        volume = 0
        if product_type.volumes:
            volume = rng.choice(product_type.volumes)
        is_part = rng.random() < PART_SHARE
        products.append(Product(FIRST_ID + number, index, is_part, volume, fields))
    return products


def make_intents(rng: random.Random, count: int) -> list[Intent]:
    """Make one-word intents in random order, then intents of two words.

    Args:
        rng: gives every draw.
        count: number of intents.

    Returns:
        The intents; fewer where there are not so many.
    """
    type_intents = []
    for index, product_type in enumerate(PRODUCT_TYPES):
        for word in (product_type.noun, *product_type.names):
            type_intents.append(Intent("", word, index))

    value_intents = []
    for field, values in FIELD_VALUES.items():
        for value in values:
            value_intents.append(Intent("", field=field, value=value))
    for flag in FLAGS:
        value_intents.append(Intent("", field=flag, value=flag))

    combined = []
    for of_type in type_intents:
        for of_value in value_intents:
            if _is_sold(of_type.product_type, of_value):
                combined.append(
                    replace(of_type, field=of_value.field, value=of_value.value)
                )

    one_word = type_intents + value_intents
    intents = rng.sample(one_word, len(one_word))
    intents += rng.sample(combined, len(combined))
    numbered = []
    for number, intent in enumerate(intents[:count]):
        numbered.append(replace(intent, query_id=f"need{number}"))
    return numbered


def _is_sold(product_type: int, intent: Intent) -> bool:
    """Whether any product of a type may have the value."""
    if intent.field != "body":
        return True
    return intent.value in PRODUCT_TYPES[product_type].bodies


def _has_similar_body(intent: Intent, product: Product) -> bool:
    if intent.field != "body":
        return False
    bodies = {intent.value, product.fields["body"]}
    return any(bodies <= group for group in _SIMILAR_BODIES)


def _has_value(intent: Intent, product: Product) -> bool:
    return product.fields[intent.field] in (True, intent.value)


def true_grade(intent: Intent, product: Product) -> Grade:
    """Grade a pair by the known truth.

    All that the shopper wants is 3; a similar body, another value, or a product of the same family
    2; a part 1.

    Args:
        intent: what the shopper wants.
        product: the item as it really is.

    Returns:
        The grade.
    """
    has_value = not intent.field or _has_value(intent, product)
    if intent.product_type < 0:
        return _grade_of_value(intent, product, has_value=has_value)

    if intent.product_type == product.product_type:
        if product.is_part:
            return Grade.COMPLEMENT
        return Grade.EXACT if has_value else Grade.SUBSTITUTE

    if product.is_part or not has_value:
        return Grade.IRRELEVANT
    is_related = _are_of_one_family(intent, product)
    return Grade.SUBSTITUTE if is_related else Grade.IRRELEVANT


def _grade_of_value(intent: Intent, product: Product, *, has_value: bool) -> Grade:
    """The grade where a value alone is wanted: any whole product may have it."""
    if product.is_part:
        return Grade.IRRELEVANT
    if has_value:
        return Grade.EXACT
    is_similar = _has_similar_body(intent, product)
    return Grade.SUBSTITUTE if is_similar else Grade.IRRELEVANT


def _are_of_one_family(intent: Intent, product: Product) -> bool:
    intended = PRODUCT_TYPES[intent.product_type]
    offered = PRODUCT_TYPES[product.product_type]
    return intended.family == offered.family


def is_near_miss(intent: Intent, product: Product) -> bool:
    """Whether an irrelevant item is a near miss: of the same family or with the same value.

    Args:
        intent: what the shopper wants.
        product: the item as it really is.

    Returns:
        True for a near miss.
    """
    if intent.product_type >= 0 and _are_of_one_family(intent, product):
        return True
    return bool(intent.field) and _has_value(intent, product)


def _title(product: Product, rng: random.Random) -> str:
    product_type = PRODUCT_TYPES[product.product_type]
    noun = rng.choice((product_type.noun, product_type.noun, *product_type.names))
    if product.is_part:
        part = rng.choice(_PARTS).format(noun)
        series = rng.choice("ABCD")
        number = rng.randrange(10, 99)
        return f"{part} {series}{number}".capitalize()

    details = []
    if product.volume and rng.random() < 0.6:
        details.append(f"{product.volume} ml")
    for field in ("body", "maker"):
        if rng.random() < 0.3:
            details.append(str(product.fields[field]))
    quality = rng.choice(("", "", "class A", "type 2", "economy", "pro line"))
    if quality:
        details.append(quality)
    shuffled = rng.sample(details, len(details))
    return ", ".join([noun.capitalize(), *shuffled])


def item_row(product: Product, rng: random.Random) -> Row:
    """Write the catalogue row: a terse title and twenty fields.

    One in eight of the fields that matter is missing.

    Args:
        product: the item as it really is.
        rng: gives every draw.

    Returns:
        The row.
    """
    stated = {}
    for field_name, value in product.fields.items():
        if rng.random() > MISSING_SHARE and not product.is_part:
            stated[field_name] = value
    return {
        "item_id": product.item_id,
        "title": _title(product, rng),
        **stated,
        "rated_volume_ml": product.volume or None,
        "catalog_no": f"{rng.choice('KLMN')}{rng.randrange(10**5, 10**6)}",
        "origin": rng.choice(("DE", "US", "JP", "CN")),
        "standard": rng.choice(("ISO 3819", "ASTM E960", "DIN 12331")),
        "lead_days": rng.randrange(1, 30),
        "pack_qty": rng.choice((1, 5, 10, 50, 100)),
        "weight_g": rng.randrange(5, 3000),
        "shelf_months": rng.choice((12, 24, 36, 60)),
        "hazard": rng.choice(("none", "none", "fragile", "sharp")),
        "list_price": round(rng.uniform(2, 900), 2),
    }


def query_text(intent: Intent, rng: random.Random) -> str:
    """Write what a shopper types: the type, the value, or both; now and then a plural.

    Args:
        intent: what the shopper wants.
        rng: gives every draw.

    Returns:
        The query.
    """
    # A draw is made only where a plural is possible.
    word = intent.word
    may_be_plural = word and not intent.field and not word.endswith("s")
    if may_be_plural and rng.random() < 0.3:
        word = f"{word}s"
    return f"{intent.value.lower()} {word}".strip()
