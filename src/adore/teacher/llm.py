"""An LLM as a judge: prompt, cache, backend, parse, one repair; nothing is paid twice."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import overload

from adore.errors import BudgetError
from adore.progress import progress
from adore.teacher.answers import Answer, Call, Case, Fault, Probabilities
from adore.teacher.budget import Ledger
from adore.teacher.cache import Cache
from adore.teacher.completers import Completer, Completion, Decoding, Message
from adore.teacher.parse import Wrong, parse
from adore.teacher.prompting import Prompter, repair_messages
from adore.teacher.rationale import RationaleSchema, answer_schema
from adore.teacher.refusals import MOST, Refusals
from adore.types import LABELS, Grade

__all__ = ["Source", "Speed", "TextJudge", "soft_labels"]

Messages = list[Message]


@dataclass(frozen=True, slots=True)
class Source:
    """Which LLM.

    Attributes:
        name: what it is called wherever its folder lies: the same bytes are never paid twice.
        revision: of the model; of a folder the hash of its files.
        make: starts it; not called while the cache knows every answer.
        folder: where it lies, if it does.
    """

    name: str
    revision: str
    make: Callable[[], Completer]
    folder: str = ""


@dataclass(slots=True)
class Speed:
    """What asking one model for so many samples of one length took so far, over all runs that share the cache."""

    answers: int = 0
    characters: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class _Reply:
    key: str
    cached: bool
    completion: Completion


class TextJudge:
    """Judges pairs by their texts.

    Args:
        source: the LLM.
        prompter: writes the prompts, from the rule book that the answers must obey.
        decoding: how answers are drawn.
        cache: answers of the past.
        ledger: adds up the cost and says when to stop.
        refusals: pairs in a row without a usable answer that are too many; 0: never.
    """

    def __init__(
        self,
        source: Source,
        prompter: Prompter,
        *,
        decoding: Decoding,
        cache: Cache,
        ledger: Ledger,
        refusals: int = MOST,
    ) -> None:
        self.name = (
            f"{source.name}@{source.revision}" if source.revision else source.name
        )
        self.folder, self.decoding, self.ledger = source.folder, decoding, ledger
        self._source, self._prompter, self._cache = source, prompter, cache
        self._schema = answer_schema(prompter.rulebook)
        self._completer: Completer | None = None
        self.refusals = Refusals(self.name, refusals, decoding)

    def judge(self, cases: Sequence[Case]) -> list[Answer | Fault]:
        """See :class:`adore.teacher.answers.Judge`.

        Raises:
            BudgetError: the cap is reached; the answers so far are in the cache.
            UnavailableError: too many pairs in a row got no usable answer.
        """
        prompts, answers = self.prompts(cases), dict[int, Answer | Fault]()
        while left := [i for i in range(len(cases)) if i not in answers]:
            found = self._round(
                [cases[i] for i in left], [prompts[i] for i in left], len(answers)
            )
            for i, answer in zip(left, found, strict=True):
                if answer is not None:
                    answers[i] = answer
                    self.refusals.note(answer)
        return [answers[i] for i in range(len(cases))]

    def _round(
        self, cases: list[Case], prompts: list[Messages], done: int
    ) -> list[Answer | Fault | None]:
        """Ask, and ask once more for what is no answer; None for pairs that were not asked.

        Not all are asked where many first answers in a row are unusable: first their repairs show whether any help.
        """
        replies = self._ask(prompts, done, cases)
        read = [
            None if reply is None else self._read(case, prompt, reply)
            for case, prompt, reply in zip(cases, prompts, replies, strict=True)
        ]
        found: list[Answer | Fault | None] = [
            None if one is None else one[0] for one in read
        ]
        bad = [(i, one) for i, one in enumerate(read) if one is not None and one[1]]
        repairs = [self._repair(prompts[i], one) for i, one in bad]
        asked = sum(one is not None for one in read)
        for (i, (first, _)), prompt, reply in zip(
            bad, repairs, self._ask(repairs, done + asked - len(bad)), strict=True
        ):
            if reply is not None:
                found[i] = _joined(first, self._read(cases[i], prompt, reply)[0])
        return found

    def close(self) -> None:
        """Free the backend."""
        if self._completer:
            self._completer.close()

    def key(self, messages: Messages) -> str:
        """The cache key: model, revision, prompt, rule book version, decoding, schema."""
        parts = [
            self._source.name,
            self._source.revision,
            messages,
            self._prompter.rulebook.version,
        ]
        text = json.dumps(
            [*parts, self.decoding.model_dump(), self._schema], sort_keys=True
        )
        return hashlib.sha256(text.encode()).hexdigest()

    def known(self, keys: Sequence[str]) -> dict[str, Completion]:
        """The cache's answers by key."""
        return {
            k: _completion(v)
            for k, v in self._cache.get(list(dict.fromkeys(keys))).items()
        }

    def prompts(self, cases: Sequence[Case]) -> list[Messages]:
        """The first prompt of every pair."""
        return [self._prompter.messages(c) for c in cases]

    @property
    def speed(self) -> Speed:
        """What is known of this model's speed, drawing as many samples of this length."""
        found = self._cache.get([self._speed_key])
        return Speed(**json.loads(found[self._speed_key])) if found else Speed()

    @property
    def _speed_key(self) -> str:
        asked = [self.decoding.samples, self.decoding.max_tokens]
        parts = ["speed", self._source.name, self._source.revision, *asked]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()

    # ---------------------------------------------------------------- asking

    def _ask(
        self, prompts: Sequence[Messages], done: int = 0, cases: Sequence[Case] = ()
    ) -> list[_Reply | Fault | None]:
        """A reply a prompt; ``done`` pairs needed none. With ``cases``, None after too many unusable ones in a row."""
        keys = [self.key(p) for p in prompts]
        known = self.known(keys)
        for completion in known.values():
            self.ledger.add(completion, paid=False)
        try:
            missing = {
                k: p for k, p in zip(keys, prompts, strict=True) if k not in known
            }
            fresh = self._fetch(missing, dict(zip(keys, cases, strict=False)))
        except BudgetError as error:
            raise BudgetError(
                str(error), done + sum(k in known for k in keys) + error.done
            ) from error
        return [_Reply(k, True, known[k]) if k in known else fresh.get(k) for k in keys]

    def _fetch(
        self, missing: dict[str, Messages], cases: dict[str, Case]
    ) -> dict[str, _Reply | Fault]:
        """Ask for what the cache does not know; each answer is kept as it comes."""
        if not missing:
            return {}
        if reached := self.ledger.reached:
            raise BudgetError(reached)
        if self._completer is None:
            self._completer = self._source.make()
        keys, speed, begun = list(missing), Speed(), time.perf_counter()
        found: dict[str, _Reply | Fault] = {}
        unusable, most = [0], self.refusals.most if cases else 0
        feed = _Feed(
            list(missing.values()),
            lambda: bool(self.ledger.reached) or 0 < most <= unusable[0],
        )
        stream = self._completer.complete(feed, self.decoding, self._schema)
        for at, reply in progress(stream, f"answers of {self.name}", total=len(keys)):
            found[keys[at]] = (
                reply if isinstance(reply, Fault) else self._keep(keys[at], reply)
            )
            if isinstance(reply, Completion):
                _count(speed, missing[keys[at]], reply)
            if case := cases.get(keys[at]):
                unusable[0] = 0 if self._is_usable(reply, case) else unusable[0] + 1
        speed.seconds = time.perf_counter() - begun
        self._note(speed)
        if len(found) < len(keys) and self.ledger.reached:
            raise BudgetError(self.ledger.reached, len(found))
        return found

    def _is_usable(self, reply: Completion | Fault, case: Case) -> bool:
        texts = () if isinstance(reply, Fault) else reply.texts
        return any(
            isinstance(parse(text, case, self._prompter.rulebook), RationaleSchema)
            for text in texts
        )

    def _keep(self, key: str, completion: Completion) -> _Reply:
        self._cache.put(key, json.dumps(asdict(completion)))
        self.ledger.add(completion, paid=True)
        return _Reply(key, False, completion)

    def _note(self, new: Speed) -> None:
        old = asdict(self.speed)
        self._cache.put(
            self._speed_key, json.dumps({k: v + old[k] for k, v in asdict(new).items()})
        )

    # ---------------------------------------------------------------- reading

    def _read(
        self, case: Case, prompt: Messages, reply: _Reply | Fault
    ) -> tuple[Answer | Fault, Wrong | None]:
        """The answer; or a fault, with what is wrong if the LLM may repair it."""
        shown = json.dumps(prompt, ensure_ascii=False)
        if isinstance(reply, Fault):
            return Fault(reply.reason, reply.call or Call("", False, shown, "")), None
        c = reply.completion
        tokens = (
            (0, 0, 0)
            if reply.cached
            else (c.prompt_tokens, c.prefix_tokens, c.completion_tokens)
        )
        call = Call(
            reply.key,
            reply.cached,
            shown,
            c.texts[0] if c.texts else "",
            int(not reply.cached),
            *tokens,
        )
        read = [parse(text, case, self._prompter.rulebook) for text in c.texts]
        good = [r for r in read if isinstance(r, RationaleSchema)]
        if not good:
            wrong = next(
                (r for r in read if isinstance(r, Wrong)), Wrong("no JSON object")
            )
            return Fault(wrong.reason, call, c.finish, c.detail), wrong
        told = (
            c.grade if isinstance(read[0], RationaleSchema) else None
        )  # they are the first text's
        probabilities, best = soft_labels(told, good)
        return Answer(
            probabilities, best, replace(call, raw=c.texts[read.index(best)])
        ), None

    def _repair(
        self, prompt: Messages, found: tuple[Answer | Fault, Wrong | None]
    ) -> Messages:
        fault, wrong = found
        raw = fault.call.raw if fault.call else ""
        return repair_messages(
            prompt, raw, wrong.reason if wrong else "", wrong.detail if wrong else ""
        )


