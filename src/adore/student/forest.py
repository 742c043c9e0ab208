"""The student's forest: randomised trees over list features to four grades; ONNX to apply."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["ForestPlan", "export_forest", "fit_forest"]


@dataclass(frozen=True, slots=True)
class ForestPlan:
    """How the trees are grown."""

    trees: int = 200
    leaf: int = 5
    share: float = 0.3
    """Share of the columns that each node looks at."""
    seed: int = 0
    threads: int = 2


def fit_forest(
    matrix: np.ndarray, targets: np.ndarray, weights: np.ndarray, plan: ForestPlan
) -> Any:
    """Grow the trees on soft grades.

    Args:
        matrix: (rows, columns), float32.
        targets: (rows, 4), rows sum to 1.
        weights: (rows,) trust.
        plan: how to grow them.

    Returns:
        The forest; its ``predict`` gives (rows, 4) probabilities.

    Source: Geurts, Ernst and Wehenkel 2006, Extremely randomized trees. With one-hot targets
    the squared error is Gini's impurity; soft targets need no copies of rows.
    """
    from sklearn.ensemble import ExtraTreesRegressor

    forest = ExtraTreesRegressor(
        plan.trees,
        min_samples_leaf=plan.leaf,
        max_features=plan.share,
        random_state=plan.seed,
        n_jobs=plan.threads,
    )
    forest.fit(matrix, targets, sample_weight=weights)
    # Several threads add the trees up in any order, so the last bits would differ.
    return forest.set_params(n_jobs=1)


def export_forest(forest: Any, path: Path) -> None:
    """Write the forest as ONNX.

    Its input is ``features`` (rows, columns) float32, its output ``probabilities`` (rows, 4).

    Args:
        forest: what :func:`fit_forest` returned.
        path: the file, ``forest.onnx``.
    """
    import onnx
    from onnx import TensorProto, helper

    nodes: dict[str, list[np.ndarray]] = {}

    def add(**columns: np.ndarray) -> None:
        for name, column in columns.items():
            nodes.setdefault(name, []).append(column)

    for number, one in enumerate(forest.estimators_):
        tree = one.tree_
        every = np.arange(tree.node_count)
        leaves = every[tree.children_left < 0]
        inner = tree.children_left >= 0
        add(
            nodes_treeids=np.full(len(every), number),
            nodes_nodeids=every,
            nodes_featureids=np.where(inner, tree.feature, 0),
            nodes_values=_float32_at_most(np.where(inner, tree.threshold, 0.0)),
            nodes_modes=np.where(inner, "BRANCH_LEQ", "LEAF"),
            nodes_truenodeids=np.where(inner, tree.children_left, 0),
            nodes_falsenodeids=np.where(inner, tree.children_right, 0),
            target_treeids=np.full(4 * len(leaves), number),
            target_nodeids=np.repeat(leaves, 4),
            target_ids=np.tile(np.arange(4), len(leaves)),
            target_weights=tree.value[leaves, :, 0].ravel() / len(forest.estimators_),
        )
    columns = {name: np.concatenate(parts).tolist() for name, parts in nodes.items()}
    node = helper.make_node(
        "TreeEnsembleRegressor",
        ["features"],
        ["probabilities"],
        domain="ai.onnx.ml",
        n_targets=4,
        **columns,
    )
    width = forest.n_features_in_
    graph = helper.make_graph(
        [node],
        "forest",
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, [None, width])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, [None, 4])],
    )
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 3)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=8), str(path))


def _float32_at_most(values: np.ndarray) -> np.ndarray:
    """The largest float32 that is not above each threshold.

    With it ``<=`` decides as in float64.
    """
    rounded = values.astype(np.float32)
    is_above = rounded > values
    lowest = np.float32(-np.inf)
    below = np.nextafter(rounded, lowest)
    found = np.where(is_above, below, rounded)
    return found.astype(np.float32)
