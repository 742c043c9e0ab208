"""Stage ``prepare``: the user's folder into validated tables.

Malformed rows go to quarantine with a reason.
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
"""File with how the folder was read, as ``adore check`` prints it.

The underscore keeps it out of the content's hash."""


class Config(ReadConfig):
    """How strict to be, how to split, and a file of requests."""

    max_bad_share: float = Field(0.05, ge=0, le=1)
    """Largest share of malformed rows of a table; more stops the run."""
    requests: str = ""
    """A file of queries that people wrote and nobody judged.

    It is for a file that is not ``requests.*`` in the input folder."""


def run(
    config: Config, data: Path, output: Path, requests: Path | None = None
) -> dict[str, float]:
    """Validate a folder of ``items``, ``queries``, ``judgements`` and ``events``.

    Our tables are written from it. What is read, and how, is what ``adore check`` prints. The first
    problem that makes a run impossible is raised.

    Args:
        config: how strict to be and how to split.
        data: the input folder.
        output: the folder to write to.
        requests: the file that ``config.requests`` names.

    Returns:
        Rows of each table, and of those that are not used.

    Raises:
        MissingError: items or queries are not there.
        DataError: one of them has no usable row; a column is missing; labels or
            positions must be explained; or there is no train query.
        QuarantineError: more than ``max_bad_share`` of a table's rows are malformed.
        ConfigError: ``dataset.yaml`` cannot be read.
    """
    shop = read_shop(data, config, requests)
    report = shop.report
    for problem in report.problems:
        raise problem
    for note in report.notes:
        log_line(f"    prepare: {note}")

    tables = dict(shop.tables)
    votes = tables.pop("votes", [])
    # Without a known truth, simulated shoppers act by what people judged.
    if not tables["truth"]:
        tables["truth"] = tables["judgements"]

    frames: dict[str, pl.DataFrame] = {}
    for table_name, table_rows in tables.items():
        frames[table_name] = write_table(table_rows, output, table_name)
    if votes:
        write_table(votes, output, "votes")
    quarantine = [malformed.to_row() for malformed in shop.quarantine]
    write_table(quarantine, output, "quarantine")

    (output / CHECK).write_text(render(shop) + "\n", "utf-8")
    write_json(shop.info.model_dump(), output / "dataset.json")
    if shop.book:
        shutil.copyfile(shop.book, output / RULEBOOK_FILE)

    data_report = summarise_tables(frames, quarantine).to_json()
    data_report |= report.to_json()
    data_report["ignored_events"] = report.ignored_events
    write_json(data_report, output / "data_report.json")

    metrics = {}
    for table_name, frame in frames.items():
        metrics[table_name] = float(frame.height)
    metrics["quarantined"] = float(len(quarantine))
    metrics["ignored_events"] = float(report.ignored_events)
    metrics["left_out"] = float(report.total_left_out)
    return metrics
