"""What a round reads beside the shop's folder: production's logs, and an earlier round."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import Field

from adore.data.frozen import Frozen, read_frozen
from adore.data.production import ProductionLog, read_production
from adore.data.queries import normalise_query
from adore.data.requests import RequestConfig, TypedRequests, typed_requests
from adore.data.rows import NumberedRow, Row, Rows

__all__ = ["RoundConfig", "RoundInputs", "Sources"]


class RoundConfig(RequestConfig):
    """How much of what production logged is read."""

    logs: list[str] = Field(default_factory=list)
    """Places with what production logged.

    Each is a router's place (with folders `exposures` and `events`) or the output of step
    `experiment` of an earlier run."""
    logged_until: int = Field(0, ge=0)
    """Time in milliseconds since the epoch at which a router's place is cut; 0: it is not.

    A router goes on logging while a round runs. Files that it put aside later are of the next
    round, so that a round that is done again reads the same. A round sets it to its start."""
    window_days: int = Field(0, ge=0)
    """Days before the newest exposure from which the logs count; 0: all of them."""
    max_impressions: int = Field(2_000_000, ge=0)
    """Most impressions that are read of the logs; 0: all of them.

    Of more, whole clients are left out by a hash of their ids. A million impressions take about
    1.5 GB of memory, and a million exposures that are left out again 1 GB."""


@dataclass(frozen=True, slots=True)
class Sources:
    """Local copies of what is read beside the shop's folder.

    Attributes:
        requests: a file of requests.
        logs: folders with what production logged, as ``RoundConfig.logs`` names them.
        frozen: output of ``prepare`` of an earlier round.
    """

    requests: Path | None = None
    logs: Sequence[Path] = ()
    frozen: Path | None = None


@dataclass(slots=True)
class RoundInputs:
    """What production logged, joined with the shop's own tables step by step.

    Attributes:
        frozen: what an earlier round knew.
        production: what was logged.
        typed: which texts that shoppers typed became requests.
    """

    frozen: Frozen = field(default_factory=Frozen)
    production: ProductionLog = field(default_factory=ProductionLog)
    typed: TypedRequests = field(default_factory=TypedRequests)

    def read(self, sources: Sources, config: RoundConfig) -> None:
        """Read the earlier round and the logs.

        Args:
            sources: where they are.
            config: names the places.

        Raises:
            MissingError: the earlier round is not there.
            DataError: a place holds something else.
        """
        self.frozen = read_frozen(sources.frozen)
        places = list(config.logs)
        # Places in a bucket that hold nothing yet are no folders.
        if len(places) != len(sources.logs):
            places = list(map(str, sources.logs))
        self.production = read_production(
            sources.logs, places, until=config.logged_until
        )

    def choose_requests(
        self,
        queries: list[Row],
        own_logs: tuple[Rows, Rows],
        config: RoundConfig,
        language: str,
    ) -> list[Row]:
        """Choose requests by the traffic since the last round.

        Args:
            queries: rows of the ``queries`` table.
            own_logs: exposures and events of the shop's own files, which count once.
            config: window and number of requests.
            language: code of the texts' language.

        Returns:
            Rows of the ``queries`` table.
        """
        self.production.remove_repeats(*own_logs)
        self.production.keep_window(config.window_days)
        self.typed = typed_requests(
            self.production.exposures, queries, self.frozen, config, language
        )
        return self.typed.rows

    def take_log(
        self,
        queries: Iterable[Row],
        same: Iterable[str],
        item_ids: set[str],
        config: RoundConfig,
    ) -> tuple[list[NumberedRow], list[NumberedRow]]:
        """Take what was logged of this shop's queries, with the requests among them.

        Args:
            queries: rows of the ``queries`` table.
            same: ids that count together with that of a query.
            item_ids: of the catalogue.
            config: how many impressions.

        Returns:
            Exposures and events, for the reader of the shop's own log.
        """
        names = {*_names(queries), *same}
        production = self.production
        production.keep_queries(names)
        production.count_unknown_items(item_ids)
        production.sample_clients(config.max_impressions)
        exposures, events = production.exposures, production.events
        # The reader has them now: two lists would keep them twice as long in memory.
        production.exposures, production.events = [], []
        return list(enumerate(exposures, 1)), list(enumerate(events, 1))

    def to_json(self) -> Row:
        """Write the counts for ``production.json``."""
        return {**self.production.to_json(), **self.typed.to_json()}


def _names(queries: Iterable[Row]) -> Iterator[str]:
    """By what a search may be recognised: ids and normalised texts."""
    for query_row in queries:
        yield query_row["query_id"]
        yield normalise_query(query_row["query"])
