"""``adore check``: how a folder is read.

It is one screen, for a person who has never seen the project.
"""

from __future__ import annotations

import json
import textwrap
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from adore.data.columns import COLUMNS
from adore.data.folder_report import FileReport, FolderReport, SplitSize
from adore.data.labels import LabelScale
from adore.data.round_inputs import Sources
from adore.data.shop import ReadConfig, Shop, read_shop
from adore.types import Grade

__all__ = ["CheckReport", "check_folder", "render"]

WIDTH = 110
MAX_LINES = 6
"""Lines of a list that may become long."""
MAX_NAMES = 12
"""Names in a list that may become long."""
MAX_ATTRIBUTES = 30
MAX_IGNORED = 20
FEW_QUERIES = 20
"""Judged test queries below which only large differences are significant."""
_CONTENTS = {
    "items": "the catalogue",
    "queries": "what shoppers search for",
    "searches": "texts of the log's searches",
    "requests": "queries that nobody judged",
    "judgements": "how relevant people find an item",
    "truth": "known truth of a simulated shop",
    "events": "what shoppers did",
    "exposures": "lists that the router showed",
}


_PRODUCTION = {
    "repeats": "rows that were logged before",
    "outside_window": "rows outside the window (prepare.window_days)",
    "unknown_searches": "exposures of a search that is none of the queries",
    "unknown_items": "impressions and events of items that are not in the catalogue",
    "sampled_out": "impressions over prepare.max_impressions",
}
"""Counts of ``production.json`` that say what is not read."""


@dataclass(frozen=True, slots=True)
class CheckReport:
    """How a folder is read: one screen of text, and whether a run can begin."""

    text: str
    can_run: bool


def check_folder(
    data: Path, config: ReadConfig, sources: Sources | None = None, place: str = ""
) -> CheckReport:
    """Read a folder as ``prepare`` will; nothing is run, written or paid.

    It raises what :func:`adore.data.shop.read_shop` raises.

    Args:
        data: the input folder.
        config: of the stage ``prepare``.
        sources: what is read beside it.
        place: what a person calls the folder, where it is a copy.

    Returns:
        The screen, and whether a run can begin.
    """
    shop = read_shop(data, config, sources)
    screen = render(shop)
    if place:
        screen = screen.replace(str(data), place)
    return CheckReport(screen, can_run=not shop.report.problems)


def render(shop: Shop) -> str:
    """Render the screen.

    It shows files and columns, labels, what joined, splits, what a run can do with it, and what
    is wrong.

    Args:
        shop: a folder that was read.

    Returns:
        The text.
    """
    return "\n".join(_lines(shop))


def _lines(shop: Shop) -> Iterator[str]:
    report = shop.report
    yield f"How {report.data} is understood (nothing is run or paid yet)"
    yield ""
    yield "Files"
    order = list(_CONTENTS)
    for file_report in sorted(
        report.files, key=lambda file_report: order.index(file_report.table)
    ):
        yield from _file_lines(file_report, shop)
    for file_name, reason in report.unread.items():
        yield f"  NOT READ  {file_name}: {reason}"

    yield from _production_lines(report)
    yield from _language_lines(report)
    yield from _label_lines(report)
    yield from _joined_lines(report)
    yield from _split_lines(report)
    yield from _possible_lines(shop)
    if report.notes:
        yield ""
        yield "Worth knowing"
    for note in report.notes:
        yield from _wrap(note, "  - ", "    ")

    yield ""
    if report.problems:
        yield "A RUN CANNOT BEGIN"
    else:
        yield f"A run can begin: make pipeline-run DATA={report.data}"
    for problem in report.problems:
        yield from _wrap(str(problem), "  ! ", "    ")


def _wrap(text: str, first: str, rest: str) -> list[str]:
    """Lines of at most :data:`WIDTH`, the first and the others with their indents."""
    lines: list[str] = []
    for paragraph in text.split("\n"):
        wrapped = textwrap.wrap(
            paragraph,
            WIDTH,
            initial_indent=rest if lines else first,
            subsequent_indent=rest,
            break_long_words=False,
        )
        lines += wrapped or [""]
    return lines


def _label_wrap(label: str, text: str) -> list[str]:
    """Lines of a file's details, indented as far as their label."""
    first = f"      {label}: "
    return _wrap(text, first, " " * 15)


def _count_lines(counts: Mapping[str, int]) -> list[str]:
    """``120 x reason`` lines, commonest first."""
    ordered = Counter(counts).most_common()
    lines = [f"{row_count:,} x {reason}" for reason, row_count in ordered[:MAX_LINES]]

    hidden = len(ordered) - MAX_LINES
    if hidden > 0:
        lines.append(f"and {hidden} more reasons")
    return lines


# ---------------------------------------------------------------- files


