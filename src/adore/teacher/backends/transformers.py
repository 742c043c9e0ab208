"""Backend ``transformers``: any causal instruct model, in batches of like length.

The JSON schema is enforced by llguidance.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

import numpy as np

from adore.teacher.backends.base import (
    BACKENDS,
    BackendSettings,
    Completion,
    Decoding,
    JudgeBackend,
    Message,
    grade_probabilities,
)
from adore.teacher.backends.chat import encode, load_tokenizer, on_hub
from adore.teacher.judgements import JudgeFailure

__all__ = ["TransformersCompleter"]

_TOLD = 20
"""Alternatives whose log probability is told at each token."""
_SORTED = 8
"""Batches of prompts that are taken and sorted by length at a time."""


class TransformersCompleter:
    """An LLM under ``transformers.generate``; see :class:`adore.teacher.backends.base.Completer`.

    For a workstation, or where vLLM cannot be: every prompt is read in full, shared prefixes too.
    """

    def __init__(
        self,
        model: str,
        revision: str = "",
        *,
        threads: int = 2,
        batch: int = 16,
        **engine: Any,
    ) -> None:
        """Load the model, onto the GPU if there is one.

        Args:
            model: a folder or a name on the hub.
            revision: of the hub's model; a folder's is the hash of its files.
            threads: of a CPU.
            batch: pairs a call.
            engine: more arguments of ``from_pretrained``: ``dtype``, ``device_map``,
                ``attn_implementation`` ...
        """
        import llguidance.hf
        import torch
        from transformers import AutoModelForCausalLM

        torch.set_num_threads(threads)
        self.model = model
        self.revision = revision
        self._batch = batch
        self._tokenizer = load_tokenizer(model, revision)
        self._tokenizer.padding_side = "left"
        placed = (
            {"device_map": "cuda"}
            if torch.cuda.is_available()
            else {"dtype": torch.float32}
        )
        self._model = AutoModelForCausalLM.from_pretrained(
            model, revision=on_hub(model, revision), **{**placed, **engine}
        )
        self._model.eval()
        ends = (
            self._model.generation_config.eos_token_id or self._tokenizer.eos_token_id
        )
        self._ends: list[int] = [ends] if isinstance(ends, int) else list(ends)
        self._words = llguidance.hf.from_tokenizer(
            self._tokenizer,
            n_vocab=self._model.get_output_embeddings().weight.shape[0],
            eos_token=self._ends,
        )

    def complete(
        self,
        prompts: Sequence[Sequence[Message]],
        decoding: Decoding,
        schema: dict[str, object],
    ) -> Iterator[tuple[int, Completion | JudgeFailure]]:
        """See :class:`adore.teacher.backends.base.Completer`.

        A prompt that leaves the model no room is a fault.

        Args:
            prompts: the messages of each pair.
            decoding: temperature, lengths, samples.
            schema: JSON schema that the answer must follow.
        """
        room = (
            self._model.config.get_text_config().max_position_embeddings
            - decoding.max_tokens
        )
        coming = iter(enumerate(prompts))
        while block := list(islice(coming, _SORTED * self._batch)):
            encoded = encode(self._tokenizer, [messages for _, messages in block])
            many = dict[int, list[int]]()
            for (index, _), ids in zip(block, encoded, strict=True):
                if len(ids) <= room:
                    many[index] = ids
                    continue
                reason = (
                    f"the prompt has {len(ids)} tokens, the model has room for {room}"
                )
                yield index, JudgeFailure(reason)

            ranked = sorted(many.items(), key=lambda one: len(one[1]))
            for start in range(0, len(ranked), self._batch):
                part = ranked[start : start + self._batch]
                answers = self._answer([ids for _, ids in part], decoding, schema)
                for (index, _), answer in zip(part, answers, strict=True):
                    yield index, answer

    def _answer(
        self, many: list[list[int]], decoding: Decoding, schema: dict[str, object]
    ) -> list[Completion]:
        import torch
        from transformers import GenerationConfig, LogitsProcessorList

        inputs = self._tokenizer.pad({"input_ids": many}, return_tensors="pt").to(
            self._model.device
        )
        guide = _Guide(self._words, schema, len(many) * decoding.samples, self._ends)
        drawn = (
            {"temperature": decoding.temperature, "top_k": 0, "top_p": 1.0}
            if decoding.temperature
            else {}
        )
        settings = GenerationConfig(
            do_sample=decoding.temperature > 0,
            num_return_sequences=decoding.samples,
            max_new_tokens=decoding.max_tokens,
            eos_token_id=self._ends,
            pad_token_id=self._tokenizer.pad_token_id,
            **drawn,
        )
        torch.manual_seed(decoding.seed)
        with torch.inference_mode():
            written = self._model.generate(
                **inputs,
                generation_config=settings,
                logits_processor=LogitsProcessorList([guide]),
            )
        rows = written[:, inputs["input_ids"].shape[1] :].tolist()
        return [
            self._completion(ids, row, rows, guide, decoding.samples)
            for row, ids in enumerate(many)
        ]

    def _completion(
        self,
        prompt: list[int],
        at: int,
        rows: list[list[int]],
        guide: _Guide,
        samples: int,
    ) -> Completion:
        first = at * samples
        own = [self._written(row) for row in rows[first : first + samples]]
        texts = tuple(
            self._tokenizer.decode(row, skip_special_tokens=True) for row in own
        )

        words = self._tokenizer.convert_ids_to_tokens
        told = list[tuple[str, dict[str, float]]]()
        for token, (p, ids) in zip(own[0], guide.told, strict=False):
            likeliest = words(ids[first].tolist())
            alternatives = dict(zip(likeliest, p[first].tolist(), strict=True))
            told.append((words(token), alternatives))
        return Completion(
            texts=texts,
            grade=grade_probabilities(texts[0], told),
            prompt_tokens=len(prompt),
            prefix_tokens=0,
            completion_tokens=sum(len(row) for row in own),
            finish="stop" if own[0] and own[0][-1] in self._ends else "length",
        )

    def _written(self, row: list[int]) -> list[int]:
        end = next(
            (n for n, token in enumerate(row, 1) if token in self._ends), len(row)
        )
        return row[:end]

    def close(self) -> None:
        """Let the model go."""
        self._model = None


class _Guide:
    """A logits processor that forbids every token that would break the schema.

    It keeps the likeliest of the rest.

    Attributes:
        told: per step the log probabilities and ids of the likeliest tokens, each of
            shape (rows, _TOLD).
    """

    def __init__(
        self, words: Any, schema: dict[str, object], rows: int, ends: list[int]
    ) -> None:
        from llguidance import LLMatcher

        grammar = LLMatcher.grammar_from_json_schema(
            json.dumps(schema), overrides={"whitespace_flexible": False}
        )
        self._matchers = [LLMatcher(words, grammar) for _ in range(rows)]
        self._ends = ends
        self.told: list[tuple[Any, Any]] = []

    def __call__(self, input_ids: Any, scores: Any) -> Any:
        import torch

        allowed = np.zeros(scores.shape, dtype=bool)
        for row, matcher in enumerate(self._matchers):
            if self.told and not matcher.is_stopped():
                matcher.consume_token(int(input_ids[row, -1]))
            if matcher.is_stopped():  # the answer is whole
                allowed[row, self._ends] = True
            else:
                bits = np.frombuffer(matcher.compute_bitmask(), dtype=np.uint8)
                allowed[row] = np.unpackbits(bits, bitorder="little")[: scores.shape[1]]
        scores = scores.masked_fill(
            ~torch.from_numpy(allowed).to(scores.device), float("-inf")
        )
        top = torch.log_softmax(scores.float(), -1).topk(_TOLD)
        self.told.append((top.values.cpu(), top.indices.cpu()))
        return scores


def _build(settings: BackendSettings) -> TransformersCompleter:
    return TransformersCompleter(
        settings.model, settings.revision, threads=settings.threads, **settings.engine
    )


BACKENDS.add("transformers", JudgeBackend(_build, "adore-relevance[teacher]"))
