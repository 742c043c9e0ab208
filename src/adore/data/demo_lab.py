"""Another simulated world: a laboratory supplier.

It has one-word queries, twenty fields of its own and no categories.

Nobody tunes to it: it asks whether the loop stands up in a shop that is nothing like the demo shop.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from typing import Any

from adore.types import Grade

__all__ = [
    "KINDS",
    "VALUES",
    "Intent",
    "Kind",
    "Product",
    "grade",
    "make_intents",
    "make_products",
    "row",
    "shares",
    "text",
]


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of thing.

    Attributes:
        family: things of one family may stand in for one another.
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
KINDS: tuple[Kind, ...] = (
    Kind("vessel", "beaker", ("griffin",), _GLASS, (50, 100, 250, 600)),
    Kind("vessel", "flask", ("erlenmeyer",), _GLASS, (100, 250, 500, 1000)),
    Kind("vessel", "bottle", ("carboy",), _GLASS, (250, 500, 1000, 2000)),
    Kind("vessel", "vial", ("ampoule",), _GLASS, (2, 4, 8, 20)),
    Kind("dosing", "pipette", ("pipettor",), _PLASTIC, (1, 5, 10, 25)),
    Kind("dosing", "burette", ("titrator",), _GLASS, (10, 25, 50)),
    Kind("dosing", "syringe", ("injector",), _PLASTIC, (1, 5, 10, 50)),
    Kind("culture", "dish", ("petri",), _PLASTIC, (15, 25, 60)),
    Kind("culture", "microplate", ("wellplate",), _PLASTIC, (24, 48, 96)),
    Kind("culture", "tube", ("falcon",), _PLASTIC, (2, 15, 50)),
    Kind("protection", "gloves", ("gauntlets",), ("nitrile", "latex", "neoprene")),
    Kind("protection", "goggles", ("eyewear",), ("polycarbonate", "acetate")),
    Kind("protection", "apron", ("smock",), ("neoprene", "polyethylene")),
    Kind("heating", "hotplate", ("heater",), ("ceramic", "stainless")),
    Kind("heating", "burner", ("bunsen",), _METAL),
    Kind("heating", "furnace", ("kiln",), ("ceramic", "stainless")),
    Kind("moving", "stirrer", ("agitator",), ("ceramic", "stainless")),
    Kind("moving", "shaker", ("orbital",), ("stainless", "polycarbonate")),
    Kind("moving", "pump", ("aspirator",), ("stainless", "titanium")),
    Kind("tool", "spatula", ("scoop",), _METAL),
    Kind("tool", "forceps", ("tweezers",), _METAL),
    Kind("tool", "scalpel", ("lancet",), _METAL),
    Kind("metering", "thermometer", ("probe",), ("borosilicate", "stainless")),
    Kind("metering", "balance", ("scale",), ("stainless", "polycarbonate")),
)
_PARTS = (
    "rack for {}",
    "brush for {}",
    "{} carrying case",
    "{} spare seal",
    "{} holder",
)
VALUES: dict[str, tuple[str, ...]] = {
    "body": tuple(sorted({b for k in KINDS for b in k.bodies})),
    "maker": ("Vitralab", "Glassmann", "Orbisci", "Labkraft", "Corvex", "Pyrolux"),
    "discipline": ("microbiology", "chemistry", "histology", "pharmacy", "geology"),
    "closure": ("threaded", "stoppered", "snap-on"),
    "storage": ("ambient", "refrigerated", "frozen"),
    "tint": ("amber", "colourless"),
}
"""Own fields of words; a query may name any of their values."""
FLAGS = ("sterile", "autoclavable", "disposable", "graduated")
"""Own fields of true and false."""
_ALIKE = (
    frozenset(_PLASTIC),
    {"nitrile", "latex", "neoprene"},
    {"borosilicate", "quartz"},
)
"""Bodies that may stand in for one another."""


@dataclass(frozen=True, slots=True)
class Product:
    """What an item really is; its title and fields may say less."""

    item_id: int
    kind: int
    part: bool
    volume: int
    facts: dict[str, str | bool]


@dataclass(frozen=True, slots=True)
class Intent:
    """What somebody wants: a kind of thing, a value of one field, or both.

    ``word`` names the kind.
    """

    query_id: str
    word: str = ""
    kind: int = -1
    field: str = ""
    value: str = ""


def make_products(rng: random.Random, count: int) -> list[Product]:
    """``count`` items, one in six a part that goes with a thing, spread evenly over the kinds.

    Args:
        rng: gives every draw.
        count: number of items.
    """
    supplies = []
    for n in range(count):
        kind = KINDS[n % len(KINDS)]
        facts: dict[str, str | bool] = {
            name: rng.choice(values) for name, values in VALUES.items()
        }
        facts |= {
            "body": rng.choice(kind.bodies),
            **{flag: rng.random() < 0.4 for flag in FLAGS},
        }
        volume = rng.choice(kind.volumes) if kind.volumes else 0
        supplies.append(
            Product(100_000 + n, n % len(KINDS), rng.random() < 1 / 6, volume, facts)
        )
    return supplies


def make_intents(rng: random.Random, count: int) -> list[Intent]:
    """One-word needs in random order, then needs of two words, ``count`` in all.

    Args:
        rng: gives every draw.
        count: number of needs; fewer come back where there are not so many.
    """
    kinds = []
    for index, kind in enumerate(KINDS):
        for word in (kind.noun, *kind.names):
            kinds.append(Intent("", word, index))

    values = []
    for field, names in VALUES.items():
        for name in names:
            values.append(Intent("", field=field, value=name))
    for flag in FLAGS:
        values.append(Intent("", field=flag, value=flag))

    both = []
    for thing in kinds:
        for value in values:
            if _sold(thing.kind, value):
                both.append(replace(thing, field=value.field, value=value.value))

    one_word = kinds + values
    needs = rng.sample(one_word, len(one_word))
    needs += rng.sample(both, len(both))
    return [
        replace(need, query_id=f"need{number}")
        for number, need in enumerate(needs[:count])
    ]


def _sold(kind: int, value: Intent) -> bool:
    return value.field != "body" or value.value in KINDS[kind].bodies


def _alike(need: Intent, supply: Product) -> bool:
    return need.field == "body" and any(
        {need.value, supply.facts["body"]} <= group for group in _ALIKE
    )


def grade(need: Intent, supply: Product) -> Grade:
    """The known truth.

    All that is asked is 3; a like body, another value, or a thing of the same family 2; a part 1.

    Args:
        need: what is wanted.
        supply: the item as it really is.
    """
    has = not need.field or supply.facts[need.field] in (True, need.value)
    if need.kind < 0:  # a value alone: any whole thing may have it
        if supply.part:
            return Grade.IRRELEVANT
        if has:
            return Grade.EXACT
        return Grade.SUBSTITUTE if _alike(need, supply) else Grade.IRRELEVANT

    if need.kind == supply.kind:
        if supply.part:
            return Grade.COMPLEMENT
        return Grade.EXACT if has else Grade.SUBSTITUTE

    like = KINDS[need.kind].family == KINDS[supply.kind].family and not supply.part
    return Grade.SUBSTITUTE if like and has else Grade.IRRELEVANT


def shares(need: Intent, supply: Product) -> bool:
    """Whether an irrelevant item is a near miss: the same family or the same value.

    Args:
        need: what is wanted.
        supply: the item as it really is.
    """
    if need.kind >= 0:
        wanted = KINDS[need.kind].family
        if KINDS[supply.kind].family == wanted:
            return True

    if not need.field:
        return False
    return supply.facts[need.field] in (True, need.value)


def _title(supply: Product, rng: random.Random) -> str:
    kind = KINDS[supply.kind]
    facts = supply.facts
    noun = rng.choice((kind.noun, kind.noun, *kind.names))
    if supply.part:
        part = rng.choice(_PARTS).format(noun)
        series = rng.choice("ABCD")
        number = rng.randrange(10, 99)
        return f"{part} {series}{number}".capitalize()

    more = [
        f"{supply.volume} ml" if supply.volume and rng.random() < 0.6 else "",
        str(facts["body"]) if rng.random() < 0.3 else "",
        str(facts["maker"]) if rng.random() < 0.3 else "",
        rng.choice(("", "", "class A", "type 2", "economy", "pro line")),
    ]
    told = [one for one in more if one]
    shuffled = rng.sample(told, len(told))
    return ", ".join([noun.capitalize(), *shuffled])


def row(supply: Product, rng: random.Random) -> dict[str, Any]:
    """The catalogue row: a terse title and twenty fields.

    One in eight of the fields that matter is missing.

    Args:
        supply: the item as it really is.
        rng: gives every draw.
    """
    told = {
        name: value
        for name, value in supply.facts.items()
        if rng.random() > 1 / 8 and not supply.part
    }
    return {
        "item_id": supply.item_id,
        "title": _title(supply, rng),
        **told,
        "rated_volume_ml": supply.volume or None,
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


def text(need: Intent, rng: random.Random) -> str:
    """What somebody types: the kind, the value, or both; now and then a plural.

    Args:
        need: what is wanted.
        rng: gives every draw.
    """
    plural = (
        need.word
        and not need.field
        and not need.word.endswith("s")
        and rng.random() < 0.3
    )
    return f"{need.value.lower()} {need.word}{'s' if plural else ''}".strip()
