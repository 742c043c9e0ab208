"""What a preset is: how a known export is recognised, and how its rows become ours."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from html.parser import HTMLParser
from typing import Any

from adore.data.columns import spelt
from adore.data.rows import Rows

__all__ = ["Preset", "Row", "Shaped", "by_columns", "has", "plain_text", "rename"]

Row = dict[str, Any]
_BLOCKS = {
    "p",
    "br",
    "li",
    "div",
    "tr",
    "ul",
    "ol",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "td",
    "th",
}


@dataclass(slots=True)
class Shaped:
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
        detect: whether columns (spelt as by :func:`adore.data.columns.spelt`) are this export's.
        shape: its rows to ours.
        over_ours: it is also looked for where a file has all columns that we need.
        keeps: its columns are ours already; it only has a name.
        by_name: its columns are too common to tell what a file is that is not called so.
    """

    name: str
    title: str
    table: str
    detect: Callable[[frozenset[str]], bool]
    shape: Callable[[Rows], Shaped]
    over_ours: bool = False
    keeps: bool = False
    by_name: bool = False


def has(
    *names: str, some: Iterable[str] = (), least: int = 0, none: Iterable[str] = ()
) -> Callable[..., bool]:
    """A ``detect`` that looks at the names of a file's columns.

    Args:
        names: must all be there; any spelling.
        some: ``least`` of them must be there.
        least: how many of ``some``; 0: none is asked for.
        none: must all be absent.
    """
    all_of, some_of, none_of = (
        frozenset(map(spelt, group)) for group in (names, some, none)
    )

    def detect(columns: frozenset[str]) -> bool:
        return (
            all_of <= columns
            and len(some_of & columns) >= least
            and not none_of & columns
        )

    return detect


def rename(
    columns: Iterable[str], wanted: Mapping[str, str | tuple[str, ...]]
) -> dict[str, str]:
    """The file's column to ours, each ours from the first of its names that is there.

    Args:
        columns: as the file has them.
        wanted: our column to the name, or names, that files give it; any spelling.
    """
    by_name = {spelt(column): column for column in columns}
    renamed: dict[str, str] = {}
    for ours, names in wanted.items():
        spellings = map(spelt, [names] if isinstance(names, str) else names)
        theirs = next((by_name[name] for name in spellings if name in by_name), "")
        if theirs and theirs not in renamed:
            renamed[theirs] = ours
    return renamed


def by_columns(
    wanted: Mapping[str, str | tuple[str, ...]],
    ignored: Iterable[str] = (),
    change: Callable[[Row], Row] | None = None,
) -> Callable[[Rows], Shaped]:
    """A ``shape`` that renames columns, drops some and keeps the rest.

    Args:
        wanted: our column to the export's names for it.
        ignored: patterns of columns (spelt) that are dropped, as in ``image*``.
        change: of each renamed row.
    """
    patterns = [pattern if "*" in pattern else spelt(pattern) for pattern in ignored]

    def shape(rows: Rows) -> Shaped:
        columns = rows.columns()
        names = rename(columns, wanted)
        dropped = [
            c
            for c in columns
            if c not in names and any(fnmatchcase(spelt(c), p) for p in patterns)
        ]
        kept = {c: names.get(c, c) for c in columns if c not in dropped}
        good = [
            (line, {kept[c]: v for c, v in row.items() if c in kept})
            for line, row in rows.good
        ]
        rows.good = [(line, change(row)) for line, row in good] if change else good
        return Shaped(rows, kept, dropped)

    return shape


class _Text(HTMLParser):
    """Collects the text of HTML; block elements part lines, scripts and styles are silent."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self._silent = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """One opening tag."""
        if tag in ("script", "style"):
            self._silent += 1
        if tag in _BLOCKS:
            self.parts.append("\n")

    def handle_endtag(self, tag: str) -> None:
        """One closing tag."""
        if tag in ("script", "style") and self._silent > 0:
            self._silent -= 1
        if tag in _BLOCKS:
            self.parts.append("\n")

    def handle_data(self, data: str) -> None:
        """Text between tags."""
        if not self._silent:
            self.parts.append(data)


def plain_text(value: object) -> str:
    """The text of a cell that holds HTML, by Python's own parser.

    Example:
        >>> plain_text("<p>Wool Tee &amp; Buff</p><ul><li>warm</li></ul>")
        'Wool Tee & Buff\\nwarm'
    """
    text = "" if value is None else str(value)
    if "<" not in text and "&" not in text:
        return text
    parser = _Text()
    parser.feed(text)
    parser.close()
    lines = (
        re.sub(r"[^\S\n]+", " ", line).strip()
        for line in "".join(parser.parts).split("\n")
    )
    return "\n".join(line for line in lines if line)
