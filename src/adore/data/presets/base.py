"""What a preset is: how a known export is detected, and how its rows become ours."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from html.parser import HTMLParser

from adore.data.columns import normalise_name
from adore.data.rows import Row, Rows

__all__ = [
    "ConvertedRows",
    "Preset",
    "has_columns",
    "map_values",
    "match_columns",
    "plain_text",
    "renaming",
]

Wanted = Mapping[str, str | tuple[str, ...]]
"""Our column to the name, or names, that files give it; any spelling."""
_BLOCKS = set("p br li div tr ul ol h1 h2 h3 h4 h5 h6 td th".split())


@dataclass(slots=True)
class ConvertedRows:
    """Rows in our columns, and what became of the file's.

    Attributes:
        rows: the table's rows.
        became: the file's column to ours, or to an attribute.
        ignored: columns that were dropped.
        notes: what the shop should know, one sentence each.
    """

    rows: Rows
    became: dict[str, str] = field(default_factory=dict)
    ignored: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Preset:
    """A known export.

    Attributes:
        name: in ``dataset.yaml``.
        title: for people.
        table: which of ours it holds.
        detect: whether columns (normalised by :func:`adore.data.columns.normalise_name`) are this
            export's.
        convert: its rows to ours.
        over_ours: it is also looked for where a file has all columns that we need.
        keeps: its columns are ours already; it only has a name.
        by_name: its columns are too common to tell what a file is that is not called so.
    """

    name: str
    title: str
    table: str
    detect: Callable[[frozenset[str]], bool]
    convert: Callable[[Rows], ConvertedRows]
    over_ours: bool = False
    keeps: bool = False
    by_name: bool = False


def has_columns(
    *names: str, some: Iterable[str] = (), least: int = 0, none: Iterable[str] = ()
) -> Callable[[frozenset[str]], bool]:
    """Make a ``detect`` that looks at the names of a file's columns.

    Args:
        names: must all be there; any spelling.
        some: ``least`` of them must be there.
        least: how many of ``some``; 0: none is needed.
        none: must all be absent.

    Returns:
        The function.
    """
    needed = frozenset(map(normalise_name, names))
    optional = frozenset(map(normalise_name, some))
    forbidden = frozenset(map(normalise_name, none))

    def detect(columns: frozenset[str]) -> bool:
        if columns & forbidden or not needed <= columns:
            return False
        return len(optional & columns) >= least

    return detect


def match_columns(columns: Iterable[str], wanted: Wanted) -> dict[str, str]:
    """Match a file's columns to ours, each ours to the first of its names that is there.

    Args:
        columns: as the file has them.
        wanted: our column to the name, or names, that files give it.

    Returns:
        The file's column to ours.
    """
    by_name = {normalise_name(column): column for column in columns}
    matched: dict[str, str] = {}
    for ours, names in wanted.items():
        candidates = [names] if isinstance(names, str) else names
        for name in map(normalise_name, candidates):
            if name in by_name:
                matched.setdefault(by_name[name], ours)
                break
    return matched


def map_values(source_row: Row, names: Mapping[str, str]) -> Row:
    """Rename a row's columns.

    Args:
        source_row: in the file's columns.
        names: the file's column to ours; others are dropped.

    Returns:
        The row in our columns.
    """
    return {
        names[column]: value for column, value in source_row.items() if column in names
    }


def renaming(
    wanted: Wanted,
    ignored: Iterable[str] = (),
    change: Callable[[Row], Row] | None = None,
) -> Callable[[Rows], ConvertedRows]:
    """Make a ``convert`` that renames columns, drops some and keeps the rest.

    Args:
        wanted: our column to the export's names for it.
        ignored: patterns of columns (normalised) that are dropped, as in ``image*``.
        change: of each renamed row.

    Returns:
        The function.
    """
    patterns = []
    for pattern in ignored:
        if "*" in pattern:  # normalised already, and would lose the star
            patterns.append(pattern)
        else:
            patterns.append(normalise_name(pattern))

    def is_ignored(column: str) -> bool:
        name = normalise_name(column)
        return any(fnmatchcase(name, pattern) for pattern in patterns)

    def convert(rows: Rows) -> ConvertedRows:
        columns = rows.columns()
        matched = match_columns(columns, wanted)
        names = {}
        dropped = []
        for column in columns:
            if column in matched:
                names[column] = matched[column]
            elif is_ignored(column):
                dropped.append(column)
            else:
                names[column] = column

        good = []
        for line_number, source_row in rows.good:
            renamed = map_values(source_row, names)
            if change is not None:
                renamed = change(renamed)
            good.append((line_number, renamed))
        rows.good = good
        return ConvertedRows(rows, names, dropped)

    return convert


class _Text(HTMLParser):
    """Collects the text of HTML; block elements separate lines, scripts and styles are dropped."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self._dropped = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """One opening tag."""
        if tag in ("script", "style"):
            self._dropped += 1
        if tag in _BLOCKS:
            self.parts.append("\n")

    def handle_endtag(self, tag: str) -> None:
        """One closing tag."""
        if tag in ("script", "style") and self._dropped > 0:
            self._dropped -= 1
        if tag in _BLOCKS:
            self.parts.append("\n")

    def handle_data(self, data: str) -> None:
        """Text between tags."""
        if not self._dropped:
            self.parts.append(data)


def plain_text(value: object) -> str:
    """Extract the text of a cell that holds HTML, by Python's own parser.

    Args:
        value: the cell.

    Returns:
        Its lines, without tags and without empty lines.

    Example:
        >>> plain_text("<p>Wool Tee &amp; Buff</p><ul><li>warm</li></ul>")
        'Wool Tee & Buff\\nwarm'
    """
    text = "" if value is None else str(value)
    if "<" not in text and "&" not in text:
        return text

    # A regular expression would break on comments, scripts and attributes with angle brackets.
    parser = _Text()
    parser.feed(text)
    parser.close()
    lines = []
    for line in "".join(parser.parts).split("\n"):
        stripped = re.sub(r"[^\S\n]+", " ", line).strip()
        if stripped:
            lines.append(stripped)
    return "\n".join(lines)
