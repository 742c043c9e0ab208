"""Stage ``prepare``: the user's folder into validated tables; bad rows go to quarantine with a reason."""

from __future__ import annotations

import json
import re
import shutil
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from adore.artifacts import write_table
from adore.config import configure
from adore.data.cells import id_fault, id_of, json_of, text_of, there
from adore.data.queries import SplitConfig, read_queries, read_requests
from adore.data.report import describe
from adore.data.tables import BadRow, Rows, find_file, read_rows, to_grade
from adore.errors import ConfigError, DataError, MissingError, QuarantineError, check
from adore.progress import say
from adore.rulebook import BOOK, RuleBook, find_book
from adore.storage import write_json

__all__ = ["Config", "DatasetInfo", "read_items", "run"]

ITEM_FIELDS = ("item_id", "title", "brand", "category", "description", "bullet_points", "attributes")
ACTIONS = ("impression", "click", "add_to_cart", "purchase", "return")
IGNORE = "ignore"
ALIASES = {
    **dict.fromkeys(("item_click", "product_click", "result_click", "view_item", "item_view"), "click"),
    **dict.fromkeys(("addtocart", "add_item_to_cart", "add_to_basket"), "add_to_cart"),
    **dict.fromkeys(("buy", "product_purchase"), "purchase"),
    **dict.fromkeys(("refund", "returned"), "return"),
    **dict.fromkeys(("on_search", "search", "product_hover", "item_hover", "product_sort", "login", "logout"), IGNORE),
    **dict.fromkeys(("new_user_entry", "type_filter", "brand_filter", "remove_from_cart", "page_exit"), IGNORE),
}
"""Other common UBI action names; ``ignore``: says nothing of a pair and is left out."""


class Config(SplitConfig):
    """How strict to be, how to split, and a file of requests."""

    max_bad_share: float = Field(0.05, ge=0, le=1)
    """Largest share of bad rows of a table; more stops the run."""
    requests: str = ""
    """A file of queries that people wrote and nobody judged, if it is not ``requests.*`` in the input folder."""


class DatasetInfo(BaseModel):
    """The optional ``dataset.yaml`` of an input folder."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    name: str = ""
    labels: dict[str, int] = {}
    """The shop's label to grade 0-3."""
    rulebook: str = "general"
    """One of ours by name, or a ``.yaml`` file of the folder."""
    attributes: list[str] = []
    """Item columns that are attributes; empty: every unknown column."""
    language: str = "en"
    """Of the texts. Lexicons and stemming know English only; another language is told and goes on."""
    actions: dict[str, str] = {}
    """The shop's action name to one of ours, or ``ignore``; over :data:`ALIASES`."""
    simulated: bool = False
    """True if the shop itself is simulated (the demo)."""


_MAPS = {
    "judgements": " (labels are E, S, C, I or 0-3; name others in dataset.yaml, labels: {good: 3, bad: 0})",
    "events": " (name other actions in dataset.yaml, actions: {kauf: purchase, hover: ignore}; "
    "timestamps are milliseconds since 1970 or ISO 8601)",
}

_OTHER_UNITS = {"seconds": (0, 1e11), "microseconds": (1e14, 1e17), "nanoseconds": (1e17, 1e20)}
"""Numbers that are no milliseconds of the years 1973 to 5138."""


class _Quarantine:
    """Collects bad rows and stops the run when a table has too many."""

    def __init__(self, max_share: float) -> None:
        self.max_share, self.rows = max_share, list[BadRow]()

    def close(self, table: str, total: int) -> None:
        bad = [b for b in self.rows if b.table == table]
        if total and len(bad) / total > self.max_share:
            first = {b.reason: b for b in reversed(bad)}
            worst = "\n".join(
                f"  {n} x {reason} (line {first[reason].line}: {first[reason].row[:80]})"
                for reason, n in Counter(b.reason for b in bad).most_common(10)
            )
            raise QuarantineError(
                f"bad share of {table} == {len(bad) / total:.3f} ({len(bad)} of {total} rows), must be at most "
                f"{self.max_share}; mend the rows{_MAPS.get(table, '')} or raise prepare.max_bad_share:\n{worst}"
            )


