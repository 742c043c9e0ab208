"""Turns a good pair and an edit's drafts into candidates.

:class:`EditContext` reads a draft and refuses it unless it changes what it should.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from random import Random

import polars as pl

from adore.artifacts import read_table
from adore.attributes.comparison import compare
from adore.attributes.lexicon import Lexicon
from adore.attributes.reader import Reader
from adore.synthesis.candidate import Candidate, make_candidate, normalise
from adore.synthesis.catalogue import Catalogue
from adore.synthesis.edits import Draft, EditSet, Source
from adore.synthesis.edits.base import shuffled
from adore.synthesis.minimality import edit_fault, is_conflict_free
from adore.types import PAIR, Evidence, Grade, Item, Reading, items_by_id

__all__ = [
    "EditContext",
    "candidates_of_type",
    "find_sources",
    "generate",
    "is_reserved",
    "read_grades",
    "read_human_grades",
    "shuffle_key",
]

_RESERVED_SHARE = 3
"""One item in so many is for the adversarial set alone."""


def shuffle_key(seed: int, *parts: str) -> str:
    """A key whose order depends on the seed and the names alone.

    Args:
        seed: another seed gives another order.
        parts: the names: ids, an error type.

    Returns:
        SHA-256 in hexadecimal digits. Sorting by it shuffles.
    """
    text = "\0".join([str(seed), *parts])
    return hashlib.sha256(text.encode()).hexdigest()


def is_reserved(item_id: str) -> bool:
    """Whether an item is reserved for the adversarial set.

    Every third item is, by its id alone. Synthesis for training never uses it.

    Args:
        item_id: a catalogue item.

    Returns:
        True for the adversarial set, False for training.
    """
    # the digest's first digits as a number: uniform, and the same in every run
    digest = shuffle_key(0, "adversarial", item_id)
    number = int(digest[:8], 16)
    return number % _RESERVED_SHARE == 0


class EditContext:
    """Catalogue, reader and readings, and the check whether a draft is a minimal edit.

    Args:
        prepared: output of ``prepare``.
        evidence: output of ``evidence``.
        adversarial: edit and pick only reserved items; else never those.

    Attributes:
        reader: reads edited queries and items.
        catalogue: the items.
        queries: text of every query by id.
        real_queries: the same texts, normalised. An edit must not repeat one.
        dropped: error type to the reasons why drafts were refused, counted.

    Raises:
        MissingError: a table is not there.
        DataError: a table cannot be read.
    """

    def __init__(
        self, prepared: Path, evidence: Path, *, adversarial: bool = False
    ) -> None:
        lexicon_text = (evidence / "lexicon.json").read_text("utf-8")
        lexicon = Lexicon.from_json(lexicon_text)
        self.reader = Reader(lexicon)
        self.catalogue = Catalogue(
            _read_items(prepared),
            _read_item_readings(evidence),
            lexicon,
        )

        self.queries = _read_queries(prepared)
        self.real_queries: set[str] = set()
        for query in self.queries.values():
            self.real_queries.add(normalise(query))

        self.dropped: dict[str, Counter[str]] = defaultdict(Counter)
        self._adversarial = adversarial
        self._query_readings: dict[str, Reading] = {}

    def is_eligible(self, item_id: str) -> bool:
        """Whether an item may be edited or picked here."""
        return is_reserved(item_id) == self._adversarial

    def read_query(self, query: str) -> Reading:
        """A query's reading, made once."""
        if query not in self._query_readings:
            self._query_readings[query] = self.reader.read_query(query)
        return self._query_readings[query]

    def evidence(self, query: str, item: Item) -> tuple[Evidence, ...]:
        """A pair's evidence.

        Args:
            query: the query's text, a real one or an edited one.
            item: a catalogue item, whose stored reading is used, or an edited one, which
                is read anew.

        Returns:
            One piece of evidence for each value that the query asks for.
        """
        query_reading = self.read_query(query)
        real_item = self.catalogue.items.get(item.item_id)
        if real_item == item:
            return self.catalogue.evidence(query, query_reading, item.item_id)

        item_reading = self.reader.read_item(item)
        return compare(query_reading, item_reading)

    def validate(
        self, source: Source, draft: Draft, error_type: str
    ) -> tuple[Evidence, ...]:
        """The draft's evidence, or nothing if it must be dropped; counts why in ``dropped``.

        Args:
            source: the good pair that was edited.
            draft: what the edit proposes.
            error_type: name of the error type that the edit makes.

        Returns:
            Nothing if the draft's item is not eligible, or the draft does not change what
            it should.
        """
        if not self.is_eligible(draft.item.item_id):
            self.dropped[error_type]["the item is kept for the other set"] += 1
            return ()

        reason, evidence = self.edit_fault(source, draft, error_type)
        if reason:
            self.dropped[error_type][reason] += 1
            return ()
        return evidence

    def edit_fault(
        self, source: Source, draft: Draft, error_type: str
    ) -> tuple[str, tuple[Evidence, ...]]:
        """Why a draft changes more or less than the intended attribute, and its evidence.

        Args:
            source: the good pair that was edited.
            draft: what the edit proposes.
            error_type: name of the error type that the edit makes.

        Returns:
            The reason (``""``: the draft is a minimal edit) and the evidence, which is
            empty if the draft was refused unread.
        """
        is_new_query = draft.query != source.query
        query_text = normalise(draft.query)
        if is_new_query and query_text in self.real_queries:
            return "repeats a real query", ()

        is_new_item = draft.item != source.item
        if not is_new_query and not is_new_item:
            return "changes nothing", ()

        # only now the texts are read, which costs most
        evidence = self.evidence(draft.query, draft.item)
        reason = edit_fault(
            error_type=error_type,
            attribute=draft.attribute,
            before=source.evidence,
            after=evidence,
        )
        return reason, evidence


