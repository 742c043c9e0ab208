"""The student's forest: randomised trees over list features to four grades; ONNX to apply."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from adore.student.settings import ForestConfig
from adore.types import Grade

__all__ = ["export_forest", "fit_forest"]

_GRADES = len(Grade)


def fit_forest(
    matrix: np.ndarray,
    targets: np.ndarray,
    weights: np.ndarray,
    config: ForestConfig,
    *,
    seed: int = 0,
    threads: int = 2,
) -> Any:
    """Grow the trees on soft grades.

    Args:
        matrix: float32, shape [rows, columns].
        targets: rows sum to 1. Shape [rows, 4].
        weights: trust. Shape [rows].
        config: how they are grown.
        seed: of the random splits.
        threads: CPU threads; the result is the same for any number.

    Returns:
        The forest; its ``predict`` gives probabilities, shape [rows, 4].

    Source: Geurts, Ernst and Wehenkel 2006, Extremely randomized trees. With one-hot targets
    the squared error is Gini's impurity; soft targets need no copies of rows.
    """
    from sklearn.ensemble import ExtraTreesRegressor

    forest = ExtraTreesRegressor(
        config.trees,
        min_samples_leaf=config.min_leaf,
        max_features=config.column_share,
        random_state=seed,
        n_jobs=threads,
    )
    forest.fit(matrix, targets, sample_weight=weights)

    # Several threads add the trees up in any order, so the last bits would differ.
    return forest.set_params(n_jobs=1)


def _tree_nodes(tree: Any, number: int, trees: int) -> dict[str, np.ndarray]:
    """Columns of the ONNX tree ensemble for one tree's nodes and leaves."""
    node_ids = np.arange(tree.node_count)
    is_inner = tree.children_left >= 0
    leaves = node_ids[~is_inner]
    thresholds = np.where(is_inner, tree.threshold, 0.0)

    # Each leaf gives its mean grades, and the forest is the mean over its trees.
    leaf_values = tree.value[leaves, :, 0].ravel() / trees
    return {
        "nodes_treeids": np.full(len(node_ids), number),
        "nodes_nodeids": node_ids,
        "nodes_featureids": np.where(is_inner, tree.feature, 0),
        "nodes_values": _float32_at_most(thresholds),
        "nodes_modes": np.where(is_inner, "BRANCH_LEQ", "LEAF"),
        "nodes_truenodeids": np.where(is_inner, tree.children_left, 0),
        "nodes_falsenodeids": np.where(is_inner, tree.children_right, 0),
        "target_treeids": np.full(_GRADES * len(leaves), number),
        "target_nodeids": np.repeat(leaves, _GRADES),
        "target_ids": np.tile(np.arange(_GRADES), len(leaves)),
        "target_weights": leaf_values,
    }


def export_forest(forest: Any, path: Path) -> None:
    """Write the forest as ONNX.

    Its input is ``features``, float32, shape [rows, columns]; its output
    ``probabilities``, shape [rows, 4].

    Args:
        forest: what :func:`fit_forest` returned.
        path: the file, ``forest.onnx``.
    """
    import onnx
    from onnx import TensorProto, helper

    parts: dict[str, list[np.ndarray]] = {}
    tree_count = len(forest.estimators_)
    for number, estimator in enumerate(forest.estimators_):
        tree_nodes = _tree_nodes(estimator.tree_, number, tree_count)
        for name, column in tree_nodes.items():
            parts.setdefault(name, []).append(column)
    columns = {
        name: np.concatenate(column_parts).tolist()
        for name, column_parts in parts.items()
    }

    node = helper.make_node(
        "TreeEnsembleRegressor",
        ["features"],
        ["probabilities"],
        domain="ai.onnx.ml",
        n_targets=_GRADES,
        **columns,
    )
    width = forest.n_features_in_
    features = helper.make_tensor_value_info(
        "features", TensorProto.FLOAT, [None, width]
    )
    probabilities = helper.make_tensor_value_info(
        "probabilities", TensorProto.FLOAT, [None, _GRADES]
    )
    graph = helper.make_graph([node], "forest", [features], [probabilities])
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 3)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=8)
    onnx.save(model, str(path))


def _float32_at_most(values: np.ndarray) -> np.ndarray:
    """The largest float32 that is not above each threshold."""
    # With it, "value <= threshold" decides as it did in float64.
    rounded = values.astype(np.float32)
    is_above = rounded > values
    lowest = np.float32(-np.inf)
    next_below = np.nextafter(rounded, lowest)
    at_most = np.where(is_above, next_below, rounded)
    return at_most.astype(np.float32)