def _info(data: Path) -> DatasetInfo:
    path = data / "dataset.yaml"
    try:
        raw = yaml.safe_load(path.read_text("utf-8")) if path.is_file() else {}
        if isinstance(raw, dict) and isinstance(raw.get("labels"), dict):
            raw["labels"] = {str(k): v for k, v in raw["labels"].items()}  # YAML reads stars as integers
        info = DatasetInfo(**(raw or {}))
    except (ValidationError, yaml.YAMLError, UnicodeDecodeError, TypeError) as error:
        raise ConfigError(f"dataset.yaml == {str(path)!r}, must be a mapping with known keys; {error}") from error
    bad = {k: v for k, v in info.labels.items() if v not in range(4)}
    check(not bad, "dataset.yaml labels", bad, must="grades 0-3", fix="map every label to 0, 1, 2 or 3")
    wrong = {k: v for k, v in info.actions.items() if v not in (*ACTIONS, IGNORE)}
    check(not wrong, "dataset.yaml actions", wrong, must=f"one of {ACTIONS} or ignore", fix="map them")
    if not info.language.lower().startswith("en"):
        say(f"    dataset.yaml language {info.language}: attributes are read by English words, so expect less evidence")
    RuleBook.load(str(_book(data, info)))  # now, not when somebody judges by it
    return info if info.name else info.model_copy(update={"name": data.resolve().name})


def _book(data: Path, info: DatasetInfo) -> Path:
    """The file of the rule book: one of ours by name, or one in the input folder, whose bytes are this step's input."""
    name = Path(info.rulebook)
    if not name.suffix:
        return find_book(info.rulebook)
    inside = not name.is_absolute() and ".." not in name.parts and (data / name).is_file()
    fix = "copy it there and name it by its path in the folder, as in mine.yaml"
    check(inside, "dataset.yaml rulebook", info.rulebook, must=f"a file in {data}", fix=fix, error=MissingError)
    return data / name


def _bullets(value: object, limit: int) -> list[str]:
    if isinstance(value, str) and value.startswith("["):
        try:
            value = json_of(value)
        except ValueError:  # "[Sale] made of steel" is a bullet, not a list
            value = [value]
    value = [value] if isinstance(value, str) else value or []
    if not isinstance(value, list):
        raise TypeError("wrong type of bullet_points")
    bullets = [str(v) for v in value if v]
    if sum(map(len, bullets)) > limit:
        raise ValueError(f"bullet_points longer than {limit} characters")
    return bullets


def _named(pairs: list[Any]) -> dict[str, Any]:
    """``[{"name": "colour", "value": "red"}, ...]`` as a mapping; several values of one name become a list."""
    found: dict[str, Any] = {}
    for pair in pairs:
        name = next((pair[k] for k in ("name", "key", "attribute") if isinstance(pair.get(k), str)), None)
        if name is None or "value" not in pair:
            raise TypeError("attributes must be a mapping or a list of name and value")
        said = found.get(name)
        found[name] = pair["value"] if said is None else [*(said if isinstance(said, list) else [said]), pair["value"]]
    return found


def _attributes(row: dict[str, Any], info: DatasetInfo, limit: int) -> str:
    value = row.get("attributes") or {}
    try:
        value = json_of(value) if isinstance(value, str) else value
        attributes = _named(value) if isinstance(value, list) else dict(value)
        keep = info.attributes or [k for k in row if k not in ITEM_FIELDS]
        attributes |= {k: row[k] for k in keep if there(row.get(k))}
        attributes = {k: v for k, v in attributes.items() if there(v)}
        text = json.dumps(attributes, ensure_ascii=False, sort_keys=True, default=str)
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise TypeError("wrong type of attributes") from error
    if len(text) > limit:
        raise ValueError(f"attributes longer than {limit} characters")
    return text


def _item(row: dict[str, Any], info: DatasetInfo, limit: int) -> dict[str, Any]:
    text = {k: text_of(row, k, limit) for k in ("title", "brand", "category", "description")}
    more = {"bullet_points": _bullets(row.get("bullet_points"), limit), "attributes": _attributes(row, info, limit)}
    return {"item_id": id_of(row["item_id"]), **text, **more}


def _items(rows: Rows, info: DatasetInfo, config: Config) -> list[dict[str, Any]]:
    seen: dict[str, dict[str, Any]] = {}
    for line, row in rows.good:
        fault = id_fault(row, "item_id")
        if not fault and id_of(row["item_id"]) in seen:
            fault = "duplicate item_id"
        if not fault:
            try:
                item = _item(row, info, config.max_text)
                if item["title"].strip():
                    seen[item["item_id"]] = item
                else:
                    fault = "no title"
            except (ValueError, TypeError) as error:
                fault = str(error)
        if fault:
            rows.bad.append(BadRow("items", line, fault, str(row)[:500]))
    return sorted(seen.values(), key=lambda r: str(r["item_id"]))


