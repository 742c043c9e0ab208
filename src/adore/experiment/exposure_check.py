"""Whether a log of exposures may be trusted: rows that do not count, and how many are too many."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from adore.experiment.assignment import assign
from adore.experiment.design import Design

if TYPE_CHECKING:
    import duckdb

__all__ = ["ExposureCheck", "check_exposures", "register_texts"]


@dataclass(frozen=True, slots=True)
class ExposureCheck:
    """What is wrong with a log of exposures, in rows unless named otherwise.

    Attributes:
        rows: rows of the log.
        lost: rows that could not be read.
        repeated: rows whose exposure id occurred before.
        strays: rows of a variant that the salt does not assign to their user.
        stray_users: how many users the strays have.
        two_variants: users with rows of more than one variant.
    """

    rows: int
    lost: int
    repeated: int
    strays: int
    stray_users: int
    two_variants: int

    def left_out(self) -> dict[str, int]:
        """Rows that do not count, by reason; reasons without a row are absent."""
        counts = {
            "cannot be read": self.lost,
            "the same exposure again": self.repeated,
            "of a variant that the salt does not give this user": self.strays,
        }
        return {reason: count for reason, count in counts.items() if count}

    def refusal(self, max_share: float) -> str:
        """Why nothing can be concluded from the log; empty if it may be used.

        Args:
            max_share: largest share of rows that may be faulty in one way; a few of them
                spoil no experiment.

        Returns:
            The first fault that is too frequent.
        """
        if not self.rows:
            return "no exposures were logged: check the router's log folder"
        if self.repeated > max_share * self.rows:
            return (
                "the exposure log is broken: some exposure ids occur twice, "
                f"{self.repeated} of {self.rows} rows"
            )
        lines = self.rows + self.lost
        if self.lost > max_share * lines:
            return (
                f"the exposure log is broken: {self.lost} of {lines} lines "
                "cannot be read"
            )
        if self.strays <= max_share * self.rows:
            return ""
        if self.two_variants:
            return (
                "some users were assigned to two variants: "
                "salts or weights changed during the experiment"
            )
        return (
            f"mixed salts: {self.stray_users} users are not where this salt puts them"
        )


def check_exposures(
    db: duckdb.DuckDBPyConnection, design: Design, lost: int
) -> ExposureCheck:
    """Count what is wrong with the table ``exposures``, and register the table ``strays``.

    Args:
        db: has the table ``exposures``. ``strays`` gets the clients and variants that do
            not belong together.
        design: names salt and weights.
        lost: exposures that could not be read.

    Returns:
        The counts.

    Raises:
        ConfigError: the weights of the design do not sum to 1.
    """
    totals = "SELECT count(*), count(DISTINCT exposure_id) FROM exposures"
    ((rows, distinct_ids),) = db.sql(totals).fetchall()

    grouped = "SELECT client_id, variant, count(*) FROM exposures GROUP BY ALL"
    clients = set[str]()
    client_variants = 0
    stray_clients: list[str] = []
    stray_variants: list[str] = []
    stray_rows = 0
    for client, variant, count in db.sql(grouped).fetchall():
        clients.add(client)
        client_variants += 1
        # The assignment is a pure function, so that a wrong variant shows in the log.
        if assign(client, design.salt, design.weights) != variant:
            stray_clients.append(client)
            stray_variants.append(variant)
            stray_rows += count
    strays = {"client_id": stray_clients, "variant": stray_variants}
    register_texts(db, "strays", strays)

    return ExposureCheck(
        rows=rows,
        lost=lost,
        repeated=rows - distinct_ids,
        strays=stray_rows,
        stray_users=len(set(stray_clients)),
        two_variants=client_variants - len(clients),
    )


def register_texts(
    db: duckdb.DuckDBPyConnection, name: str, columns: dict[str, list[str]]
) -> None:
    """Make a table of texts, which may be empty, available to the database.

    Args:
        db: where the table is registered.
        name: of the table.
        columns: name to values, equally long.
    """
    schema = dict.fromkeys(columns, pl.String)
    frame = pl.DataFrame(columns, schema=schema)
    db.register(name, frame.to_arrow())
