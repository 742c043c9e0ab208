"""The trained tiny LM as a grader: it reads evidence traces."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

from adore.prompts import ANSWER_PREFIX, trace
from adore.teacher.judgements import Probabilities
from adore.teacher.operating_point import OperatingPoint
from adore.types import Evidence, Grade

__all__ = ["TinyGrader"]


class TinyGrader:
    """P(grade) from the grade token after the answer's fixed beginning.

    It takes one forward pass a distinct trace. The operating point beside the weights is
    applied.
    """

    def __init__(self, folder: Path, *, threads: int = 2, batch: int = 256) -> None:
        import torch
        from transformers import AutoTokenizer, LlamaForCausalLM

        torch.set_num_threads(threads)
        self._torch = torch
        self._tokenizer = AutoTokenizer.from_pretrained(folder)
        self._model = LlamaForCausalLM.from_pretrained(folder).eval()
        self._batch = batch
        self._operating_point = OperatingPoint.read(folder)
        weights = (folder / "model.safetensors").read_bytes()
        self.name = f"tiny-llama@{hashlib.sha256(weights).hexdigest()[:12]}"
        # two teachers with the same weights may judge differently
        if self._operating_point.shift:
            self.name += f"{self._operating_point.shift:+g}"

        letters = [grade.letter for grade in Grade]
        self._letter_ids = self._tokenizer.convert_tokens_to_ids(letters)

    def grade(self, pairs: Sequence[tuple[Evidence, ...]]) -> list[Probabilities]:
        """See :class:`adore.teacher.backends.evidence.Grader`."""
        prompts = [trace(evidence) + ANSWER_PREFIX for evidence in pairs]
        # prompts of similar length share a batch, so that little is padded
        distinct = sorted(set(prompts))
        distinct.sort(key=len)

        grade_of_prompt: dict[str, Probabilities] = {}
        for start in range(0, len(distinct), self._batch):
            batch = distinct[start : start + self._batch]
            distributions = self._forward(batch)
            grade_of_prompt.update(zip(batch, distributions, strict=True))
        return [grade_of_prompt[prompt] for prompt in prompts]

    def _forward(self, prompts: list[str]) -> list[Probabilities]:
        torch = self._torch
        with torch.inference_mode():
            inputs = self._tokenizer(prompts, return_tensors="pt", padding=True)
            # prompts are padded on the right: the next token follows the last real one
            last_token = inputs["attention_mask"].sum(1) - 1
            rows = torch.arange(len(prompts))
            output = self._model(**inputs)
            logits = output.logits[rows, last_token]

            # P(grade): the softmax over the four letters alone
            letter_logits = logits[:, self._letter_ids].double()
            probabilities = torch.softmax(letter_logits, -1)

        distributions: list[Probabilities] = []
        for irrelevant, complement, substitute, exact in probabilities.tolist():
            distribution = irrelevant, complement, substitute, exact
            distributions.append(self._operating_point.apply(distribution))
        return distributions
