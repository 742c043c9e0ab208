"""Stage ``distil``: human, teacher and synthetic judgements into a small student folder."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import Field

from adore.artifacts import read_table, write_json
from adore.config import StageConfig
from adore.errors import DataError, check
from adore.types import item_from_row

if TYPE_CHECKING:
    from adore.student.onnx_models import OnnxEncoder
    from adore.student.training import PairList
    from adore.types import Evidence, Item

__all__ = ["Config", "run"]


class Config(StageConfig):
    """Backbone, budget and trust."""

    backbone: str = "minilm"
    epochs: int = Field(2, ge=1)
    learning_rate: float = 1e-4
    max_tokens: int = 64
    patience: int = 1
    cross_pairs: int = 3500
    """Pairs that the two cross-encoders learn from, spread evenly over the lists; the head learns from all."""
    max_pairs: int = 6000
    teacher_weight: float = 0.3
    synthetic_weight: float = 0.3
    trees: int = 150


Learnt = list[tuple["PairList", "list[tuple[Evidence, ...]]"]]


def _capped(one: PairList, most: int) -> PairList:
    """The ``most`` best trusted pairs of a list, in their order."""
    best = np.argsort(-one.weights, kind="stable")[:most]
    return one.take(sorted(int(i) for i in best))


def _cross_columns(train: list[PairList], *, config: Config, output: Path) -> tuple[list[np.ndarray], dict[str, Any]]:
    """Cross-fitting: each half of the lists is read by the cross-encoder that learnt from the other half.

    So the head learns from scores on unseen queries, as it will meet them; the first half's model is served.
    """
    from adore.student.backbone import load_backbone, load_tokenizer
    from adore.student.export import export_cross
    from adore.student.onnx_models import cross_columns
    from adore.student.training import Plan, predict, train_cross

    backbone, tokenizer = load_backbone(config.backbone, seed=config.seed), load_tokenizer()
    plan = Plan(config.epochs, config.learning_rate, config.max_tokens, config.patience, config.seed)
    half = np.random.default_rng(config.seed).permutation(len(train)) % 2
    most = max(2, config.cross_pairs // len(train))
    columns: dict[str, np.ndarray] = {}
    losses: list[tuple[float, ...]] = []
    for side in (0, 1):
        seen = [_capped(one, most) for one, h in zip(train, half, strict=True) if h == side or len(train) == 1]
        held = [one for one, h in zip(train, half, strict=True) if h != side]
        model, curve = train_cross(backbone, tokenizer, train=seen, dev=[], plan=plan)
        losses.append(curve.losses)
        if side == 0:
            export_cross(model, output)
        for one, (grades, states) in zip(held, predict(model, tokenizer, held, config.max_tokens), strict=True):
            columns[one.list_id] = cross_columns(grades, states, one.states >= 0)
    return [columns[one.list_id] for one in train], {"losses": losses}


def _catalogue(prepared: Path) -> list[Item]:
    return [item_from_row(row) for row in read_table(prepared, "items").iter_rows(named=True)]


def _encoder(config: Config, items: list[Item], retrieved: Path | None, output: Path) -> OnnxEncoder:
    """The backbone as it comes, with the catalogue's vectors beside it: those that ``retrieve`` wrote, if it ran."""
    from adore.student.export import export_encoder
    from adore.student.fields import title_text, typed_text
    from adore.student.onnx_models import VECTORS, OnnxEncoder

    if retrieved:
        for name in ("encoder.onnx", "tokenizer.json", VECTORS):
            shutil.copyfile(retrieved / name, output / name)
        return OnnxEncoder(output, threads=config.threads)
    export_encoder(config.backbone, output)
    encoder = OnnxEncoder(output, threads=config.threads)
    encoder.save([kind(item) for item in items for kind in (title_text, typed_text)], output)
    return encoder


def _matrix(
    one: PairList, evidence: list[tuple[Evidence, ...]], cross: np.ndarray, tools: tuple[Any, Any]
) -> np.ndarray:
    """Features of a list; synthetic pairs are standardised by the real pairs of their list."""
    from adore.student.features import with_z
    from adore.student.rankers import cosines

    features, encoder = tools
    raw = np.zeros((len(one.items), 0))
    for query in dict.fromkeys(one.queries):
        at = [i for i, q in enumerate(one.queries) if q == query]
        items = [one.items[i] for i in at]
        part = features.raw(
            query, items, [evidence[i] for i in at], cosines=cosines(encoder, query, items), cross=cross[at]
        )
        raw = raw if raw.shape[1] else np.zeros((len(one.items), part.shape[1]))
        raw[at] = part
    return with_z(raw, raw[one.real])