def read_items(path: Path, named: Iterable[str] | None = None) -> list[dict[str, Any]]:
    """The good rows of one items file, as rows of the ``items`` table.

    Args:
        named: ids of the items that are needed; bad rows of others do not matter. None: all are needed.

    Raises:
        DataError: the file has no usable row, or only a bad one for an item that is named.
        QuarantineError: more than the allowed share of the rows are bad, where all are needed.
    """
    rows, config = read_rows(path, "items"), configure(Config, {}, "prepare")
    ids = {line: id_of(row.get("item_id")) for line, row in rows.good}
    items = _items(rows, _info(path.parent), config)
    if named is None:
        quarantine = _Quarantine(config.max_bad_share)
        quarantine.rows += rows.bad
        quarantine.close("items", len(rows.good) + len(rows.bad))
    lost = set(named or ()) - {row["item_id"] for row in items}
    for bad in (b for b in rows.bad if ids.get(b.line) in lost):
        raise DataError(f"{path}: line {bad.line} is bad ({bad.reason}) and a pair names {ids[bad.line]!r}; mend it")
    check(bool(items), f"rows of {path}", 0, must="1 or more", fix="fill it", error=DataError)
    return items


def _graded(rows: Rows, table: str, info: DatasetInfo, known: tuple[set[str], set[str]]) -> list[dict[str, Any]]:
    seen: dict[tuple[str, str], int] = {}
    for line, row in rows.good:
        fault = id_fault(row, "query_id", "item_id")
        label = row["grade"] if row.get("label") is None and "grade" in row else row.get("label")
        grade = to_grade(label, info.labels)
        key = (id_of(row.get("query_id")), id_of(row.get("item_id")))
        if not fault and grade is None:
            fault = "no label" if label is None else f"unknown label {str(label)[:20]!r}"
        if not fault and key[0] not in known[0]:
            fault = "judgement of an unknown query"
        if not fault and key[1] not in known[1]:
            fault = "judgement of an unknown item"
        if not fault and seen.get(key, grade) != grade:
            fault = "second judgement of the pair, another label"
        if fault:
            rows.bad.append(BadRow(table, line, fault, str(row)[:500]))
        elif grade is not None:
            seen[key] = grade
    return [{"query_id": q, "item_id": i, "grade": g} for (q, i), g in sorted(seen.items())]


def _unit_fault(value: Any) -> str:
    """Why a numeric time is not in milliseconds, or nothing; as seconds a log of today would lie in January 1970."""
    try:
        number = float(value)
    except (ValueError, TypeError, OverflowError):  # no number: an ISO 8601 time, or faulty
        return ""
    unit = next((unit for unit, (least, end) in _OTHER_UNITS.items() if least <= number < end), "")
    return f"timestamp in {unit}, must be milliseconds since 1970 or ISO 8601" if unit else ""


