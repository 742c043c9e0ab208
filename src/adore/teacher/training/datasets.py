"""What a teacher learns from.

Rationales that agree with people (SFT), and behaviour in well mixed batches (KTO).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from adore.artifacts import read_shards, read_table
from adore.errors import check
from adore.prompts import ANSWER_PREFIX, answer, trace
from adore.rulebook import RuleBook
from adore.teacher.backends.base import Message
from adore.teacher.judge_inputs import load_judge_inputs
from adore.teacher.judgements import JudgeInput
from adore.teacher.parse import parse
from adore.teacher.prompting import Prompter, answer_text
from adore.teacher.rationale import RationaleSchema, rationale
from adore.types import LABELS, PAIR, Evidence, Grade

__all__ = [
    "Row",
    "agreeing_pairs",
    "balanced_sample",
    "batch_distinct",
    "kto_traces",
    "labelled",
    "sft_row",
    "sft_texts",
    "sft_traces",
    "text_feedback",
    "text_row",
]

Row = dict[str, Any]
"""One row of a training set: ``prompt``, ``completion``, for KTO ``label`` (is it desirable)."""
PairKey = tuple[str, str]
"""Query id and item id."""
CONFIDENCE = 0.9
"""What every answer of a training set states: its own confidence teaches nothing."""


def labelled(prepared: Path, evidence: Path, judged: Sequence[Path]) -> pl.DataFrame:
    """Every known pair, with what is known of it.

    Args:
        prepared: output of ``prepare``: human judgements, and splits of queries.
        evidence: output of ``evidence``.
        judged: outputs of ``judge``, one a shard.

    Returns:
        Besides the keys ``evidence``, ``split``, the first judge's ``grade`` and
        ``rationale``, and ``human`` (null where nobody judged); sorted by the keys.

    Raises:
        MissingError: a table is not there.
        DataError: a table cannot be read.
    """
    human = read_table(prepared, "judgements").rename({"grade": "human"})
    # of the judge before alignment: its rationales are what SFT learns
    columns = [*PAIR, "grade", "rationale"]
    first_judge = read_shards(judged, "teacher_judgements", columns)

    splits = read_table(prepared, "queries").select("query_id", "split")
    pairs = read_table(evidence, "pairs").join(first_judge, on=PAIR)
    pairs = pairs.join(splits, on="query_id")
    return pairs.join(human, on=PAIR, how="left").sort(PAIR)


def agreeing_pairs(table: pl.DataFrame) -> pl.DataFrame:
    """The train pairs whose rationale may be learnt.

    It is the judge's own, unless people say otherwise: a rationale that contradicts the
    human grade is no reason for it. What nobody judged teaches the rule book.

    Args:
        table: from :func:`labelled`.

    Returns:
        The pairs, with the columns of :func:`labelled`.

    Raises:
        ConfigError: judge and people agree on no train pair.
    """
    train = table.filter(pl.col("split") == "train")
    agrees = pl.col("human").is_null() | (pl.col("human") == pl.col("grade"))
    pairs = train.filter(agrees)
    check(
        pairs.height > 0,
        "train pairs where judge and people agree",
        0,
        must="1 or more",
        fix="give judgements for train queries, or more queries",
    )
    return pairs


def balanced_sample(grades: Sequence[int], count: int, seed: int) -> list[int]:
    """Row numbers, with replacement, every grade equally often.

    Args:
        grades: of the rows to draw from.
        count: how many are drawn.
        seed: of the draw.

    Returns:
        Row numbers. Shape [count].
    """
    values = np.asarray(grades)
    # a row weighs the less, the more rows share its grade
    frequencies = np.bincount(values, minlength=4)
    weights = 1 / frequencies[values]
    probabilities = weights / weights.sum()

    generator = np.random.default_rng(seed)
    sample = generator.choice(len(values), size=count, p=probabilities)
    return [int(row) for row in sample]


def batch_distinct(rows: Iterable[Row], batch: int, seed: int) -> list[Row]:
    """Rows shuffled so that a batch holds a prompt once, as far as they go.

    KTO's KL term pairs neighbours.

    Args:
        rows: with ``prompt``.
        batch: rows a step.
        seed: of the shuffle.

    Returns:
        The same rows in their new order.
    """
    rows = list(rows)
    shuffled_rows = np.random.default_rng(seed).permutation(len(rows))
    waiting = [rows[number] for number in shuffled_rows]
    batched: list[Row] = []
    while waiting:
        prompts: set[str] = set()
        later_rows: list[Row] = []
        free_rows = batch
        for number, row in enumerate(waiting):
            if free_rows == 0:
                later_rows += waiting[number:]
                break
            prompt = json.dumps(row["prompt"])
            if prompt in prompts:
                later_rows.append(row)
            else:
                batched.append(row)
                prompts.add(prompt)
                free_rows -= 1
        if free_rows:  # only prompts that this batch has already are left
            return batched + later_rows
        waiting = later_rows
    return batched


# ---------------------------------------------------------------- tiny: evidence traces


def sft_row(evidence: Sequence[Evidence], grade: Grade) -> Row:
    """One SFT row of the tiny teacher.

    Args:
        evidence: of the pair, whose trace is the prompt.
        grade: that the answer gives.

    Returns:
        A row of texts.
    """
    return {"prompt": trace(evidence), "completion": answer(grade, evidence)}


def sft_traces(pairs: pl.DataFrame, count: int, seed: int) -> list[Row]:
    """SFT rows of the tiny teacher: evidence trace, compact answer.

    Args:
        pairs: from :func:`agreeing_pairs`.
        count: rows drawn.
        seed: of the draw.

    Returns:
        Rows of :func:`sft_row`.
    """
    candidates = pairs.select("evidence", "grade").rows()
    grades = pairs["grade"].to_list()
    rows: list[Row] = []
    for number in balanced_sample(grades, count, seed):
        text, grade = candidates[number]
        evidence = Evidence.many_from_json(text)
        rows.append(sft_row(evidence, Grade(grade)))
    return rows


def kto_traces(
    feedback: pl.DataFrame,
    grades: Mapping[PairKey, Grade],
    *,
    max_direction_ratio: float,
    max_rows: int,
    seed: int,
) -> list[Row]:
    """At most ``max_rows`` KTO rows of the tiny teacher, corrections first.

    Behaviour judges what the teacher itself answers. Where shoppers want an item that the
    teacher calls less than exact, or leave one that it calls exact, its answer is
    undesirable and the better one desirable; where they agree, its answer is desirable.

    Args:
        feedback: the ``feedback`` table; each pair's sign and better answer are read
            from it.
        grades: the teacher's grade of each of its pairs.
        max_direction_ratio: most right answers of one direction (exact, less than exact)
            for one of the other: with many more of one, KTO would teach it for every
            pair. With nothing of the other there are no rows.
        max_rows: rows.
        seed: orders them.

    Returns:
        Rows with ``label``.
    """
    if not _has_both_directions(feedback):
        return []
    corrections: list[Row] = []
    right_exact: list[Row] = []
    right_less: list[Row] = []
    pairs = feedback.sort("desirable", descending=True)
    pairs = pairs.unique(PAIR, keep="first").sort(PAIR)
    for number in np.random.default_rng(seed).permutation(pairs.height):
        feedback_row = pairs.row(int(number), named=True)
        grade = grades[feedback_row["query_id"], feedback_row["item_id"]]
        is_wanted = feedback_row["kind"].startswith("bought")
        # shoppers and teacher disagree: the teacher's answer is undesirable
        if is_wanted != (grade == Grade.EXACT):
            better = _completion_grade(feedback_row)
            if is_wanted:
                better = Grade.EXACT
            corrections.append(_kto_row(feedback_row, grade, label=False))
            corrections.append(_kto_row(feedback_row, better, label=True))
        elif is_wanted:
            right_exact.append(_kto_row(feedback_row, grade, label=True))
        else:
            right_less.append(_kto_row(feedback_row, grade, label=True))

    fewer_rows = min(len(right_exact), len(right_less))
    direction_limit = int(max_direction_ratio * fewer_rows)
    rows = [*corrections, *right_exact[:direction_limit], *right_less[:direction_limit]]
    return rows[:max_rows]


def _has_both_directions(feedback: pl.DataFrame) -> bool:
    """Whether shoppers want some pairs and leave others."""
    # from one direction alone KTO learns one grade for all
    return feedback["kind"].str.starts_with("bought").n_unique() == 2


def _kto_row(feedback_row: Row, grade: Grade, *, label: bool) -> Row:
    """The sign's completion with another grade; see :func:`adore.prompts.answer`."""
    start = len(ANSWER_PREFIX)
    text = feedback_row["completion"]
    return {
        "prompt": feedback_row["prompt"],
        "completion": f"{text[:start]}{grade.letter}{text[start + 1 :]}",
        "label": label,
    }


