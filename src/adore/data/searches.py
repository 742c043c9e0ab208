"""Which of the shop's queries a search was: by its id, or by the text that the shopper wrote."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

from adore.data.queries import normalise_query

__all__ = ["QueryFinder", "merge_searches", "text_id"]

_cached = lru_cache(maxsize=100_000)(normalise_query)
LONGEST = 200
"""Characters of an id that is a text."""


def text_id(text: str) -> str:
    """The id of a query that has none: its normalised text, so it is the same in every file."""
    key = _cached(text)
    if len(key) <= LONGEST:
        return key
    import hashlib

    return f"{key[:LONGEST]}#{hashlib.blake2b(key.encode(), digest_size=6).hexdigest()}"


def merge_searches(
    queries: list[dict[str, Any]], judged: Iterable[str]
) -> tuple[list[dict[str, Any]], dict[str, str]]:
    """One row a text: each text keeps its judged rows, or its first.

    More than one row has a text where a log's searches stand as queries.

    Args:
        queries: rows of the ``queries`` table.
        judged: ids that judgements name; they all stay.

    Returns:
        The rows that stay, in order, and for every id that went the one that stands for it.
    """
    keep = set(judged)
    stands: dict[str, str] = {}
    for row in queries:
        text = _cached(row["query"])
        if text not in stands or (row["query_id"] in keep and stands[text] not in keep):
            stands[text] = row["query_id"]
    gone = {
        row["query_id"]: stands[_cached(row["query"])]
        for row in queries
        if row["query_id"] not in keep
        and stands[_cached(row["query"])] != row["query_id"]
    }
    return [row for row in queries if row["query_id"] not in gone], gone


class QueryFinder:
    """Finds the query of a search.

    Args:
        queries: rows of the ``queries`` table.
        same: ids that stand for another, from :func:`merge_searches`.
        judged: ids with judgements; of several queries with one text they go first.
        searches: text of each search's id, where the log keeps searches apart from events.
    """

    def __init__(
        self,
        queries: Iterable[Mapping[str, Any]],
        same: Mapping[str, str] | None = None,
        judged: Iterable[str] = (),
        searches: Mapping[str, str] | None = None,
    ) -> None:
        self._text: dict[str, str] = {}
        for row in queries:
            self._text[row["query_id"]] = _cached(row["query"])
        self._same = dict(same or {})
        self._searches = dict(searches or {})

        first = set(judged)
        self._by_text: dict[str, str] = {}
        for query_id, text in self._text.items():
            before = self._by_text.get(text)
            if before is None or (query_id in first and before not in first):
                self._by_text[text] = query_id

        self.trust_ids = True
        """False: the log's ids are not the shop's query ids, though some look alike."""
        self.ids_decide = False
        """True: the log names the shop's queries by their ids.

        An id that the shop does not know is then another query."""

    def text_of(self, search_id: str, text: str) -> str:
        """What was searched for, if the log tells.

        Args:
            search_id: id of the search, as logged.
            text: of the search, as the event has it; ``""``: the event has none.
        """
        return text or self._searches.get(search_id, "")

    def learn(self, logged_pairs: Iterable[tuple[str, str]]) -> None:
        """See from a whole log whether an id that the shop knows means the shop's query.

        Args:
            logged_pairs: id and text of each event's search; either may be ``""``.
        """
        agree = differ = known = named = 0
        for search_id, logged_text in logged_pairs:
            if search_id != "":
                named += 1

            mine = self._text.get(self._same.get(search_id, search_id))
            if mine is None:
                continue
            known += 1

            text = self.text_of(search_id, logged_text)
            if not text:
                continue
            if mine == _cached(text):
                agree += 1
            else:
                differ += 1

        # Ids that look alike by chance come with other texts than the shop's.
        self.trust_ids = agree >= differ
        self.ids_decide = self.trust_ids and not self._same and 2 * known >= named > 0

    def find(self, search_id: str, text: str) -> str:
        """The id of the shop's query, or ``""``.

        Args:
            search_id: id of the search, as logged; ``""``: it has none.
            text: of the search; ``""``: the log's searches may tell it.
        """
        query_id = self._same.get(search_id, search_id)
        mine = self._text.get(query_id)
        text = self.text_of(search_id, text)

        # The router's own default: the text is the id.
        if mine is None and search_id:
            as_text = self._by_text.get(_cached(search_id))
            if as_text:
                return as_text

        by_id = query_id if mine is not None else ""
        if not text or (self.ids_decide and search_id and mine is None):
            return by_id

        wanted = _cached(text)
        if mine == wanted:
            return query_id
        by_text = self._by_text.get(wanted, "")
        if by_text:
            return by_text
        return by_id if self.trust_ids else ""
