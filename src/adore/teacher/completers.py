"""What every LLM backend does: messages in, text and the grade token's probabilities out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from pydantic import BaseModel, ConfigDict, Field

from adore.teacher.answers import Fault, Probabilities

__all__ = ["Completer", "Completion", "Decoding", "Message"]

Message = dict[str, str]
"""``{"role": "system" | "user" | "assistant", "content": text}``."""


class Decoding(BaseModel):
    """How answers are drawn; part of the cache key."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    temperature: float = Field(0.0, ge=0)
    max_tokens: int = Field(512, ge=16)
    samples: int = Field(1, ge=1)
    """Answers per pair; above 1 the soft label is their share per grade where no token probabilities come."""
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Completion:
    """One answer of a backend.

    Attributes:
        texts: one text a sample; the first is the answer.
        grade: P(grade) at the grade token of the first text, or None where the backend tells none.
        prompt_tokens: tokens read, of which ``prefix_tokens`` came from the backend's prefix cache.
        completion_tokens: tokens written, all samples together.
    """

    texts: tuple[str, ...]
    grade: Probabilities | None
    prompt_tokens: int
    prefix_tokens: int
    completion_tokens: int


class Completer(Protocol):
    """One LLM behind one backend."""

    model: str
    revision: str

    def complete(
        self, prompts: Sequence[Sequence[Message]], decoding: Decoding, schema: dict[str, object]
    ) -> Iterator[tuple[int, Completion | Fault]]:
        """Answer every prompt; yields ``(index, answer)`` as each comes, in any order, each index once.

        Args:
            prompts: one list of messages a pair; prompts that share a long prefix stand together.
            decoding: temperature, lengths, samples.
            schema: JSON schema that the answer must follow; backends that can, enforce it.
        """
        ...

    def close(self) -> None:
        """Free what was started."""
        ...
