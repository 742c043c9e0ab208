"""Stage ``score``: student, champion and baselines on every judged dev and test query.

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
from adore.parquet import schema_of
from adore.progress import progress
from adore.storage import local_copy
from adore.student.rankers import (
    RANKERS,
    Ranker,
    baseline_kinds,
    load_ranker,
    save_baseline,
)
from adore.tables import TABLES
from adore.types import (
    CHAMPION,
    PAIR,
    Item,
    Score,
    by_letter,
    item_from_row,
    items_by_id,
)

__all__ = ["Config", "run", "score_files", "score_pairs"]

_Row = dict[str, Any]


class Config(StageConfig):
    """Which ranker in production is scored beside the student."""

    champion: str = ""
    """Place of the ranker in production, a student or a baseline.

    It is scored as the system ``champion``; empty: there is none.
    """


def _score_row(query_id: str, scored: Score, *, has_grade: bool) -> _Row:
    """A row of ``scores``; without a grade its cells are empty."""
    score_row: _Row = {
        "query_id": query_id,
        "item_id": scored.item_id,
        "score": scored.score,
        "grade": None,
    }
    if has_grade:
        score_row["grade"] = int(scored.grade)
    for letter, probability in by_letter(scored.probabilities).items():
        score_row[f"p_{letter}"] = probability if has_grade else None
    return score_row


def _score_lists(
    ranker: Ranker, items: dict[str, Item], queries: dict[str, str], pairs: pl.DataFrame
) -> list[_Row]:
    """Rows of ``scores``, without the system; the pairs of one query are one list."""
    # A baseline orders a list; what it says of grades means nothing.
    has_grade = not RANKERS[ranker.kind].is_baseline
    item_lists = pairs.group_by("query_id", maintain_order=True).agg("item_id")
    score_rows = []
    for query_id, item_ids in progress(
        item_lists.iter_rows(), f"lists scored by {ranker.name}", item_lists.height
    ):
        listed = [items[item_id] for item_id in item_ids]
        for scored in ranker.rank(queries[query_id], listed):
            score_rows.append(_score_row(query_id, scored, has_grade=has_grade))
    return score_rows


def _dev_scores(folder: Path, pairs: pl.DataFrame) -> pl.DataFrame:
    """Scores that a student gave, to whole lists, before it learnt from the pairs."""
    if not (folder / "scores.parquet").is_file():
        return pairs.clear()
    saved = read_table(folder, "scores").join(pairs, on=PAIR, how="semi")
    unscored = pairs.join(saved, on=PAIR, how="anti")
    return saved.join(unscored, on="query_id", how="anti")


def _query_texts(queries: pl.DataFrame) -> dict[str, str]:
    """Text of each query id; a query without text, or with two, is refused."""
    texts: dict[str, str] = {}
    for query_id, value in queries.select("query_id", "query").iter_rows():
        value_name = f"query of query_id {query_id!r}"
        text = "" if value is None else str(value)
        check(
            bool(text.strip()),
            value_name,
            value,
            must="a text",
            fix="correct its row",
            error=DataError,
        )
        known_text = texts.setdefault(str(query_id), text)
        check(
            known_text == text,
            value_name,
            [known_text, text],
            must="one text",
            fix="keep one row per query",
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
        MissingError: a file is not there.
        DataError: a file cannot be read; a bad row of the items does not matter if no
            pair names it.
        UnavailableError: the store does not answer.
    """
    check_output(output)
    pair_table = read_pairs(pairs)
    query_table = read_queries_file(queries)
    item_ids = pair_table["item_id"].cast(pl.String).to_list()
    item_rows = read_items(local_copy(items), item_ids)
    catalogue = pl.DataFrame(item_rows, infer_schema_length=None)

    score_table = score_pairs(local_copy(student), catalogue, query_table, pair_table)
    write_file(score_table, output)


def _check_columns(name: str, frame: pl.DataFrame, required: set[str]) -> None:
    missing = sorted(required - set(frame.columns))
    check(
        not missing,
        f"columns of {name}",
        frame.columns,
        must=f"with {missing}",
        fix="add them",
        error=DataError,
    )


def _check_known(column: str, pairs: pl.DataFrame, known: set[str]) -> None:
    unknown = sorted(set(pairs[column]) - known, key=str)
    check(
        not unknown,
        f"{column} of pairs",
        unknown[:3],
        must="known",
        fix=f"add to the file: {len(unknown)} in all",
        error=DataError,
    )


