"""Stage ``prepare``: the user's folder, and what production logged, into validated tables.

Malformed rows go to quarantine with a reason.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

import polars as pl
from pydantic import Field

from adore.artifacts import write_table
from adore.data.check import render
from adore.data.frozen import read_frozen
from adore.data.narrowing import narrowing
from adore.data.round_inputs import Sources
from adore.data.shop import ReadConfig, Shop, read_shop
from adore.data.statistics import summarise_tables
from adore.progress import log_line
from adore.rulebook import RULEBOOK_FILE
from adore.storage import write_json

__all__ = ["CHECK", "PRODUCTION", "Config", "run"]

PRODUCTION = "production.json"
"""File with what production's logs gave, and whether what shoppers see narrows."""
CHECK = "_check.txt"
"""File with how the folder was read, as ``adore check`` prints it.

The underscore keeps it out of the content's hash."""


class Config(ReadConfig):
    """How strict to be, how to split, and what to read beside the shop's folder."""

    max_bad_share: float = Field(0.05, ge=0, le=1)
    """Largest share of malformed rows of a table; more stops the run."""
    requests: str = ""
    """A file of queries that people wrote and nobody judged.

    It is for a file that is not ``requests.*`` in the input folder."""
    frozen: str = ""
    """Output of `prepare` of an earlier round.

    Every text keeps the split that it had there: a test query stays one for ever."""
    narrowing: float = Field(0.1, gt=0, le=1)
    """Growth of the share of impressions of the most shown brand or item that is an alarm.

    What the share of people's exact judgements grew by is taken off."""


def run(
    config: Config,
    data: Path,
    output: Path,
    requests: Path | None = None,
    logs: Sequence[Path] = (),
    frozen: Path | None = None,
) -> dict[str, float]:
    """Validate a folder of ``items``, ``queries``, ``judgements`` and ``events``.

    Our tables are written from it. What is read, and how, is what ``adore check`` prints. The first
    problem that makes a run impossible is raised.

    Args:
        config: how strict to be and how to split.
        data: the input folder.
        output: the folder to write to.
        requests: the file that ``config.requests`` names.
        logs: folders of the places that ``config.logs`` names.
        frozen: the folder that ``config.frozen`` names.

    Returns:
        Rows of each table, and of those that are not used.

    Raises:
        MissingError: items or queries are not there, or the earlier round is not.
        DataError: one of them has no usable row; a column is missing; labels or
            positions must be explained; there is no train query; or a place of
            ``logs`` holds something else.
        QuarantineError: more than ``max_bad_share`` of a table's rows are malformed.
        ConfigError: ``dataset.yaml`` cannot be read.
    """
    shop = read_shop(data, config, Sources(requests, logs, frozen))
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
    known_texts = read_frozen(frozen).with_queries(tables["queries"])
    write_table(known_texts, output, "splits")
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
    _write_production(shop, frames, frozen, output, config.narrowing)

    metrics = {}
    for table_name, frame in frames.items():
        metrics[table_name] = float(frame.height)
    metrics["quarantined"] = float(len(quarantine))
    metrics["ignored_events"] = float(report.ignored_events)
    metrics["left_out"] = float(report.total_left_out)
    return metrics


def _write_production(
    shop: Shop,
    frames: Mapping[str, pl.DataFrame],
    frozen: Path | None,
    output: Path,
    limit: float,
) -> None:
    """Write ``production.json``; print what was logged, and the alarm."""
    production = shop.report.production
    if production["logs"]:
        log_line(
            f"    prepare: production logged {production['exposures']:,} exposures and "
            f"{production['events']:,} events; {len(production['requests']):,} of "
            f"{production['new_texts']:,} new texts are requests"
        )
    narrowed = narrowing(frames, frozen, limit)
    if narrowed["alarm"]:
        log_line(f"    prepare: ALARM: {narrowed['alarm']}")
    write_json({**production, **narrowed}, output / PRODUCTION)
