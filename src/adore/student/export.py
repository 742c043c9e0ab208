"""Writes rankers to folders: ONNX, safetensors, tokenizer, statistics, card, hashes."""

from __future__ import annotations

import hashlib
import json
import shutil
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from adore.artifacts import write_json

__all__ = ["export_cross", "export_encoder", "seal"]


def _export(model: Any, arguments: tuple[Any, ...], path: Path, *, outputs: list[str]) -> None:
    import torch

    names = ["ids", "mask", "types"][: len(arguments)]
    axes = {name: {0: "rows", 1: "tokens"} for name in names} | {name: {0: "rows"} for name in outputs}
    with warnings.catch_warnings(), torch.no_grad():
        warnings.filterwarnings("ignore", category=torch.jit.TracerWarning)  # type: ignore[attr-defined]
        warnings.filterwarnings("ignore", "Exporting aten::index operator", category=UserWarning)
        warnings.filterwarnings("ignore", category=DeprecationWarning)  # the exporter of ``dynamo=False`` itself
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


def export_cross(model: Any, folder: Path) -> None:
    """``cross.onnx`` (fp32; inputs ids, mask, types; outputs grades, attributes) and ``model.safetensors``."""
    import torch
    from safetensors.torch import save_file

    ids = torch.ones((2, 7), dtype=torch.int64)
    _export(model, (ids, ids, ids * 0), folder / "cross.onnx", outputs=["grades", "attributes"])
    save_file({k: v.contiguous() for k, v in sorted(model.state_dict().items())}, folder / "model.safetensors")


def export_encoder(backbone: str, folder: Path) -> None:
    """``encoder.onnx`` (fp32; inputs ids, mask; output vectors) and ``tokenizer.json``.

    Args:
        backbone: one of :data:`adore.student.backbone.BACKBONES`, as it comes.
        folder: where to write.
    """
    import torch

    from adore.student.backbone import load_backbone, minilm_path
    from adore.student.model import BiEncoder

    ids = torch.ones((2, 7), dtype=torch.int64)
    _export(BiEncoder(load_backbone(backbone)), (ids, ids), folder / "encoder.onnx", outputs=["vectors"])
    shutil.copyfile(minilm_path() / "tokenizer.json", folder / "tokenizer.json")


def seal(folder: Path, card: Mapping[str, Any]) -> str:
    """Write ``hashes.json`` and ``card.json``; returns the version, a hash over every other file.

    Args:
        folder: every file of the ranker is in it already.
        card: at least ``kind`` and ``name``.
    """
    files = sorted(p for p in folder.iterdir() if p.is_file() and p.name not in {"hashes.json", "card.json"})
    hashes = {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in files}
    text = json.dumps([hashes, card], sort_keys=True, default=str)
    version = f"{card['name']}-{hashlib.sha256(text.encode()).hexdigest()[:12]}"
    write_json(hashes, folder / "hashes.json")
    write_json({**card, "version": version}, folder / "card.json")
    return version
