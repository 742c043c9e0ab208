"""How the demo shop drifts: each round some items go, and others come with new brands and words."""

from __future__ import annotations

import itertools
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace

from adore.data.demo_shop import CATEGORIES, Intent, Spec

__all__ = ["drift"]

BRANDS_PER_ROUND = 2
"""New brands of each category."""
BRAND_BEGINNINGS = (
    "Zel", "Mor", "Quin", "Tav", "Oxu", "Bren", "Ly", "Fjo", "Kry", "Ume", "Dax", "Hol", "Ny",
    "Pla",
)  # fmt: skip
BRAND_ENDINGS = (
    "ando", "ivar", "esca", "orin", "uxa", "ettle", "yth", "ambo", "ilde", "osk", "aren", "umi",
)  # fmt: skip
NEW_SERIES = ("Vertex", "Halo", "Drift", "Onyx")
"""One a round, as with the other words; after the last the first comes again."""
NEW_COLOURS = ("pink", "brown", "yellow", "purple")
NEW_MATERIALS = ("titanium", "cork", "hemp", "carbon")
NEW_DEVICES = ("iphone 15", "galaxy s24", "pixel 8", "iphone 16")
NEW_WORD = 0.5
"""P(an item or a query of the round has the new word) where its category has such words."""


@dataclass(frozen=True, slots=True)
class _Novelty:
    """What is new in one round."""

    brands: tuple[tuple[str, ...], ...]
    """Of each category."""
    series: str
    colour: str
    material: str
    device: str

    @classmethod
    def of_round(cls, number: int, seed: int) -> _Novelty:
        """Choose a round's brands, which no earlier round had, and its words."""
        names = []
        for beginning, ending in itertools.product(BRAND_BEGINNINGS, BRAND_ENDINGS):
            names.append(beginning + ending)
        random.Random(seed).shuffle(names)

        brands = []
        per_round = BRANDS_PER_ROUND * len(CATEGORIES)
        first = (number - 1) * per_round % len(names)
        for start in range(first, first + per_round, BRANDS_PER_ROUND):
            brands.append(tuple(names[start : start + BRANDS_PER_ROUND]))
        turn = (number - 1) % len(NEW_COLOURS)
        return cls(
            tuple(brands),
            NEW_SERIES[turn],
            NEW_COLOURS[turn],
            NEW_MATERIALS[turn],
            NEW_DEVICES[turn],
        )


def _maybe(rng: random.Random, old: str, new: str) -> str:
    """The new word in some cases, but only where there is an old one."""
    return new if rng.random() < NEW_WORD and old else old


def _new_item(old: Spec, item_id: str, novelty: _Novelty, rng: random.Random) -> Spec:
    """An item of the round in the place of another."""
    return replace(
        old,
        item_id=item_id,
        brand=rng.choice(novelty.brands[old.category]),
        series=novelty.series,
        colour=_maybe(rng, old.colour, novelty.colour),
        material=_maybe(rng, old.material, novelty.material),
        device=_maybe(rng, old.device, novelty.device),
    )


def _new_intent(
    old: Intent, query_id: str, novelty: _Novelty, rng: random.Random
) -> Intent:
    """What shoppers now ask as well: a new brand, and the new words where they asked for old."""
    return replace(
        old,
        query_id=query_id,
        brand=rng.choice(novelty.brands[old.category]),
        colour=_maybe(rng, old.colour, novelty.colour),
        material=_maybe(rng, old.material, novelty.material),
        device=_maybe(rng, old.device, novelty.device),
    )


def drift(
    specs: Sequence[Spec],
    intents: Sequence[Intent],
    rounds: int,
    *,
    share: float,
    seed: int,
) -> tuple[list[Spec], list[Intent]]:
    """Replace a share of the items, and add queries for the new ones, round by round.

    A round's shop is the one of the round before, drifted once more.

    Args:
        specs: the first round's items.
        intents: the first round's queries.
        rounds: how often the shop drifts.
        share: of the items that a round replaces, and of the first round's queries that
            shoppers now ask with a new brand, beside the others.
        seed: seeds every draw.

    Returns:
        Items, and queries with the new ones last; all different.
    """
    items = list(specs)
    all_intents = list(intents)
    for number in range(1, rounds + 1):
        rng = random.Random(f"{seed}|drift|{number}")
        novelty = _Novelty.of_round(number, seed)
        replaced_count = round(share * len(items))
        for position in rng.sample(range(len(items)), replaced_count):
            item_id = f"item-{number}-{position:05d}"
            items[position] = _new_item(items[position], item_id, novelty, rng)

        asked_count = round(share * len(intents))
        asked_anew = rng.sample(list(intents), asked_count)
        for index, intent in enumerate(asked_anew):
            query_id = f"q-{number}-{index:04d}"
            all_intents.append(_new_intent(intent, query_id, novelty, rng))
    return items, _distinct(all_intents)


def _distinct(intents: Sequence[Intent]) -> list[Intent]:
    """The first of those that ask the same."""
    by_wish: dict[Intent, Intent] = {}
    for intent in intents:
        by_wish.setdefault(replace(intent, query_id=""), intent)
    return list(by_wish.values())
