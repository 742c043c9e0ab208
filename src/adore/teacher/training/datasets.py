"""What a teacher learns from.

Rationales that agree with people (SFT), and behaviour in well mixed batches (KTO).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from adore.artifacts import read_table
from adore.errors import check
from adore.prompts import ANSWER_PREFIX
from adore.rulebook import RuleBook
from adore.teacher.judgements import JudgeInput, load_cases
from adore.teacher.parse import parse
from adore.teacher.prompting import Prompter, answer_text
from adore.teacher.rationale import RationaleSchema, rationale
from adore.teacher.training.lora import text_row
from adore.teacher.training.tiny_model import sft_row
from adore.types import LABELS, PAIR, Evidence, Grade

__all__ = [
    "agreeing_pairs",
    "balanced_sample",
    "batch_distinct",
    "kto_traces",
    "labelled",
    "sft_texts",
    "sft_traces",
    "text_feedback",
]

_Key = tuple[str, str]
_SURE = 0.9


def labelled(prepared: Path, evidence: Path, answers: Sequence[Path]) -> pl.DataFrame:
    """Every known pair, with what is known of it.

    Args:
        prepared: output of ``prepare``: human judgements, and splits of queries.
        evidence: output of ``evidence``.
        answers: outputs of ``judge``, one a shard.

    Returns:
        Besides the keys ``evidence``, ``split``, the first judge's ``grade`` and
        ``rationale``, and ``human`` (null where nobody judged); sorted by the keys.
    """
    judged = read_table(prepared, "judgements").rename({"grade": "human"})
    shards = [read_table(place, "teacher_judgements") for place in answers]
    first = pl.concat([one.select(*PAIR, "grade", "rationale") for one in shards])
    splits = read_table(prepared, "queries").select("query_id", "split")
    pairs = (
        read_table(evidence, "pairs").join(first, on=PAIR).join(splits, on="query_id")
    )
    return pairs.join(judged, on=PAIR, how="left").sort(PAIR)


def agreeing_pairs(table: pl.DataFrame) -> pl.DataFrame:
    """The train pairs whose rationale may be learnt.

    It is the judge's own, unless people say otherwise: a rationale that contradicts the
    human grade is no reason for it. What nobody judged teaches the rule book.
    """
    train = table.filter(pl.col("split") == "train")
    kept = train.filter(
        pl.col("human").is_null() | (pl.col("human") == pl.col("grade"))
    )
    fix = "give judgements for train queries, or more queries"
    check(
        kept.height > 0,
        "train pairs where judge and people agree",
        0,
        must="1 or more",
        fix=fix,
    )
    return kept


def balanced_sample(grades: Sequence[int], count: int, seed: int) -> list[int]:
    """Row numbers, with replacement, every grade equally often.

    Args:
        grades: of the rows to draw from.
        count: how many are drawn.
        seed: of the draw.
    """
    values = np.asarray(grades)
    # a row weighs the less, the more rows share its grade
    frequencies = np.bincount(values, minlength=4)
    weights = 1 / frequencies[values]
    probabilities = weights / weights.sum()

    rng = np.random.default_rng(seed)
    drawn = rng.choice(len(values), size=count, p=probabilities)
    return [int(row) for row in drawn]


def sft_traces(pairs: pl.DataFrame, count: int, seed: int) -> list[dict[str, str]]:
    """SFT rows of the tiny teacher: evidence trace, compact answer.

    Args:
        pairs: from :func:`agreeing_pairs`.
        count: rows drawn.
        seed: of the draw.
    """
    pool = pairs.select("evidence", "grade").rows()
    grades = pairs["grade"].to_list()
    rows = list[dict[str, str]]()
    for at in balanced_sample(grades, count, seed):
        text, grade = pool[at]
        evidence = Evidence.many_from_json(text)
        rows.append(sft_row(evidence, Grade(grade)))
    return rows


def kto_traces(
    feedback: pl.DataFrame,
    said: Mapping[tuple[str, str], Grade],
    *,
    max_direction_ratio: float,
    most: int,
    seed: int,
) -> list[dict[str, Any]]:
    """At most ``most`` KTO rows of the tiny teacher, corrections first.

    Behaviour judges what the teacher itself says. Where shoppers want an item that the
    teacher calls less than exact, or leave one that it calls exact, its answer is
    undesirable and the better one desirable; where they agree, its answer is desirable.

    Args:
        feedback: the ``feedback`` table; each pair's sign and better answer are read
            from it.
        said: the teacher's grade of each of its pairs.
        max_direction_ratio: most right answers of one direction (exact, less than exact) for one of
            the other: with many more of one, KTO would teach it for every pair. With
            nothing of the other there are no rows.
        most: rows.
        seed: orders them.
    """
    if not _both_ways(feedback):
        return []
    corrections = list[dict[str, Any]]()
    right = {False: list[dict[str, Any]](), True: list[dict[str, Any]]()}
    pairs = (
        feedback.sort("desirable", descending=True)
        .unique(PAIR, keep="first")
        .sort(PAIR)
    )
    for i in np.random.default_rng(seed).permutation(pairs.height):
        row = pairs.row(int(i), named=True)
        wanted = row["kind"].startswith("bought")
        given = said[row["query_id"], row["item_id"]]
        better = Grade.EXACT if wanted else _grade_of(row)
        called_exact = given == Grade.EXACT
        if wanted == called_exact:
            right[wanted].append(_kto_row(row, given, True))
        else:
            corrections.append(_kto_row(row, given, False))
            corrections.append(_kto_row(row, better, True))

    fewer = min(len(side) for side in right.values())
    each = int(max_direction_ratio * fewer)
    return [*corrections, *right[True][:each], *right[False][:each]][:most]


def _both_ways(feedback: pl.DataFrame) -> bool:
    """Whether shoppers want some pairs and leave others.

    From one kind alone KTO learns one grade for all.
    """
    return feedback["kind"].str.starts_with("bought").n_unique() == 2


def _kto_row(row: dict[str, Any], grade: Grade, label: bool) -> dict[str, Any]:
    """The row's completion with another grade; see :func:`adore.prompts.answer`."""
    at = len(ANSWER_PREFIX)
    text = row["completion"]
    return {
        "prompt": row["prompt"],
        "completion": f"{text[:at]}{grade.letter}{text[at + 1 :]}",
        "label": label,
    }


