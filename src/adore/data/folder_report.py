"""How a shop's folder was understood.

``adore check`` prints it and ``data_report.json`` keeps it.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from adore.data.columns import Columns
from adore.data.judges import AggregatedJudgements
from adore.data.labels import LabelScale
from adore.data.language import ChosenLanguage
from adore.data.log import LogReport
from adore.errors import AdoreError

__all__ = ["FileReport", "FolderReport"]


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


@dataclass(slots=True)
class FolderReport:
    """All that was learnt of a folder, filled as it is read.

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
        language: that the texts are read in.
        log: what the log's actions meant, and what was corrected.
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
    splits: dict[str, tuple[int, int]] = field(default_factory=dict)
    """Queries of each split, and how many of them are judged."""
    notes: list[str] = field(default_factory=list)
    problems: list[AdoreError] = field(default_factory=list)

    def report(self) -> dict[str, Any]:
        """For ``data_report.json``."""
        judges = self.judges
        return {
            "files": [
                {"name": f.name, "table": f.table, "written": f.written, "rows": f.rows,
                 "preset": f.columns.preset, "became": f.columns.became,
                 "ignored": f.columns.ignored}
                for f in self.files
            ],
            "unread": self.unread,
            "left_out": {
                table: dict(counts.most_common())
                for table, counts in self.left_out.items()
                if counts
            },
            "judges": {
                "several": judges.several, "split": judges.split, "alpha": judges.alpha,
            } if judges else {},
            "language": self.language.record() if self.language else {},
            "notes": self.notes,
        }  # fmt: skip
