"""Stage ``prepare``: the user's folder into validated tables; bad rows go to quarantine with a reason."""

from __future__ import annotations

import hashlib
import json
import unicodedata
from collections import Counter
from pathlib import Path
from typing import Any

import polars as pl
import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from adore.artifacts import write_json, write_table
from adore.config import StageConfig
from adore.data.report import describe
from adore.data.tables import BadRow, Rows, find_file, read_rows, to_grade
from adore.errors import ConfigError, DataError, MissingError, QuarantineError, check

__all__ = ["Config", "DatasetInfo", "run", "split_of"]

ITEM_FIELDS = ("item_id", "title", "brand", "category", "description", "bullet_points", "attributes")
ACTIONS = ("impression", "click", "add_to_cart", "purchase", "return")


class Config(StageConfig):
    """How strict to be, and how to split."""

    max_bad_share: float = 0.05
    """Largest share of bad rows of a table; more stops the run."""
    max_text: int = 100_000
    """Longest title, in characters; longer ones go to quarantine."""
    dev_share: float = 0.2
    test_share: float = 0.25
    """Share of queries for test where the data has no split of its own."""


class DatasetInfo(BaseModel):
    """The optional ``dataset.yaml`` of an input folder."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    name: str = ""
    labels: dict[str, int] = {}
    """The shop's label to grade 0-3."""
    rulebook: str = "general"
    attributes: list[str] = []
    """Item columns that are attributes; empty: every unknown column."""
    language: str = "en"
    simulated: bool = False
    """True if the shop itself is simulated (the demo)."""


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
                f"{self.max_share}; mend the rows or raise prepare.max_bad_share:\n{worst}"
            )


def _info(data: Path) -> DatasetInfo:
    path = data / "dataset.yaml"
    try:
        raw = yaml.safe_load(path.read_text("utf-8")) if path.is_file() else {}
        info = DatasetInfo(**(raw or {}))
    except (ValidationError, yaml.YAMLError, UnicodeDecodeError, TypeError) as error:
        raise ConfigError(f"dataset.yaml == {str(path)!r}, must be a mapping with known keys; {error}") from error
    bad = {k: v for k, v in info.labels.items() if v not in range(4)}
    check(not bad, "dataset.yaml labels", bad, must="grades 0-3", fix="map every label to 0, 1, 2 or 3")
    return info if info.name else info.model_copy(update={"name": data.resolve().name})


def _text(value: object) -> str:
    text = "" if value is None else str(value)
    return text.replace("\0", " ").encode("utf-8", "replace").decode("utf-8")


def _bullets(value: object) -> list[str]:
    if isinstance(value, str):
        value = json.loads(value) if value.startswith("[") else [value] if value else []
    return [_text(v) for v in value if v] if isinstance(value, list) else []


def _item(row: dict[str, Any], info: DatasetInfo) -> dict[str, Any]:
    attributes = row.get("attributes") or {}
    attributes = json.loads(attributes) if isinstance(attributes, str) else dict(attributes)
    keep = info.attributes or [k for k in row if k not in ITEM_FIELDS]
    attributes |= {k: row[k] for k in keep if row.get(k) not in (None, "")}
    text = {k: _text(row.get(k)) for k in ("title", "brand", "category", "description")}
    dumped = json.dumps(attributes, ensure_ascii=False, sort_keys=True, default=str)
    bullets = _bullets(row.get("bullet_points"))
    return {"item_id": _text(row["item_id"]), **text, "bullet_points": bullets, "attributes": dumped}


def _id_fault(row: dict[str, Any], *keys: str) -> str:
    for key in keys:
        if row.get(key) is None or isinstance(row[key], dict | list | bool) or not str(row[key]).strip():
            return f"no {key}"
    return ""


def _items(rows: Rows, info: DatasetInfo, config: Config) -> list[dict[str, Any]]:
    seen: dict[str, dict[str, Any]] = {}
    for line, row in rows.good:
        fault = _id_fault(row, "item_id", "title")
        if not fault and str(row["item_id"]) in seen:
            fault = "duplicate item_id"
        if not fault and len(str(row["title"])) > config.max_text:
            fault = f"title longer than {config.max_text} characters"
        if not fault:
            try:
                seen[str(row["item_id"])] = _item(row, info)
            except (ValueError, TypeError, RecursionError):
                fault = "wrong type of attributes or bullet_points"
        if fault:
            rows.bad.append(BadRow("items", line, fault, str(row)[:500]))
    return sorted(seen.values(), key=lambda r: str(r["item_id"]))


