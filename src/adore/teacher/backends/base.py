"""What every LLM backend does, and the registry of all judge backends.

A backend takes messages and returns texts with the probabilities of the grade token.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from pydantic import BaseModel, ConfigDict, Field

from adore.registry import Registry
from adore.teacher.judgements import JudgeFailure, Probabilities
from adore.types import Grade

__all__ = [
    "BACKENDS",
    "BackendSettings",
    "Completer",
    "Completion",
    "Decoding",
    "JudgeBackend",
    "Message",
    "grade_probabilities",
]

Message = dict[str, str]
"""``{"role": "system" | "user" | "assistant", "content": text}``."""


class Decoding(BaseModel):
    """How answers are drawn; part of the cache key."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    temperature: float = Field(default=0.0, ge=0)
    """Of sampling; 0: greedy."""
    max_tokens: int = Field(default=1024, ge=16)
    """Most tokens of one answer."""
    samples: int = Field(default=1, ge=1)
    """Answers per pair.

    Above 1 the soft label is their share per grade, if the backend returns no token
    probabilities.
    """
    seed: int = 0
    """Of sampling, where the backend takes one."""


@dataclass(frozen=True, slots=True)
class Completion:
    """One answer of a backend.

    Attributes:
        texts: one text a sample; the first is the answer.
        grade: P(grade) at the grade token of the first text; None: the backend has none.
        prompt_tokens: tokens read, of which ``prefix_tokens`` came from the backend's prefix cache.
        completion_tokens: tokens written, all samples together.
        finish: how the first text ended, in the backend's word (``stop``, ``length``,
            …); empty if it does not say.
        detail: what the backend said of an answer that has no text.
    """

    texts: tuple[str, ...]
    grade: Probabilities | None
    prompt_tokens: int
    prefix_tokens: int
    completion_tokens: int
    finish: str = ""
    detail: str = ""


class Completer(Protocol):
    """One LLM behind one backend."""

    model: str
    revision: str

    def complete(
        self,
        prompts: Sequence[Sequence[Message]],
        decoding: Decoding,
        schema: dict[str, object],
    ) -> Iterator[tuple[int, Completion | JudgeFailure]]:
        """Answer every prompt.

        Args:
            prompts: one list of messages a pair; prompts that share a long prefix stand
                together.
            decoding: temperature, lengths, samples.
            schema: JSON schema that the answer must follow; backends that can, enforce
                it.

        Yields:
            ``(index, answer)`` as each comes, in any order, each index once.
        """
        ...

    def close(self) -> None:
        """Free what was started."""
        ...


@dataclass(frozen=True, slots=True)
class BackendSettings:
    """What a backend is built from: the part of the judge's config that concerns it.

    Attributes:
        model: a folder, a name on the hub, or a name at an endpoint.
        revision: of the model; for a folder the hash of its files.
        threads: of the CPU.
        endpoint: base URL of an endpoint; empty: the backend's own default.
        key_env: environment variable that holds the endpoint's key.
        concurrency: requests in flight at an endpoint.
        engine: the backend's own settings, ``judge.engine`` of the profile.
    """

    model: str
    revision: str = ""
    threads: int = 2
    endpoint: str = ""
    key_env: str = ""
    concurrency: int = 1
    engine: Mapping[str, Any] = field(default_factory=dict)


def _accept_any(engine: Mapping[str, object]) -> None:
    """The check of a backend that reads its engine settings only when it starts."""


@dataclass(frozen=True, slots=True)
class JudgeBackend:
    """One way to judge, under a name of ``judge.backend``.

    Attributes:
        build: starts the LLM. None: no LLM is asked, as for ``rules``.
        requires: what ``pip install`` needs where a module is missing.
        is_local: it loads model folders on this machine, so it can run a large teacher
            that ``align`` trained.
        check_engine: raises a ValueError for engine settings that the backend does not
            know; it is called when a profile is read.
    """

    build: Callable[[BackendSettings], Completer] | None = None
    requires: str = ""
    is_local: bool = True
    check_engine: Callable[[Mapping[str, object]], object] = _accept_any


BACKENDS: Registry[JudgeBackend] = Registry("judge backend")
"""Every judge backend by name; :mod:`adore.teacher.backends.builtin` fills it."""

_LETTER = re.compile(
    r'"grade"[\s\u0120\u2581]*:[\s\u0120\u2581]*"[\s\u0120\u2581]*([ESCI])'
)
_AROUND = " \t\n\r\"',:\u0120\u2581"
_FLOOR = math.log(1e-4)


def grade_probabilities(
    text: str, tokens: Sequence[tuple[str, Mapping[str, float]]]
) -> Probabilities | None:
    """P(grade) at the token that wrote the letter after ``"grade":``.

    Args:
        text: the answer.
        tokens: each token of it as text, with the log probability of every alternative
            that the backend returned (the token itself among them).

    Returns:
        The softmax over the four letters, indexed by grade value, or None if the text
        has no grade or the alternatives name no letter. Alternatives that read the same
        once quotes and spaces are gone add up; a letter that was not returned gets 1e-4
        or the smallest returned probability, whichever is less.

    Example:
        >>> tokens = [('{"grade":', {}), (' "', {}), ("E", {"E": -0.1, "S": -2.4})]
        >>> probabilities = grade_probabilities('{"grade": "E"}', tokens)
        >>> [round(value, 3) for value in probabilities]
        [0.0, 0.0, 0.091, 0.909]
    """
    joined = "".join(token for token, _ in tokens)
    in_text = list(_LETTER.finditer(text))
    in_tokens = list(_LETTER.finditer(joined))
    if not in_text or not in_tokens:
        return None

    # the last grade counts, and tokens and text must agree on it
    written = in_text[-1]
    tokenised = in_tokens[-1]
    if written[1] != tokenised[1]:
        return None

    end_position = 0
    for token, alternatives in tokens:
        end_position += len(token)
        if end_position > tokenised.start(1):
            return _softmax(alternatives)
    return None


def _softmax(alternatives: Mapping[str, float]) -> Probabilities | None:
    """P(grade) from the log probabilities of one token's alternatives."""
    finite: dict[str, float] = {}
    for text, log_probability in alternatives.items():
        if math.isfinite(log_probability):
            finite[text] = log_probability
    floor = math.exp(min([_FLOOR, *finite.values()]))

    # several tokens may write one letter, as with or without a leading blank
    mass_of_letter = dict.fromkeys("ICSE", 0.0)
    for text, log_probability in finite.items():
        letter = text.strip(_AROUND)
        if letter in mass_of_letter:
            mass_of_letter[letter] += math.exp(log_probability)
    if not any(mass_of_letter.values()):
        return None

    # a letter that the backend did not return is unlikely, not impossible
    masses = [mass_of_letter[grade.letter] or floor for grade in Grade]
    total_mass = sum(masses)
    irrelevant, complement, substitute, exact = [
        grade_mass / total_mass for grade_mass in masses
    ]
    return irrelevant, complement, substitute, exact
