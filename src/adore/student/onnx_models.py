"""The exported networks under ONNX Runtime: no torch at serving time."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from safetensors.numpy import load_file, save_file

from adore.errors import MissingError

if TYPE_CHECKING:
    from tokenizers import Encoding, Tokenizer

__all__ = [
    "ENCODERS",
    "VECTORS",
    "OnnxEncoder",
    "OnnxHeads",
    "batches",
    "copy_encoder",
    "encode",
    "pad",
    "softmax",
]

ENCODERS = {"fp32": "encoder.onnx", "int8": "encoder.int8.onnx"}
VECTORS = "vectors.safetensors"
_BATCH = 32
_KEY = 16
_CACHED = 100_000
"""Texts: title and typed text of each of 50,000 items."""
_AT_ONCE = 50_000
"""Texts tokenised together, some 7 KB each."""


def _key(text: str) -> bytes:
    return hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=_KEY).digest()


def _session(path: Path, threads: int) -> Any:
    import onnxruntime

    if not path.is_file():
        raise MissingError(
            f"model == {str(path)!r}, must be an ONNX file; run the distil stage again"
        )
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(
        str(path), options, providers=["CPUExecutionProvider"]
    )


def encode(
    tokenizer: Tokenizer, texts: Sequence[str], max_tokens: int
) -> list[Encoding]:
    """Token ids; longer texts are cut."""
    tokenizer.enable_truncation(max_length=max_tokens)
    return list(tokenizer.encode_batch(list(texts)))


def batches(encodings: Sequence[Encoding], size: int = _BATCH) -> list[list[int]]:
    """Row numbers in batches of like length, so that little is padding."""
    order = sorted(range(len(encodings)), key=lambda i: (len(encodings[i].ids), i))
    return [order[i : i + size] for i in range(0, len(order), size)]


def pad(encodings: Sequence[Encoding]) -> tuple[np.ndarray, np.ndarray]:
    """Ids and mask, (rows, longest), int64."""
    longest = max(len(e.ids) for e in encodings)
    ids, mask = np.zeros((2, len(encodings), longest), dtype=np.int64)
    for row, one in enumerate(encodings):
        n = len(one.ids)
        ids[row, :n], mask[row, :n] = one.ids, 1
    return ids, mask


def copy_encoder(source: Path, folder: Path) -> None:
    """Put a folder's encoder, with its tokenizer and the catalogue's vectors, into another."""
    for name in (ENCODERS["fp32"], "tokenizer.json", VECTORS):
        shutil.copyfile(source / name, folder / name)


def softmax(logits: np.ndarray) -> np.ndarray:
    """Softmax over the last axis."""
    e = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return np.asarray(e / e.sum(axis=-1, keepdims=True))


class OnnxEncoder:
    """Texts to unit vectors, remembered by text.

    Args:
        folder: has ``encoder.onnx`` and ``tokenizer.json``, and ``vectors.safetensors`` if :meth:`save` wrote them.
        max_tokens: longer texts are cut.
        threads: CPU threads.
        precision: ``fp32`` or ``int8``.
    """

    def __init__(
        self,
        folder: Path,
        *,
        max_tokens: int = 64,
        threads: int = 2,
        precision: str = "fp32",
    ) -> None:
        from adore.student.backbone import load_tokenizer

        self.session = _session(folder / ENCODERS[precision], threads)
        self.tokenizer = load_tokenizer(folder / "tokenizer.json")
        self.max_tokens = max_tokens
        self._cache: dict[str, np.ndarray] = {}
        self._saved: dict[bytes, np.ndarray] = {}
        if (folder / VECTORS).is_file():
            saved = load_file(folder / VECTORS)
            self._saved = {
                key.tobytes(): v
                for key, v in zip(saved["keys"], saved["vectors"], strict=True)
            }

    def save(self, texts: Sequence[str], folder: Path) -> None:
        """Write the vectors of the first 100,000 distinct texts, so that no loader of the folder embeds them again."""
        texts = list(dict.fromkeys(texts))[:_CACHED]
        keys = np.array([list(_key(t)) for t in texts], dtype=np.uint8).reshape(
            -1, _KEY
        )
        save_file({"keys": keys, "vectors": self.vectors(texts)}, folder / VECTORS)

    def vectors(self, texts: Sequence[str]) -> np.ndarray:
        """(texts, d), float32, unit length."""
        if len(texts) <= _AT_ONCE:
            return self._vectors(texts)
        found = np.empty((len(texts), self._vectors([]).shape[1]), dtype=np.float32)
        for a in range(0, len(texts), _AT_ONCE):
            found[a : a + _AT_ONCE] = self._vectors(texts[a : a + _AT_ONCE])
        return found

    def _vectors(self, texts: Sequence[str]) -> np.ndarray:
        if not texts:
            return np.zeros(
                (0, int(self.session.get_outputs()[0].shape[-1])), dtype=np.float32
            )
        if len(self._cache) + len(texts) > _CACHED:
            self._cache.clear()
        for t in texts:
            if t not in self._cache and (saved := self._saved.get(_key(t))) is not None:
                self._cache[t] = saved
        new = [t for t in dict.fromkeys(texts) if t not in self._cache]
        encodings = encode(self.tokenizer, new, self.max_tokens)
        for rows in batches(encodings):
            ids, mask = pad([encodings[i] for i in rows])
            found = self.session.run(None, {"ids": ids, "mask": mask})[0]
            self._cache.update(
                (new[i], vector) for i, vector in zip(rows, found, strict=True)
            )
        return np.stack([self._cache[t] for t in texts])

    def cosines(self, query: str, texts: Sequence[str]) -> np.ndarray:
        """(texts,): cosine of the query with each text."""
        if not texts:
            return np.zeros(0)
        return np.asarray(
            self.vectors(texts) @ self.vectors([query])[0], dtype=np.float64
        )


class OnnxHeads:
    """The net and the forest of a student.

    Args:
        folder: has ``net.onnx`` and ``forest.onnx``.
        threads: CPU threads.
    """

    def __init__(self, folder: Path, *, threads: int = 2) -> None:
        self._net, self._forest = (
            _session(folder / name, threads) for name in ("net.onnx", "forest.onnx")
        )

    def probabilities(
        self, matrix: np.ndarray, meaning: np.ndarray, asked: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Mean of net and forest (items, 4), indexed by grade value; P(state) (items, attributes, 3).

        Args:
            matrix: (items, columns).
            meaning: (items, 2 d).
            asked: (items, attributes) bool.
        """
        fed = {
            "features": matrix,
            "meaning": meaning,
            "asked": asked.astype(np.float32),
        }
        grades, states = self._net.run(None, fed)
        grown = self._forest.run(None, {"features": matrix})[0]
        return (softmax(grades.astype(np.float64)) + grown) / 2, softmax(states)
