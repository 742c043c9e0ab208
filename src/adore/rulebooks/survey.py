"""What a catalogue, its queries and its judgements say of each key attribute.

It is the evidence of a drafted rule book.
"""

from __future__ import annotations

import math
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from adore.artifacts import read_table
from adore.attributes.compare import compare
from adore.attributes.evidence import language_of
from adore.attributes.lexicon import Lexicon
from adore.attributes.reader import Reader
from adore.config import configure
from adore.data.dataset import read_dataset_info
from adore.data.language import choose_language
from adore.data.prepare import Config
from adore.data.prepare import run as prepare
from adore.data.tables import read_items
from adore.rulebook import RULEBOOKS, RuleBook
from adore.storage import local_copy
from adore.text import word_stems
from adore.types import ATTRIBUTES, Evidence, Grade, Item, Reading, Value, item_from_row

__all__ = [
    "AttributeCounts",
    "Catalogue",
    "Survey",
    "SynonymEvidence",
    "read_catalogue",
    "survey",
]

_FIELDS = ("brand", "category", "attributes")
_LEGAL = frozenset(
    [
        "inc",
        "llc",
        "ltd",
        "co",
        "corp",
        "gmbh",
        "usa",
        "us",
        "company",
        "corporation",
        "official",
    ]
)


@dataclass(frozen=True)
class Catalogue:
    """What a draft is made from.

    Test queries and their judgements are left out, so that the draft can be measured.

    Attributes:
        items: the whole catalogue.
        queries: query id to text; may be empty.
        judged: query id, item id and human grade; may be empty.
        language: code of the pack that all is read with.
    """

    items: list[Item]
    queries: dict[str, str] = field(default_factory=dict)
    judged: list[tuple[str, str, int]] = field(default_factory=list)
    language: str = "en"


@dataclass
class AttributeCounts:
    """What was seen of one attribute.

    Attributes:
        fields: items that state it in a field.
        text: items that state it in title or bullets only.
        values: value to the number of items that have it.
        quotes: how sellers wrote a value, to the number of times.
        asked: queries that ask it.
        human: of judged pairs with nothing else against them, (state, human grade) to count.
    """

    fields: int = 0
    text: int = 0
    values: Counter[str] = field(default_factory=Counter)
    quotes: Counter[str] = field(default_factory=Counter)
    asked: int = 0
    human: Counter[tuple[str, Grade]] = field(default_factory=Counter)

    @property
    def effective(self) -> float:
        """How many equally common values would tell items apart as well.

        It is exp of the values' entropy.
        """
        total = self.values.total()
        if not total:
            return 0.0

        # Perplexity, exp(H), with the entropy H in nats.
        entropy = -sum(n / total * math.log(n / total) for n in self.values.values())
        return math.exp(entropy)


@dataclass(frozen=True)
class SynonymEvidence:
    """What speaks for two values being the same, and whether that is enough to propose it."""

    text: str
    enough: bool


@dataclass(frozen=True)
class Survey:
    """All that was seen.

    Attributes:
        items: number of items.
        queries: number of queries.
        judged: number of judged pairs.
        seen: by attribute.
        synonyms: by attribute, pairs of values that seem to be the same.
        words: word of titles and category leaves to the number of items that have it.
        domains: rule book to the share of items whose category leaf (title, where there is none)
            has a word of its domain.
        language: code of the pack that all was read with.
    """

    items: int
    queries: int
    judged: int
    seen: dict[str, AttributeCounts]
    synonyms: dict[str, dict[tuple[str, str], SynonymEvidence]]
    words: Counter[str]
    domains: dict[str, float]
    language: str = "en"


