"""What simulated shoppers search for, when, and which of them are measured.

Known truth says what each of them would like. Every figure from them is simulated.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

import numpy as np
import numpy.typing as npt
import polars as pl
from pydantic import Field

from adore.artifacts import read_table
from adore.config import StageConfig
from adore.data.rows import Row
from adore.data.shoppers import START_MS, VISITS, Attack, Shoppers
from adore.errors import DataError, check

__all__ = [
    "Searches",
    "Visit",
    "VisitsConfig",
    "clock_delay",
    "plan_visits",
    "pushed_items",
]

TRAFFIC_VISITS = 4
"""Visits of each shopper who is not measured."""
POPULARITY = 0.8
"""Exponent of Zipf's law: the query of rank r is searched in proportion to r ** -0.8."""
NEW_POPULARITY = 1.0
"""The same for texts that the shop has not seen: what is in fashion is typed by many."""
REWORDINGS = ("buy {}", "{} online", "best {}", "cheap {}", "{} deals")
"""Texts that mean the same as a query, and that the shop has not seen; each query has one."""


class VisitsConfig(StageConfig):
    """Who visits, and what they look for."""

    users: int = 400
    """Simulated shoppers who are measured; they search test queries."""
    visits: int = 2
    """Visits of each of them."""
    first_visit: int = Field(0, ge=0)
    """Number of their first visit; another number draws anew from the same shoppers."""
    traffic: int = Field(0, ge=0)
    """Visits of other shoppers, over all queries with known truth.

    They are logged and teach the next round, but are not measured."""
    new_texts: float = Field(0.1, ge=0, le=1)
    """Share of the traffic's train queries that are typed in words that the shop has not seen."""
    bots: float = Field(0.0, ge=0, le=1)
    """Share of the traffic that pushes one brand."""
    attack: Literal["fast", "patient", "ring"] = "patient"
    """How those accounts behave: see :class:`adore.data.shoppers.Attack`."""
    pushed_brand: str = ""
    """What they push; empty: the brand with most pairs of known truth."""
    list_size: int = 40
    """Maximum number of candidates of a request."""


class _Population(Protocol):
    """Shoppers or bots: who they are in the log, and what they do with a list."""

    def client(self, user: int, /) -> str: ...

    def visit(
        self,
        user: int,
        query_id: str,
        ranking: Sequence[str],
        grades: Mapping[str, int],
        /,
        *,
        visit: int = 0,
    ) -> list[Row]: ...


@dataclass(frozen=True, slots=True)
class Visit:
    """One search of one shopper."""

    population: _Population
    user: int
    number: int
    """Number of the visit among those of its shopper."""
    query_id: str
    """The query whose list is shown."""
    search_id: str
    """The search's id in the log: the query's, or a text that the shop has not seen."""
    text: str

    @property
    def client(self) -> str:
        """The shopper's id in the log."""
        return self.population.client(self.user)

    @property
    def session(self) -> str:
        """The visit's id in the log."""
        return f"{self.client}-{self.number}"

    def events(self, ranking: Sequence[str], grades: Mapping[str, int]) -> list[Row]:
        """Simulate what the shopper does with a list.

        Args:
            ranking: item ids, best first.
            grades: true grade by item id.

        Returns:
            Rows of the ``events`` table.
        """
        return self.population.visit(
            self.user, self.search_id, ranking, grades, visit=self.number
        )


@dataclass(frozen=True, slots=True)
class Searches:
    """The shop's queries, and the true grades of their candidates."""

    texts: dict[str, str]
    """Query text by query id."""
    splits: dict[str, str]
    """Train, dev or test by query id."""
    lists: dict[str, dict[str, int]]
    """True grade by item id, by query id."""

    @classmethod
    def read(cls, prepared: Path, list_size: int) -> Searches:
        """Read the queries with known truth.

        Args:
            prepared: output of ``prepare``.
            list_size: maximum number of candidates.

        Returns:
            The queries and their lists.

        Raises:
            DataError: no pair has a known grade.
        """
        queries = read_table(prepared, "queries").sort("query_id")
        known_pairs = read_table(prepared, "truth").sort("query_id", "item_id")
        check(
            known_pairs.height > 0,
            "truth",
            0,
            must="judged or known pairs",
            fix="give judgements to simulate from",
            error=DataError,
        )

        texts = dict(queries.select("query_id", "query").iter_rows())
        splits = dict(queries.select("query_id", "split").iter_rows())
        lists: dict[str, dict[str, int]] = {}
        graded_pairs = known_pairs.select("query_id", "item_id", "grade")
        for query_id, item_id, grade in graded_pairs.iter_rows():
            if query_id not in texts:
                continue
            graded_items = lists.setdefault(query_id, {})
            if len(graded_items) < list_size:
                graded_items[item_id] = grade
        return cls(texts, splits, lists)

    def measured(self) -> list[str]:
        """List the ids of the test queries, or of all where no split has test queries."""
        # The student has seen the other queries: they would flatter it.
        test_ids = [
            query_id for query_id in self.lists if self.splits[query_id] == "test"
        ]
        return test_ids or list(self.lists)


