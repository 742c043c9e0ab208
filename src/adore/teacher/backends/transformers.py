"""Backend ``transformers``: any causal instruct model, in batches of like length.

The JSON schema is enforced by llguidance.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
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

_ALTERNATIVES = 20
"""Tokens whose log probability is recorded at each step."""
_SORTED_BATCHES = 8
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

        Raises:
            ConfigError: there is no such model, or it has no tokenizer.
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
        keywords: dict[str, Any] = {"dtype": torch.float32}
        if torch.cuda.is_available():
            keywords = {"device_map": "cuda"}
        self._model = AutoModelForCausalLM.from_pretrained(
            model, revision=on_hub(model, revision), **{**keywords, **engine}
        )
        self._model.eval()

        end_ids = self._model.generation_config.eos_token_id
        end_ids = end_ids or self._tokenizer.eos_token_id
        if isinstance(end_ids, int):
            end_ids = [end_ids]
        self._end_ids: list[int] = list(end_ids)
        self._vocabulary = llguidance.hf.from_tokenizer(
            self._tokenizer,
            n_vocab=self._model.get_output_embeddings().weight.shape[0],
            eos_token=self._end_ids,
        )

    def complete(
        self,
        prompts: Sequence[Sequence[Message]],
        decoding: Decoding,
        schema: dict[str, object],
    ) -> Iterator[tuple[int, Completion | JudgeFailure]]:
        """See :class:`adore.teacher.backends.base.Completer`.

        A prompt that leaves the model no room is a failure.

        Args:
            prompts: the messages of each pair.
            decoding: temperature, lengths, samples.
            schema: JSON schema that the answer must follow.

        Yields:
            Index and answer of each prompt, batch by batch.
        """
        context = self._model.config.get_text_config().max_position_embeddings
        room = context - decoding.max_tokens
        numbered = iter(enumerate(prompts))
        while True:
            block = list(islice(numbered, _SORTED_BATCHES * self._batch))
            if not block:
                return
            encoded = encode(self._tokenizer, [messages for _, messages in block])
            fitting: list[_Prompt] = []
            for (index, _), token_ids in zip(block, encoded, strict=True):
                if len(token_ids) <= room:
                    fitting.append(_Prompt(index, token_ids))
                    continue
                reason = (
                    f"the prompt has {len(token_ids)} tokens, "
                    f"the model has room for {room}"
                )
                yield index, JudgeFailure(reason)

            # prompts of similar length share a batch, so that little is padded
            fitting.sort(key=lambda prompt: len(prompt.token_ids))
            for start in range(0, len(fitting), self._batch):
                batch = fitting[start : start + self._batch]
                completions = self._generate(batch, decoding, schema)
                for prompt, completion in zip(batch, completions, strict=True):
                    yield prompt.index, completion

    def _generate(
        self, batch: list[_Prompt], decoding: Decoding, schema: dict[str, object]
    ) -> list[Completion]:
        import torch
        from transformers import GenerationConfig, LogitsProcessorList

        token_ids = [prompt.token_ids for prompt in batch]
        inputs = self._tokenizer.pad({"input_ids": token_ids}, return_tensors="pt")
        inputs = inputs.to(self._model.device)
        samples = decoding.samples
        guide = _SchemaGuide(
            self._vocabulary, schema, len(batch) * samples, self._end_ids
        )
        sampling: dict[str, Any] = {}
        if decoding.temperature:
            sampling = {
                "temperature": decoding.temperature,
                "top_k": 0,
                "top_p": 1.0,
            }
        settings = GenerationConfig(
            do_sample=decoding.temperature > 0,
            num_return_sequences=samples,
            max_new_tokens=decoding.max_tokens,
            eos_token_id=self._end_ids,
            pad_token_id=self._tokenizer.pad_token_id,
            **sampling,
        )
        torch.manual_seed(decoding.seed)
        with torch.inference_mode():
            generated = self._model.generate(
                **inputs,
                generation_config=settings,
                logits_processor=LogitsProcessorList([guide]),
            )

        # what is generated comes after the padded prompts, all samples of one together
        prompt_length = inputs["input_ids"].shape[1]
        rows = generated[:, prompt_length:].tolist()
        completions: list[Completion] = []
        for number, prompt in enumerate(batch):
            first_row = number * samples
            answers = rows[first_row : first_row + samples]
            completions.append(self._completion(prompt, answers, guide, first_row))
        return completions

    def _completion(
        self,
        prompt: _Prompt,
        answers: list[list[int]],
        guide: _SchemaGuide,
        first_row: int,
    ) -> Completion:
        """One completion; ``guide`` has the alternatives of its first sample in a row."""
        samples = [self._until_end(answer) for answer in answers]
        texts: list[str] = []
        for sample in samples:
            texts.append(self._tokenizer.decode(sample, skip_special_tokens=True))

        first = samples[0]
        words = self._tokenizer.convert_ids_to_tokens
        tokens: list[tuple[str, dict[str, float]]] = []
        for token, step in zip(first, guide.steps, strict=False):
            likeliest = words(step.token_ids[first_row].tolist())
            log_probabilities = step.log_probabilities[first_row].tolist()
            alternatives = dict(zip(likeliest, log_probabilities, strict=True))
            tokens.append((words(token), alternatives))

        has_ended = bool(first) and first[-1] in self._end_ids
        return Completion(
            texts=tuple(texts),
            grade=grade_probabilities(texts[0], tokens),
            prompt_tokens=len(prompt.token_ids),
            prefix_tokens=0,
            completion_tokens=sum(len(sample) for sample in samples),
            finish="stop" if has_ended else "length",
        )

    def _until_end(self, answer: list[int]) -> list[int]:
        """The tokens up to the first that ends the turn, that one included."""
        for length, token in enumerate(answer, 1):
            if token in self._end_ids:
                return answer[:length]
        return answer

    def close(self) -> None:
        """Let the model go."""
        self._model = None


@dataclass(frozen=True, slots=True)
class _Prompt:
    index: int
    token_ids: list[int]


@dataclass(frozen=True, slots=True)
class _Step:
    """The likeliest tokens of one step. Shape [rows, _ALTERNATIVES] each."""

    log_probabilities: Any
    token_ids: Any


class _SchemaGuide:
    """A logits processor that forbids every token that would break the schema.

    It records the likeliest of the rest in ``steps``, one entry a step.
    """

    def __init__(
        self,
        vocabulary: Any,
        schema: dict[str, object],
        rows: int,
        end_ids: list[int],
    ) -> None:
        from llguidance import LLMatcher

        grammar = LLMatcher.grammar_from_json_schema(
            json.dumps(schema), overrides={"whitespace_flexible": False}
        )
        self._matchers = [LLMatcher(vocabulary, grammar) for _ in range(rows)]
        self._end_ids = end_ids
        self.steps: list[_Step] = []

    def __call__(self, input_ids: Any, scores: Any) -> Any:
        import torch

        rows, vocabulary_size = scores.shape
        allowed = np.zeros((rows, vocabulary_size), dtype=bool)
        for row, matcher in enumerate(self._matchers):
            if self.steps and not matcher.is_stopped():
                matcher.consume_token(int(input_ids[row, -1]))
            if matcher.is_stopped():  # the answer is whole
                allowed[row, self._end_ids] = True
                continue
            # one bit a token, the lowest bit of each byte first
            bitmask = np.frombuffer(matcher.compute_bitmask(), dtype=np.uint8)
            bits = np.unpackbits(bitmask, bitorder="little")
            allowed[row] = bits[:vocabulary_size]

        forbidden = ~torch.from_numpy(allowed).to(scores.device)
        scores = scores.masked_fill(forbidden, float("-inf"))
        log_probabilities = torch.log_softmax(scores.float(), -1)
        likeliest = log_probabilities.topk(_ALTERNATIVES)
        step = _Step(likeliest.values.cpu(), likeliest.indices.cpu())
        self.steps.append(step)
        return scores


def _build(settings: BackendSettings) -> TransformersCompleter:
    return TransformersCompleter(
        settings.model, settings.revision, threads=settings.threads, **settings.engine
    )


BACKENDS.add("transformers", JudgeBackend(_build, "adore-relevance[teacher]"))
