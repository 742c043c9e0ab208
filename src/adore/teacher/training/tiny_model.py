"""The tiny causal LM before it is trained: its vocabulary and its weights.

It is built from a config; it reads evidence traces and answers in JSON.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from adore.types import ATTRIBUTES, STATES

__all__ = ["new_model", "new_tokenizer", "product_words"]

_TOKENS = r"\s|[^\W\d]+|\d|[^\w\s]"
_WHERE = (
    "title",
    "category",
    "bullet_points",
    "brand",
    "attributes",
    "description",
    "accessory",
)


def product_words(
    texts: Iterable[str], *, min_traces: int = 4, max_words: int = 2000
) -> list[str]:
    """Choose the commonest words of traces.

    Args:
        texts: the traces.
        min_traces: traces that must use a word.
        max_words: words.

    Returns:
        The words, sorted.
    """
    traces_with = Counter[str]()
    for text in texts:
        words = set(re.findall(_TOKENS, text))
        traces_with.update(words)
    # Ties are ordered by word: the order of a set's words differs from process to process.
    ranked = sorted(traces_with, key=lambda word: (-traces_with[word], word))
    commonest = ranked[:max_words]
    return sorted(word for word in commonest if traces_with[word] >= min_traces)


def new_tokenizer(products: Sequence[str] = ()) -> Any:
    """Make a tokenizer of the trace language; decoding gives a text back exactly.

    Args:
        products: product words (of query and item) to know besides; others read as
            unknown.

    Returns:
        A fast tokenizer of transformers.
    """
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    # the order makes the ids, and so the results of a seed
    words = ["<unk>", "<pad>", "<eos>", " ", "\n", *'{}[]":,', *"0123456789", *"ICSE"]
    words += ["pair", "answer", "grade", "against", *ATTRIBUTES, *STATES, *_WHERE]
    words += ["asked", "found", "nothing", *products]
    distinct = dict.fromkeys(words)
    vocabulary = {word: number for number, word in enumerate(distinct)}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(_TOKENS), "isolated")
    tokenizer.decoder = decoders.Fuse()
    wrapped = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        unk_token="<unk>",
        pad_token="<pad>",
        eos_token="<eos>",
        padding_side="right",
    )
    wrapped.model_input_names = ["input_ids", "attention_mask"]
    return wrapped


def new_model(tokenizer: Any, *, layers: int, width: int, seed: int) -> Any:
    """Make a Llama with random weights.

    Args:
        tokenizer: from :func:`new_tokenizer`, whose vocabulary it takes.
        layers: of the transformer.
        width: of its hidden states; its feed-forward layers are three times as wide.
        seed: of the weights.

    Returns:
        A causal LM of transformers.
    """
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(seed)
    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=len(tokenizer),
            hidden_size=width,
            intermediate_size=3 * width,
            num_hidden_layers=layers,
            num_attention_heads=4,
            num_key_value_heads=4,
            max_position_embeddings=512,
            pad_token_id=tokenizer.pad_token_id,
            eos_token_id=tokenizer.eos_token_id,
            bos_token_id=None,
            tie_word_embeddings=True,
        )
    )