def _completion_grade(row: Row) -> Grade:
    """The grade that a feedback row's completion gives."""
    return LABELS[json.loads(row["completion"])["grade"]]


# ---------------------------------------------------------------- large: texts


def text_row(
    messages: Sequence[Message], answer: str, *, label: bool | None = None
) -> Row:
    """One row of a large teacher's training set.

    Args:
        messages: what a judge is asked.
        answer: what it should answer.
        label: for KTO, whether the answer is desirable.

    Returns:
        A row of chat messages.
    """
    row: Row = {
        "prompt": list(messages),
        "completion": [{"role": "assistant", "content": answer}],
    }
    if label is not None:
        row["label"] = label
    return row


@dataclass(frozen=True, slots=True)
class _Example:
    """A pair with an answer of a large teacher; ``is_sound``: the answer would pass."""

    messages: list[Message]
    text: str
    is_sound: bool


def _example(
    judge_input: JudgeInput, explanation: RationaleSchema, prompter: Prompter
) -> _Example:
    certain_explanation = explanation.model_copy(update={"confidence": CONFIDENCE})
    text = answer_text(certain_explanation, judge_input.item)
    parsed = parse(text, judge_input, prompter.rulebook)
    is_sound = isinstance(parsed, RationaleSchema)
    return _Example(prompter.messages(judge_input), text, is_sound)