class _Feed(Sequence[Messages]):
    """Prompts that end early when it is enough, for backends that take them one by one."""

    def __init__(self, prompts: list[Messages], is_enough: Callable[[], bool]) -> None:
        self._prompts, self._is_enough = prompts, is_enough

    def __len__(self) -> int:
        return len(self._prompts)

    @overload
    def __getitem__(self, at: int) -> Messages: ...
    @overload
    def __getitem__(self, at: slice) -> list[Messages]: ...
    def __getitem__(self, at: int | slice) -> Messages | list[Messages]:
        return self._prompts[at]

    def __iter__(self) -> Iterator[Messages]:
        for prompt in self._prompts:
            if self._is_enough():
                return
            yield prompt


def soft_labels(
    grade: Probabilities | None, good: Sequence[RationaleSchema]
) -> tuple[Probabilities, RationaleSchema]:
    """P(grade) and the answer that stands for it, whose grade is always the likeliest.

    The grade token's probabilities if the backend told them (where no answer has their likeliest grade, it changes
    places with the grade that was written: as unsure, but of one mind with the reasons); else the share of each grade
    among the samples; for one sample its confidence, the rest spread over the other grades, nearer ones first.

    Args:
        grade: from the backend.
        good: valid answers, one a sample.
    """
    grades = [LABELS[r.grade] for r in good]
    if grade:
        likeliest = max(Grade, key=lambda g: (grade[g], g == grades[0]))
        best = likeliest if likeliest in grades else grades[0]
        p = list(grade)
        p[best], p[likeliest] = p[likeliest], p[best]
        return (p[0], p[1], p[2], p[3]), good[grades.index(best)]
    best = max(grades, key=grades.count)
    if len(good) > 1:
        p = [grades.count(g) / len(good) for g in Grade]
    else:
        sure = min(0.99, max(0.4, good[0].confidence))
        weights = [0.0 if g == best else 1.0 / (1 + abs(g - best)) for g in Grade]
        p = [
            sure if g == best else (1 - sure) * w / sum(weights)
            for g, w in zip(Grade, weights, strict=True)
        ]
    return (p[0], p[1], p[2], p[3]), good[grades.index(best)]


def _joined(first: Answer | Fault, second: Answer | Fault) -> Answer | Fault:
    """The repaired answer; its call tells of both."""
    a, b = first.call, second.call
    if a is None or b is None:
        return second
    call = replace(
        b,
        key=b.key or a.key,
        raw=b.raw or a.raw,
        cached=a.cached and b.cached,
        attempts=a.attempts + b.attempts,
        prompt_tokens=a.prompt_tokens + b.prompt_tokens,
        prefix_tokens=a.prefix_tokens + b.prefix_tokens,
        completion_tokens=a.completion_tokens + b.completion_tokens,
    )
    return replace(second, call=call)


def _completion(text: str) -> Completion:
    found = json.loads(text)
    grade = found["grade"]
    p: Probabilities | None = (
        (grade[0], grade[1], grade[2], grade[3]) if grade else None
    )
    return Completion(**{**found, "texts": tuple(found["texts"]), "grade": p})


def _count(speed: Speed, prompt: Messages, completion: Completion) -> None:
    speed.answers += 1
    speed.characters += sum(len(m["content"]) for m in prompt)
    speed.prompt_tokens += completion.prompt_tokens
    speed.completion_tokens += completion.completion_tokens
