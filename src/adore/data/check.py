"""``adore check``: how a folder was understood.

It is one screen, for a person who has never seen the project.
"""

from __future__ import annotations

import json
import textwrap
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from adore.data.columns import COLUMNS
from adore.data.folder_report import FileReport, FolderReport
from adore.data.labels import LabelScale
from adore.data.shop import ReadConfig, Shop, read_shop
from adore.types import Grade

__all__ = ["CheckReport", "check_folder", "render"]

WIDTH = 110
MOST = 6
"""Lines of a list that may become long."""
_WHAT = {
    "items": "the catalogue",
    "queries": "what shoppers search for",
    "searches": "texts of the log's searches",
    "requests": "queries that nobody judged",
    "judgements": "how relevant people find an item",
    "truth": "known truth of a simulated shop",
    "events": "what shoppers did",
    "exposures": "lists that the router showed",
}


@dataclass(frozen=True, slots=True)
class CheckReport:
    """How a folder is read: one screen of text, and whether a run can begin."""

    text: str
    can_run: bool


def check_folder(
    data: Path, config: ReadConfig, requests: Path | None = None, place: str = ""
) -> CheckReport:
    """Read a folder as ``prepare`` will; nothing is run, written or paid.

    Args:
        data: the input folder.
        config: of the stage ``prepare``.
        requests: a file of requests elsewhere.
        place: what a person calls the folder, where it is a copy.

    Raises:
        ConfigError: ``dataset.yaml`` cannot be read.
        DataError: two files hold one table.
        MissingError: ``dataset.yaml`` names a file that is not there.
    """
    shop = read_shop(data, config, requests)
    text = render(shop)
    if place:
        text = text.replace(str(data), place)
    return CheckReport(text, can_run=not shop.report.problems)


def render(shop: Shop) -> str:
    """The screen: files and columns, labels, what joined, splits.

    Then what will be possible, and what is wrong.
    """
    seen = shop.report
    lines = [f"How {seen.data} is understood (nothing is run or paid yet)", "", "Files"]
    for note in sorted(seen.files, key=lambda note: list(_WHAT).index(note.table)):
        lines += _file(note, shop)
    lines += [f"  NOT READ  {name}: {why}" for name, why in seen.unread.items()]
    lines += _language(seen)
    lines += _labels(seen)
    lines += _joined(shop)
    lines += _splits(seen)
    lines += _possible(shop)
    if seen.notes:
        lines += [
            "",
            "Worth knowing",
            *(part for note in seen.notes for part in _wrapped(note, "  - ", "    ")),
        ]
    if seen.problems:
        lines += ["", "A RUN CANNOT BEGIN"]
        for problem in seen.problems:
            lines += _wrapped(str(problem), "  ! ", "    ")
    else:
        lines += ["", f"A run can begin: make pipeline-run DATA={seen.data}"]
    return "\n".join(lines)


def _wrapped(text: str, first: str, rest: str) -> list[str]:
    lines: list[str] = []
    for line in text.split("\n"):
        start = first if not lines else rest
        lines += textwrap.wrap(
            line,
            WIDTH,
            initial_indent=start,
            subsequent_indent=rest,
            break_long_words=False,
        ) or [""]
    return lines


def _counted(counts: Mapping[str, int], most: int = MOST) -> list[str]:
    """``120 x reason`` lines, commonest first."""
    ordered = Counter(counts).most_common()
    lines = [f"{count:,} x {reason}" for reason, count in ordered[:most]]

    more = len(ordered) - most
    if more > 0:
        lines.append(f"and {more} more reasons")
    return lines


def _nested(shop: Shop) -> str:
    """Names inside the column ``attributes``, commonest first."""
    names = Counter[str]()
    for row in shop.tables["items"]:
        names.update(list(json.loads(row["attributes"])))

    some = [name for name, _ in names.most_common(12)]
    return ", ".join(some) + (
        f" and {len(names) - len(some)} more" if len(names) > len(some) else ""
    )


def _file(note: FileReport, shop: Shop) -> list[str]:
    preset = f", read as {note.columns.preset}" if note.columns.preset else ""
    head = (
        f"  {note.name}: {note.table} ({_WHAT.get(note.table, '')}), "
        f"{note.rows:,} rows, {note.written}{preset}"
    )
    ours = [
        (theirs, became)
        for theirs, became in note.columns.became.items()
        if became in COLUMNS.get(note.table, ())
    ]
    others = [
        (theirs, became)
        for theirs, became in note.columns.became.items()
        if (theirs, became) not in ours
    ]
    lines = _wrapped(head, "", "      ")
    lines += _wrapped(
        ", ".join(_arrow(*pair) for pair in ours), "      columns: ", "               "
    )
    if "attributes" in note.columns.became and (inside := _nested(shop)):
        lines += _wrapped(inside, "      attributes: ", "               ")
    elif others:
        kind = "attributes" if note.table == "items" else "also read"
        lines += _wrapped(
            ", ".join(_arrow(*pair) for pair in others[:30]),
            f"      {kind}: ",
            "               ",
        )
    if note.columns.ignored:
        lines += _wrapped(
            ", ".join(note.columns.ignored[:20]), "      ignored: ", "               "
        )
    for text in note.notes:
        lines += _wrapped(text, "      ", "      ")
    return lines


def _arrow(theirs: str, ours: str) -> str:
    return theirs if theirs == ours else f"{theirs} -> {ours}"


def _language(seen: FolderReport) -> list[str]:
    """What the texts are read in."""
    if seen.language is None:
        return []
    return ["", "Language", *_wrapped(seen.language.sentence(), "  ", "  ")]