def read_catalogue(*, data: str = "", items: str = "") -> Catalogue:
    """Read a shop's folder (checked as the step prepare does) or one items file.

    Args:
        data: the shop's folder, or its address; not looked at where ``items`` is given.
        items: an items file, or its address; empty: the folder is read.
    """
    if items:
        path = local_copy(items)
        known = [item_from_row(row) for row in read_items(path)]
        chosen = choose_language(
            read_dataset_info(path.parent).language, [item.title for item in known]
        )
        return Catalogue(known, language=chosen.code)
    with tempfile.TemporaryDirectory() as home:
        folder = Path(home)
        prepare(configure(Config, {}, "prepare"), local_copy(data), folder)
        queries = read_table(folder, "queries").filter(pl.col("split") != "test")
        judgements = read_table(folder, "judgements")
        judged = judgements.join(queries, on="query_id", how="semi")
        rows = read_table(folder, "items").iter_rows(named=True)
        return Catalogue(
            items=[item_from_row(row) for row in rows],
            queries=dict(queries.select("query_id", "query").iter_rows()),
            judged=judged.select("query_id", "item_id", "grade").rows(),
            language=language_of(folder),
        )


def survey(catalogue: Catalogue) -> Survey:
    """Read the whole catalogue with its own lexicon and count."""
    reader = Reader(Lexicon.mine(catalogue.items, catalogue.language))
    seen = {name: AttributeCounts() for name in ATTRIBUTES}
    readings = {item.item_id: reader.read_item(item) for item in catalogue.items}
    for reading in readings.values():
        for name, values in _stated(reading, set(reader.lexicon.types)):
            _count(seen[name], values)

    asked = {key: reader.read_query(text) for key, text in catalogue.queries.items()}
    for reading in asked.values():
        for name in ATTRIBUTES:
            if reading.values.get(name):
                seen[name].asked += 1

    pairs = []
    for query_id, item_id, human in catalogue.judged:
        evidence = compare(asked[query_id], readings[item_id])
        pairs.append((query_id, evidence, Grade(human)))
    for _, evidence, grade in pairs:
        _judged(seen, evidence, grade)

    synonyms = {
        "product_type": _types(pairs),
        "brand": _brands(seen["brand"].values),
        "colour": _colours(readings.values(), set(reader.language.colours.values())),
    }

    leaves = []
    counts = Counter[str]()
    for item in catalogue.items:
        title = set(word_stems(item.title, reader.language))
        leaf_text = item.category.rsplit(">", 1)[-1] or item.title
        leaf = set(word_stems(leaf_text, reader.language))
        leaves.append(leaf)
        counts.update(title | leaf)

    domains = {}
    for path in sorted(RULEBOOKS.glob("*.yaml")):
        domain = set(RuleBook.load(path.stem).domain)
        with_a_word = sum(bool(leaf & domain) for leaf in leaves)
        domains[path.stem] = with_a_word / len(catalogue.items)
    return Survey(
        items=len(catalogue.items),
        queries=len(catalogue.queries),
        judged=len(pairs),
        seen=seen,
        synonyms=synonyms,
        words=counts,
        domains=domains,
        language=catalogue.language,
    )


# ---------------------------------------------------------------- attributes


def _stated(
    reading: Reading, types: set[str]
) -> Iterator[tuple[str, tuple[Value, ...]]]:
    """Attribute to what an item states of it.

    Product types and exclusions stand among the item's words.
    """
    for name in ATTRIBUTES:
        values = reading.values.get(name, ())
        if name == "product_type":
            values = tuple(_indexed(reading, types))
        elif name == "exclusion":
            values = tuple(
                Value(w, w, v.where)
                for v in reading.values.get("words.absent", ())
                for w in v.value.split()
            )
        if values:
            yield name, values


def _indexed(reading: Reading, types: set[str]) -> Iterator[Value]:
    for where in ("category", "title"):
        index = reading.values.get(f"words.{where}", ())
        if not index:
            continue
        for pair in index[0].value.split():
            stem, word = pair.split("=", 1)
            if stem in types:
                yield Value(stem, word, where)


