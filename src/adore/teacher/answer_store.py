"""Paid answers of one LLM: what each depends on, and which of them are still valid.

An answer's key is a hash of all that it depends on, but for the list of error types. A new
error type only widens what an answer may say, so an answer from before stays valid. The
definitions of the types that the LLM could choose from are stored beside the answers: an
answer is void once one of those types was removed or means something else.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from adore.taxonomy import ERROR_TYPES
from adore.teacher.backends.base import Completion, Decoding, Message
from adore.teacher.backends.cache import Cache
from adore.teacher.judgements import Probabilities
from adore.teacher.prompting import Prompter
from adore.teacher.rationale import answer_schema

__all__ = ["AnswerStore", "Speed", "error_type_definitions"]

Messages = Sequence[Message]


@dataclass(slots=True)
class Speed:
    """Throughput of one model at one number of samples and one length of answers.

    It adds up over all runs that share the cache.
    """

    answers: int = 0
    characters: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    seconds: float = 0.0


class AnswerStore:
    """The part of a cache that holds the answers of one LLM to one rule book.

    Args:
        cache: where answers are kept.
        model: name of the LLM.
        revision: of the LLM.
        prompter: writes the prompts, from the rule book that the answers obey.
        decoding: how answers are drawn.
    """

    def __init__(
        self,
        cache: Cache,
        *,
        model: str,
        revision: str,
        prompter: Prompter,
        decoding: Decoding,
    ) -> None:
        self._cache = cache
        self._model = [model, revision]
        self._prompter = prompter
        self._decoding = decoding
        self._schema = answer_schema(prompter.rulebook, error_types=())

        # the error types of this process, under the hash of what they mean
        self._definitions = error_type_definitions()
        self._vocabulary = _hash(["error types", self._definitions])
        self._is_known = {self._vocabulary: True}
        self._is_stored = False

    def key(self, messages: Messages) -> str:
        """Hash what the answer to a prompt depends on, error types apart.

        That is the model, its revision, the prompt, the version of the rule book, the
        decoding and the schema.

        Returns:
            The key of the answer.
        """
        return _hash(
            [
                *self._model,
                self._prompter.without_error_types(messages),
                self._prompter.rulebook.version,
                self._decoding.model_dump(),
                self._schema,
            ]
        )

    def load(self, keys: Sequence[str]) -> dict[str, Completion]:
        """Return the valid answers among those of ``keys``, by key."""
        # many pairs may share a prompt
        distinct = list(dict.fromkeys(keys))
        completions: dict[str, Completion] = {}
        for key, text in self._cache.get(distinct).items():
            record = json.loads(text)
            vocabulary = record.pop("error_types", "")
            if self._is_valid(vocabulary):
                completions[key] = _completion(record)
        return completions

    def save(self, key: str, completion: Completion) -> None:
        """Store one answer; it is there after a ``kill -9``.

        Args:
            key: of :meth:`key`.
            completion: the answer.
        """
        # the list goes first, so that no answer refers to one that a kill lost
        if not self._is_stored:
            self._cache.put(self._vocabulary, json.dumps(self._definitions))
            self._is_stored = True

        record = asdict(completion)
        record["error_types"] = self._vocabulary
        self._cache.put(key, json.dumps(record))

    def _is_valid(self, vocabulary: str) -> bool:
        """Whether every error type that an LLM could choose from still means the same."""
        if vocabulary not in self._is_known:
            text = self._cache.get([vocabulary]).get(vocabulary)
            if text is None:
                self._is_known[vocabulary] = False
            else:
                # A subset of today's definitions: types may have been added, none changed.
                before = json.loads(text).items()
                self._is_known[vocabulary] = before <= self._definitions.items()
        return self._is_known[vocabulary]

    @property
    def speed(self) -> Speed:
        """Throughput so far at this number of samples and this length."""
        text = self._cache.get([self._speed_key]).get(self._speed_key)
        if text is None:
            return Speed()
        return Speed(**json.loads(text))

    def add_speed(self, new: Speed) -> None:
        """Add the throughput of one batch."""
        total = asdict(self.speed)
        for name, value in asdict(new).items():
            total[name] += value
        self._cache.put(self._speed_key, json.dumps(total))

    @property
    def _speed_key(self) -> str:
        decoding = self._decoding
        return _hash(["speed", *self._model, decoding.samples, decoding.max_tokens])


def error_type_definitions() -> dict[str, str]:
    """Map each error type to a hash of its definition, its grade and its attribute."""
    definitions: dict[str, str] = {}
    for name, error_type in ERROR_TYPES.items():
        meaning = [error_type.definition, int(error_type.grade), error_type.attribute]
        definitions[name] = _hash(meaning)[:16]
    return definitions


def _hash(parts: object) -> str:
    text = json.dumps(parts, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _completion(record: dict[str, Any]) -> Completion:
    """A completion from its JSON, whose lists were tuples."""
    probabilities: Probabilities | None = None
    if record["grade"]:
        irrelevant, complement, substitute, exact = record["grade"]
        probabilities = (irrelevant, complement, substitute, exact)

    fields = {**record, "texts": tuple(record["texts"]), "grade": probabilities}
    return Completion(**fields)
