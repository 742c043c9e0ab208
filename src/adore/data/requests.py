"""Requests: texts that shoppers typed and nobody judged, of a file or by traffic."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from pydantic import Field

from adore.attributes.held_out import HeldOut
from adore.attributes.language_packs import load_language
from adore.data.cells import parse_id
from adore.data.frozen import Frozen
from adore.data.queries import (
    REQUEST_PREFIX,
    SplitConfig,
    normalise_query,
    text_fault,
)
from adore.data.rows import Row, Rows
from adore.data.searches import text_id
from adore.entities import decoded

__all__ = ["NEAR", "RequestConfig", "TypedRequests", "read_requests", "typed_requests"]

NEAR = 0.8
"""Jaccard index of words from which a text is a near-duplicate of a held-out one."""


class RequestConfig(SplitConfig):
    """How to split, and which texts that shoppers typed become requests."""

    new_requests: int = Field(50, ge=0)
    """Most texts of the logs that become requests, those of most clients first.

    Requests of the round that ``frozen`` names take part: they need no traffic."""
    min_searchers: int = Field(5, ge=1)
    """Clients that must have typed a text before it becomes a request."""


@dataclass(slots=True)
class _Text:
    """One text that shoppers typed, however they wrote it."""

    spellings: Counter[str] = field(default_factory=Counter)
    clients: set[str] = field(default_factory=set)

    def traffic(self) -> tuple[int, int]:
        """Distinct clients, and searches."""
        return len(self.clients), self.spellings.total()

    def spelling(self) -> str:
        """How it was written most often; of equal ones the first of the alphabet."""
        return min(self.spellings, key=lambda text: (-self.spellings[text], text))


@dataclass(slots=True)
class TypedRequests:
    """Which texts that shoppers typed became requests.

    Attributes:
        rows: of the ``queries`` table.
        traffic: id, text, clients and searches of each, and whether an earlier round had it.
        new_texts: distinct texts that are no query of the shop.
        few_searchers: of these, texts that too few clients typed.
        near_held_out: of these, texts that a query of dev or test nearly equals.
        over_limit: of these, texts for which there was no room.
    """

    rows: list[Row] = field(default_factory=list)
    traffic: list[Row] = field(default_factory=list)
    new_texts: int = 0
    few_searchers: int = 0
    near_held_out: int = 0
    over_limit: int = 0

    def to_json(self) -> Row:
        """Write it for ``production.json``."""
        return {
            "new_texts": self.new_texts,
            "few_searchers": self.few_searchers,
            "near_held_out": self.near_held_out,
            "over_limit": self.over_limit,
            "requests": self.traffic,
        }


def _request_id(text: str, frozen: Frozen, taken: set[str]) -> str:
    """The same id for a text in every round, unless the shop has a query of that id."""
    earlier = frozen.requests.get(normalise_query(text))
    base = f"{REQUEST_PREFIX}{text_id(text)}"
    if earlier:
        base = earlier["query_id"]
    request_id = base
    number = 2
    while request_id in taken:
        request_id = f"{base}#{number}"
        number += 1
    taken.add(request_id)
    return request_id


def read_requests(
    rows: Rows, queries: list[Row], limit: int, frozen: Frozen | None = None
) -> list[Row]:
    """Read texts that people wrote and nobody judged, as train queries.

    One that is a query already is left out. One that an earlier round held out stays so.

    Args:
        rows: each with ``query``; other columns are not read; malformed ones are refused in it.
        queries: rows of the ``queries`` table.
        limit: longest text, in characters.
        frozen: what an earlier round knew.

    Returns:
        Rows of the ``queries`` table; their ids are made of their texts.
    """
    frozen = frozen or Frozen()
    known_texts = {normalise_query(query_row["query"]) for query_row in queries}
    taken = {query_row["query_id"] for query_row in queries}

    requests: list[Row] = []
    for line_number, request_row in rows.good:
        fault = text_fault(request_row, limit)
        if fault:
            rows.refuse("requests", line_number, fault, request_row)
            continue

        query_text = decoded(str(request_row["query"]))
        normalised = normalise_query(query_text)
        if normalised in known_texts:
            continue
        known_texts.add(normalised)
        requests.append(
            {
                "query_id": _request_id(query_text, frozen, taken),
                "query": query_text,
                "split": frozen.splits.get(normalised, "train"),
            }
        )
    return requests


def _typed_texts(exposures: Iterable[Row], limit: int) -> dict[str, _Text]:
    """What shoppers typed, by normalised text."""
    texts: dict[str, _Text] = {}
    normalised_of: dict[str, str] = {}
    for exposure in exposures:
        written = exposure.get("user_query")
        if not isinstance(written, str):
            continue
        if written not in normalised_of:
            is_usable = not text_fault({"query": written}, limit)
            normalised_of[written] = normalise_query(written) if is_usable else ""
        normalised = normalised_of[written]
        if normalised:
            typed = texts.setdefault(normalised, _Text())
            typed.spellings[written] += 1
            typed.clients.add(parse_id(exposure.get("client_id")))
            typed.clients.discard("")
    return texts


def typed_requests(
    exposures: Iterable[Row],
    queries: list[Row],
    frozen: Frozen,
    config: RequestConfig,
    language: str,
) -> TypedRequests:
    """Choose which texts that shoppers typed become requests: those of most clients.

    Requests of an earlier round are chosen anew by the traffic of this one. They come before new
    texts of equal traffic, and need none: they fill what room is left.

    Args:
        exposures: what the routers logged.
        queries: rows of the ``queries`` table, with the requests of a file.
        frozen: what an earlier round knew.
        config: how many, of how many clients each.
        language: code of the language of the texts.

    Returns:
        The requests, and why other texts are none.
    """
    known_texts = {normalise_query(query_row["query"]) for query_row in queries}
    candidates = {}
    for normalised, typed in _typed_texts(exposures, config.max_text).items():
        if normalised not in known_texts:
            candidates[normalised] = typed
    chosen = TypedRequests(new_texts=len(candidates))
    for normalised in frozen.requests:
        if normalised not in known_texts:
            candidates.setdefault(normalised, _Text())

    held_out_texts = set(frozen.held_out())
    for query_row in queries:
        if query_row["split"] != "train":
            held_out_texts.add(normalise_query(query_row["query"]))
    held_out = HeldOut(held_out_texts, NEAR, load_language(language))
    taken = {query_row["query_id"] for query_row in queries}

    def by_traffic(normalised: str) -> tuple[int, int, bool, str]:
        clients, searches = candidates[normalised].traffic()
        return -clients, -searches, normalised not in frozen.requests, normalised

    for normalised in sorted(candidates, key=by_traffic):
        typed = candidates[normalised]
        earlier = frozen.requests.get(normalised)
        if not earlier and len(typed.clients) < config.min_searchers:
            chosen.few_searchers += 1
        elif normalised in held_out_texts or held_out.near(normalised):
            chosen.near_held_out += 1
        elif len(chosen.rows) >= config.new_requests:
            chosen.over_limit += 1
        else:
            query_text = decoded(typed.spelling()) if not earlier else earlier["query"]
            query_id = _request_id(query_text, frozen, taken)
            _add(chosen, query_id, query_text, typed, is_earlier=bool(earlier))
    return chosen


def _add(
    chosen: TypedRequests,
    query_id: str,
    query_text: str,
    typed: _Text,
    *,
    is_earlier: bool,
) -> None:
    clients, searches = typed.traffic()
    chosen.rows.append({"query_id": query_id, "query": query_text, "split": "train"})
    chosen.traffic.append(
        {
            "query_id": query_id,
            "query": query_text,
            "clients": clients,
            "searches": searches,
            "earlier": is_earlier,
        }
    )
