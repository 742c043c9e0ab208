"""What a catalogue, its queries and its judgements say of each key attribute.

It is the evidence of a drafted rule book.
"""

from __future__ import annotations

import math
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from adore.artifacts import read_table
from adore.attributes.comparison import compare
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
    "Judged",
    "Survey",
    "SynonymEvidence",
    "read_catalogue",
    "survey",
]

_FIELDS = ("brand", "category", "attributes")
_LEGAL_FORMS = frozenset(
    "inc llc ltd co corp gmbh usa us company corporation official".split()
)
MIN_EXACT = 3
"""Pairs that people call exact before two product words may be synonyms."""
MIN_FIELDS = 5
"""Items whose fields name two colours together before these may be synonyms."""
AGREEMENT = 0.8
"""Share of the pairs, or of the fields, that must agree."""

SynonymPair = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Judged:
    """One human judgement."""

    query_id: str
    item_id: str
    grade: Grade


@dataclass(frozen=True)
class Catalogue:
    """What a draft is made from.

    Test queries and their judgements are left out, so that the draft can be measured.

    Attributes:
        items: the whole catalogue.
        queries: query id to text; may be empty.
        judged: human judgements; may be empty.
        language: code of the pack that all is read with.
    """

    items: list[Item]
    queries: dict[str, str] = field(default_factory=dict)
    judged: list[Judged] = field(default_factory=list)
    language: str = "en"