def _card(config: Config, learnt: Learnt, answers: list[Path], rulebook: str, curve: dict[str, Any]) -> dict[str, Any]:
    pairs = [(one, i) for one, _ in learnt for i in range(len(one.items))]
    human = sum(float(one.weights[i]) == 1.0 for one, i in pairs)
    synthetic = sum(not one.real[i] for one, i in pairs)
    judges = sorted({str(j) for a in answers for j in read_table(a, "answers")["judge"].unique()})
    return {
        "kind": "student",
        "name": "student",
        "backbone": config.backbone,
        "max_tokens": config.max_tokens,
        "rulebook": rulebook,
        "teacher": judges,
        "data": {
            "lists": len(learnt),
            "human": human,
            "teacher": len(pairs) - human - synthetic,
            "synthetic": synthetic,
        },
        "training": curve,
        "limits": "English lexicons; judged lists of up to some 80 items; see docs/benchmarks.md for measures.",
    }


def _write_card(folder: Path) -> None:
    card = json.loads((folder / "card.json").read_text("utf-8"))
    lines = [f"# {card['name']} {card['version']}", ""]
    lines += [f"- **{key}**: {json.dumps(value, ensure_ascii=False)}" for key, value in card.items()]
    (folder / "card.md").write_text("\n".join(lines) + "\n", "utf-8")


def _dev_ndcg(folder: Path, dev: list[PairList], threads: int) -> float:
    """Mean nDCG@10 of the finished student on the human-judged dev lists; 0 without any."""
    from adore.student.rankers import load_ranker
    from adore.student.training import mean_ndcg

    ranker = load_ranker(folder, threads=threads)
    ranked = [np.array([s.score for s in ranker.rank(one.queries[0], one.items)]) for one in dev]
    return mean_ndcg(ranked, dev)


def run(
    config: Config,
    prepared: Path,
    evidence: Path,
    answers: list[Path],
    synthetic: Path,
    output: Path,
    retrieved: Path | None = None,
) -> dict[str, float]:
    """Train cross-encoder and head, export, seal; the folder is what ``adore score`` and the server load."""
    import torch

    from adore.student.export import seal
    from adore.student.features import ListFeatures
    from adore.student.head import HeadPlan, fit_head
    from adore.student.lists import Sources, learn_from
    from adore.student.rankers import copy_rulebook
    from adore.student.text_index import TextIndex

    torch.set_num_threads(config.threads)
    weights = {"teacher_weight": config.teacher_weight, "synthetic_weight": config.synthetic_weight}
    sources = Sources(prepared, evidence, answers, synthetic, retrieved)
    learnt, dev = learn_from(sources, **weights, max_pairs=config.max_pairs, seed=config.seed)
    lists = [one for one, _ in learnt]
    check(bool(lists), "train lists", 0, must="at least one", fix="add train queries with pairs", error=DataError)
    cross, curve = _cross_columns(lists, config=config, output=output)
    rulebook = copy_rulebook(json.loads((prepared / "dataset.json").read_text("utf-8"))["rulebook"], output)
    items = _catalogue(prepared)
    index = TextIndex.build(items)
    (output / "text_index.json").write_text(index.to_json(), "utf-8")
    shutil.copyfile(evidence / "lexicon.json", output / "lexicon.json")
    tools = ListFeatures(index, rulebook), _encoder(config, items, retrieved, output)
    matrix = np.vstack([_matrix(one, e, c, tools) for (one, e), c in zip(learnt, cross, strict=True)])
    targets = np.vstack([one.targets for one in lists])
    trust = np.concatenate([one.weights for one in lists])
    head = fit_head(matrix, targets, trust, HeadPlan(trees=config.trees, seed=config.seed))
    head.save(output / "head.safetensors")
    seal(output, _card(config, learnt, answers, rulebook.version, curve))
    _write_card(output)
    write_json(curve, output / "curve.json")
    return {"pairs": float(len(trust)), "lists": float(len(lists)), "dev_ndcg": _dev_ndcg(output, dev, config.threads)}
