"""Part ``judged``: five folds by query over ESCI's judged queries:
baselines, ADORE, ablations, less judgement.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from bench import headline
from bench.student.folds import DATA, FOLDS, Fold, Loop, code_key, make_fold
from bench.student.systems import Answer, baselines, plain_cross_encoder, students

from adore.measures import confusion, macro_f1, ndcg
from adore.progress import log_line
from adore.significance import draw_weights, interval, paired
from adore.types import Grade

HOME = Path(__file__).parents[2] / "build" / "bench-student"
PLAIN = "cross-encoder, human judgements"
GOAL = {"nDCG@10": 0.03, "macro-F1": 0.05}
SEEDS = 3
"""Students a system: one training moves nDCG@10 by some .004, as much as an ablation does."""
Answers = dict[str, list[Answer]]
"""What each system says, once a seed."""


def _answer(home: Path, name: str, seed: int, make: Callable[[int], Answer]) -> Answer:
    """A system's answer; one that was given before is loaded."""
    kept = home / f"{name.replace(' ', '-').replace('%', '')}.pickle"
    if kept.is_file():
        return pickle.loads(kept.read_bytes())  # type: ignore[no-any-return]
    log_line(f"    {home.name}: {name}")
    found = make(seed)
    kept.write_bytes(pickle.dumps(found))
    return found


def run_fold(fold: int, seed: int, home: Path = HOME) -> tuple[Answers, Fold]:
    """Everything of one fold; it can be stopped and called again."""
    kept, loop = (
        home / str(fold) / f"answers-{code_key(seed)}",
        Loop(home, fold, seed, aligned=False),
    )
    kept.mkdir(parents=True, exist_ok=True)
    one = make_fold(loop)
    found = {
        PLAIN: [_answer(kept, PLAIN, seed, lambda s: plain_cross_encoder(loop, s))]
    }
    found |= {name: [answer] for name, answer in baselines(one, seed).items()}
    for own in range(seed, seed + SEEDS):
        place = kept / str(own)
        place.mkdir(exist_ok=True)
        for name, make in students(one).items():
            found.setdefault(name, []).append(_answer(place, name, own, make))
    return found, one


def collected(seed: int, home: Path = HOME) -> tuple[Answers, list[Fold]]:
    """Every system's answers over all folds."""
    whole: Answers = {}
    folds = []
    for fold in range(FOLDS):
        given, one = run_fold(fold, seed, home)
        folds.append(one)
        for name, answers in given.items():
            so_far = whole.setdefault(name, [Answer({}, {}, {}) for _ in answers])
            for mine, new in zip(so_far, answers, strict=True):
                mine.scores.update(new.scores)
                mine.grades.update(new.grades or {})  # type: ignore[union-attr]
                mine.hard.update(new.hard or {})  # type: ignore[union-attr]
    return whole, folds


