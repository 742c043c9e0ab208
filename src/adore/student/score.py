"""Stage ``score``: the student and the baselines on every judged dev and test query.

It never reads labels. The student grades the adversarial pairs as well.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import polars as pl

from adore.artifacts import read_table, write_table
from adore.attributes.evidence import language_of
from adore.config import StageConfig
from adore.data.tables import (
    check_output,
    read_items,
    read_pairs,
    read_queries_file,
    write_file,
)
from adore.errors import DataError, check
from adore.progress import progress
from adore.storage import local_copy
from adore.student.rankers import BASELINES, Ranker, load_ranker, save_baseline
from adore.types import TABLES, Item, item_from_row

__all__ = ["Config", "run", "score_files", "score_pairs"]


_COLUMNS: dict[str, type[pl.DataType]] = {
    **dict.fromkeys(("query_id", "item_id"), pl.String),
    "score": pl.Float64,
    "grade": pl.Int64,
    **dict.fromkeys(("p_E", "p_S", "p_C", "p_I"), pl.Float64),
}


class Config(StageConfig):
    """Nothing of its own."""


def _scored(
    ranker: Ranker, items: dict[str, Item], queries: dict[str, str], pairs: pl.DataFrame
) -> list[dict[str, Any]]:
    rows = []
    lists = pairs.group_by("query_id", maintain_order=True).agg("item_id")
    for query_id, ids in progress(
        lists.iter_rows(), f"lists scored by {ranker.name}", lists.height
    ):
        for scored in ranker.rank(queries[query_id], [items[i] for i in ids]):
            letters = ("p_I", "p_C", "p_S", "p_E")
            claims: dict[str, Any] = {"grade": int(scored.grade)}
            claims |= zip(letters, scored.probabilities, strict=True)
            if ranker.name in BASELINES:
                claims = dict.fromkeys(claims)
            pair = {"query_id": query_id, "item_id": scored.item_id}
            rows.append({**pair, "score": scored.score, **claims})
    return rows


def _told(folder: Path, pairs: pl.DataFrame) -> pl.DataFrame:
    """Scores that a student gave before it learnt from the pairs.

    Only queries of which it scored every pair are among them.
    """
    if not (folder / "scores.parquet").is_file():
        return pairs.clear()
    told = read_table(folder, "scores").join(
        pairs, on=["query_id", "item_id"], how="semi"
    )
    return told.join(
        pairs.join(told, on=["query_id", "item_id"], how="anti"),
        on="query_id",
        how="anti",
    )


def _texts(queries: pl.DataFrame) -> dict[str, str]:
    """Text of each query id.

    Raises:
        DataError: a query without text, or with two.
    """
    texts: dict[str, str] = {}
    for query_id, text in queries.select("query_id", "query").iter_rows():
        name = f"query of query_id {query_id!r}"
        said = "" if text is None else str(text)
        check(
            bool(said.strip()),
            name,
            text,
            must="a text",
            fix="mend its row",
            error=DataError,
        )
        first = texts.setdefault(str(query_id), said)
        check(
            first == said,
            name,
            [first, said],
            must="one text",
            fix="keep one row a query",
            error=DataError,
        )
    return texts


def score_files(
    student: str, output: str, *, items: str, queries: str, pairs: str
) -> None:
    """Read files, score them with :func:`score_pairs`, write the scores.

    Args:
        student: folder of a student or a baseline, on any storage.
        output: the file to write; its ending names the format.
        items: the catalogue.
        queries: file of ``query_id, query``.
        pairs: file of ``query_id, item_id``.

    Raises:
        ConfigError: ``output`` is of a format that cannot be written.
        DataError: a bad file; a bad row of the items does not matter if no pair names it.
    """
    check_output(output)
    wanted = read_pairs(pairs)
    texts = read_queries_file(queries)
    named = wanted["item_id"].cast(pl.String).to_list()
    catalogue = pl.DataFrame(
        read_items(local_copy(items), named), infer_schema_length=None
    )
    write_file(score_pairs(local_copy(student), catalogue, texts, wanted), output)


def score_pairs(
    student: Path, items: pl.DataFrame, queries: pl.DataFrame, pairs: pl.DataFrame
) -> pl.DataFrame:
    """Score pairs with a student (or baseline) folder; the pairs of one query are one list.

    Args:
        items: as in an input folder.
        queries: ``query_id, query``.
        pairs: ``query_id, item_id``; other columns are not looked at.

    Returns:
        ``query_id, item_id, score, grade, p_E, p_S, p_C, p_I`` in the pairs' order; a
        baseline claims no grade.

    Raises:
        DataError: a missing column, a query without its one text, or a pair of an unknown
            query or item.
    """
    for name, frame, wanted in (
        ("items", items, {"item_id", "title"}),
        ("queries", queries, {"query_id", "query"}),
        ("pairs", pairs, {"query_id", "item_id"}),
    ):
        missing = sorted(wanted - set(frame.columns))
        check(
            not missing,
            f"columns of {name}",
            frame.columns,
            must=f"with {missing}",
            fix="add them",
            error=DataError,
        )
    wanted_pairs = pairs.select(pl.col("query_id", "item_id").cast(pl.String))
    texts = _texts(queries)
    catalogue = {
        str(r["item_id"]): item_from_row(r) for r in items.iter_rows(named=True)
    }
    for column, known in (("query_id", set(texts)), ("item_id", set(catalogue))):
        strange = sorted(set(wanted_pairs[column]) - known, key=str)
        check(
            not strange,
            f"{column} of pairs",
            strange[:3],
            must="known",
            fix=f"add to the file: {len(strange)} in all",
            error=DataError,
        )
    rows = _scored(
        load_ranker(student), catalogue, texts, wanted_pairs.unique(maintain_order=True)
    )
    scored = pl.DataFrame(rows, schema=_COLUMNS)
    return wanted_pairs.join(
        scored, on=["query_id", "item_id"], how="left", maintain_order="left"
    )


def _hard(
    ranker: Ranker, items: dict[str, Item], pairs: pl.DataFrame, table: pl.DataFrame
) -> list[dict[str, Any]]:
    """The grades of adversarial pairs.

    Each stands alone among the judged items of the query that it was made of.
    """
    judged = dict(pairs.group_by("query_id").agg(pl.col("item_id").sort()).iter_rows())
    rows = []
    for row in progress(
        table.iter_rows(named=True), "adversarial pairs scored", table.height
    ):
        made = item_from_row(json.loads(row["item"]))
        shown = {i: items[i] for i in judged[row["source_query_id"]]}
        shown[made.item_id] = made
        scores = ranker.rank(row["query"], list(shown.values()))
        graded = {score.item_id: int(score.grade) for score in scores}

        known = {name: row[name] for name in TABLES["hard"] if name != "grade"}
        known["grade"] = graded[made.item_id]
        rows.append(known)
    return rows


def run(
    config: Config, prepared: Path, student: Path, adversarial: Path, output: Path
) -> dict[str, float]:
    """Write ``scores`` of every system, and ``hard``, the student's of the adversarial set.

    Args:
        config: threads.
        prepared: the folder of ``prepare``.
        student: the folder of ``distil``.
        adversarial: the folder with the adversarial set.
        output: the folder of this stage.

    Returns:
        Metrics: judged pairs, and systems that scored them.
    """
    items = {
        r["item_id"]: item_from_row(r)
        for r in read_table(prepared, "items").iter_rows(named=True)
    }
    code = language_of(prepared)
    queries = read_table(prepared, "queries").filter(pl.col("split") != "train")
    pairs = (
        read_table(prepared, "judgements")
        .join(queries, on="query_id")
        .select("query_id", "item_id")
    )
    pairs = pairs.sort("query_id", "item_id")
    texts = dict(queries.select("query_id", "query").iter_rows())

    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as home:
        folders = {"student": student}
        for kind in BASELINES:
            folders[kind] = Path(home) / kind
            folders[kind].mkdir()
            save_baseline(
                kind,
                list(items.values()),
                folders[kind],
                encoder=student,
                language=code,
            )
        for name, folder in folders.items():
            told = _told(folder, pairs)
            left = pairs.join(told, on=["query_id", "item_id"], how="anti")
            ranker = load_ranker(folder, threads=config.threads)
            scored = _scored(ranker, items, texts, left)
            rows += [*told.to_dicts(), *({"system": name, **r} for r in scored)]
            if name == "student":
                write_table(
                    _hard(ranker, items, pairs, read_table(adversarial, "adversarial")),
                    output,
                    "hard",
                )
    write_table(
        sorted(rows, key=lambda r: (r["system"], r["query_id"], r["item_id"])),
        output,
        "scores",
    )
    return {"pairs": float(pairs.height), "systems": float(len(folders))}
