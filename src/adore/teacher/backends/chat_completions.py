"""The wire format of chat completions: request bodies, their answers, what an endpoint refuses."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import httpx

from adore.progress import log_line
from adore.teacher.backends.base import (
    Completion,
    Decoding,
    Message,
    grade_probabilities,
)

__all__ = [
    "EndpointFeatures",
    "error_message",
    "merge_samples",
    "parse_completion",
    "request_body",
    "with_estimated_tokens",
]

FALLBACKS: dict[str, tuple[object, ...]] = {
    "logprobs": (20, 5, None),
    "response_format": ("strict", "loose", "json_object", None),
    "max_tokens": ("max_tokens", "max_completion_tokens"),
    "seed": (True, None),
    "temperature": (True, None),
    "n": (True, None),
}
"""Values of each optional parameter, the preferred one first.

Once the endpoint refuses one by name, the next is used for good. None leaves the parameter
out of the request.
"""
_SYNONYMS = {
    "response_format": ("response_format", "json_schema", "json_object", "schema"),
    "n": ("'n'", '"n"', "`n`", "parameter: n"),
    "logprobs": ("logprobs", "log probabilities", "logprob"),
}
"""Words by which endpoints name a parameter in their refusals, where its name is not enough."""


class EndpointFeatures:
    """What the endpoint accepts, learned from its refusals; shared by all threads."""

    def __init__(self) -> None:
        self._steps = dict.fromkeys(FALLBACKS, 0)
        self._lock = threading.Lock()

    def current(self) -> dict[str, object]:
        """The value of each parameter for the next request."""
        features: dict[str, object] = {}
        with self._lock:
            for name, fallbacks in FALLBACKS.items():
                features[name] = fallbacks[self._steps[name]]
        return features

    def fall_back(self, requested: dict[str, object], refusal: str) -> bool:
        """Use the next value of the parameter that a refusal names.

        Args:
            requested: the features of the refused request.
            refusal: the endpoint's own words.

        Returns:
            False if the refusal names no parameter, or no other value is left.
        """
        for name, fallbacks in FALLBACKS.items():
            synonyms = _SYNONYMS.get(name, (name,))
            is_named = any(synonym in refusal for synonym in synonyms)
            if requested[name] is None or not is_named:
                continue
            with self._lock:
                fallback_step = self._steps[name]
                # else another thread has fallen back already
                if fallbacks[fallback_step] == requested[name]:
                    if fallback_step + 1 == len(fallbacks):
                        continue
                    self._steps[name] = fallback_step + 1
                    log_line(
                        f"    the endpoint refuses {name} {requested[name]!r}: "
                        f"going on with {fallbacks[fallback_step + 1]!r}"
                    )
            return True
        return False


def request_body(
    model: str,
    messages: Sequence[Message],
    decoding: Decoding,
    schema: dict[str, object],
    features: dict[str, object],
) -> dict[str, object]:
    """The JSON body of one request.

    Args:
        model: name at the endpoint.
        messages: of one pair.
        decoding: temperature, lengths, samples.
        schema: JSON schema that the answer must follow.
        features: of :meth:`EndpointFeatures.current`.

    Returns:
        A JSON object.
    """
    length_parameter = str(features["max_tokens"])
    request: dict[str, object] = {
        "model": model,
        "messages": list(messages),
        length_parameter: decoding.max_tokens,
    }
    if features["temperature"]:
        request["temperature"] = decoding.temperature
    if features["seed"]:
        request["seed"] = decoding.seed
    if decoding.samples > 1 and features["n"]:
        request["n"] = decoding.samples
    if features["logprobs"]:
        request["logprobs"] = True
        request["top_logprobs"] = features["logprobs"]

    response_format = features["response_format"]
    if response_format == "json_object":
        request["response_format"] = {"type": "json_object"}
    elif response_format:
        is_strict = response_format == "strict"
        named_schema = {"name": "judgement", "schema": schema, "strict": is_strict}
        request["response_format"] = {
            "type": "json_schema",
            "json_schema": named_schema,
        }
    return request


def parse_completion(answer: dict[str, Any]) -> Completion:
    """Read the body of a successful response.

    Args:
        answer: the JSON object. One that is no chat completion raises whatever reading
            it raises (KeyError, TypeError, ...).

    Returns:
        The texts of all choices; tokens are 0 where the endpoint reports no usage.
    """
    choices = answer["choices"]
    texts: list[str] = []
    for choice in choices:
        content = choice["message"].get("content") or ""
        texts.append(_storable(str(content)))

    first_choice = choices[0]
    logprobs = first_choice.get("logprobs") or {}
    tokens: list[tuple[str, dict[str, float]]] = []
    for token in logprobs.get("content") or []:
        alternatives = {token["token"]: token["logprob"]}
        for alternative in token.get("top_logprobs") or ():
            alternatives[alternative["token"]] = alternative["logprob"]
        tokens.append((token["token"], alternatives))

    usage = answer.get("usage") or {}
    prompt_details = usage.get("prompt_tokens_details") or {}
    refusal = first_choice["message"].get("refusal") or ""
    return Completion(
        texts=tuple(texts),
        grade=grade_probabilities(texts[0], tokens),
        prompt_tokens=int(usage.get("prompt_tokens") or 0),
        prefix_tokens=int(prompt_details.get("cached_tokens") or 0),
        completion_tokens=int(usage.get("completion_tokens") or 0),
        finish=str(first_choice.get("finish_reason") or ""),
        detail=_storable(str(refusal))[:300],
    )


def merge_samples(first: Completion, more: Completion) -> Completion:
    """One completion with the samples and tokens of two.

    Args:
        first: decides the grade probabilities and how the answer ended.
        more: further samples of the same prompt.

    Returns:
        The first completion with the texts of both.
    """
    return replace(
        first,
        texts=first.texts + more.texts,
        prompt_tokens=first.prompt_tokens + more.prompt_tokens,
        prefix_tokens=first.prefix_tokens + more.prefix_tokens,
        completion_tokens=first.completion_tokens + more.completion_tokens,
    )


def with_estimated_tokens(
    completion: Completion, messages: Sequence[Message]
) -> Completion:
    """A completion whose tokens are estimated, at four characters a token.

    Args:
        completion: of an endpoint that reports no usage.
        messages: its prompt.

    Returns:
        The completion with prompt and completion tokens.
    """
    characters_read = sum(len(message["content"]) for message in messages)
    characters_written = sum(len(text) for text in completion.texts)
    return replace(
        completion,
        prompt_tokens=characters_read // 4 + 1,
        completion_tokens=characters_written // 4 + 1,
    )


def error_message(response: httpx.Response) -> str:
    """The endpoint's own words, at most 300 characters: it may echo the prompt."""
    try:
        error = response.json()
        error = error.get("error", error)
        return str(error.get("message", error.get("detail", error)))[:300]
    except (ValueError, AttributeError):
        return response.text[:300]


def _storable(text: str) -> str:
    """JSON may bring lone surrogates, which cannot be stored."""
    return text.encode("utf-8", "replace").decode()
