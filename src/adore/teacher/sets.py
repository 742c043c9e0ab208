"""What a teacher learns from: rationales that agree with people (SFT), and behaviour in well mixed batches (KTO)."""

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
from adore.teacher.answers import Case, load_cases
from adore.teacher.large import text_row
from adore.teacher.parse import parse
from adore.teacher.prompting import Prompter, answer_text
from adore.teacher.rationale import RationaleSchema, rationale
from adore.teacher.tiny import sft_row
from adore.types import LABELS, Evidence, Grade

__all__ = [
    "agreed",
    "draw",
    "kto_traces",
    "labelled",
    "mixed",
    "sft_texts",
    "sft_traces",
    "text_feedback",
]

KEYS = ["query_id", "item_id"]
_SURE = 0.9


def labelled(prepared: Path, evidence: Path, answers: Sequence[Path]) -> pl.DataFrame:
    """Every known pair with ``evidence``, ``split``, the first judge's ``grade`` and ``rationale``, and ``human``."""
    judged = read_table(prepared, "judgements").rename({"grade": "human"})
    first = pl.concat(
        [read_table(a, "answers").select(*KEYS, "grade", "rationale") for a in answers]
    )
    splits = read_table(prepared, "queries").select("query_id", "split")
    pairs = (
        read_table(evidence, "pairs").join(first, on=KEYS).join(splits, on="query_id")
    )
    return pairs.join(judged, on=KEYS, how="left").sort(KEYS)