def score_pairs(
    student: Path, items: pl.DataFrame, queries: pl.DataFrame, pairs: pl.DataFrame
) -> pl.DataFrame:
    """Score pairs with a student (or baseline) folder; the pairs of one query are one list.

    Args:
        student: the folder.
        items: as in an input folder.
        queries: ``query_id, query``.
        pairs: ``query_id, item_id``; other columns are not read.

    Returns:
        ``query_id, item_id, score, grade, p_E, p_S, p_C, p_I`` in the pairs' order; a
        baseline claims no grade.

    Raises:
        DataError: a missing column, a query without its one text, or a pair of an
            unknown query or item.
        MissingError: the folder holds no ranker.
    """
    _check_columns("items", items, {"item_id", "title"})
    _check_columns("queries", queries, {"query_id", "query"})
    _check_columns("pairs", pairs, set(PAIR))

    wanted = pairs.select(pl.col(PAIR).cast(pl.String))
    texts = _query_texts(queries)
    catalogue = items_by_id(items.iter_rows(named=True))
    _check_known("query_id", wanted, set(texts))
    _check_known("item_id", wanted, set(catalogue))

    distinct = wanted.unique(maintain_order=True)
    score_rows = _score_lists(load_ranker(student), catalogue, texts, distinct)
    schema = schema_of("scores")
    del schema["system"]
    score_table = pl.DataFrame(score_rows, schema=schema)
    return wanted.join(score_table, on=PAIR, how="left", maintain_order="left")


def _adversarial_scores(
    ranker: Ranker,
    items: dict[str, Item],
    pairs: pl.DataFrame,
    adversarial: pl.DataFrame,
) -> list[_Row]:
    """The student's grades of adversarial pairs, each in the list that it was made from."""
    by_query = pairs.group_by("query_id").agg(pl.col("item_id").sort())
    judged_ids = dict(by_query.iter_rows())
    columns = [column for column in TABLES["adversarial_scores"] if column != "grade"]
    grade_rows = []
    for pair in progress(
        adversarial.iter_rows(named=True),
        "adversarial pairs scored",
        adversarial.height,
    ):
        edited = item_from_row(json.loads(pair["item"]))
        listed = {}
        for item_id in judged_ids[pair["source_query_id"]]:
            listed[item_id] = items[item_id]
        listed[edited.item_id] = edited

        scores = ranker.rank(pair["query"], list(listed.values()))
        grades = {score.item_id: int(score.grade) for score in scores}
        grade_row = {column: pair[column] for column in columns}
        grade_row["grade"] = grades[edited.item_id]
        grade_rows.append(grade_row)
    return grade_rows


def _by_system_and_pair(row: _Row) -> tuple[str, str, str]:
    return row["system"], row["query_id"], row["item_id"]


def _write_baselines(
    items: dict[str, Item], home: Path, *, encoder: Path, language: str
) -> dict[str, Path]:
    """A folder for each kind of baseline, by its name."""
    folders = {}
    for kind in baseline_kinds():
        folder = home / kind
        folder.mkdir()
        save_baseline(
            kind, list(items.values()), folder, encoder=encoder, language=language
        )
        folders[kind] = folder
    return folders


def run(
    config: Config,
    prepared: Path,
    student: Path,
    adversarial: Path,
    output: Path,
    champion: Path | None = None,
) -> dict[str, float]:
    """Write ``scores`` of every system, and ``adversarial_scores``, the student's grades.

    Args:
        config: threads.
        prepared: the folder of ``prepare``.
        student: the folder of ``distil``.
        adversarial: the folder with the adversarial set.
        output: the folder of this stage.
        champion: folder of the ranker in production; None: there is none.

    Returns:
        Metrics: judged pairs, and systems that scored them.

    Raises:
        MissingError: a table is not there, or the champion's folder holds no ranker.
        DataError: a table cannot be read.
    """
    item_table = read_table(prepared, "items")
    items = items_by_id(item_table.iter_rows(named=True))

    queries = read_table(prepared, "queries").filter(pl.col("split") != "train")
    query_texts = dict(queries.select("query_id", "query").iter_rows())
    judged = read_table(prepared, "judgements").join(queries, on="query_id")
    pairs = judged.select(PAIR).sort(PAIR)

    score_rows: list[_Row] = []
    with tempfile.TemporaryDirectory() as home:
        folders = {"student": student}
        if champion is not None:
            folders[CHAMPION] = champion
        folders |= _write_baselines(
            items, Path(home), encoder=student, language=language_of(prepared)
        )

        for system, folder in folders.items():
            # A refitted student knows the dev pairs, so their scores are of before.
            saved = _dev_scores(folder, pairs)
            system_rows = saved.to_dicts()
            unscored = pairs.join(saved, on=PAIR, how="anti")
            ranker = load_ranker(folder, threads=config.threads)
            system_rows += _score_lists(ranker, items, query_texts, unscored)
            # The scores that a champion saved bear the name that it had before.
            score_rows += [{**row, "system": system} for row in system_rows]
            if system == "student":
                adversarial_pairs = read_table(adversarial, "adversarial")
                adversarial_rows = _adversarial_scores(
                    ranker, items, pairs, adversarial_pairs
                )
                write_table(adversarial_rows, output, "adversarial_scores")
    score_rows.sort(key=_by_system_and_pair)
    write_table(score_rows, output, "scores")
    return {"pairs": float(pairs.height), "systems": float(len(folders))}
