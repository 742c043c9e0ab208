"""Which of the shop's queries a search was: by its id, or by the text that the shopper wrote."""

from __future__ import annotations

import hashlib
from collections.abc import Container, Iterable, Mapping
from functools import lru_cache

from adore.data.queries import normalise_query
from adore.data.rows import NumberedRow, Row, Rows

__all__ = ["QueryFinder", "merge_searches", "split_searches", "text_id"]

_normalise = lru_cache(maxsize=100_000)(normalise_query)
MAX_ID = 200
"""Characters of an id that is a text; of a longer text, its hash is part of the id."""


def text_id(text: str) -> str:
    """Make the id of a query that has none: its normalised text, the same in every file."""
    normalised = _normalise(text)
    if len(normalised) <= MAX_ID:
        return normalised
    digest = hashlib.blake2b(normalised.encode(), digest_size=6).hexdigest()
    return f"{normalised[:MAX_ID]}#{digest}"


def _preferred(
    normalised_texts: Iterable[tuple[str, str]], judged: Container[str]
) -> dict[str, str]:
    """Each text's query: of several with one text a judged one wins, then the first.

    Args:
        normalised_texts: id and normalised text of each query.
        judged: ids with judgements.

    Returns:
        Normalised text to the query's id.
    """
    by_text: dict[str, str] = {}
    for query_id, normalised in normalised_texts:
        first = by_text.setdefault(normalised, query_id)
        if query_id in judged and first not in judged:
            by_text[normalised] = query_id
    return by_text


def merge_searches(
    queries: list[Row], judged: Iterable[str]
) -> tuple[list[Row], dict[str, str]]:
    """Merge queries of one text: each text keeps its judged rows, or its first.

    More than one row has a text where a log's searches are among the queries.

    Args:
        queries: rows of the ``queries`` table.
        judged: ids that judgements name; they all stay.

    Returns:
        The rows that stay, in order, and for every id that went the one that replaces it.
    """
    judged_ids = set(judged)
    normalised_texts = [
        (query_row["query_id"], _normalise(query_row["query"])) for query_row in queries
    ]
    by_text = _preferred(normalised_texts, judged_ids)

    remaining = []
    replaced = {}
    for query_row, (query_id, normalised) in zip(
        queries, normalised_texts, strict=True
    ):
        replacement = by_text[normalised]
        if query_id in judged_ids or query_id == replacement:
            remaining.append(query_row)
        else:
            replaced[query_id] = replacement
    return remaining, replaced


class QueryFinder:
    """Finds the query of a search.

    Args:
        queries: rows of the ``queries`` table.
        same: ids that another replaces, from :func:`merge_searches`.
        judged: ids with judgements; of several queries with one text they go first.
        searches: text of each search's id, where the log keeps searches apart from events.
    """

    def __init__(
        self,
        queries: Iterable[Mapping[str, str]],
        same: Mapping[str, str] | None = None,
        judged: Iterable[str] = (),
        searches: Mapping[str, str] | None = None,
    ) -> None:
        self._text: dict[str, str] = {}
        for query_row in queries:
            self._text[query_row["query_id"]] = _normalise(query_row["query"])
        self._same = dict(same or {})
        self._searches = dict(searches or {})
        self._by_text = _preferred(self._text.items(), set(judged))

        self.trust_ids = True
        """False: the log's ids are not the shop's query ids, though some look alike."""
        self.ids_decide = False
        """True: the log names the shop's queries by their ids.

        An id that the shop does not know is then another query."""

    def text_of(self, search_id: str, logged_text: str) -> str:
        """Find what was searched for.

        Args:
            search_id: id of the search, as logged.
            logged_text: of the search, as the event has it; ``""``: the event has none.

        Returns:
            The text; ``""`` where the log does not tell.
        """
        return logged_text or self._searches.get(search_id, "")

    def learn(self, logged_pairs: Iterable[tuple[str, str]]) -> None:
        """Learn from a whole log whether an id that the shop knows means the shop's query.

        Args:
            logged_pairs: id and text of each event's search; either may be ``""``.
        """
        agreeing = 0
        differing = 0
        known = 0
        with_id = 0
        for search_id, logged_text in logged_pairs:
            if search_id != "":
                with_id += 1

            own_text = self._text.get(self._same.get(search_id, search_id))
            if own_text is None:
                continue
            known += 1

            searched_text = self.text_of(search_id, logged_text)
            if not searched_text:
                continue
            if own_text == _normalise(searched_text):
                agreeing += 1
            else:
                differing += 1

        # Ids that look alike by chance come with other texts than the shop's.
        self.trust_ids = agreeing >= differing
        mostly_known = with_id > 0 and 2 * known >= with_id
        self.ids_decide = self.trust_ids and not self._same and mostly_known

    def find(self, search_id: str, searched_text: str) -> str:
        """Find the query of a search.

        Args:
            search_id: id of the search, as logged; ``""``: it has none.
            searched_text: of the search; ``""``: the log's searches may tell it.

        Returns:
            The id of the shop's query, or ``""``.
        """
        query_id = self._same.get(search_id, search_id)
        own_text = self._text.get(query_id)
        is_known = own_text is not None
        searched_text = self.text_of(search_id, searched_text)

        # The router's own default: the text is the id.
        if search_id and not is_known:
            by_id_text = self._by_text.get(_normalise(search_id))
            if by_id_text:
                return by_id_text

        by_id = query_id if is_known else ""
        # An id with which a text was logged names that search, not another query.
        names_other = (
            self.ids_decide and not is_known and search_id not in self._searches
        )
        if not searched_text or (search_id and names_other):
            return by_id

        normalised = _normalise(searched_text)
        if own_text == normalised:
            return query_id
        by_text = self._by_text.get(normalised, "")
        if by_text:
            return by_text
        return by_id if self.trust_ids else ""


def split_searches(log_rows: Rows) -> list[NumberedRow]:
    """Take the searches out of a log that keeps both in one file.

    A search is a row with a text and no action.

    Args:
        log_rows: of the log; its searches are removed.

    Returns:
        The searches.
    """
    searches = []
    others = []
    for line_number, logged_row in log_rows.good:
        has_action = logged_row.get("action_name") not in (None, "")
        if logged_row.get("user_query") and not has_action:
            searches.append((line_number, logged_row))
        else:
            others.append((line_number, logged_row))
    log_rows.good = others
    return searches