def _inputs_by_pair(
    prepared: Path, evidence: Path, pairs: pl.DataFrame
) -> dict[PairKey, JudgeInput]:
    queries = set(pairs["query_id"])
    judge_inputs: dict[PairKey, JudgeInput] = {}
    for judge_input in load_judge_inputs(
        prepared, evidence, None, queries.__contains__
    ):
        judge_inputs[judge_input.query_id, judge_input.item_id] = judge_input
    return judge_inputs


def sft_texts(
    pairs: pl.DataFrame,
    prepared: Path,
    evidence: Path,
    rulebook: RuleBook,
    *,
    count: int,
    seed: int,
) -> list[Row]:
    """SFT rows of a large teacher.

    It reads rule book, texts and evidence, and learns the first judge's whole rationale.

    Args:
        pairs: from :func:`agreeing_pairs`.
        prepared: output of ``prepare``.
        evidence: output of ``evidence``.
        rulebook: of the prompt.
        count: rows drawn; those that are no sound answer, as with a quote that was cut,
            are left out.
        seed: of the draw.

    Returns:
        Rows of :func:`text_row`.

    Raises:
        MissingError: a table is not there.
        DataError: a table cannot be read.
    """
    judge_inputs = _inputs_by_pair(prepared, evidence, pairs)
    prompter = Prompter(rulebook)
    grades = pairs["grade"].to_list()
    rows: list[Row] = []
    for number in balanced_sample(grades, count, seed):
        pair = pairs.row(number, named=True)
        judge_input = judge_inputs[pair["query_id"], pair["item_id"]]
        explanation = RationaleSchema.model_validate_json(pair["rationale"])
        example = _example(judge_input, explanation, prompter)
        if example.is_sound:
            rows.append(text_row(example.messages, example.text))
    return rows


def text_feedback(
    feedback: pl.DataFrame,
    prepared: Path,
    evidence: Path,
    rulebook: RuleBook,
    *,
    max_rows: int,
    seed: int,
) -> list[Row]:
    """The feedback's grades as answers of a large teacher, at most ``max_rows``, corrections first.

    Two answers to one prompt differ in grade and error type alone, so that KTO compares
    those and not lengths. A pair whose better answer nobody would believe (exact,
    though of another product type) is left out. Where feedback speaks one way only
    there are no rows.

    Args:
        feedback: the ``feedback`` table.
        prepared: output of ``prepare``.
        evidence: output of ``evidence``.
        rulebook: of the prompt.
        max_rows: rows.
        seed: of the order.

    Returns:
        Rows of :func:`text_row` with ``label``.

    Raises:
        MissingError: a table is not there.
        DataError: a table cannot be read.
    """
    if not _has_both_directions(feedback):
        return []
    judge_inputs = _inputs_by_pair(prepared, evidence, feedback)
    prompter = Prompter(rulebook)

    # a pair with an undesirable answer corrects the teacher: those come first
    shuffled_rows = np.random.default_rng(seed).permutation(feedback.height)
    is_right = pl.col("desirable").all().over(PAIR)
    ranked = feedback[shuffled_rows].sort(is_right, maintain_order=True)

    rows_by_pair: list[tuple[PairKey, Row]] = []
    unbelievable: set[PairKey] = set()
    for feedback_row in ranked.iter_rows(named=True):
        pair_key = feedback_row["query_id"], feedback_row["item_id"]
        judge_input = judge_inputs[pair_key]
        explanation = rationale(
            judge_input.evidence, rulebook, _completion_grade(feedback_row), CONFIDENCE
        )
        reason = rulebook.apply(judge_input.evidence).reason
        explanation = explanation.model_copy(update={"verdict": reason})

        example = _example(judge_input, explanation, prompter)
        is_desirable = feedback_row["desirable"]
        row = text_row(example.messages, example.text, label=is_desirable)
        rows_by_pair.append((pair_key, row))
        if is_desirable and not example.is_sound:
            unbelievable.add(pair_key)

    rows: list[Row] = []
    for pair_key, row in rows_by_pair:
        if pair_key not in unbelievable:
            rows.append(row)
    return rows[:max_rows]
