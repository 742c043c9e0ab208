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

_PIECES = r"\s|[^\W\d]+|\d|[^\w\s]"
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
    texts: Iterable[str], *, least: int = 4, most: int = 2000
) -> list[str]:
    """The commonest words of traces, sorted.

    Args:
        texts: the traces.
        least: traces that must use a word.
        most: words.
    """
    traces_with = Counter[str]()
    for text in texts:
        traces_with.update(set(re.findall(_PIECES, text)))
    commonest = traces_with.most_common(most)
    return sorted(word for word, count in commonest if count >= least)


def new_tokenizer(products: Sequence[str] = ()) -> Any:
    """The vocabulary of the trace language; decoding gives a text back exactly.

    Args:
        products: product words (of what is asked and found) to know besides; others
            read as unknown.
    """
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    words = ["<unk>", "<pad>", "<eos>", " ", "\n", *'{}[]":,', *"0123456789", *"ICSE"]
    words += ["pair", "answer", "grade", "against", *ATTRIBUTES, *STATES, *_WHERE]
    words += ["asked", "found", "nothing", *products]
    vocabulary = {w: i for i, w in enumerate(dict.fromkeys(words))}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(_PIECES), "isolated")
    tokenizer.decoder = decoders.Fuse()
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        unk_token="<unk>",
        pad_token="<pad>",
        eos_token="<eos>",
        padding_side="right",
    )
    fast.model_input_names = ["input_ids", "attention_mask"]
    return fast


def new_model(tokenizer: Any, *, layers: int, width: int, seed: int) -> Any:
    """A fresh Llama with random weights.

    Args:
        tokenizer: from :func:`new_tokenizer`, whose vocabulary it takes.
        layers: of the transformer.
        width: of its hidden states; its feed-forward layers are three times as wide.
        seed: of the weights.
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
