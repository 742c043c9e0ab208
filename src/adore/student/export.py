"""Writes rankers to folders: ONNX, safetensors, tokenizer, statistics, card, hashes."""

from __future__ import annotations

import hashlib
import json
import shutil
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from adore.errors import DataError, check
from adore.storage import write_json

if TYPE_CHECKING:
    from adore.student.model import StudentNet
    from adore.student.onnx_models import OnnxEncoder
    from adore.types import Item

__all__ = [
    "CARD",
    "check_sealed",
    "export_catalogue",
    "export_encoder",
    "export_net",
    "quantise_encoder",
    "seal",
]

CARD = "card.json"
"""Says what a ranker is and how it was made."""
_HASHES = "hashes.json"
_SEALS = frozenset({_HASHES, CARD})


def _export(
    model: Any,
    arguments: tuple[Any, ...],
    path: Path,
    *,
    names: list[str],
    outputs: list[str],
) -> None:
    """Trace a model to an ONNX file whose rows, and tokens, may be of any number."""
    import torch

    axes: dict[str, dict[int, str]] = {}
    for name in (*names, *outputs):
        axes[name] = {0: "rows"}
        if name in ("ids", "mask"):
            axes[name][1] = "tokens"

    with warnings.catch_warnings(), torch.no_grad():
        warnings.filterwarnings("ignore", category=torch.jit.TracerWarning)  # type: ignore[attr-defined]
        warnings.filterwarnings(
            "ignore", "Exporting aten::index operator", category=UserWarning
        )
        # The exporter of ``dynamo=False`` is itself deprecated.
        warnings.filterwarnings("ignore", category=DeprecationWarning)
        torch.onnx.export(
            model.eval(),
            arguments,
            str(path),
            input_names=names,
            output_names=outputs,
            dynamic_axes=axes,
            opset_version=17,
            dynamo=False,
        )


def export_net(net: StudentNet, folder: Path) -> None:
    """Write ``net.onnx`` and ``model.safetensors``.

    The ONNX file's inputs are features, semantic and asked, its outputs grades and states.

    Args:
        net: the trained net.
        folder: where to write.
    """
    import torch
    from safetensors.torch import save_file

    from adore.types import ATTRIBUTES

    input_widths = (len(net.mean), net.semantic_units.in_features, len(ATTRIBUTES))
    example_rows = tuple(torch.zeros((2, input_width)) for input_width in input_widths)
    names = ["features", "semantic", "asked"]
    _export(
        net,
        example_rows,
        folder / "net.onnx",
        names=names,
        outputs=["grades", "states"],
    )

    weights = {}
    for name, tensor in sorted(net.state_dict().items()):
        weights[name] = tensor.contiguous()
    save_file(weights, folder / "model.safetensors")


def quantise_encoder(folder: Path) -> None:
    """Write ``encoder.int8.onnx`` beside ``encoder.onnx``.

    Weights have 8 bits, with one scale per column; activations stay in full precision.
    """
    from onnxruntime.quantization import QuantType, quantize_dynamic
    from onnxruntime.quantization.shape_inference import quant_pre_process

    source = str(folder / "encoder.onnx")
    target = str(folder / "encoder.int8.onnx")
    quant_pre_process(source, target, skip_optimization=True, skip_symbolic_shape=True)
    quantize_dynamic(target, target, weight_type=QuantType.QInt8, per_channel=True)


def export_encoder(backbone: str, folder: Path) -> None:
    """Write ``encoder.onnx`` (fp32; inputs ids, mask; output vectors) and ``tokenizer.json``.

    Args:
        backbone: see :func:`adore.student.backbone.load_backbone`; it is not trained.
        folder: where to write.

    Raises:
        ConfigError: no backbone has this name.
        NotInstalledError: the backbone is not on this machine and cannot be downloaded.
    """
    import torch

    from adore.student.backbone import load_backbone, tokenizer_file
    from adore.student.model import BiEncoder

    tokens = torch.ones((2, 7), dtype=torch.int64)
    _export(
        BiEncoder(load_backbone(backbone)),
        (tokens, tokens),
        folder / "encoder.onnx",
        names=["ids", "mask"],
        outputs=["vectors"],
    )
    shutil.copyfile(tokenizer_file(backbone), folder / "tokenizer.json")


def export_catalogue(
    backbone: str, items: Sequence[Item], folder: Path, *, threads: int
) -> OnnxEncoder:
    """Write the encoder, and beside it the vectors of every item's title and typed text.

    Args:
        backbone: see :func:`adore.student.backbone.load_backbone`.
        items: the catalogue.
        folder: where to write.
        threads: CPU threads.

    Returns:
        The encoder, loaded.

    Raises:
        ConfigError: no backbone has this name.
        NotInstalledError: the backbone is not on this machine and cannot be downloaded.
    """
    from adore.student.fields import title_text, typed_text
    from adore.student.onnx_models import OnnxEncoder

    export_encoder(backbone, folder)
    encoder = OnnxEncoder(folder, threads=threads)
    item_texts = []
    for item in items:
        item_texts += [title_text(item), typed_text(item)]
    encoder.save(item_texts, folder)
    return encoder


def _hash_of(file_path: Path) -> str:
    return hashlib.sha256(file_path.read_bytes()).hexdigest()


def seal(folder: Path, card: Mapping[str, Any]) -> str:
    """Write ``hashes.json`` and ``card.json`` of a ranker whose other files are all there.

    Args:
        folder: the ranker's.
        card: at least ``kind`` and ``name``.

    Returns:
        The version: the name and a hash over the card and every other file.
    """
    file_hashes: dict[str, str] = {}
    for file_path in sorted(folder.iterdir()):
        if file_path.is_file() and file_path.name not in _SEALS:
            file_hashes[file_path.name] = _hash_of(file_path)

    content = json.dumps([file_hashes, card], sort_keys=True, default=str)
    digest = hashlib.sha256(content.encode()).hexdigest()
    short_digest = digest[:12]
    version = f"{card['name']}-{short_digest}"

    write_json(file_hashes, folder / _HASHES)
    write_json({**card, "version": version}, folder / CARD)
    return version


def check_sealed(folder: Path) -> None:
    """Check that a ranker's folder holds every file that it was sealed with, unchanged.

    Args:
        folder: the ranker's.

    Raises:
        DataError: a file is missing or was changed since.
    """
    hashes_path = folder / _HASHES
    file_hashes: dict[str, str] = {}
    if hashes_path.is_file():
        file_hashes = json.loads(hashes_path.read_text("utf-8"))

    unlike = []
    for name in (CARD, _HASHES, *file_hashes):
        file_path = folder / name
        is_as_sealed = file_path.is_file()
        if is_as_sealed and name in file_hashes:
            is_as_sealed = _hash_of(file_path) == file_hashes[name]
        if not is_as_sealed:
            unlike.append(name)
    check(
        not unlike,
        f"files of {str(folder)!r} that are missing or changed",
        unlike,
        must="none",
        fix="copy the ranker's whole folder again",
        error=DataError,
    )
