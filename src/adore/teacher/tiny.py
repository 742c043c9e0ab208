"""The tiny causal LM: built from a config, trained in the run, reads evidence traces, answers in JSON."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from adore.prompts import ANSWER_PREFIX, answer, trace
from adore.types import ATTRIBUTES, Evidence, Grade

__all__ = ["TinyGrader", "new_model", "new_tokenizer", "product_words", "sft_row"]

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
_STATES = ("match", "conflict", "unknown")


def product_words(
    texts: Iterable[str], *, least: int = 4, most: int = 2000
) -> list[str]:
    """Words that at least ``least`` traces use besides the trace language's own, the commonest ``most``, sorted."""
    found = Counter(word for text in texts for word in set(re.findall(_PIECES, text)))
    return sorted(w for w, n in found.most_common(most) if n >= least)


def new_tokenizer(products: Sequence[str] = ()) -> Any:
    """The vocabulary of the trace language; decoding gives a text back exactly.

    Args:
        products: product words (of what is asked and found) to know besides; others read as unknown.
    """
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    words = ["<unk>", "<pad>", "<eos>", " ", "\n", *'{}[]":,', *"0123456789", *"ICSE"]
    words += ["pair", "answer", "grade", "against", *ATTRIBUTES, *_STATES, *_WHERE]
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
    """A fresh Llama of ``layers`` and ``width``."""
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


class TinyGrader:
    """P(grade) from the grade token after the answer's fixed beginning: one forward pass a distinct trace."""

    def __init__(self, folder: Path, *, threads: int = 2, batch: int = 256) -> None:
        import torch
        from transformers import AutoTokenizer, LlamaForCausalLM

        torch.set_num_threads(threads)
        self._torch = torch
        self._tokenizer = AutoTokenizer.from_pretrained(folder)
        self._model = LlamaForCausalLM.from_pretrained(folder).eval()
        self._batch = batch
        weights = (folder / "model.safetensors").read_bytes()
        self.name = f"tiny-llama@{hashlib.sha256(weights).hexdigest()[:12]}"
        self._grades = [self._tokenizer.convert_tokens_to_ids(g.letter) for g in Grade]

    def grade(
        self, many: Sequence[tuple[Evidence, ...]]
    ) -> list[tuple[float, float, float, float]]:
        """See :class:`adore.teacher.judge.Grader`."""
        prompts = [trace(evidence) + ANSWER_PREFIX for evidence in many]
        distinct = sorted(set(prompts), key=lambda p: (len(p), p))
        known: dict[str, tuple[float, float, float, float]] = {}
        for start in range(0, len(distinct), self._batch):
            part = distinct[start : start + self._batch]
            known.update(zip(part, self._forward(part), strict=True))
        return [known[p] for p in prompts]

    def _forward(self, prompts: list[str]) -> list[tuple[float, float, float, float]]:
        torch = self._torch
        with torch.inference_mode():
            inputs = self._tokenizer(prompts, return_tensors="pt", padding=True)
            last = inputs["attention_mask"].sum(1) - 1
            logits = self._model(**inputs).logits[torch.arange(len(prompts)), last]
            p = torch.softmax(logits[:, self._grades].double(), -1)
        return [(r[0], r[1], r[2], r[3]) for r in p.tolist()]


def sft_row(evidence: Sequence[Evidence], grade: Grade) -> dict[str, str]:
    """One row of the SFT set."""
    return {"prompt": trace(evidence), "completion": answer(grade, evidence)}
