"""The demo shop's plan: categories, item specs, intents, and the true grade of any pair.

All of it is simulated.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, replace

from adore.types import Grade

__all__ = [
    "CATEGORIES",
    "Category",
    "Intent",
    "Spec",
    "make_intents",
    "make_specs",
    "true_grade",
]

COLOURS = (
    "black",
    "white",
    "grey",
    "red",
    "blue",
    "green",
    "pink",
    "brown",
    "yellow",
    "purple",
)


@dataclass(frozen=True, slots=True)
class Category:
    """One product type: its path, words, accessory, and what its items vary in."""

    path: str
    noun: str
    synonyms: tuple[str, ...]
    accessory: str
    brands: tuple[str, ...]
    series: tuple[str, ...]
    unit: str
    sizes: tuple[float, ...]
    materials: tuple[str, ...] = ()
    audiences: tuple[str, ...] = ()
    devices: tuple[str, ...] = ()
    option: str = ""
    """A part that an item may have or lack; queries exclude it."""


_PHONES = ("iphone 13", "iphone 14", "galaxy s22", "galaxy s23", "pixel 7")
CATEGORIES: tuple[Category, ...] = (
    Category("Kitchen > Drinkware > Water Bottles", "water bottle", ("drinking bottle", "flask"),
             "bottle brush", ("Hydra", "Nordpeak", "Aquila", "Steelo"), ("Trail", "Pure"),
             "ml", (350, 500, 750, 1000),
             ("steel", "glass", "plastic"), option="straw"),
    Category("Kitchen > Cookware > Frying Pans", "frying pan", ("skillet",), "pan lid",
             ("Ferrum", "Casana", "Steelo", "Kuchen"), ("Pro", "Classic"), "cm", (20, 24, 28, 32),
             ("aluminum", "steel", "ceramic"), option="lid"),
    Category("Electronics > Audio > Headphones", "headphones", ("headset", "earphones"),
             "headphone stand",
             ("Sonora", "Bassline", "Audix", "Tunely"), ("X2", "Studio"), "h", (20, 30, 40),
             devices=(), option="microphone"),
    Category("Electronics > Phones > Phone Cases", "phone case", ("phone cover",),
             "screen protector",
             ("Casemo", "Shelly", "Guardix", "Armora"), ("Slim", "Rugged"), "", (),
             ("silicone", "leather", "plastic"), devices=_PHONES, option="strap"),
    Category("Electronics > Power > Chargers", "charger", ("power adapter",), "charging cable",
             ("Voltio", "Ampere", "Chargely", "Guardix"), ("Nano", "Max"), "w", (20, 30, 65),
             devices=_PHONES, option="cable"),
    Category("Fashion > Shoes > Sneakers", "sneakers", ("trainers", "running shoes"), "shoe laces",
             ("Veloce", "Stride", "Kanga", "Urbano"), ("Air", "Flow"), "", (),
             ("leather", "canvas"), ("women", "men", "kids"), option="laces"),
    Category("Fashion > Jackets > Rain Jackets", "rain jacket", ("raincoat",), "jacket hanger",
             ("Nordpeak", "Regna", "Urbano", "Alpina"), ("Storm", "Light"), "", (),
             ("polyester", "nylon"), ("women", "men", "kids"), option="hood"),
    Category("Fashion > Bags > Backpacks", "backpack", ("rucksack",), "backpack cover",
             ("Alpina", "Urbano", "Trekko", "Packard"), ("City", "Summit"), "l", (15, 20, 30, 45),
             ("canvas", "nylon", "leather"), option="wheels"),
    Category("Home > Bedding > Pillows", "pillow", ("cushion",), "pillow case",
             ("Somna", "Dormio", "Casana", "Nuvola"), ("Soft", "Cool"), "cm", (40, 50, 80),
             ("cotton", "bamboo", "linen"), option="zipper"),
    Category("Home > Lighting > Desk Lamps", "desk lamp", ("table lamp",), "light bulb",
             ("Lumo", "Brillant", "Casana", "Voltio"), ("Arc", "Mini"), "w", (5, 9, 12),
             ("metal", "wood"), option="clamp"),
    Category("Grocery > Drinks > Coffee", "coffee beans", ("espresso beans",), "coffee filter",
             ("Montana", "Roasta", "Cafina", "Arabico"), ("Gold", "Crema"), "g", (250, 500, 1000),
             option="caffeine"),
    Category("Pets > Dogs > Dog Food", "dog food", ("kibble",), "dog bowl",
             ("Canino", "Wuffi", "Petora", "Natura"), ("Adult", "Senior"), "kg", (1, 2.5, 5, 12),
             option="grain"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Spec:
    """What an item really is; its title may say less."""

    item_id: str
    category: int
    accessory: bool
    brand: str
    series: str
    colour: str
    size: float
    material: str
    audience: str
    device: str
    pack: int
    has_option: bool


@dataclass(frozen=True, slots=True)
class Intent:
    """What a shopper really wants; empty means no matter."""

    query_id: str
    category: int
    brand: str = ""
    colour: str = ""
    size: float = 0.0
    material: str = ""
    audience: str = ""
    device: str = ""
    without_option: bool = False


def make_specs(rng: random.Random, count: int) -> list[Spec]:
    """``count`` items, one in seven an accessory, spread evenly over the categories.

    Args:
        rng: gives every draw.
        count: number of items.
    """
    specs = []
    for n in range(count):
        index = n % len(CATEGORIES)
        c = CATEGORIES[index]
        specs.append(
            Spec(
                item_id=f"item-{n:05d}",
                category=index,
                accessory=rng.random() < 1 / 7,
                brand=rng.choice(c.brands),
                series=rng.choice(c.series),
                colour=rng.choice(COLOURS[:6]),
                size=rng.choice(c.sizes) if c.sizes else 0.0,
                material=rng.choice(c.materials) if c.materials else "",
                audience=rng.choice(c.audiences) if c.audiences else "",
                device=rng.choice(c.devices) if c.devices else "",
                pack=rng.choice((1, 1, 1, 1, 2, 3)),
                has_option=rng.random() < 0.5,
            )
        )
    return specs


def make_intents(rng: random.Random, count: int) -> list[Intent]:
    """``count`` intents that ask one to three things each, all different.

    Args:
        rng: gives every draw.
        count: number of intents.
    """
    intents: dict[Intent, None] = {}
    while len(intents) < count:
        index = rng.randrange(len(CATEGORIES))
        c = CATEGORIES[index]
        choices = {
            "brand": rng.choice(c.brands),
            "colour": rng.choice(COLOURS[:6]),
            "size": rng.choice(c.sizes) if c.sizes else 0.0,
            "material": rng.choice(c.materials) if c.materials else "",
            "audience": rng.choice(c.audiences) if c.audiences else "",
            "device": rng.choice(c.devices) if c.devices else "",
            "without_option": True,
        }
        open_ = [k for k, v in choices.items() if v]
        asked = rng.sample(open_, k=min(len(open_), rng.choice((0, 1, 1, 2, 2, 3))))
        wanted = {name: choices[name] for name in asked}
        intents[Intent("", index, **wanted)] = None  # type: ignore[arg-type]
    return [
        replace(intent, query_id=f"q-{number:04d}")
        for number, intent in enumerate(intents)
    ]


def true_grade(intent: Intent, spec: Spec) -> Grade:
    """The known truth.

    An item of another category is I, an accessory C. Else it is E if all that is asked is right,
    S if one or two things are wrong, and I if more are.

    Args:
        intent: what the shopper really wants.
        spec: what the item really is.
    """
    if spec.category != intent.category:
        return Grade.IRRELEVANT
    if spec.accessory:
        return Grade.COMPLEMENT

    wrong = 0
    for name in ("brand", "colour", "size", "material", "audience", "device"):
        asked = getattr(intent, name)
        if asked and asked != getattr(spec, name):
            wrong += 1
    if intent.without_option and spec.has_option:
        wrong += 1

    if wrong == 0:
        return Grade.EXACT
    return Grade.SUBSTITUTE if wrong <= 2 else Grade.IRRELEVANT
