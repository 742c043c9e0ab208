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
_BATCH_ROWS = 32
_HASH_BYTES = 16
_MAX_CACHED = 100_000
"""Texts: title and typed text of each of 50,000 items."""
_MAX_TOKENISED = 50_000
"""Texts tokenised together, some 7 KB each."""


def _text_hash(text: str) -> bytes:
    encoded = text.encode("utf-8", "replace")
    return hashlib.blake2b(encoded, digest_size=_HASH_BYTES).digest()


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
    """Tokenise texts.

    Args:
        tokenizer: see :func:`adore.student.backbone.load_tokenizer`.
        texts: what is tokenised.
        max_tokens: longer texts are cut.

    Returns:
        One encoding per text.
    """
    tokenizer.enable_truncation(max_length=max_tokens)
    return list(tokenizer.encode_batch(list(texts)))


def batches(encodings: Sequence[Encoding], size: int = _BATCH_ROWS) -> list[list[int]]:
    """Group rows of similar length, so that little is padding.

    Args:
        encodings: one per row.
        size: most rows of a batch.

    Returns:
        Row numbers of each batch.
    """

    def length_first(row: int) -> tuple[int, int]:
        return len(encodings[row].ids), row

    row_numbers = range(len(encodings))
    order = sorted(row_numbers, key=length_first)

    grouped = []
    for start in range(0, len(order), size):
        end = start + size
        grouped.append(order[start:end])
    return grouped


def pad(encodings: Sequence[Encoding]) -> tuple[np.ndarray, np.ndarray]:
    """Token ids and mask of a batch, padded to its longest row.

    Args:
        encodings: the batch, not empty.

    Returns:
        Ids and mask, 1 token, 0 padding; int64, shape [rows, longest].
    """
    longest = max(len(encoding.ids) for encoding in encodings)
    shape = (len(encodings), longest)
    token_ids = np.zeros(shape, dtype=np.int64)
    mask = np.zeros(shape, dtype=np.int64)
    for row, encoding in enumerate(encodings):
        length = len(encoding.ids)
        token_ids[row, :length] = encoding.ids
        mask[row, :length] = 1
    return token_ids, mask


def copy_encoder(source: Path, folder: Path) -> None:
    """Copy a folder's encoder, with its tokenizer and the catalogue's vectors.

    Args:
        source: has the three files.
        folder: gets them.
    """
    for file_name in (ENCODERS["fp32"], "tokenizer.json", VECTORS):
        shutil.copyfile(source / file_name, folder / file_name)


def softmax(logits: np.ndarray) -> np.ndarray:
    """Softmax over the last axis."""
    # The largest logit becomes 0, so that nothing overflows.
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=-1, keepdims=True))


class OnnxEncoder:
    """Texts to unit vectors, cached by text.

    Args:
        folder: has ``encoder.onnx`` and ``tokenizer.json``, and ``vectors.safetensors`` if
            :meth:`save` wrote them.
        max_tokens: longer texts are cut.
        threads: CPU threads.
        precision: ``fp32`` or ``int8``.

    Raises:
        MissingError: the folder has no such model.
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
            saved_tables = load_file(folder / VECTORS)
            for text_hash, vector in zip(
                saved_tables["keys"], saved_tables["vectors"], strict=True
            ):
                self._saved[text_hash.tobytes()] = vector

    def save(self, texts: Sequence[str], folder: Path) -> None:
        """Write vectors of texts, so that no loader of the folder embeds them again.

        Args:
            texts: the first 100,000 distinct ones are written.
            folder: gets ``vectors.safetensors``.
        """
        distinct = list(dict.fromkeys(texts))
        saved_texts = distinct[:_MAX_CACHED]
        digests = [list(_text_hash(text)) for text in saved_texts]
        text_hashes = np.array(digests, dtype=np.uint8)
        tables = {
            # Without any text the table would have no columns.
            "keys": text_hashes.reshape(-1, _HASH_BYTES),
            "vectors": self.vectors(saved_texts),
        }
        save_file(tables, folder / VECTORS)

    def vectors(self, texts: Sequence[str]) -> np.ndarray:
        """Embed texts.

        Args:
            texts: any number; equal texts are embedded once.

        Returns:
            float32 rows of unit length. Shape [texts, d].
        """
        if len(texts) <= _MAX_TOKENISED:
            return self._vectors(texts)
        width = self._vectors([]).shape[1]
        vectors = np.empty((len(texts), width), dtype=np.float32)
        for start in range(0, len(texts), _MAX_TOKENISED):
            end = start + _MAX_TOKENISED
            vectors[start:end] = self._vectors(texts[start:end])
        return vectors

    def _vectors(self, texts: Sequence[str]) -> np.ndarray:
        """Vectors of texts that are tokenised together."""
        if not texts:
            width = int(self.session.get_outputs()[0].shape[-1])
            return np.zeros((0, width), dtype=np.float32)
        if len(self._cache) + len(texts) > _MAX_CACHED:
            self._cache.clear()

        # Texts of the folder's file need not be embedded again.
        for text in texts:
            if text in self._cache:
                continue
            saved_vector = self._saved.get(_text_hash(text))
            if saved_vector is not None:
                self._cache[text] = saved_vector

        new_texts = []
        for text in dict.fromkeys(texts):
            if text not in self._cache:
                new_texts.append(text)
        encodings = encode(self.tokenizer, new_texts, self.max_tokens)
        for row_numbers in batches(encodings):
            batch = [encodings[row_number] for row_number in row_numbers]
            token_ids, mask = pad(batch)
            outputs = self.session.run(None, {"ids": token_ids, "mask": mask})
            for row_number, vector in zip(row_numbers, outputs[0], strict=True):
                self._cache[new_texts[row_number]] = vector
        return np.stack([self._cache[text] for text in texts])

    def cosines(self, query: str, texts: Sequence[str]) -> np.ndarray:
        """Cosine of a query with each of some texts.

        Args:
            query: the query as it is embedded.
            texts: what it is compared with; empty: no cosine.

        Returns:
            Shape [texts].
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

    Raises:
        MissingError: the folder has no such model.
    """

    def __init__(self, folder: Path, *, threads: int = 2) -> None:
        self._net = _session(folder / "net.onnx", threads)
        self._forest = _session(folder / "forest.onnx", threads)

    def probabilities(
        self, matrix: np.ndarray, semantic: np.ndarray, is_asked: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Grades and attribute states of a list's items.

        Args:
            matrix: Shape [items, columns].
            semantic: Shape [items, 2 d].
            is_asked: Boolean, shape [items, attributes].

        Returns:
            P(grade), the mean of net and forest, shape [items, 4]; P(state), shape
            [items, attributes, 3].
        """
        net_inputs = {
            "features": matrix,
            "semantic": semantic,
            "asked": is_asked.astype(np.float32),
        }
        grade_logits, state_logits = self._net.run(None, net_inputs)
        by_net = softmax(grade_logits.astype(np.float64))
        by_forest = self._forest.run(None, {"features": matrix})[0]
        return (by_net + by_forest) / 2, softmax(state_logits)
