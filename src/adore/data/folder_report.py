"""How a shop's folder was read.

``adore check`` prints it and ``data_report.json`` keeps it.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from adore.data.columns import Columns
from adore.data.judges import AggregatedJudgements
from adore.data.labels import LabelScale
from adore.data.language import ChosenLanguage
from adore.data.log import LogReport
from adore.data.rows import Row
from adore.errors import AdoreError

__all__ = ["FileReport", "FolderReport", "SplitSize"]


@dataclass(slots=True)
class FileReport:
    """One file as it was read."""

    name: str
    table: str
    written: str
    """Format, delimiter, encoding, in words."""
    rows: int = 0
    columns: Columns = field(default_factory=Columns)
    notes: list[str] = field(default_factory=list)

    def to_json(self) -> Row:
        """Write it for ``data_report.json``; its notes are for ``adore check`` alone."""
        return {
            "name": self.name,
            "table": self.table,
            "written": self.written,
            "rows": self.rows,
            "preset": self.columns.preset,
            "became": self.columns.became,
            "ignored": self.columns.ignored,
        }


@dataclass(frozen=True, slots=True)
class SplitSize:
    """Queries of one split, and how many of them are judged."""

    queries: int = 0
    judged: int = 0


@dataclass(slots=True)
class FolderReport:
    """How a folder was read, filled while it is read.

    Attributes:
        data: the folder.
        files: those that were read.
        unread: those that were not, with the reason.
        rows: rows of each of our tables.
        read: rows that the files of each table held.
        left_out: per table, well-formed rows that are not used, by reason.
        bad: per table, malformed rows, by reason.
        labels: the label scale of the judgements.
        judges: how several judgements of a pair became one.
        log: what the log's actions meant, and what was corrected.
        language: that the texts are read in.
        splits: sizes by split.
        production: what the logs gave, as ``production.json`` has it.
        notes: whatever else a person should know, one sentence each.
        problems: what makes a run impossible, in order.
    """

    data: str
    files: list[FileReport] = field(default_factory=list)
    unread: dict[str, str] = field(default_factory=dict)
    rows: dict[str, int] = field(default_factory=dict)
    read: Counter[str] = field(default_factory=Counter)
    left_out: dict[str, Counter[str]] = field(default_factory=dict)
    bad: dict[str, Counter[str]] = field(default_factory=dict)
    labels: LabelScale | None = None
    judges: AggregatedJudgements | None = None
    log: LogReport | None = None
    language: ChosenLanguage | None = None
    splits: dict[str, SplitSize] = field(default_factory=dict)
    production: Row = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    problems: list[AdoreError] = field(default_factory=list)

    @property
    def ignored_events(self) -> int:
        """Number of logged events that say nothing of a pair."""
        return self.log.ignored if self.log else 0

    @property
    def total_left_out(self) -> int:
        """Number of well-formed rows that are not used."""
        return sum(reasons.total() for reasons in self.left_out.values())

    def to_json(self) -> Row:
        """Write it for ``data_report.json``."""
        left_out = {}
        for table_name, reasons in self.left_out.items():
            if reasons:
                left_out[table_name] = dict(reasons.most_common())

        judges: Row = {}
        if self.judges:
            judges = {
                "several": self.judges.several,
                "split": self.judges.split,
                "alpha": self.judges.alpha,
            }
        language: Row = {}
        if self.language:
            language = self.language.to_json()
        return {
            "files": [file.to_json() for file in self.files],
            "unread": self.unread,
            "left_out": left_out,
            "judges": judges,
            "language": language,
            "notes": self.notes,
        }