def _attribute_names(shop: Shop) -> str:
    """Names inside the column ``attributes``, commonest first."""
    counts = Counter[str]()
    for item_row in shop.tables["items"]:
        attributes = json.loads(item_row["attributes"])
        counts.update(attributes.keys())

    attribute_names = [name for name, _ in counts.most_common(MAX_NAMES)]
    shown_names = ", ".join(attribute_names)
    hidden = len(counts) - MAX_NAMES
    if hidden > 0:
        return f"{shown_names} and {hidden} more"
    return shown_names


def _file_lines(file_report: FileReport, shop: Shop) -> Iterator[str]:
    columns = file_report.columns
    preset = f", read as {columns.preset}" if columns.preset else ""
    heading = (
        f"  {file_report.name}: {file_report.table} ({_CONTENTS.get(file_report.table, '')}), "
        f"{file_report.rows:,} rows, {file_report.written}{preset}"
    )
    yield from _wrap(heading, "", "      ")

    our_columns = []
    other_columns = []
    for theirs, became in columns.became.items():
        arrow = _arrow(theirs, became)
        if became in COLUMNS.get(file_report.table, ()):
            our_columns.append(arrow)
        else:
            other_columns.append(arrow)
    yield from _label_wrap("columns", ", ".join(our_columns))

    # The names inside the column tell more than the column's own.
    attributes = ""
    if "attributes" in columns.became:
        attributes = _attribute_names(shop)
    if attributes:
        yield from _label_wrap("attributes", attributes)
    elif other_columns:
        label = "attributes" if file_report.table == "items" else "also read"
        yield from _label_wrap(label, ", ".join(other_columns[:MAX_ATTRIBUTES]))
    if columns.ignored:
        yield from _label_wrap("ignored", ", ".join(columns.ignored[:MAX_IGNORED]))
    for note in file_report.notes:
        yield from _wrap(note, "      ", "      ")


def _arrow(theirs: str, ours: str) -> str:
    if theirs == ours:
        return theirs
    return f"{theirs} -> {ours}"


def _production_lines(report: FolderReport) -> Iterator[str]:
    """What production logged, where there is a place that says it."""
    production = report.production
    if not production.get("logs"):
        return
    yield ""
    yield "Production's logs"
    for log in production["logs"]:
        counts = f"{log['exposures']:,} exposures, {log['events']:,} events"
        torn = f", {log['torn']:,} torn lines" if log["torn"] else ""
        yield from _wrap(
            f"{log['place']}: {log['kind']}, {counts}{torn}", "  ", "      "
        )
    for name, description in _PRODUCTION.items():
        if production[name]:
            yield f"      left out: {production[name]:,} {description}"
    texts = f"{production['new_texts']:,} texts are no query of the shop"
    yield f"  {texts}; {len(production['requests']):,} became requests"


# ---------------------------------------------------------------- texts and labels


def _language_lines(report: FolderReport) -> Iterator[str]:
    """What the texts are read in."""
    if report.language is not None:
        yield ""
        yield "Language"
        yield from _wrap(report.language.sentence(), "  ", "  ")


def _label_lines(report: FolderReport) -> Iterator[str]:
    scale = report.labels
    if scale is None:
        return
    yield ""
    yield "Labels"
    if scale.thresholds:
        complement, substitute, exact = scale.thresholds
        yield (
            f"  ratings: below {complement:g} irrelevant, from {complement:g} complement, "
            f"from {substitute:g} substitute, from {exact:g} exact"
        )
    else:
        yield from _wrap(", ".join(_graded_labels(scale)), "  ", "  ")
    if scale.unrated:
        yield f"  {scale.unrated:,} without a rating, left out"

    judges = report.judges
    if judges and judges.several:
        agreement = ""
        if judges.alpha is not None:
            agreement = (
                f"; agreement (Krippendorff's alpha, ordinal) {judges.alpha:.2f}"
            )
        yield (
            f"  {judges.several:,} pairs were judged more than once, "
            f"{judges.split:,} with different labels{agreement}"
        )


def _graded_labels(scale: LabelScale) -> list[str]:
    """Labels with their grades and counts, the best grade first."""
    graded = []
    for label, count in scale.counts.items():
        grade = scale.grade(label)
        if grade is None:
            continue
        grade_name = Grade(grade).name.lower()
        written = scale.written.get(label, label)
        text = f"{written} = {grade_name} ({count:,})"
        graded.append((-grade, label, text))
    return [text for _, _, text in sorted(graded)[:MAX_NAMES]]


# ---------------------------------------------------------------- what joined


