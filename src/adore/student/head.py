"""The student's last head: small boosted trees over list features to four grades; numpy alone to apply."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from adore.student.onnx_models import softmax

__all__ = ["Head", "HeadPlan", "fit_head"]


@dataclass(frozen=True, slots=True)
class HeadPlan:
    """How the trees are grown."""

    trees: int = 150
    depth: int = 3
    rate: float = 0.05
    subsample: float = 0.5
    leaf: int = 20
    seed: int = 0


@dataclass(frozen=True)
class Head:
    """Boosted trees as arrays.

    Args:
        prior: (4,) logits before any tree.
        feature: (trees, 4, nodes) column a node looks at; -2 in a leaf.
        threshold: (trees, 4, nodes): at most goes left.
        left: (trees, 4, nodes) left child's number; a leaf points to itself.
        right: the same on the right.
        value: (trees, 4, nodes) what a leaf adds to its grade's logit.
    """

    prior: np.ndarray
    feature: np.ndarray
    threshold: np.ndarray
    left: np.ndarray
    right: np.ndarray
    value: np.ndarray

    def logits(self, matrix: np.ndarray) -> np.ndarray:
        """(rows, columns) to (rows, 4)."""
        trees, grades, nodes = self.feature.shape
        flat = trees * grades
        feature, threshold = self.feature.reshape(flat, nodes), self.threshold.reshape(flat, nodes)
        left, right = self.left.reshape(flat, nodes), self.right.reshape(flat, nodes)
        at, every = np.zeros((len(matrix), flat), dtype=np.int64), np.arange(flat)[None, :]
        rows = np.arange(len(matrix))[:, None]
        while True:
            column = feature[every, at]
            if (column < 0).all():
                break
            goes_left = matrix[rows, np.maximum(column, 0)] <= threshold[every, at]
            at = np.where(column < 0, at, np.where(goes_left, left[every, at], right[every, at]))
        values = self.value.reshape(flat, nodes)[every, at]
        return np.asarray(self.prior[None, :] + values.reshape(len(matrix), trees, grades).sum(axis=1))

    def probabilities(self, matrix: np.ndarray) -> np.ndarray:
        """(rows, columns) to (rows, 4), indexed by grade value."""
        return softmax(self.logits(matrix)) if len(matrix) else np.zeros((0, 4))

    def save(self, path: Path) -> None:
        """Write as safetensors."""
        from safetensors.numpy import save_file

        save_file({name: np.ascontiguousarray(getattr(self, name)) for name in self.__dataclass_fields__}, path)

    @staticmethod
    def load(path: Path) -> Head:
        """Read what :meth:`save` wrote."""
        from safetensors.numpy import load_file

        return Head(**load_file(path))


def fit_head(matrix: np.ndarray, targets: np.ndarray, weights: np.ndarray, plan: HeadPlan) -> Head:
    """Grow the trees on soft grades: a row counts once per grade, weighted by its probability.

    Args:
        matrix: (rows, columns), float32.
        targets: (rows, 4), rows sum to 1.
        weights: (rows,).
        plan: how to grow them.
    """
    from sklearn.ensemble import GradientBoostingClassifier

    row, grade = np.nonzero(targets * weights[:, None] > 1e-3)
    weight = (targets * weights[:, None])[row, grade]
    present, classes = np.unique(grade, return_inverse=True)
    mass = np.array([weight[grade == g].sum() for g in range(4)])
    prior = np.log(np.maximum(mass, 1e-3) / max(mass.sum(), 1e-3))
    if len(present) < 2:
        return _constant(prior)
    model = GradientBoostingClassifier(
        n_estimators=plan.trees,
        max_depth=plan.depth,
        learning_rate=plan.rate,
        subsample=plan.subsample,
        max_features=0.3,
        min_samples_leaf=plan.leaf,
        random_state=plan.seed,
    )
    model.fit(matrix[row], classes, sample_weight=weight / weight.mean())
    return _as_arrays(model, present, prior)


def _constant(prior: np.ndarray) -> Head:
    leaf = np.full((1, 4, 1), -2, dtype=np.int32)
    zero = np.zeros((1, 4, 1), dtype=np.int32)
    return Head(prior, leaf, zero.astype(np.float64), zero, zero, zero.astype(np.float64))


def _as_arrays(model: object, present: np.ndarray, prior: np.ndarray) -> Head:
    grown = model.estimators_  # type: ignore[attr-defined]
    rate = model.learning_rate  # type: ignore[attr-defined]
    nodes = max(t.tree_.node_count for t in grown.ravel())
    shape = (len(grown), 4, nodes)
    feature, left = np.full(shape, -2, dtype=np.int32), np.zeros(shape, dtype=np.int32)
    right, threshold, value = left.copy(), np.zeros(shape), np.zeros(shape)
    binary = grown.shape[1] == 1  # two grades only: one tree for the second's log-odds against the first
    for i, trees in enumerate(grown):
        for k, one in enumerate(trees):
            tree, grade = one.tree_, present[1 if binary else k]
            n = tree.node_count
            feature[i, grade, :n], threshold[i, grade, :n] = tree.feature, tree.threshold
            left[i, grade, :n], right[i, grade, :n] = tree.children_left, tree.children_right
            value[i, grade, :n] = rate * tree.value[:, 0, 0]
    return Head(prior, feature, threshold, left, right, value)