def pushed_items(config: VisitsConfig, prepared: Path) -> tuple[str, frozenset[str]]:
    """Choose what bots push.

    Args:
        config: may name the brand.
        prepared: output of ``prepare``.

    Returns:
        The brand, and the ids of its items; empty where there are no bots.
    """
    if not config.bots:
        return "", frozenset()
    items = read_table(prepared, "items").select("item_id", "brand")
    brand = config.pushed_brand
    if not brand:
        pairs = read_table(prepared, "truth").join(items, on="item_id")
        named_pairs = pairs.filter(pl.col("brand") != "")
        counts = named_pairs["brand"].value_counts()
        brand = str(counts.sort("count", "brand", descending=True)["brand"][0])
    return brand, frozenset(items.filter(pl.col("brand") == brand)["item_id"])


def plan_visits(
    config: VisitsConfig, searches: Searches, pushed: frozenset[str]
) -> tuple[list[Visit], list[Visit]]:
    """Draw all visits: the same for the same seed and first visit.

    Args:
        config: who visits.
        searches: the queries.
        pushed: ids of the items that bots push.

    Returns:
        Visits of shoppers who are measured, and the traffic of others.
    """
    shoppers = Shoppers(seed=config.seed, users=config.users, bots=0.0)
    attack = Attack(config.attack, pushed, shoppers)
    measured = _measured_visits(config, searches, shoppers)
    traffic = _traffic(config, searches, attack)
    return list(measured), list(traffic)


def _measured_visits(
    config: VisitsConfig, searches: Searches, shoppers: Shoppers
) -> Iterator[Visit]:
    query_ids = searches.measured()
    generator = _generator(config, 0)
    for user in range(config.users):
        for number in range(config.visits):
            query_id = _any_of(query_ids, generator)
            yield Visit(
                shoppers,
                user,
                config.first_visit + number,
                query_id,
                search_id=query_id,
                text=searches.texts[query_id],
            )


def _traffic(
    config: VisitsConfig, searches: Searches, attack: Attack
) -> Iterator[Visit]:
    """Visits of people and bots; more bots change nothing in what people do."""
    people = _people(config, searches, attack.shoppers)
    bots = _bots(config, searches, attack)
    generator = _generator(config, 1)
    for _ in range(config.traffic):
        is_bot = generator.random() < config.bots
        source = bots if is_bot else people
        yield next(source)


def _generator(config: VisitsConfig, stream: int) -> np.random.Generator:
    """One of the round's streams of draws."""
    return np.random.default_rng([config.seed, config.first_visit, stream])


def _people(
    config: VisitsConfig, searches: Searches, shoppers: Shoppers
) -> Iterator[Visit]:
    """Visits without end of shoppers who are not measured."""

    # Which queries are popular depends on their ids alone, so it stays from round to round.
    def popularity(query_id: str) -> float:
        return random.Random(f"{config.seed}|{query_id}").random()

    query_ids = sorted(searches.lists, key=popularity)
    shares = _zipf(len(query_ids), POPULARITY)
    # Other words for a test query would take its meaning into the training data.
    train_ids = [
        query_id for query_id in query_ids if searches.splits[query_id] == "train"
    ]
    new_shares = _zipf(len(train_ids), NEW_POPULARITY)
    generator = _generator(config, 2)
    for index in itertools.count():
        user, number = divmod(index, TRAFFIC_VISITS)
        query_rank = int(generator.choice(len(query_ids), p=shares))
        query_id = query_ids[query_rank]
        text = searches.texts[query_id]
        search_id = query_id
        is_new = generator.random() < config.new_texts
        if is_new and searches.splits[query_id] == "train":
            query_id = train_ids[int(generator.choice(len(train_ids), p=new_shares))]
            wording = random.Random(f"{config.seed}|{query_id}|new").choice(REWORDINGS)
            text = wording.format(searches.texts[query_id])
            search_id = text
        yield Visit(
            shoppers,
            config.users + user,
            config.first_visit + number,
            query_id,
            search_id,
            text,
        )


def _zipf(count: int, exponent: float) -> npt.NDArray[np.float64]:
    """Shares of so many ranks by Zipf's law."""
    weights = (1.0 + np.arange(count)) ** -exponent
    return np.asarray(weights / weights.sum())


def _bots(config: VisitsConfig, searches: Searches, attack: Attack) -> Iterator[Visit]:
    """Visits without end of accounts that push some items, to lists that have one."""
    query_ids = []
    for query_id, grades in searches.lists.items():
        if not attack.pushed.isdisjoint(grades):
            query_ids.append(query_id)
    check(
        bool(query_ids),
        "pushed_brand",
        config.pushed_brand,
        must="a brand in the list of a query",
        fix="set experiment.pushed_brand",
        error=DataError,
    )

    generator = _generator(config, 3)
    for index in itertools.count():
        account, number = divmod(index, VISITS[config.attack])
        query_id = _any_of(query_ids, generator)
        text = searches.texts[query_id]
        visit_number = config.first_visit + number
        yield Visit(attack, account, visit_number, query_id, query_id, text)


def _any_of(texts: Sequence[str], generator: np.random.Generator) -> str:
    position = int(generator.integers(len(texts)))
    return texts[position]


def clock_delay(prepared: Path) -> int:
    """Compute how far the simulated clock is ahead of the shoppers' first day.

    It goes on where the log that the run learnt from ends.

    Args:
        prepared: output of ``prepare``.

    Returns:
        Milliseconds.
    """
    last = read_table(prepared, "events")["timestamp"].max()
    if last is None:
        return 0
    return int(str(last)) + 1 - START_MS