def _millis(value: Any) -> int:
    """Milliseconds since the epoch of a number or an ISO 8601 time (UTC unless it says otherwise)."""
    if isinstance(value, str) and (number := re.fullmatch(r"(-?\d+)(?:\.0+)?", value.strip())):
        value = number.group(1)  # spreadsheets write whole numbers as 1767225600000.0
    elif isinstance(value, str):
        when = datetime.fromisoformat(value.strip())
        value = (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp() * 1000
    elif isinstance(value, datetime):
        value = (value if value.tzinfo else value.replace(tzinfo=UTC)).timestamp() * 1000
    return int(value)


def _event(line: int, row: dict[str, Any]) -> dict[str, Any]:
    more = row.get("event_attributes") or {}
    more = json_of(more) if isinstance(more, str) else more
    item, position = row.get("object_id"), row.get("position")
    item = (more.get("object") or {}).get("object_id") if item in (None, "") else item
    position = (more.get("position") or {}).get("ordinal") if position in (None, "") else position
    event: dict[str, Any] = {
        "event_id": id_of(row.get("event_id")) or f"line-{line}",
        "query_id": id_of(row["query_id"]),
        "session_id": id_of(row.get("session_id")) or id_of(row["client_id"]),
        "client_id": id_of(row["client_id"]),
        "action_name": str(row["action_name"]),
        "timestamp": _millis(row["timestamp"]),
        "object_id": id_of(item),
        "position": int(position or 0),
    }
    if not (0 <= event["timestamp"] < 2**53 and 0 <= event["position"] < 2**31):
        raise ValueError("out of range")
    return event


def _our_actions(rows: Rows, info: DatasetInfo) -> int:
    """Put our action names on the events and leave out those to ignore; returns how many that were."""
    ours = ALIASES | info.actions
    total = len(rows.good)
    rows.good = [(line, row) for line, row in rows.good if ours.get(str(row.get("action_name"))) != IGNORE]
    for _, row in rows.good:
        row["action_name"] = ours.get(str(row.get("action_name")), row.get("action_name"))
    return total - len(rows.good)


def _events(rows: Rows, known: tuple[set[str], set[str]]) -> list[dict[str, Any]]:
    kept: dict[str, dict[str, Any]] = {}
    for line, row in rows.good:
        try:
            fault = id_fault(row, "query_id", "client_id", "action_name", "timestamp")
            fault = fault or _unit_fault(row["timestamp"])
            event = {} if fault else _event(line, row)
        except (ValueError, TypeError, AttributeError, KeyError, OverflowError):
            fault = "wrong type or range of a field"
        if not fault and event["action_name"] not in ACTIONS:
            fault = f"unknown action_name {event['action_name'][:20]!r}"
        if not fault and (event["query_id"] not in known[0] or event["object_id"] not in known[1]):
            fault = "event of an unknown query or item"
        if not fault and event["event_id"] in kept:
            fault = "duplicate event_id"
        if fault:
            rows.bad.append(BadRow("events", line, fault, str(row)[:500]))
        else:
            kept[event["event_id"]] = event
    return sorted(kept.values(), key=lambda e: (e["timestamp"], e["event_id"]))


def _read(data: Path, table: str, *, needed: bool) -> Rows:
    path = find_file(data, table)
    if path is None:
        if not needed:
            return Rows()
        there = ", ".join(sorted(p.name for p in data.iterdir())[:20]) if data.is_dir() else "no folder"
        raise MissingError(f"file == '{data / table}.*', must exist as .jsonl[.gz], .csv or .parquet; found: {there}")
    return read_rows(path, table)


def run(config: Config, data: Path, output: Path, requests: Path | None = None) -> dict[str, float]:
    """Validate a folder of ``items``, ``queries``, ``judgements``, ``events`` and write the house's tables.

    Args:
        requests: the file that ``config.requests`` names.

    Raises:
        MissingError: items or queries are not there.
        DataError: one of them has no usable row.
        QuarantineError: more than ``max_bad_share`` of a table's rows are bad.
    """
    info = _info(data)
    quarantine = _Quarantine(config.max_bad_share)
    tables: dict[str, list[dict[str, Any]]] = {}
    known: tuple[set[str], set[str]] = (set(), set())
    ignored = 0
    for table in ("items", "queries", "requests", "judgements", "truth", "events"):
        needed = table in ("items", "queries")
        rows = read_rows(requests, table) if requests and table == "requests" else _read(data, table, needed=needed)
        total = len(rows.good) + len(rows.bad)
        if table == "items":
            tables[table] = _items(rows, info, config)
            known[1].update(r["item_id"] for r in tables[table])
        elif table == "queries":
            tables[table] = read_queries(rows, config)
            known[0].update(r["query_id"] for r in tables[table])
        elif table == "requests":
            tables["queries"] += read_requests(rows, tables["queries"], config.max_text)
        elif table == "events":
            ignored = _our_actions(rows, info)
            tables[table] = _events(rows, known)
        else:
            tables[table] = _graded(rows, table, info, known)
        quarantine.rows += rows.bad
        quarantine.close(table, total)
        check(
            not needed or bool(tables[table]), f"rows of {table}", 0, must="1 or more", fix="fill it", error=DataError
        )
    tables["truth"] = tables["truth"] or tables["judgements"]
    frames: dict[str, pl.DataFrame] = {name: write_table(rows_, output, name) for name, rows_ in tables.items()}
    write_table([b.record() for b in quarantine.rows], output, "quarantine")
    write_json(info.model_dump(), output / "dataset.json")
    shutil.copyfile(_book(data, info), output / BOOK)
    report = describe(frames, [b.record() for b in quarantine.rows])
    write_json({**report, "ignored_events": ignored}, output / "data_report.json")
    counts = {name: float(frame.height) for name, frame in frames.items()}
    return {**counts, "quarantined": float(len(quarantine.rows)), "ignored_events": float(ignored)}