def batch_distinct(
    rows: Iterable[dict[str, Any]], batch: int, seed: int
) -> list[dict[str, Any]]:
    """Rows shuffled so that a batch holds a prompt once, as far as they go.

    KTO's KL term pairs neighbours.

    Args:
        rows: with ``prompt``.
        batch: rows a step.
        seed: of the shuffle.
    """
    rows = list(rows)
    order = np.random.default_rng(seed).permutation(len(rows))
    waiting = [rows[at] for at in order]
    out: list[dict[str, Any]] = []
    while waiting:
        seen = set[str]()
        later = list[dict[str, Any]]()
        room = batch
        for at, row in enumerate(waiting):
            if room == 0:
                later += waiting[at:]
                break
            key = json.dumps(row["prompt"])
            if key in seen:
                later.append(row)
            else:
                out.append(row)
                seen.add(key)
                room -= 1
        if room:  # only prompts that stand in this batch already are left
            return out + later
        waiting = later
    return out


def _cases(
    prepared: Path, evidence: Path, wanted: pl.DataFrame
) -> dict[tuple[str, str], JudgeInput]:
    queries = set(wanted["query_id"])
    return {
        (c.query_id, c.item_id): c
        for c in load_cases(prepared, evidence, None, lambda q: q in queries)
    }


def _text(
    case: JudgeInput, why: RationaleSchema, prompter: Prompter, **more: Any
) -> tuple[dict[str, Any], bool]:
    """One row, and whether a judge that answers so is believed."""
    sure = why.model_copy(update={"confidence": _SURE})
    text = answer_text(sure, case.item)
    row = text_row(prompter.messages(case), text, **more)

    read = parse(text, case, prompter.rulebook)
    return row, isinstance(read, RationaleSchema)


def sft_texts(
    pairs: pl.DataFrame,
    places: tuple[Path, Path],
    rulebook: RuleBook,
    count: int,
    seed: int,
) -> list[dict[str, Any]]:
    """SFT rows of a large teacher.

    It reads rule book, texts and evidence, and learns the first judge's whole rationale.

    Args:
        pairs: from :func:`agreeing_pairs`.
        places: outputs of prepare and evidence.
        rulebook: of the prompt.
        count: rows drawn; those that are no sound answer, as with a quote that was cut,
            are left out.
        seed: of the draw.
    """
    cases = _cases(*places, pairs)
    prompter = Prompter(rulebook)
    grades = pairs["grade"].to_list()
    rows = list[dict[str, Any]]()
    for at in balanced_sample(grades, count, seed):
        pair = pairs.row(at, named=True)
        case = cases[pair["query_id"], pair["item_id"]]
        why = RationaleSchema.model_validate_json(pair["rationale"])
        row, is_sound = _text(case, why, prompter)
        if is_sound:
            rows.append(row)
    return rows


def text_feedback(
    feedback: pl.DataFrame,
    places: tuple[Path, Path],
    rulebook: RuleBook,
    most: int,
    seed: int,
) -> list[dict[str, Any]]:
    """The feedback's grades as answers of a large teacher, at most ``most``, corrections first.

    Two answers to one prompt differ in grade and error type alone, so that KTO compares
    those and not lengths. A pair whose better answer nobody would believe (exact,
    though of another product type) is left out. Where feedback speaks one way only
    there are no rows.

    Args:
        feedback: the ``feedback`` table.
        places: outputs of prepare and evidence.
        rulebook: of the prompt.
        most: rows.
        seed: of the order.
    """
    if not _both_ways(feedback):
        return []
    cases = _cases(*places, feedback)
    prompter = Prompter(rulebook)

    # a pair with an undesirable answer corrects the teacher: those come first
    order = np.random.default_rng(seed).permutation(feedback.height)
    is_right = pl.col("desirable").all().over(PAIR)
    ranked = feedback[order].sort(is_right, maintain_order=True)

    told: list[tuple[_Key, dict[str, Any]]] = []
    unbelievable = set[_Key]()
    for given in ranked.iter_rows(named=True):
        key = given["query_id"], given["item_id"]
        case = cases[key]
        grade = _grade_of(given)
        why = rationale(case.evidence, rulebook, grade, _SURE)
        reason = rulebook.apply(case.evidence).reason
        why = why.model_copy(update={"verdict": reason})
        row, is_sound = _text(case, why, prompter, label=given["desirable"])
        told.append((key, row))
        if given["desirable"] and not is_sound:
            unbelievable.add(key)
    return [row for key, row in told if key not in unbelievable][:most]


def _grade_of(row: dict[str, Any]) -> Grade:
    """The grade that a feedback row's completion gives."""
    return LABELS[json.loads(row["completion"])["grade"]]