def _labels(seen: FolderReport) -> list[str]:
    scale = seen.labels
    if scale is None:
        return []
    lines = ["", "Labels"]
    if scale.thresholds:
        c, s, e = scale.thresholds
        lines.append(
            f"  ratings: below {c:g} irrelevant, from {c:g} complement, "
            f"from {s:g} substitute, from {e:g} exact"
        )
    else:
        lines += _wrapped(
            ", ".join(_label(scale, label) for label in _ordered(scale)[:12]),
            "  ",
            "  ",
        )
    if scale.unrated:
        lines.append(f"  {scale.unrated:,} without a rating, left out")
    judges = seen.judges
    if judges and judges.several:
        agree = (
            ""
            if judges.alpha is None
            else f"; agreement (Krippendorff's alpha, ordinal) {judges.alpha:.2f}"
        )
        lines.append(
            f"  {judges.several:,} pairs were judged more than once, "
            f"{judges.split:,} with different labels{agree}"
        )
    return lines


def _ordered(scale: LabelScale) -> list[str]:
    rated = [label for label in scale.counts if scale.grade(label) is not None]
    return sorted(rated, key=lambda label: (-(scale.grade(label) or 0), label))


def _label(scale: LabelScale, label: str) -> str:
    grade = Grade(scale.grade(label) or 0)
    return f"{scale.written.get(label, label)} = {grade.name.lower()} ({scale.counts[label]:,})"


def _joined(shop: Shop) -> Iterator[str]:
    seen = shop.report
    shown = [
        t
        for t in ("judgements", "events")
        if seen.read.get(t) and (seen.rows.get(t) or t in seen.left_out)
    ]
    if not shown:
        return
    yield ""
    yield "What joined"
    for table in shown:
        kept = seen.rows.get(table, 0)
        unit = "pairs" if table == "judgements" else "events"
        yield f"  {table}: {kept:,} {unit} are used, of {seen.read[table]:,} rows"
        if table == "events" and seen.log:
            yield from _wrapped(_actions(seen), "      counted as ", "      ")
        for line in _counted(seen.left_out.get(table, {})):
            yield f"      left out: {line}"
        for line in _counted(seen.bad.get(table, {})):
            yield from _wrapped(line, "      malformed: ", "          ")


def _actions(seen: FolderReport) -> str:
    """What the log's action names count as, commonest first, with their events."""
    if seen.log is None:
        return ""

    parts = []
    for (name, action), count in seen.log.actions.most_common(12):
        arrow = _arrow(name, action or "?")
        parts.append(f"{arrow} ({count:,})")
    return ", ".join(parts)


def _splits(seen: FolderReport) -> list[str]:
    if not seen.splits:
        return []
    text = ", ".join(
        f"{split} {count:,} ({judged:,} judged)"
        for split, (count, judged) in seen.splits.items()
    )
    uses = "train teaches, dev tunes, test decides"
    return ["", "Queries", f"  {text}: {uses}"]


def _possible(shop: Shop) -> list[str]:
    seen = shop.report
    if seen.problems:
        return []
    judged_test = seen.splits.get("test", (0, 0))[1]
    judged_dev = seen.splits.get("dev", (0, 0))[1]
    pairs = {
        (r["query_id"], r["item_id"])
        for name in ("judgements", "truth")
        for r in shop.tables[name]
    }
    pairs |= {(r["query_id"], r["object_id"]) for r in shop.tables["events"]}
    teacher = (
        f"teacher: judges {len(pairs):,} known pairs, "
        "and those that are retrieved for train queries and requests"
    )
    if judged_test < 2:
        gate = (
            f"gate: needs at least 2 judged test queries and has {judged_test}, "
            "so nothing can be released"
        )
    else:
        gate = f"gate: student against baselines on {judged_test} judged test queries"
        gate += "" if judged_test >= 20 else " (few: only large differences will show)"
    return [
        "",
        "What a run can do with this",
        *_line(True, teacher),
        *_line(True, "student: distilled from the teacher's and people's judgements"),
        *_line(judged_dev > 0, _tuning(judged_dev)),
        *_line(*_kto(shop)),
        *_line(judged_test >= 2, gate),
        *_line(*_experiment(shop, gated=judged_test >= 2)),
    ]  # fmt: skip


def _tuning(judged: int) -> str:
    if not judged:
        return "tuning: no judged dev query, so nothing is calibrated on people"
    return f"tuning: on {judged} judged dev quer{'y' if judged == 1 else 'ies'}"


def _kto(shop: Shop) -> tuple[bool, str]:
    """What KTO will learn from."""
    tables = shop.tables
    if not tables["events"]:
        known = bool(tables["truth"] or tables["judgements"])
        return False, "KTO on behaviour: no events joined" + (
            "; shoppers are simulated instead" if known else ""
        )
    kinds = Counter(row["action_name"] for row in tables["events"])
    clients = len({row["client_id"] for row in tables["events"]})
    missing = [kind for kind in ("impression", "purchase") if not kinds[kind]]
    text = f"KTO on behaviour: {len(tables['events']):,} events of {clients:,} shoppers"
    return True, text + (
        f", but no {' and no '.join(missing)}: fewer signs" if missing else ""
    )


def _experiment(shop: Shop, *, gated: bool) -> tuple[bool, str]:
    """Whether simulated shoppers can compare the released variants."""
    name = "experiment on this machine: "
    if not shop.tables["truth"] and not shop.tables["judgements"]:
        return False, name + "nothing is judged, so no shopper can be simulated"
    if not gated:
        return False, name + "only what passes the gate is released and compared"
    return (
        True,
        name
        + "if the gate passes, shoppers simulated from the known pairs compare both variants",
    )


def _line(possible: bool, text: str) -> list[str]:
    return _wrapped(text, "  yes  " if possible else "  no   ", "       ")
