"""Holds what a query asks against what an item says: one :class:`Evidence` per asked value."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

from adore.attributes.units import same_size, size_dimension
from adore.types import ATTRIBUTES, Evidence, Reading, State, Value

__all__ = ["compare"]

_NOTHING = Value("", "", "")
_BOTH = {"unisex", "adults"}
_WITHIN = {
    ("girls", "kids"),
    ("boys", "kids"),
    ("kids", "girls"),
    ("kids", "boys"),
    ("toddlers", "kids"),
    ("kids", "toddlers"),
    ("babies", "toddlers"),
    ("toddlers", "babies"),
}


@lru_cache(maxsize=65_536)
def _words(index: str) -> dict[str, str]:
    """Stem to the word as it was written."""
    return dict(pair.split("=", 1) for pair in index.split()) if index else {}


def _index_of(item: Reading, where: str) -> dict[str, str]:
    values = item.values.get(f"words.{where}")
    return _words(values[0].value) if values else {}


def compare(query: Reading, item: Reading) -> tuple[Evidence, ...]:
    """Evidence for every value that the query asks, in the order of :data:`adore.types.ATTRIBUTES`.

    Args:
        query: from :meth:`Reader.read_query`.
        item: from :meth:`Reader.read_item`.
    """
    return tuple(_judge(name, asked, query, item) for name in ATTRIBUTES for asked in query.values.get(name, ()))


def _judge(name: str, asked: Value, query: Reading, item: Reading) -> Evidence:
    if name == "product_type":
        state, found = _product_type(asked, query, item)
    elif name == "exclusion":
        state, found = _exclusion(asked, item)
    elif name == "feature":
        state, found = _mentioned(asked.value.split(), item)
    else:
        state, found = _valued(name, asked, item)
    return Evidence(name, asked.value, asked.quote, found.value, found.quote, found.where, state)


def _mentions(stems: list[str], item: Reading) -> Iterator[Value]:
    for where in ("title", "category", "bullet_points"):
        index = _index_of(item, where)
        hits = [s for s in stems if s in index]
        if len(hits) == len(stems):
            yield Value(" ".join(stems), index[stems[-1]], where)


def _mentioned(stems: list[str], item: Reading) -> tuple[State, Value]:
    found = next(_mentions(stems, item), None)
    return ("match", found) if found else ("unknown", _NOTHING)


def _product_type(asked: Value, query: Reading, item: Reading) -> tuple[State, Value]:
    word, title, category = asked.value, _index_of(item, "title"), _index_of(item, "category")
    if word in category:
        return "match", Value(word, category[word], "category")
    accessory = _accessory(word, query, item)
    if accessory:
        return "conflict", accessory
    for where, index in (("title", title), ("category", category)):
        hit = word if word in index else next((s for s in index if len(word) > 3 and s.endswith(word)), "")
        if hit:
            return "match", Value(hit, index[hit], where)
    body = _index_of(item, "bullet_points")
    if word in body:
        return "unknown", Value(word, body[word], "bullet_points")
    last = next(iter(category), "")
    return ("conflict", Value(last, category[last], "category")) if last else ("unknown", _NOTHING)


def _accessory(word: str, query: Reading, item: Reading) -> Value | None:
    """Where an item says that it goes *with* the asked product, unless the query asks for such a thing."""
    title, fits = _index_of(item, "title"), _index_of(item, "fits")
    if word in fits:
        return Value(f"accessory {word}", fits[word], "title")
    kinds = item.values.get("words.accessory", ())
    asked = {v.value for name in ("feature", "product_type") for v in query.values.get(name, ())}
    if word not in title or not kinds or asked & set(kinds[0].value.split()):
        return None
    first = kinds[0].value.split()[0]
    return Value(f"accessory {first}", title.get(first, ""), "title")


def _exclusion(asked: Value, item: Reading) -> tuple[State, Value]:
    """Match: the item says that it lacks it. Conflict: it says that it has it. Silence is unknown."""
    stems = asked.value.split()
    absent = item.values.get("words.absent")
    said = set(absent[0].value.split()) if absent else set()
    if stems[-1] in said or stems[0] in said:
        return "match", Value(asked.value, "", "title")
    found = next(_mentions(stems[-1:], item), None)
    return ("conflict", found) if found else ("unknown", _NOTHING)


def _valued(name: str, asked: Value, item: Reading) -> tuple[State, Value]:
    values = item.values.get(name, ())
    hit = next((v for v in values if _same(name, asked.value, v.value)), None)
    if hit:
        return "match", hit
    if name in ("model", "compatibility", "brand", "material"):
        state, found = _mentioned(asked.value.split(), item)
        if state == "match" and found.where != "bullet_points":
            return state, found
    rivals = [v for v in values if name != "size" or size_dimension(v.value) == size_dimension(asked.value)]
    if name == "size" and any(v.where in ("title",) or v.where.startswith("attributes") for v in rivals):
        rivals = [v for v in rivals if v.where != "bullet_points"]
    elif name == "size":
        rivals = []
    return ("conflict", rivals[0]) if rivals else ("unknown", _NOTHING)


def _same(name: str, asked: str, found: str) -> bool:
    if name == "size":
        return same_size(asked, found)
    if name == "audience":
        return asked == found or found in _BOTH or (asked, found) in _WITHIN
    if name in ("brand", "model", "compatibility"):
        return asked == found or f" {asked} " in f" {found} "
    return asked == found