def _read_items(prepared: Path) -> dict[str, Item]:
    """Every item by id, in order of the ids."""
    table = read_table(prepared, "items").sort("item_id")
    return items_by_id(table.iter_rows(named=True))


def _read_item_readings(evidence: Path) -> dict[str, Reading]:
    """Every item's reading by id."""
    is_item = pl.col("kind") == "item"
    table = read_table(evidence, "readings")
    table = table.filter(is_item).select("id", "reading")

    readings: dict[str, Reading] = {}
    for item_id, reading_text in table.iter_rows():
        readings[item_id] = Reading.from_json(reading_text)
    return readings


def _read_queries(prepared: Path) -> dict[str, str]:
    """The text of every query by id."""
    table = read_table(prepared, "queries")
    table = table.select("query_id", "query")
    return dict(table.iter_rows())


def read_grades(folder: Path, name: str) -> pl.DataFrame:
    """The ids and the grade of every pair of a table.

    Args:
        folder: has the table.
        name: of the table.

    Returns:
        Columns ``query_id``, ``item_id`` and ``grade``.

    Raises:
        MissingError: the table is not there.
        DataError: the table cannot be read.
    """
    table = read_table(folder, name)
    return table.select(*PAIR, "grade")


def read_human_grades(prepared: Path) -> dict[str, dict[str, int]]:
    """The human grades of every judged query.

    Args:
        prepared: output of ``prepare``.

    Returns:
        Query id to item id to grade, 0 to 3.

    Raises:
        MissingError: the table is not there.
        DataError: the table cannot be read.
    """
    human_grades: dict[str, dict[str, int]] = defaultdict(dict)
    table = read_grades(prepared, "judgements")
    for query_id, item_id, grade in table.iter_rows():
        of_query = human_grades[query_id]
        of_query[item_id] = grade
    return human_grades