@dataclass
class AttributeCounts:
    """What was counted of one attribute.

    Attributes:
        fields: items that state it in a field.
        text: items that state it in title or bullets only.
        values: value to the number of items that have it.
        quotes: how sellers wrote a value, to the number of times.
        asked: queries that ask for it.
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
        """Number of equally common values that would tell items apart as well.

        It is exp of the values' entropy.
        """
        total = self.values.total()
        if not total:
            return 0.0

        # Perplexity, exp(H), with the entropy H in nats.
        entropy = 0.0
        for count in self.values.values():
            share = count / total
            entropy -= share * math.log(share)
        return math.exp(entropy)

    def count_item(self, stated_values: tuple[Value, ...]) -> None:
        """Count one item: where it states the attribute, and each value and quote once.

        Args:
            stated_values: what it states.
        """
        in_field = False
        # An item that repeats a value counts once.
        distinct_values = set()
        distinct_quotes = set()
        for stated_value in stated_values:
            distinct_values.add(stated_value.value)
            distinct_quotes.add(stated_value.quote)
            field_name = stated_value.where.split(".")[0]
            if field_name in _FIELDS:
                in_field = True

        if in_field:
            self.fields += 1
        else:
            self.text += 1
        self.values.update(distinct_values)
        self.quotes.update(distinct_quotes)


@dataclass(frozen=True)
class SynonymEvidence:
    """The evidence that two values mean the same, and whether it is enough to propose it."""

    text: str
    enough: bool


@dataclass(frozen=True)
class Survey:
    """All that was counted.

    Attributes:
        items: number of items.
        queries: number of queries.
        judged: number of judged pairs.
        attributes: counts by attribute.
        synonyms: by attribute, pairs of values that seem to be the same.
        words: word of titles and category leaves to the number of items that have it.
        domains: rule book to the share of items whose category leaf (title, where there is none)
            has a word of its domain.
        language: code of the pack that all was read with.
    """

    items: int
    queries: int
    judged: int
    attributes: dict[str, AttributeCounts]
    synonyms: dict[str, dict[SynonymPair, SynonymEvidence]]
    words: Counter[str]
    domains: dict[str, float]
    language: str = "en"


@dataclass(frozen=True, slots=True)
class _JudgedPair:
    """The evidence of one judged pair."""

    query_id: str
    evidence: tuple[Evidence, ...]
    grade: Grade


def read_catalogue(*, data: str = "", items: str = "") -> Catalogue:
    """Read a shop's folder (checked as the step prepare does) or one items file.

    Args:
        data: the shop's folder, or its address; not read where ``items`` is given.
        items: an items file, or its address; empty: the folder is read.

    Returns:
        Items, and a folder's queries and judgements.

    Raises:
        MissingError: items or queries are not there.
        DataError: a file cannot be read, or has no usable row.
        QuarantineError: more than the allowed share of a table's rows are malformed.
        ConfigError: ``dataset.yaml`` cannot be read.
        UnavailableError: the store does not answer.
    """
    if items:
        return _read_items_file(local_copy(items))
    with tempfile.TemporaryDirectory() as folder:
        prepared = Path(folder)
        prepare(configure(Config, {}, "prepare"), local_copy(data), prepared)
        return _read_prepared(prepared)


def _read_items_file(path: Path) -> Catalogue:
    items = list(map(item_from_row, read_items(path)))
    titles = [item.title for item in items]
    info = read_dataset_info(path.parent)
    language = choose_language(info.language, titles)
    return Catalogue(items, language=language.code)


def _read_prepared(folder: Path) -> Catalogue:
    item_rows = read_table(folder, "items").iter_rows(named=True)
    queries = read_table(folder, "queries").filter(pl.col("split") != "test")
    judgements = read_table(folder, "judgements")
    judgements = judgements.join(queries, on="query_id", how="semi")

    judged = []
    for query_id, item_id, grade in judgements.select(
        "query_id", "item_id", "grade"
    ).iter_rows():
        judged.append(Judged(query_id, item_id, Grade(grade)))
    return Catalogue(
        items=list(map(item_from_row, item_rows)),
        queries=dict(queries.select("query_id", "query").iter_rows()),
        judged=judged,
        language=language_of(folder),
    )


def survey(catalogue: Catalogue) -> Survey:
    """Read the whole catalogue with its own lexicon and count.

    Args:
        catalogue: items, queries and judgements.

    Returns:
        The counts.
    """
    # The catalogue's own lexicon, as in the step evidence.
    reader = Reader(Lexicon.mine(catalogue.items, catalogue.language))
    items = {}
    for catalogue_item in catalogue.items:
        items[catalogue_item.item_id] = reader.read_item(catalogue_item)
    queries = {}
    for query_id, query_text in catalogue.queries.items():
        queries[query_id] = reader.read_query(query_text)

    judged_pairs = []
    for judged in catalogue.judged:
        evidence = compare(queries[judged.query_id], items[judged.item_id])
        judged_pairs.append(_JudgedPair(judged.query_id, evidence, judged.grade))

    attributes = {attribute: AttributeCounts() for attribute in ATTRIBUTES}
    types = set(reader.lexicon.types)
    for reading in items.values():
        for attribute, values in _stated(reading, types):
            attributes[attribute].count_item(values)
    for reading in queries.values():
        for attribute, counts in attributes.items():
            if reading.values.get(attribute):
                counts.asked += 1
    for judged_pair in judged_pairs:
        _count_judgement(attributes, judged_pair)

    families = set(reader.language.colours.values())
    synonyms = {
        "product_type": _type_synonyms(judged_pairs),
        "brand": _brand_synonyms(attributes["brand"].values),
        "colour": _colour_synonyms(items.values(), families),
    }

    leaves = []
    word_counts = Counter[str]()
    for catalogue_item in catalogue.items:
        leaf_text = catalogue_item.category.rsplit(">", 1)[-1] or catalogue_item.title
        leaf_words = set(word_stems(leaf_text, reader.language))
        title_words = set(word_stems(catalogue_item.title, reader.language))
        leaves.append(leaf_words)
        word_counts.update(title_words | leaf_words)
    return Survey(
        items=len(catalogue.items),
        queries=len(catalogue.queries),
        judged=len(judged_pairs),
        attributes=attributes,
        synonyms=synonyms,
        words=word_counts,
        domains=_domain_shares(leaves),
        language=catalogue.language,
    )


def _domain_shares(leaves: list[set[str]]) -> dict[str, float]:
    """Rule book to the share of category leaves that have a word of its domain."""
    shares = {}
    for path in sorted(RULEBOOKS.glob("*.yaml")):
        domain = RuleBook.load(path.stem).domain
        matching = [leaf for leaf in leaves if not leaf.isdisjoint(domain)]
        shares[path.stem] = len(matching) / len(leaves)
    return shares


# ---------------------------------------------------------------- attributes


def _stated(
    reading: Reading, types: set[str]
) -> Iterator[tuple[str, tuple[Value, ...]]]:
    """Attribute to what an item states of it."""
    # Product types and exclusions are among the item's words.
    for attribute in ATTRIBUTES:
        stated_values = reading.values.get(attribute, ())
        if attribute == "product_type":
            stated_values = tuple(_product_types(reading, types))
        elif attribute == "exclusion":
            stated_values = tuple(_exclusions(reading))
        if stated_values:
            yield attribute, stated_values


def _exclusions(reading: Reading) -> Iterator[Value]:
    for stem in reading.terms.absent:
        yield Value(stem, stem, "title")


def _product_types(reading: Reading, types: set[str]) -> Iterator[Value]:
    for where in ("category", "title"):
        for stem, type_word in reading.words_of(where).items():
            if stem in types:
                yield Value(stem, type_word, where)


def _count_judgement(
    attributes: Mapping[str, AttributeCounts], pair: _JudgedPair
) -> None:
    """Count the pair for the one attribute that does not match; other words do not matter."""
    against = []
    for evidence_piece in pair.evidence:
        if evidence_piece.state != "match" and evidence_piece.attribute != "feature":
            against.append(evidence_piece)
    if len(against) == 1:
        only_piece = against[0]
        human = attributes[only_piece.attribute].human
        human[only_piece.state, pair.grade] += 1


# ---------------------------------------------------------------- synonyms


def _type_conflict(pair: _JudgedPair) -> SynonymPair | None:
    """Product words of query and item, where nothing else is against the pair."""
    against = [
        evidence_piece
        for evidence_piece in pair.evidence
        if evidence_piece.state != "match"
    ]
    if len(against) != 1:
        return None
    evidence_piece = against[0]
    if evidence_piece.attribute != "product_type" or evidence_piece.state != "conflict":
        return None
    if evidence_piece.relation == "accessory":
        return None
    return evidence_piece.asked, evidence_piece.found


def _type_synonyms(
    judged_pairs: list[_JudgedPair],
) -> dict[SynonymPair, SynonymEvidence]:
    """Product words that differ in pairs that people call exact."""
    queries: dict[SynonymPair, set[str]] = {}
    conflicts = Counter[SynonymPair]()
    exact = Counter[SynonymPair]()
    for judged_pair in judged_pairs:
        type_pair = _type_conflict(judged_pair)
        if type_pair is None:
            continue
        queries.setdefault(type_pair, set()).add(judged_pair.query_id)
        conflicts[type_pair] += 1
        if judged_pair.grade == Grade.EXACT:
            exact[type_pair] += 1

    # Worth a note where people called three pairs and half of them exact; enough to propose
    # where they did so for four in five, of several queries.
    synonyms: dict[SynonymPair, SynonymEvidence] = {}
    for type_pair, pair_count in sorted(conflicts.items()):
        agreeing = exact[type_pair]
        if agreeing < MIN_EXACT or agreeing * 2 < pair_count:
            continue

        query_count = len(queries[type_pair])
        description = (
            f"people called {agreeing} of {pair_count} pairs exact that differ in this alone, "
            f"queries: {query_count}"
        )
        enough = agreeing >= AGREEMENT * pair_count and query_count > 1
        synonyms[type_pair] = SynonymEvidence(description, enough)
    return synonyms


def _brand_synonyms(values: Counter[str]) -> dict[SynonymPair, SynonymEvidence]:
    """Spellings of one brand: they differ by spaces and by words such as inc."""
    spellings: dict[str, list[str]] = {}
    for brand, _ in values.most_common():
        spelling_key = ""
        for brand_word in brand.split():
            if brand_word not in _LEGAL_FORMS:
                spelling_key += brand_word
        # Two letters are too often the same by chance.
        if len(spelling_key) > 2:
            spellings.setdefault(spelling_key, []).append(brand)

    synonyms: dict[SynonymPair, SynonymEvidence] = {}
    for commonest, *others in spellings.values():
        for other in others:
            counts = f"{values[commonest]} and {values[other]} items"
            description = f"{counts}, alike but for spaces and legal forms"
            synonyms[commonest, other] = SynonymEvidence(description, True)
    return synonyms


def _field_colours(reading: Reading) -> set[str]:
    colours = set()
    for colour_value in reading.values.get("colour", ()):
        if colour_value.where.startswith("attributes"):
            colours.add(colour_value.value)
    return colours


def _colour_synonyms(
    readings: Iterable[Reading], families: set[str]
) -> dict[SynonymPair, SynonymEvidence]:
    """A colour name of this catalogue alone, and the one family beside it in its fields."""
    fields_of_name = Counter[str]()
    fields_of_pair = Counter[SynonymPair]()
    for reading in readings:
        colours = _field_colours(reading)
        # Beside two families nobody can tell which of them the name belongs to.
        known = colours & families
        if len(known) != 1:
            continue

        [family] = known
        for colour_name in colours - families:
            fields_of_name[colour_name] += 1
            fields_of_pair[family, colour_name] += 1

    synonyms: dict[SynonymPair, SynonymEvidence] = {}
    for colour_pair, field_count in sorted(fields_of_pair.items()):
        fields = fields_of_name[colour_pair[1]]
        if field_count < MIN_FIELDS or field_count < AGREEMENT * fields:
            continue
        description = (
            f"side by side in {field_count} of the {fields} colour fields "
            "with that word and one family"
        )
        synonyms[colour_pair] = SynonymEvidence(description, False)
    return synonyms