def _rows(
    answers: list[Answer], truth: dict[str, np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """nDCG@10 (seeds, queries), and confusion (queries, 4, 4) over all seeds;
    zeros if no grades are named.
    """
    ranked = np.array(
        [[ndcg(a.scores[q], g) for q, g in truth.items()] for a in answers]
    )
    if not answers[0].grades:
        return ranked, np.zeros((len(truth), 4, 4))
    counts = [
        np.array([confusion(g, a.grades[q]) for q, g in truth.items()]) for a in answers
    ]  # type: ignore[index]
    return ranked, np.sum(counts, axis=0)


def f1_gap(a: np.ndarray, b: np.ndarray, draws: np.ndarray) -> dict[str, float]:
    """Macro-F1 of ``a`` above ``b``, confusions (queries, 4, 4),
    with its interval over draws of queries.
    """
    found = float(macro_f1(a.sum(0)) - macro_f1(b.sum(0)))
    gaps = macro_f1(np.tensordot(draws, a, axes=1)) - macro_f1(
        np.tensordot(draws, b, axes=1)
    )
    low, high = np.quantile(gaps, [0.025, 0.975])
    return {"difference": found, "low": float(low), "high": float(high)}


def table(
    whole: Answers, truth: dict[str, np.ndarray], seed: int, against: str
) -> list[dict[str, Any]]:
    """A row a system: both measures with intervals, and the paired difference to ``against``."""
    draws = draw_weights(len(truth), seed=seed)
    base, base_counts = _rows(whole[against], truth)
    out = []
    for name, answers in whole.items():
        seeds, counts = _rows(answers, truth)
        ranked = seeds.mean(axis=0)
        row: dict[str, Any] = {"system": name}
        pairs = np.stack([ranked, np.ones(len(ranked))], axis=1)
        found = interval(pairs, lambda s: s[..., 0] / s[..., 1], draws)
        gap = paired(ranked, base.mean(axis=0), seed=seed)
        row["nDCG@10"] = {"value": found.value, "low": found.low, "high": found.high}
        row["seeds"] = seeds.mean(axis=1).tolist()
        row["nDCG@10 gap"] = {
            "difference": gap.difference,
            "low": gap.low,
            "high": gap.high,
        }
        if counts.any():
            found = interval(counts, macro_f1, draws)
            row["macro-F1"] = {
                "value": found.value,
                "low": found.low,
                "high": found.high,
            }
            if base_counts.any():
                row["macro-F1 gap"] = f1_gap(counts, base_counts, draws)
        out.append(row)
    return out


def _robust(answers: list[Answer], folds: list[Fold]) -> dict[str, dict[str, float]]:
    """Per error type: adversarial pairs, share on the right side of exact,
    share of the intended grade.
    """
    asked: dict[str, list[tuple[bool, bool]]] = {}
    for fold in folds:
        for one, types in fold.hard:
            wanted = one.targets[~one.real].argmax(axis=1)
            for answer in answers:
                given = answer.hard[one.list_id]  # type: ignore[index]
                side = (given == Grade.EXACT) == (wanted == Grade.EXACT)
                for error, s, same in zip(types, side, given == wanted, strict=True):
                    asked.setdefault(error, []).append((bool(s), bool(same)))
    asked["all"] = [row for rows in asked.values() for row in rows]
    return {
        error: {
            "pairs": len(rows) // len(answers),
            "side": float(np.mean([s for s, _ in rows])),
            "grade": float(np.mean([g for _, g in rows])),
        }
        for error, rows in sorted(asked.items())
    }


def measure(seed: int) -> dict[str, Any]:
    """All folds; what was made before is kept in ``build/bench-student``
    (remove it to measure anew).
    """
    if not DATA.is_dir():
        return {"skipped": "shared/data/esci is not there"}
    whole, folds = collected(seed)
    truth = {
        one.list_id: one.targets.argmax(axis=1) for fold in folds for one in fold.test
    }
    truth = {
        q: g for q, g in sorted(truth.items()) if np.isfinite(ndcg(np.zeros(len(g)), g))
    }
    ours = list(students(folds[0]))
    first, rivals = ours[0], {n: a for n, a in whole.items() if n not in ours}
    best = {
        "nDCG@10": max(rivals, key=lambda n: float(_rows(rivals[n], truth)[0].mean())),
        "macro-F1": max(
            rivals, key=lambda n: float(macro_f1(_rows(rivals[n], truth)[1].sum(0)))
        ),
    }
    names = [n for n in whole if n in rivals] + [n for n in whole if n not in rivals]
    ordered = {n: whole[n] for n in names}
    gaps = {
        m: next(r for r in table(whole, truth, seed, name) if r["system"] == first)[
            f"{m} gap"
        ]
        for m, name in best.items()
    }
    return {
        "queries": len(truth),
        "pairs": int(sum(len(g) for g in truth.values())),
        "best": best,
        "gaps": gaps,
        "rows": table(ordered, truth, seed, first),
        "robust": {
            n: _robust(whole[n], folds)
            for n in (first, "human judgements alone", "uniform types")
        },
    }


# ---------------------------------------------------------------- Markdown


def _cell(found: dict[str, float] | None, key: str = "value", sign: str = "") -> str:
    if not found:
        return ""
    return headline.interval(found, key, sign)


def _quality(result: dict[str, Any], first: str) -> list[str]:
    lines = [
        f"| system | nDCG@10 | each seed | against {first} | macro-F1 | against {first} |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for row in result["rows"]:
        gaps = [
            _cell(row.get(f"{m} gap"), "difference", "+")
            if row["system"] != first
            else ""
            for m in GOAL
        ]
        seeds = (
            " ".join(f"{v:.3f}" for v in row["seeds"]) if len(row["seeds"]) > 1 else ""
        )
        cells = [
            row["system"],
            _cell(row["nDCG@10"]),
            seeds,
            gaps[0],
            _cell(row.get("macro-F1")),
            gaps[1],
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def _goals(result: dict[str, Any], first: str) -> str:
    told = []
    for name, goal in GOAL.items():
        gap = result["gaps"][name]
        word = "met" if gap["difference"] >= goal else "NOT met"
        told.append(
            f"{name} {_cell(gap, 'difference', '+')} against {result['best'][name]} "
            f"(goal +{goal:.2f}: {word})"
        )
    return f"Goal, {first} against the best baseline: {'; '.join(told)}."


def _hard_cases(result: dict[str, Any]) -> list[str]:
    names = list(result["robust"])
    lines = [
        "#### Robustness: the frozen adversarial set of the folds' test queries",
        "",
        "Right side: exact or not exact, as intended. Grade: the intended grade itself.",
        "",
        f"| error type | pairs | {' | '.join(f'{n}: right side | grade' for n in names)} |",
        f"|---|---:|{'---:|' * (2 * len(names))}",
    ]
    for error in result["robust"][names[0]]:
        cells = [result["robust"][n][error] for n in names]
        told = " | ".join(f"{c['side']:.1%} | {c['grade']:.1%}" for c in cells)
        lines.append(f"| {error} | {cells[0]['pairs']} | {told} |")
    return lines


def render(result: dict[str, Any]) -> str:
    """The section of its page."""
    head = "### ESCI, five folds by query"
    if "skipped" in result:
        return f"{head}\n\nSKIPPED: {result['skipped']}"
    first = "ADORE"
    lines = [
        head,
        "",
        f"{result['pairs']:,} human-judged pairs of {result['queries']} queries. Each "
        "query is scored by students that never saw it. Students are trained with "
        f"{SEEDS} seeds, baselines with one; a query's nDCG@10 is the mean over "
        "seeds. Intervals of 95 % and paired differences come from a bootstrap over "
        "queries. All baselines learn from the human judgements of the same folds. "
        "The teacher is the rule book: the gate refuses the aligned one on this "
        "data. With a share of the judged queries, the teacher judges the others, or "
        "they are left out. Ablations without teacher pairs also compute list "
        "features from human-judged pairs only. Scores of an earlier command of the "
        "same code are kept, so the seconds are the last command's.",
        "",
        _goals(result, first),
        "",
        *_quality(result, first),
        "",
        *_hard_cases(result),
    ]
    return "\n".join(lines)
