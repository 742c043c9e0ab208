"""The tokenizer and the chat template of a local LLM, for judging and for training."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from adore.errors import ConfigError
from adore.teacher.backends.base import Message

__all__ = ["PLAIN", "encode", "load_tokenizer", "on_hub", "with_template"]

PLAIN = (
    "{{ bos_token or '' }}{% for m in messages %}{{ m.role | capitalize }}:\n{{ m.content }}"
    "{% if m.role == 'assistant' %}{{ eos_token }}{% endif %}"
    "{% if m.role != 'assistant' or not loop.last %}\n\n{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}Assistant:\n{% endif %}"
)
"""The chat template of a model that brings none."""


def with_template(tokenizer: Any) -> Any:
    """Add the :data:`PLAIN` chat template and a padding token where there is none."""
    tokenizer.chat_template = tokenizer.chat_template or PLAIN
    tokenizer.pad_token = tokenizer.pad_token or tokenizer.eos_token
    return tokenizer


def on_hub(model: str, revision: str) -> str | None:
    """The revision to ask the hub for.

    Args:
        model: a folder or a name on the hub.
        revision: as configured; of a folder the hash of its files.

    Returns:
        None for a folder, or where no revision is given.
    """
    return None if not revision or Path(model).is_dir() else revision


def load_tokenizer(model: str, revision: str = "") -> Any:
    """Load the tokenizer of a folder or of a model on the hub, see :func:`with_template`.

    Args:
        model: a folder or a name on the hub.
        revision: of the hub's model; empty: its newest.

    Returns:
        A tokenizer with a chat template.

    Raises:
        ConfigError: there is none.
    """
    from transformers import AutoTokenizer

    try:
        return with_template(
            AutoTokenizer.from_pretrained(model, revision=on_hub(model, revision))
        )
    except (OSError, ValueError) as error:
        # transformers' and the hub's own texts are of many lines
        first_line = str(error).strip().partition("\n")[0]
        raise ConfigError(
            f"model == {model!r}, must be a folder with a model and its tokenizer, "
            f"or a name on the hub; set it, or download it first ({first_line})"
        ) from error


def encode(tokenizer: Any, prompts: Sequence[Sequence[Message]]) -> list[list[int]]:
    """Token ids of each prompt, ready for the assistant's turn.

    Args:
        tokenizer: with a chat template, which writes special tokens itself.
        prompts: the messages of each.

    Returns:
        A list of token ids a prompt.
    """
    texts: list[str] = []
    for messages in prompts:
        text = tokenizer.apply_chat_template(
            list(messages), add_generation_prompt=True, tokenize=False
        )
        texts.append(text)
    # the template writes special tokens itself
    encoded = tokenizer(texts, add_special_tokens=False)
    return [list(token_ids) for token_ids in encoded["input_ids"]]