def split_of(query: str, *, dev_share: float, test_share: float) -> str:
    """Split by the normalised query text alone, so that the same text never stands in two splits."""
    text = " ".join(unicodedata.normalize("NFKC", query).lower().split())
    point = int(hashlib.sha256(f"adore-split|{text}".encode()).hexdigest()[:8], 16) / 2**32
    return "test" if point < test_share else "dev" if point < test_share + dev_share else "train"


def _queries(rows: Rows, config: Config) -> list[dict[str, Any]]:
    given = any(row.get("split") for _, row in rows.good)
    seen: dict[str, dict[str, Any]] = {}
    for line, row in rows.good:
        fault = _id_fault(row, "query_id", "query")
        if not fault and str(row["query_id"]) in seen:
            fault = "duplicate query_id"
        split = str(row.get("split") or "train")
        if not fault and given and split not in ("train", "dev", "test"):
            fault = "split not train, dev or test"
        if fault:
            rows.bad.append(BadRow("queries", line, fault, str(row)[:500]))
            continue
        drawn = split_of(str(row["query"]), dev_share=config.dev_share, test_share=0 if given else config.test_share)
        split = drawn if not given or split == "train" else split
        seen[str(row["query_id"])] = {
            "query_id": str(row["query_id"]),
            "query": _text(row["query"]),
            "split": split,
        }
    return sorted(seen.values(), key=lambda r: str(r["query_id"]))


def _graded(rows: Rows, table: str, info: DatasetInfo, known: tuple[set[str], set[str]]) -> list[dict[str, Any]]:
    seen: dict[tuple[str, str], int] = {}
    for line, row in rows.good:
        fault = _id_fault(row, "query_id", "item_id")
        label = row.get("label", row.get("grade"))
        grade = to_grade(label, info.labels)
        key = (str(row.get("query_id")), str(row.get("item_id")))
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


def _event(line: int, row: dict[str, Any]) -> dict[str, Any]:
    more = row.get("event_attributes") or {}
    more = json.loads(more) if isinstance(more, str) else more
    item = row.get("object_id") or (more.get("object") or {}).get("object_id")
    position = row.get("position") or (more.get("position") or {}).get("ordinal")
    return {
        "event_id": str(row.get("event_id") or f"line-{line}"),
        "query_id": str(row["query_id"]),
        "session_id": str(row.get("session_id") or row.get("client_id")),
        "client_id": str(row["client_id"]),
        "action_name": str(row["action_name"]),
        "timestamp": int(row["timestamp"]),
        "object_id": str(item),
        "position": int(position or 0),
    }


def _events(rows: Rows, known: tuple[set[str], set[str]]) -> list[dict[str, Any]]:
    kept: dict[str, dict[str, Any]] = {}
    for line, row in rows.good:
        try:
            fault = _id_fault(row, "query_id", "client_id", "action_name", "timestamp")
            event = {} if fault else _event(line, row)
        except (ValueError, TypeError, AttributeError, KeyError):
            fault = "wrong type of a field"
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


def run(config: Config, data: Path, output: Path) -> dict[str, float]:
    """Validate a folder of ``items``, ``queries``, ``judgements``, ``events`` and write the house's tables.

    Raises:
        MissingError: items or queries are not there.
        DataError: one of them has no usable row.
        QuarantineError: more than ``max_bad_share`` of a table's rows are bad.
    """
    info = _info(data)
    quarantine = _Quarantine(config.max_bad_share)
    tables: dict[str, list[dict[str, Any]]] = {}
    known: tuple[set[str], set[str]] = (set(), set())
    for table in ("items", "queries", "judgements", "truth", "events"):
        needed = table in ("items", "queries")
        rows = _read(data, table, needed=needed)
        total = len(rows.good) + len(rows.bad)
        if table == "items":
            tables[table] = _items(rows, info, config)
            known[1].update(r["item_id"] for r in tables[table])
        elif table == "queries":
            tables[table] = _queries(rows, config)
            known[0].update(r["query_id"] for r in tables[table])
        elif table == "events":
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
    report = describe(frames, [b.record() for b in quarantine.rows])
    write_json(report, output / "data_report.json")
    return {name: float(frame.height) for name, frame in frames.items()} | {"quarantined": float(len(quarantine.rows))}
