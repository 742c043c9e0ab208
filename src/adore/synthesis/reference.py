"""Writes the tables of ``docs/error_types.md``: ``python -m adore.synthesis.reference``."""

from __future__ import annotations

import inspect
import sys

from adore.synthesis.edits import EDITS
from adore.synthesis.edits.registry import RegisteredEdit
from adore.taxonomy import ERROR_TYPES

__all__ = ["error_type_tables"]


def error_type_tables() -> str:
    """The tables of error types and of edits, in Markdown."""
    type_header = [
        "| error type | what is wrong | moves | level | grade | made by | tested by |",
        "|---|---|---|---|---|---|---|",
    ]
    edit_header = ["| edit | what it does |", "|---|---|"]
    types = _error_type_rows()
    edits = [_edit_row(edit) for edit in _sorted_edits()]
    lines = [*type_header, *types, "", *edit_header, *edits]
    return "\n".join(lines)


def _error_type_rows() -> list[str]:
    """A row for each error type."""
    rows: list[str] = []
    for error in ERROR_TYPES.values():
        training: list[str] = []
        held_out: list[str] = []
        for edit in EDITS.values():
            if edit.makes(error):
                name = f"`{edit.name}`"
                names = held_out if edit.held_out else training
                names.append(name)

        attribute = ""
        level = ""
        if error.attribute:
            attribute = f"`{error.attribute}`"
            level = str(error.level)

        cells = (
            error.name,
            error.definition,
            attribute,
            level,
            error.grade.letter,
            ", ".join(training),
            ", ".join(held_out),
        )
        row = " | ".join(cells)
        rows.append(f"| {row} |")
    return rows


def _edit_row(edit: RegisteredEdit) -> str:
    """A row for an edit."""
    summary = _summary(edit)
    return f"| `{edit.name}` | {summary} |"


def _sorted_edits() -> list[RegisteredEdit]:
    """Every edit, by name."""
    return sorted(EDITS.values(), key=lambda edit: edit.name)


def _summary(edit: RegisteredEdit) -> str:
    """The first paragraph of an edit's docstring, on one line."""
    text = inspect.getdoc(edit.function) or ""
    first_paragraph = text.partition("\n\n")[0]
    summary = " ".join(first_paragraph.splitlines())
    return summary.replace(":func:", "").replace("``", "`")


if __name__ == "__main__":
    sys.stdout.write(error_type_tables() + "\n")