def find_sources(
    context: EditContext,
    good: Mapping[str, Sequence[str]],
    graded: Mapping[str, Mapping[str, int]],
    *,
    per_query: int,
    seed: int,
) -> list[Source]:
    """Good pairs to edit: their items are eligible and their evidence has no conflict.

    Args:
        context: catalogue, readings, and which items are eligible.
        good: query id to the ids of its exact items.
        graded: query id to item id to human grade. A query without grades may be absent.
        per_query: most pairs of one query.
        seed: of the order of the queries and of each query's items.

    Returns:
        Sources, query by query.
    """

    def query_key(query_id: str) -> str:
        return shuffle_key(seed, query_id)

    sources: list[Source] = []
    for query_id in sorted(good, key=query_key):
        grades = graded.get(query_id, {})
        good_ids = good[query_id]
        of_query = _sources_of_query(context, query_id, good_ids, grades, seed=seed)
        for _ in range(per_query):
            source = next(of_query, None)
            if source is None:
                break
            sources.append(source)
    return sources


def _sources_of_query(
    context: EditContext,
    query_id: str,
    good_ids: Sequence[str],
    grades: Mapping[str, int],
    *,
    seed: int,
) -> Iterator[Source]:
    """A query's good pairs, in an order that depends on the seed."""
    query = context.queries[query_id]
    judged = frozenset(grades) | frozenset(good_ids)
    reading = context.read_query(query)

    def item_key(item_id: str) -> str:
        return shuffle_key(seed, query_id, item_id)

    for item_id in sorted(good_ids, key=item_key):
        if not context.is_eligible(item_id):
            continue

        item = context.catalogue.items[item_id]
        evidence = context.evidence(query, item)
        if not is_conflict_free(evidence):
            continue

        yield Source(
            query_id=query_id,
            query=query,
            item=item,
            grade=int(Grade.EXACT),
            reading=reading,
            evidence=evidence,
            excluded=judged,
            good_ids=tuple(good_ids),
            graded=grades,
        )


def generate(
    context: EditContext,
    source: Source,
    error_type: str,
    edits: EditSet,
    *,
    rng: Random,
    limit: int,
) -> Iterator[Candidate]:
    """A pair's candidates: the first valid draft of each edit, then the second, and so on.

    Edits that pick real items come first.

    Args:
        context: catalogue, and the check whether a draft is valid.
        source: the good pair.
        error_type: name of the error type.
        edits: the edits of the type.
        rng: draws the order of the rewrites, and then for all edits.
        limit: most candidates.

    Yields:
        Candidates.
    """
    queues: list[Iterator[Draft]] = []
    rewrites = shuffled(edits.rewrites, rng)
    for edit in (*edits.picks, *rewrites):
        drafts = edit(source, context.catalogue, rng)
        queues.append(drafts)

    # round-robin over the edits; one without another valid draft leaves
    made = 0
    while queues and made < limit:
        drafts = queues.pop(0)
        for draft in drafts:
            evidence = context.validate(source, draft, error_type)
            if evidence:
                made += 1
                queues.append(drafts)
                yield make_candidate(
                    source=source,
                    draft=draft,
                    error_type=error_type,
                    evidence=evidence,
                )
                break


def candidates_of_type(
    sources: Sequence[Source],
    make: Callable[[Source], Iterator[Candidate]],
    *,
    limit: int,
    per_query: int,
) -> list[Candidate]:
    """Candidates of one type, round-robin over queries so that no query crowds out the others.

    Args:
        sources: good pairs; the order of their queries is the order of the turns.
        make: from a good pair to its candidates.
        limit: most candidates.
        per_query: most candidates of one query.

    Returns:
        Different candidates, in the order in which they were made.
    """
    queues: dict[str, list[Iterator[Candidate]]] = defaultdict(list)
    for source in sources:
        pair_candidates = make(source)
        queues[source.query_id].append(pair_candidates)

    # two edits can make the same candidate, which counts once
    candidates: dict[str, Candidate] = {}
    for _ in range(per_query):
        for queue in queues.values():
            if len(candidates) >= limit:
                break
            candidate = _next_of_query(queue)
            if candidate is not None:
                candidates.setdefault(candidate.synthetic_id, candidate)
    return list(candidates.values())


def _next_of_query(queue: list[Iterator[Candidate]]) -> Candidate | None:
    """The next candidate of a query, round-robin over its pairs; None if all are exhausted."""
    while queue:
        pair_candidates = queue.pop(0)
        candidate = next(pair_candidates, None)
        if candidate is not None:
            queue.append(pair_candidates)
            return candidate
    return None
