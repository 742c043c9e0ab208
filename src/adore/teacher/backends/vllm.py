"""Backend ``vllm``: the offline batch engine, JSON schema enforced, shared prefixes read once."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

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

__all__ = ["DEFAULTS", "VllmCompleter"]

DEFAULTS: dict[str, Any] = {
    "enable_prefix_caching": True,
    "structured_outputs_config": {
        "backend": "xgrammar",
        "disable_any_whitespace": True,
    },
}
"""Engine arguments; those of the profile come over them.

Blanks between the parts of an answer would cost tokens.
"""
_ALTERNATIVES = 20
"""Tokens whose log probability is returned at each step."""


class VllmCompleter:
    """An LLM under ``vllm.LLM``; see :class:`adore.teacher.backends.base.Completer`.

    Answers come as each is finished, so a kill loses at most those in flight
    (``max_num_seqs``). Prompts are taken in the given order, a few ahead of the engine,
    so those that share a prefix run together and a budget stops soon.
    """

    def __init__(
        self, model: str, revision: str = "", *, threads: int = 2, **engine: Any
    ) -> None:
        """Start the engine (about a minute).

        Args:
            model: a folder or a name on the hub.
            revision: of the hub's model; a folder's is the hash of its files.
            threads: of a CPU engine, unless the environment sets ``OMP_NUM_THREADS``.
            engine: arguments of ``vllm.LLM``: ``tensor_parallel_size``,
                ``gpu_memory_utilization``, ``max_model_len``, ``dtype`` ...

        Raises:
            ConfigError: there is no such model, or it has no tokenizer.
        """
        os.environ.setdefault("OMP_NUM_THREADS", str(threads))
        os.environ.setdefault("VLLM_LOGGING_LEVEL", "ERROR")
        os.environ.setdefault("VLLM_NO_USAGE_STATS", "1")
        from vllm import LLM

        self.model = model
        self.revision = revision
        self._tokenizer = load_tokenizer(model, revision)
        self._llm: Any = LLM(
            model=model, revision=on_hub(model, revision), **{**DEFAULTS, **engine}
        )
        scheduler = self._llm.llm_engine.vllm_config.scheduler_config
        self._ahead = 2 * int(scheduler.max_num_seqs)

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
            Index and answer of each prompt, as each is finished.
        """
        engine = self._llm.llm_engine
        parameters = _parameters(decoding, schema)
        room = engine.model_config.max_model_len - decoding.max_tokens
        waiting: dict[str, int] = {}
        try:
            for index, prompt in enumerate(prompts):
                token_ids = encode(self._tokenizer, [prompt])[0]
                request = f"{id(waiting)}-{index}"
                if len(token_ids) > room:
                    reason = (
                        f"the prompt has {len(token_ids)} tokens, "
                        f"the model has room for {room}"
                    )
                    yield index, JudgeFailure(reason)
                    continue
                engine.add_request(request, {"prompt_token_ids": token_ids}, parameters)
                waiting[request] = index
                # a few requests ahead keep the engine busy, and a budget stops soon
                while len(waiting) >= self._ahead:
                    yield from self._step(waiting)
            while waiting:
                yield from self._step(waiting)
        finally:  # the caller may stop early
            engine.abort_request(list(waiting))

    def _step(self, waiting: dict[str, int]) -> Iterator[tuple[int, Completion]]:
        for output in self._llm.llm_engine.step():
            if output.finished:
                yield waiting.pop(output.request_id), _completion(output)

    def close(self) -> None:
        """Stop the engine's processes."""
        if self._llm is not None:
            self._llm.llm_engine.engine_core.shutdown()
            self._llm = None


def _parameters(decoding: Decoding, schema: dict[str, object]) -> Any:
    from vllm import SamplingParams
    from vllm.platforms import current_platform
    from vllm.sampling_params import RequestOutputKind, StructuredOutputsParams

    return SamplingParams(
        n=decoding.samples,
        temperature=decoding.temperature,
        max_tokens=decoding.max_tokens,
        # a seeded request whose prompt is read in parts kills vLLM 0.32's CPU engine:
        # there the engine's own seed counts
        seed=None if current_platform.is_cpu() else decoding.seed,
        logprobs=_ALTERNATIVES,
        structured_outputs=StructuredOutputsParams(json=schema),
        output_kind=RequestOutputKind.FINAL_ONLY,
    )


def _completion(output: Any) -> Completion:
    samples = sorted(output.outputs, key=lambda sample: int(sample.index))
    first = samples[0]
    tokens: list[tuple[str, dict[str, float]]] = []
    for token_id, logprobs in zip(first.token_ids, first.logprobs, strict=True):
        written = logprobs[token_id].decoded_token or ""
        tokens.append((written, _alternatives(logprobs)))
    return Completion(
        texts=tuple(sample.text for sample in samples),
        grade=grade_probabilities(first.text, tokens),
        prompt_tokens=len(output.prompt_token_ids),
        prefix_tokens=output.num_cached_tokens or 0,
        completion_tokens=sum(len(sample.token_ids) for sample in samples),
        finish=str(first.finish_reason or ""),
    )


def _alternatives(logprobs: Mapping[int, Any]) -> dict[str, float]:
    """Log probability by text; of tokens that read the same the likelier counts."""
    alternatives: dict[str, float] = {}
    for alternative in logprobs.values():
        text = alternative.decoded_token or ""
        before = alternatives.get(text, float("-inf"))
        alternatives[text] = max(alternative.logprob, before)
    return alternatives


def _build(settings: BackendSettings) -> VllmCompleter:
    return VllmCompleter(
        settings.model, settings.revision, threads=settings.threads, **settings.engine
    )


BACKENDS.add("vllm", JudgeBackend(_build, "adore-relevance[vllm]"))
