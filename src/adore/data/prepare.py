"""Stage ``prepare``: the user's folder into validated tables.

Bad rows go to quarantine with a reason.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import polars as pl
from pydantic import Field

from adore.artifacts import write_table
from adore.data.check import render
from adore.data.shop import ReadConfig, read_shop
from adore.data.statistics import summarise_tables
from adore.progress import log_line
from adore.rulebook import RULEBOOK_FILE
from adore.storage import write_json

__all__ = ["CHECK", "Config", "run"]

CHECK = "_check.txt"
"""How the folder was understood, as ``adore check`` prints it.

The underscore keeps it out of the content's hash."""


class Config(ReadConfig):
    """How strict to be, how to split, and a file of requests."""

    max_bad_share: float = Field(0.05, ge=0, le=1)
    """Largest share of bad rows of a table; more stops the run."""
    requests: str = ""
    """A file of queries that people wrote and nobody judged.

    It is for a file that is not ``requests.*`` in the input folder."""


def run(
    config: Config, data: Path, output: Path, requests: Path | None = None
) -> dict[str, float]:
    """Validate a folder of ``items``, ``queries``, ``judgements`` and ``events``.

    The house's tables are written from it.

    What it reads, and how, is what ``adore check`` prints.

    Args:
        config: how strict to be and how to split.
        data: the input folder.
        output: the folder to write to.
        requests: the file that ``config.requests`` names.

    Raises:
        MissingError: items or queries are not there.
        DataError: one of them has no usable row; a column is missing; labels or places must be
            explained; or there is no train query.
        QuarantineError: more than ``max_bad_share`` of a table's rows are bad.
    """
    shop = read_shop(data, config, requests)
    for problem in shop.report.problems:
        raise problem
    for note in shop.report.notes:
        log_line(f"    prepare: {note}")
    tables = dict(shop.tables)
    votes = tables.pop("votes", [])
    tables["truth"] = tables["truth"] or tables["judgements"]
    frames: dict[str, pl.DataFrame] = {
        name: write_table(rows, output, name) for name, rows in tables.items()
    }
    if votes:
        write_table(votes, output, "votes")
    (output / CHECK).write_text(render(shop) + "\n", "utf-8")
    bad = [row.record() for row in shop.quarantine]
    write_table(bad, output, "quarantine")
    write_json(shop.info.model_dump(), output / "dataset.json")
    if shop.book:
        shutil.copyfile(shop.book, output / RULEBOOK_FILE)
    seen = shop.report
    ignored = (
        sum(n for (_, action), n in seen.log.actions.items() if action == "ignore")
        if seen.log
        else 0
    )
    report = {
        **summarise_tables(frames, bad),
        **seen.report(),
        "ignored_events": ignored,
    }
    write_json(report, output / "data_report.json")
    counts = {name: float(frame.height) for name, frame in frames.items()}
    left_out = sum(sum(reasons.values()) for reasons in seen.left_out.values())
    more = {
        "quarantined": float(len(bad)),
        "ignored_events": float(ignored),
        "left_out": float(left_out),
    }
    return {**counts, **more}
