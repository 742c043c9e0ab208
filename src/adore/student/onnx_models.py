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
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(
        str(path), options, providers=["CPUExecutionProvider"]
    )


def encode(
    tokenizer: Tokenizer, texts: Sequence[str], max_tokens: int
) -> list[Encoding]:
    """Token ids of texts.

    Args:
        tokenizer: see :func:`adore.student.backbone.load_tokenizer`.
        texts: what is taken apart.
        max_tokens: longer texts are cut.
    """
    tokenizer.enable_truncation(max_length=max_tokens)
    return list(tokenizer.encode_batch(list(texts)))


def batches(encodings: Sequence[Encoding], size: int = _BATCH) -> list[list[int]]:
    """Row numbers in batches of like length, so that little is padding.

    Args:
        encodings: one a row.
        size: most rows of a batch.
    """
    order = sorted(range(len(encodings)), key=lambda i: (len(encodings[i].ids), i))
    return [order[i : i + size] for i in range(0, len(order), size)]


def pad(encodings: Sequence[Encoding]) -> tuple[np.ndarray, np.ndarray]:
    """Ids and mask, (rows, longest), int64; the mask is 1 for a token, 0 for padding."""
    longest = max(len(one.ids) for one in encodings)
    shape = (len(encodings), longest)
    ids = np.zeros(shape, dtype=np.int64)
    mask = np.zeros(shape, dtype=np.int64)
    for row, one in enumerate(encodings):
        length = len(one.ids)
        ids[row, :length] = one.ids
        mask[row, :length] = 1
    return ids, mask


def copy_encoder(source: Path, folder: Path) -> None:
    """Put a folder's encoder into another, with its tokenizer and the catalogue's vectors.

    Args:
        source: has the three files.
        folder: gets them.
    """
    for name in (ENCODERS["fp32"], "tokenizer.json", VECTORS):
        shutil.copyfile(source / name, folder / name)


def softmax(logits: np.ndarray) -> np.ndarray:
    """Softmax over the last axis."""
    # The largest logit becomes 0, so that nothing overflows.
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=-1, keepdims=True))


class OnnxEncoder:
    """Texts to unit vectors, remembered by text.

    Args:
        folder: has ``encoder.onnx`` and ``tokenizer.json``, and ``vectors.safetensors`` if
            :meth:`save` wrote them.
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
            for key, vector in zip(saved["keys"], saved["vectors"], strict=True):
                self._saved[key.tobytes()] = vector

    def save(self, texts: Sequence[str], folder: Path) -> None:
        """Write vectors of texts, so that no loader of the folder embeds them again.

        Args:
            texts: the first 100,000 distinct ones are written.
            folder: gets ``vectors.safetensors``.
        """
        distinct = list(dict.fromkeys(texts))
        kept = distinct[:_CACHED]
        digests = [list(_key(text)) for text in kept]
        keys = np.array(digests, dtype=np.uint8)
        tables = {
            # Without any text the table would have no columns.
            "keys": keys.reshape(-1, _KEY),
            "vectors": self.vectors(kept),
        }
        save_file(tables, folder / VECTORS)

    def vectors(self, texts: Sequence[str]) -> np.ndarray:
        """(texts, d), float32, unit length."""
        if len(texts) <= _AT_ONCE:
            return self._vectors(texts)
        width = self._vectors([]).shape[1]
        vectors = np.empty((len(texts), width), dtype=np.float32)
        for start in range(0, len(texts), _AT_ONCE):
            end = start + _AT_ONCE
            vectors[start:end] = self._vectors(texts[start:end])
        return vectors

    def _vectors(self, texts: Sequence[str]) -> np.ndarray:
        if not texts:
            width = int(self.session.get_outputs()[0].shape[-1])
            return np.zeros((0, width), dtype=np.float32)
        if len(self._cache) + len(texts) > _CACHED:
            self._cache.clear()

        # What the folder's file holds need not be embedded again.
        for text in texts:
            if text in self._cache:
                continue
            saved = self._saved.get(_key(text))
            if saved is not None:
                self._cache[text] = saved

        new = [text for text in dict.fromkeys(texts) if text not in self._cache]
        encodings = encode(self.tokenizer, new, self.max_tokens)
        for rows in batches(encodings):
            batch = [encodings[i] for i in rows]
            ids, mask = pad(batch)
            found = self.session.run(None, {"ids": ids, "mask": mask})[0]
            for i, vector in zip(rows, found, strict=True):
                self._cache[new[i]] = vector
        return np.stack([self._cache[text] for text in texts])

    def cosines(self, query: str, texts: Sequence[str]) -> np.ndarray:
        """Cosine of a query with each of some texts.

        Args:
            query: the query as it is embedded.
            texts: what it is held against; empty: no cosine.

        Returns:
            (texts,).
        """
        if not texts:
            return np.zeros(0)
        # All vectors are of unit length.
        products = self.vectors(texts) @ self.vectors([query])[0]
        return np.asarray(products, dtype=np.float64)


class OnnxHeads:
    """The net and the forest of a student.

    Args:
        folder: has ``net.onnx`` and ``forest.onnx``.
        threads: CPU threads.
    """

    def __init__(self, folder: Path, *, threads: int = 2) -> None:
        self._net = _session(folder / "net.onnx", threads)
        self._forest = _session(folder / "forest.onnx", threads)

    def probabilities(
        self, matrix: np.ndarray, meaning: np.ndarray, asked: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Grades and attribute states of a list's items.

        Args:
            matrix: (items, columns).
            meaning: (items, 2 d).
            asked: (items, attributes) bool.

        Returns:
            Mean of net and forest (items, 4), indexed by grade value; P(state) (items,
            attributes, 3).
        """
        fed = {
            "features": matrix,
            "meaning": meaning,
            "asked": asked.astype(np.float32),
        }
        grades, states = self._net.run(None, fed)
        grown = self._forest.run(None, {"features": matrix})[0]
        mean = (softmax(grades.astype(np.float64)) + grown) / 2
        return mean, softmax(states)