def _count(seen: AttributeCounts, values: tuple[Value, ...]) -> None:
    """Count one item: where it states the attribute, and each value and quote once."""
    in_field = any(value.where.split(".")[0] in _FIELDS for value in values)
    if in_field:
        seen.fields += 1
    else:
        seen.text += 1

    seen.values.update({value.value for value in values})
    seen.quotes.update({value.quote for value in values})


def _judged(
    seen: dict[str, AttributeCounts], evidence: tuple[Evidence, ...], grade: Grade
) -> None:
    """Count the pair for the one attribute that does not match; other words are not asked about."""
    against = []
    for one in evidence:
        if one.state != "match" and one.attribute != "feature":
            against.append(one)
    if len(against) != 1:
        return

    alone = against[0]
    human = seen[alone.attribute].human
    human[alone.state, grade] += 1


# ---------------------------------------------------------------- synonyms


def _types(
    pairs: list[tuple[str, tuple[Evidence, ...], Grade]],
) -> dict[tuple[str, str], SynonymEvidence]:
    """Product words asked and found where nothing else speaks against the pair.

    Did people call it exact?
    """
    queries: dict[tuple[str, str], set[str]] = {}
    conflicts = Counter[tuple[str, str]]()
    exact = Counter[tuple[str, str]]()
    for query, evidence, grade in pairs:
        against = [one for one in evidence if one.state != "match"]
        if len(against) != 1:
            continue
        alone = against[0]
        if alone.attribute != "product_type" or alone.state != "conflict":
            continue

        pair = alone.asked, alone.found
        queries.setdefault(pair, set()).add(query)
        conflicts[pair] += 1
        if grade == Grade.EXACT:
            exact[pair] += 1

    # Worth a word where people called three pairs and half of them exact; enough to propose
    # where they did so for four in five, of several queries.
    found: dict[tuple[str, str], SynonymEvidence] = {}
    for pair, count in sorted(conflicts.items()):
        agreed = exact[pair]
        if agreed < 3 or agreed * 2 < count or pair[1].startswith("accessory"):
            continue

        asked = len(queries[pair])
        text = (
            f"people called {agreed} of {count} pairs exact that differ in this alone, "
            f"queries: {asked}"
        )
        found[pair] = SynonymEvidence(text, agreed >= 0.8 * count and asked > 1)
    return found


def _brands(values: Counter[str]) -> dict[tuple[str, str], SynonymEvidence]:
    """Spellings of one brand: they differ by spaces and by words such as inc."""
    spellings: dict[str, list[str]] = {}
    for brand, _ in values.most_common():
        key = "".join(w for w in brand.split() if w not in _LEGAL)
        if len(key) > 2:
            spellings.setdefault(key, []).append(brand)

    found: dict[tuple[str, str], SynonymEvidence] = {}
    for first, *others in spellings.values():
        for other in others:
            counts = f"{values[first]} and {values[other]} items"
            text = f"{counts}, alike but for spaces and legal forms"
            found[first, other] = SynonymEvidence(text, True)
    return found


def _colours(
    readings: Iterable[Reading], families: set[str]
) -> dict[tuple[str, str], SynonymEvidence]:
    """A colour name of this catalogue alone, and the one family beside it in its fields."""
    alone = Counter[str]()
    beside = Counter[tuple[str, str]]()
    for reading in readings:
        said = {
            v.value
            for v in reading.values.get("colour", ())
            if v.where.startswith("attributes")
        }
        known = said & families
        new = said - families
        if len(known) != 1:
            continue

        alone.update(new)
        for family in known:
            beside.update((family, name) for name in new)

    found: dict[tuple[str, str], SynonymEvidence] = {}
    for pair, count in sorted(beside.items()):
        fields = alone[pair[1]]
        if count < 5 or count < 0.8 * fields:
            continue
        text = (
            f"side by side in {count} of the {fields} colour fields "
            "with that word and one family"
        )
        found[pair] = SynonymEvidence(text, False)
    return found