def _joined_lines(report: FolderReport) -> Iterator[str]:
    tables = []
    for table_name in ("judgements", "events"):
        in_use = report.rows.get(table_name) or table_name in report.left_out
        if report.read.get(table_name) and in_use:
            tables.append(table_name)
    if not tables:
        return

    yield ""
    yield "What joined"
    for table_name in tables:
        unit = "pairs" if table_name == "judgements" else "events"
        rows = report.rows.get(table_name, 0)
        yield f"  {table_name}: {rows:,} {unit} are used, of {report.read[table_name]:,} rows"
        if table_name == "events" and report.log:
            yield from _wrap(_actions(report), "      counted as ", "      ")
        for line in _count_lines(report.left_out.get(table_name, {})):
            yield f"      left out: {line}"
        for line in _count_lines(report.bad.get(table_name, {})):
            yield from _wrap(line, "      malformed: ", "          ")


def _actions(report: FolderReport) -> str:
    """What the log's action names count as, commonest first, with their events."""
    if report.log is None:
        return ""

    action_parts = []
    for (logged_name, action), event_count in report.log.actions.most_common(MAX_NAMES):
        arrow = _arrow(logged_name, action or "?")
        action_parts.append(f"{arrow} ({event_count:,})")
    return ", ".join(action_parts)


def _split_lines(report: FolderReport) -> Iterator[str]:
    if not report.splits:
        return
    split_parts = []
    for split, split_size in report.splits.items():
        split_parts.append(
            f"{split} {split_size.queries:,} ({split_size.judged:,} judged)"
        )
    yield ""
    yield "Queries"
    yield f"  {', '.join(split_parts)}: train teaches, dev tunes, test decides"


# ---------------------------------------------------------------- what is possible


@dataclass(frozen=True, slots=True)
class _Ability:
    """What a run can do with this data, or why it cannot."""

    possible: bool
    text: str


def _possible_lines(shop: Shop) -> Iterator[str]:
    if shop.report.problems:
        return
    yield ""
    yield "What a run can do with this"
    for ability in _abilities(shop):
        first = "  yes  " if ability.possible else "  no   "
        yield from _wrap(ability.text, first, "       ")


def _abilities(shop: Shop) -> Iterable[_Ability]:
    splits = shop.report.splits
    judged_test = splits.get("test", SplitSize()).judged
    judged_dev = splits.get("dev", SplitSize()).judged
    gated = judged_test >= 2
    student = "student: distilled from the teacher's and people's judgements"
    return (
        _teacher(shop),
        _Ability(True, student),
        _tuning(judged_dev),
        _kto(shop),
        _gate(judged_test),
        _experiment(shop, gated=gated),
    )


def _teacher(shop: Shop) -> _Ability:
    pairs = set()
    for table_name in ("judgements", "truth"):
        for table_row in shop.tables[table_name]:
            pairs.add((table_row["query_id"], table_row["item_id"]))
    for table_row in shop.tables["events"]:
        pairs.add((table_row["query_id"], table_row["object_id"]))
    description = (
        f"teacher: judges {len(pairs):,} known pairs, "
        "and those that are retrieved for train queries and requests"
    )
    return _Ability(True, description)


def _tuning(judged: int) -> _Ability:
    if not judged:
        return _Ability(
            False, "tuning: no judged dev query, so nothing is calibrated on people"
        )
    queries = "query" if judged == 1 else "queries"
    return _Ability(True, f"tuning: on {judged} judged dev {queries}")


def _kto(shop: Shop) -> _Ability:
    """What KTO will learn from."""
    tables = shop.tables
    events = tables["events"]
    if not events:
        description = "KTO on behaviour: no events joined"
        if tables["truth"] or tables["judgements"]:
            description += "; shoppers are simulated instead"
        return _Ability(False, description)

    actions = set()
    clients = set()
    for event_row in events:
        actions.add(event_row["action_name"])
        clients.add(event_row["client_id"])
    missing = [action for action in ("impression", "purchase") if action not in actions]
    description = (
        f"KTO on behaviour: {len(events):,} events of {len(clients):,} shoppers"
    )
    if missing:
        description += f", but no {' and no '.join(missing)}: fewer signs"
    return _Ability(True, description)


def _gate(judged: int) -> _Ability:
    if judged < 2:
        description = (
            f"gate: needs at least 2 judged test queries and has {judged}, "
            "so nothing can be released"
        )
        return _Ability(False, description)
    description = f"gate: student against baselines on {judged} judged test queries"
    if judged < FEW_QUERIES:
        description += " (few: only large differences will show)"
    return _Ability(True, description)


def _experiment(shop: Shop, *, gated: bool) -> _Ability:
    """Whether simulated shoppers can compare the released variants."""
    subject = "experiment on this machine"
    if not shop.tables["truth"] and not shop.tables["judgements"]:
        obstacle = "nothing is judged, so no shopper can be simulated"
        return _Ability(False, f"{subject}: {obstacle}")
    if not gated:
        obstacle = "only what passes the gate is released and compared"
        return _Ability(False, f"{subject}: {obstacle}")
    description = (
        f"{subject}: if the gate passes, shoppers simulated from the known pairs "
        "compare both variants"
    )
    return _Ability(True, description)
