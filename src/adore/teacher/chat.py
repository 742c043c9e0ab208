"""How a local LLM's folder becomes a name, a tokenizer and token ids: one way for judging and for training."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from adore.errors import ConfigError
from adore.teacher.completers import Message

__all__ = ["PLAIN", "encode", "load_tokenizer", "on_hub", "with_template"]

PLAIN = (
    "{{ bos_token or '' }}{% for m in messages %}{{ m.role | capitalize }}:\n{{ m.content }}"
    "{% if m.role == 'assistant' %}{{ eos_token }}{% endif %}"
    "{% if m.role != 'assistant' or not loop.last %}\n\n{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}Assistant:\n{% endif %}"
)
"""The chat template of a model that brings none."""


def with_template(tokenizer: Any) -> Any:
    """The tokenizer, given :data:`PLAIN` if it has no chat template, and a padding token if it has none."""
    tokenizer.chat_template = tokenizer.chat_template or PLAIN
    tokenizer.pad_token = tokenizer.pad_token or tokenizer.eos_token
    return tokenizer


def on_hub(model: str, revision: str) -> str | None:
    """The revision to ask the hub for; None for a folder, whose revision is the hash of its files."""
    return None if not revision or Path(model).is_dir() else revision


def load_tokenizer(model: str, revision: str = "") -> Any:
    """The tokenizer of a folder or of a model on the hub, see :func:`with_template`.

    Raises:
        ConfigError: there is none.
    """
    from transformers import AutoTokenizer

    try:
        return with_template(
            AutoTokenizer.from_pretrained(model, revision=on_hub(model, revision))
        )
    except (
        OSError,
        ValueError,
    ) as error:  # transformers' and the hub's own, of many lines
        first = str(error).strip().partition("\n")[0]
        must = "a folder with a model and its tokenizer, or a name on the hub"
        raise ConfigError(
            f"model == {model!r}, must be {must}; set it, or download it first ({first})"
        ) from error


def encode(tokenizer: Any, prompts: Sequence[Sequence[Message]]) -> list[list[int]]:
    """Token ids of each prompt, ready for the assistant's turn."""
    texts = [
        tokenizer.apply_chat_template(
            list(p), add_generation_prompt=True, tokenize=False
        )
        for p in prompts
    ]
    return [
        list(ids) for ids in tokenizer(texts, add_special_tokens=False)["input_ids"]
    ]
