"""Stage ``live``: where the champion's grades and shoppers' behaviour differ.

It reads clear behaviour of train queries only.
"""

from __future__ import annotations

from pathlib import Path

import polars as pl

from adore.artifacts import read_table, write_table
from adore.config import StageConfig
from adore.progress import log_line, progress
from adore.storage import write_json
from adore.student.rankers import RANKERS, Ranker, load_ranker
from adore.types import JUDGED_EXACT, JUDGED_STRICTLY, PAIR, Grade, items_by_id

__all__ = ["Config", "run"]

_GRADES = {"query_id": pl.String, "item_id": pl.String, "grade": pl.Int64}
_NO_CHAMPION = "no champion is named (live.champion)"
_NO_GRADES = "the champion is a baseline: it orders lists and grades nothing"


class Config(StageConfig):
    """Whose grades are compared with what shoppers did."""

    champion: str = ""
    """Place of the ranker in production; empty: there is none, and nothing is compared."""


def _why_nothing(ranker: Ranker | None) -> str:
    """Why nothing can be compared; empty if something can."""
    if ranker is None:
        return _NO_CHAMPION
    if RANKERS[ranker.kind].is_baseline:
        return _NO_GRADES
    return ""


def _grades(
    ranker: Ranker, prepared: Path, evidence: Path, clear: pl.DataFrame
) -> pl.DataFrame:
    """Grade all that is known of the queries of clear pairs, one list a query.

    Returns:
        ``query_id, item_id, grade``.
    """
    items = items_by_id(read_table(prepared, "items").iter_rows(named=True))
    queries = read_table(prepared, "queries").select("query_id", "query")
    query_texts = dict(queries.iter_rows())

    pairs = read_table(evidence, "pairs").select(PAIR).sort(PAIR)
    known = pairs.join(clear, on="query_id", how="semi")
    item_lists = known.group_by("query_id", maintain_order=True).agg("item_id")
    rows = []
    for query_id, item_ids in progress(
        item_lists.iter_rows(), "lists graded by the champion", item_lists.height
    ):
        listed = [items[item_id] for item_id in item_ids]
        for score in ranker.rank(query_texts[query_id], listed):
            rows.append((query_id, score.item_id, int(score.grade)))
    return pl.DataFrame(rows, schema=_GRADES, orient="row")


def _errors(clear: pl.DataFrame, grades: pl.DataFrame) -> pl.DataFrame:
    """Clear pairs that the champion graded otherwise, as ``live_errors``."""
    is_exact = pl.col("grade") == int(Grade.EXACT)
    judgement = (
        pl.when(is_exact).then(pl.lit(JUDGED_EXACT)).otherwise(pl.lit(JUDGED_STRICTLY))
    )
    kind = pl.concat_str("behaviour", judgement, separator=", ")

    graded = clear.join(grades, on=PAIR)
    is_error = is_exact != pl.col("wanted_exact")
    errors = graded.filter(is_error).with_columns(kind=kind)
    return errors.select(*PAIR, "grade", "kind").sort(PAIR)


def run(
    config: Config,
    prepared: Path,
    evidence: Path,
    feedback: Path,
    output: Path,
    champion: Path | None = None,
) -> dict[str, float]:
    """Write ``live_errors`` and ``live.json``; without a champion both are empty.

    Args:
        config: threads.
        prepared: the folder of ``prepare``.
        evidence: the folder of ``evidence``: its pairs make the lists, as they are served.
        feedback: the folder of ``feedback``, with its clear pairs.
        output: the folder of this stage.
        champion: folder of the ranker in production.

    Returns:
        Metrics: pairs that were compared, and those that differ.

    Raises:
        MissingError: a table is not there, or the champion's folder holds no ranker.
        DataError: a table cannot be read.
    """
    clear = read_table(feedback, "clear_pairs")
    ranker = None
    version = ""
    if champion is not None:
        ranker = load_ranker(champion, threads=config.threads)
        version = ranker.version
    note = _why_nothing(ranker)
    grades = pl.DataFrame(schema=_GRADES)
    if ranker is not None and not note:
        grades = _grades(ranker, prepared, evidence, clear)
    if note:
        log_line(f"    live: {note}")

    errors = _errors(clear, grades)
    compared = clear.join(grades, on=PAIR, how="semi").height
    write_table(errors, output, "live_errors")
    kinds = errors.group_by("kind").len().sort("kind")
    live = {
        "champion": version,
        "note": note,
        "pairs": compared,
        "errors": dict(kinds.iter_rows()),
    }
    write_json(live, output / "live.json")
    return {"pairs": float(compared), "errors": float(errors.height)}