def agreed(table: pl.DataFrame) -> pl.DataFrame:
    """The train pairs whose rationale may be learnt: the judge's own, unless people say otherwise.

    A rationale that contradicts the human grade is no reason for it. What nobody judged teaches the rule book.
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


def draw(grades: Sequence[int], count: int, seed: int) -> list[int]:
    """``count`` row numbers with replacement, every grade equally often."""
    values = np.asarray(grades)
    weights = 1 / np.bincount(values, minlength=4)[values]
    drawn = np.random.default_rng(seed).choice(
        len(values), size=count, p=weights / weights.sum()
    )
    return [int(i) for i in drawn]


def sft_traces(pairs: pl.DataFrame, count: int, seed: int) -> list[dict[str, str]]:
    """SFT rows of the tiny teacher: evidence trace, compact answer."""
    rows = pairs.select("evidence", "grade").rows()
    drawn = draw(pairs["grade"].to_list(), count, seed)
    return [
        sft_row(Evidence.many_from_json(rows[i][0]), Grade(rows[i][1])) for i in drawn
    ]


def kto_traces(
    feedback: pl.DataFrame,
    said: Mapping[tuple[str, str], Grade],
    *,
    tilt: float,
    most: int,
    seed: int,
) -> list[dict[str, Any]]:
    """At most ``most`` KTO rows of the tiny teacher, corrections first: behaviour judges what the teacher itself says.

    Where shoppers want an item that the teacher calls less than exact, or leave one that it calls exact, its answer is
    undesirable and the better one desirable; where they agree, its answer is desirable.

    Args:
        feedback: the ``feedback`` table; each pair's sign and better answer are read from it.
        said: the teacher's grade of each of its pairs.
        tilt: most right answers of one direction (exact, less than exact) for one of the other: with many more of
            one, KTO would teach it for every pair. With nothing of the other there are no rows.
        most: rows.
        seed: orders them.
    """
    if not _both_ways(feedback):
        return []
    corrections, right = (
        list[dict[str, Any]](),
        {False: list[dict[str, Any]](), True: list[dict[str, Any]]()},
    )
    pairs = (
        feedback.sort("desirable", descending=True)
        .unique(KEYS, keep="first")
        .sort(KEYS)
    )
    for i in np.random.default_rng(seed).permutation(pairs.height):
        row = pairs.row(int(i), named=True)
        wanted, given = (
            row["kind"].startswith("bought"),
            said[row["query_id"], row["item_id"]],
        )
        better = (
            Grade.EXACT if wanted else LABELS[json.loads(row["completion"])["grade"]]
        )
        if wanted == (given == Grade.EXACT):
            right[wanted].append(_kto_row(row, given, True))
        else:
            corrections += [_kto_row(row, given, False), _kto_row(row, better, True)]
    each = int(tilt * min(len(side) for side in right.values()))
    return [*corrections, *right[True][:each], *right[False][:each]][:most]


def _both_ways(feedback: pl.DataFrame) -> bool:
    """Whether shoppers want some pairs and leave others: from one kind alone KTO learns one grade for all."""
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


def mixed(
    rows: Iterable[dict[str, Any]], batch: int, seed: int
) -> list[dict[str, Any]]:
    """Rows shuffled so that a batch holds a prompt once, as far as they go: KTO's KL term pairs neighbours.

    Args:
        rows: with ``prompt``.
        batch: rows a step.
        seed: of the shuffle.
    """
    rows = list(rows)
    waiting = [rows[i] for i in np.random.default_rng(seed).permutation(len(rows))]
    out: list[dict[str, Any]] = []
    while waiting:
        seen, later = set[str](), list[dict[str, Any]]()
        room = batch
        for at, row in enumerate(waiting):
            if room == 0:
                later += waiting[at:]
                break
            key = json.dumps(row["prompt"])
            (later if key in seen else out).append(row)
            room -= key not in seen
            seen.add(key)
        if room:  # only prompts that stand in this batch already are left
            return out + later
        waiting = later
    return out


def _cases(
    prepared: Path, evidence: Path, wanted: pl.DataFrame
) -> dict[tuple[str, str], Case]:
    queries = set(wanted["query_id"])
    return {
        (c.query_id, c.item_id): c
        for c in load_cases(prepared, evidence, None, lambda q: q in queries)
    }


def _text(
    case: Case, why: RationaleSchema, prompter: Prompter, **more: Any
) -> tuple[dict[str, Any], bool]:
    """One row, and whether a judge that answers so is believed."""
    text = answer_text(why.model_copy(update={"confidence": _SURE}), case.item)
    sound = isinstance(parse(text, case, prompter.rulebook), RationaleSchema)
    return text_row(prompter.messages(case), text, **more), sound


def sft_texts(
    pairs: pl.DataFrame,
    places: tuple[Path, Path],
    rulebook: RuleBook,
    count: int,
    seed: int,
) -> list[dict[str, Any]]:
    """SFT rows of a large teacher: rule book, texts and evidence; the first judge's whole rationale.

    Args:
        pairs: from :func:`agreed`.
        places: outputs of prepare and evidence.
        rulebook: of the prompt.
        count: rows drawn; those that are no sound answer, as with a quote that was cut, are left out.
        seed: of the draw.
    """
    cases, prompter = _cases(*places, pairs), Prompter(rulebook)
    rows = [
        pairs.row(i, named=True) for i in draw(pairs["grade"].to_list(), count, seed)
    ]
    told = (
        _text(
            cases[r["query_id"], r["item_id"]],
            RationaleSchema.model_validate_json(r["rationale"]),
            prompter,
        )
        for r in rows
    )
    return [row for row, sound in told if sound]


def text_feedback(
    feedback: pl.DataFrame,
    places: tuple[Path, Path],
    rulebook: RuleBook,
    most: int,
    seed: int,
) -> list[dict[str, Any]]:
    """The feedback's grades as answers of a large teacher, at most ``most``, corrections first.

    Two answers to one prompt differ in grade and error type alone, so that KTO compares those and not lengths. A pair
    whose better answer nobody would believe (exact, though of another product type) is left out. Where feedback speaks
    one way only there are no rows.

    Args:
        feedback: the ``feedback`` table.
        places: outputs of prepare and evidence.
        rulebook: of the prompt.
        most: rows.
        seed: of the order.
    """
    if not _both_ways(feedback):
        return []
    cases, prompter = _cases(*places, feedback), Prompter(rulebook)
    drawn = feedback[np.random.default_rng(seed).permutation(feedback.height)]
    told, bad = list[tuple[tuple[str, str], dict[str, Any]]](), set[tuple[str, str]]()
    for r in drawn.sort(
        pl.col("desirable").all().over(KEYS), maintain_order=True
    ).iter_rows(named=True):
        key = r["query_id"], r["item_id"]
        case, grade = cases[key], LABELS[json.loads(r["completion"])["grade"]]
        why = rationale(case.evidence, rulebook, grade, _SURE)
        same = why.model_copy(update={"verdict": rulebook.apply(case.evidence).reason})
        row, sound = _text(case, same, prompter, label=r["desirable"])
        told.append((key, row))
        bad |= {key} if r["desirable"] and not sound else set()
    return [row for key, row in told if key not in bad][:most]
