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
from adore.teacher.backends.base import Completer, Completion, Decoding, Message
from adore.teacher.backends.budget import Ledger
from adore.teacher.backends.cache import Cache
from adore.teacher.judgements import (
    Call,
    JudgeFailure,
    JudgeInput,
    Judgement,
    Probabilities,
)
from adore.teacher.parse import ParseFailure, parse
from adore.teacher.prompting import Prompter, repair_messages
from adore.teacher.rationale import RationaleSchema, answer_schema
from adore.teacher.refusals import MOST, Refusals
from adore.types import LABELS, Grade

__all__ = ["ModelSpec", "Speed", "TextJudge", "soft_labels"]

Messages = list[Message]


@dataclass(frozen=True, slots=True)
class ModelSpec:
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
    """What asking one model for so many samples of one length took so far.

    It adds up over all runs that share the cache.
    """

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
        source: ModelSpec,
        prompter: Prompter,
        *,
        decoding: Decoding,
        cache: Cache,
        ledger: Ledger,
        refusals: int = MOST,
    ) -> None:
        self.name = source.name
        if source.revision:
            self.name = f"{source.name}@{source.revision}"
        self.folder = source.folder
        self.decoding = decoding
        self.ledger = ledger
        self.refusals = Refusals(self.name, refusals, decoding)

        self._source = source
        self._prompter = prompter
        self._cache = cache
        self._schema = answer_schema(prompter.rulebook)
        self._completer: Completer | None = None

    def judge(self, cases: Sequence[JudgeInput]) -> list[Judgement | JudgeFailure]:
        """See :class:`adore.teacher.judgements.Judge`.

        Raises:
            BudgetError: the cap is reached; the answers so far are in the cache.
            UnavailableError: too many pairs in a row got no usable answer.
        """
        prompts = self.prompts(cases)
        answers = dict[int, Judgement | JudgeFailure]()
        left = list(range(len(cases)))
        while left:
            asked = [cases[i] for i in left]
            found = self._round(asked, [prompts[i] for i in left], len(answers))
            for i, answer in zip(left, found, strict=True):
                if answer is not None:
                    answers[i] = answer
                    self.refusals.note(answer)
            left = [i for i in left if i not in answers]
        return [answers[i] for i in range(len(cases))]

    def _round(
        self, cases: list[JudgeInput], prompts: list[Messages], done: int
    ) -> list[Judgement | JudgeFailure | None]:
        """Ask, and ask once more for what is no answer; None for pairs that were not asked.

        Not all are asked where many first answers in a row are unusable: first their
        repairs show whether any help.
        """
        found: list[Judgement | JudgeFailure | None] = []
        bad = list[tuple[int, Judgement | JudgeFailure]]()
        repairs = list[Messages]()
        sound = 0
        replies = self._ask(prompts, done, cases)
        for i, (case, reply) in enumerate(zip(cases, replies, strict=True)):
            if reply is None:
                found.append(None)
                continue
            answer, wrong = self._read(case, prompts[i], reply)
            found.append(answer)
            if wrong is None:
                sound += 1
            else:
                bad.append((i, answer))
                repairs.append(_repair(prompts[i], answer, wrong))

        second = self._ask(repairs, done + sound)
        for (i, first), prompt, reply in zip(bad, repairs, second, strict=True):
            if reply is not None:
                answer, _ = self._read(cases[i], prompt, reply)
                found[i] = _joined(first, answer)
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
            self.decoding.model_dump(),
            self._schema,
        ]
        text = json.dumps(parts, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()

    def known(self, keys: Sequence[str]) -> dict[str, Completion]:
        """The cache's answers by key."""
        distinct = list(dict.fromkeys(keys))
        found = dict[str, Completion]()
        for key, text in self._cache.get(distinct).items():
            found[key] = _completion(text)
        return found

    def prompts(self, cases: Sequence[JudgeInput]) -> list[Messages]:
        """The first prompt of every pair."""
        return [self._prompter.messages(c) for c in cases]

    @property
    def speed(self) -> Speed:
        """What is known of this model's speed, drawing as many samples of this length."""
        found = self._cache.get([self._speed_key])
        return Speed(**json.loads(found[self._speed_key])) if found else Speed()

    @property
    def _speed_key(self) -> str:
        parts = [
            "speed",
            self._source.name,
            self._source.revision,
            self.decoding.samples,
            self.decoding.max_tokens,
        ]
        text = json.dumps(parts)
        return hashlib.sha256(text.encode()).hexdigest()

    # ---------------------------------------------------------------- asking

    def _ask(
        self,
        prompts: Sequence[Messages],
        done: int = 0,
        cases: Sequence[JudgeInput] = (),
    ) -> list[_Reply | JudgeFailure | None]:
        """A reply a prompt; ``done`` pairs needed none.

        With ``cases``, None after too many unusable ones in a row.
        """
        keys = [self.key(prompt) for prompt in prompts]
        known = self.known(keys)
        for completion in known.values():
            self.ledger.add(completion, paid=False)

        missing = dict[str, Messages]()
        for key, prompt in zip(keys, prompts, strict=True):
            if key not in known:
                missing[key] = prompt
        case_of = dict(zip(keys, cases, strict=False))
        try:
            fresh = self._fetch(missing, case_of)
        except BudgetError as error:
            cached = len([key for key in keys if key in known])
            raise BudgetError(str(error), done + cached + error.done) from error

        replies: list[_Reply | JudgeFailure | None] = []
        for key in keys:
            if key in known:
                replies.append(_Reply(key, cached=True, completion=known[key]))
            else:
                replies.append(fresh.get(key))
        return replies

    def _fetch(
        self, missing: dict[str, Messages], cases: dict[str, JudgeInput]
    ) -> dict[str, _Reply | JudgeFailure]:
        """Ask for what the cache does not know; each answer is kept as it comes."""
        if not missing:
            return {}
        if reached := self.ledger.reached:
            raise BudgetError(reached)
        if self._completer is None:
            self._completer = self._source.make()

        keys = list(missing)
        speed = Speed()
        begun = time.perf_counter()
        found: dict[str, _Reply | JudgeFailure] = {}
        unusable = 0
        most = self.refusals.most if cases else 0

        def is_enough() -> bool:
            return bool(self.ledger.reached) or 0 < most <= unusable

        feed = _BudgetedPrompts(list(missing.values()), is_enough)
        stream = self._completer.complete(feed, self.decoding, self._schema)
        for at, reply in progress(stream, f"answers of {self.name}", total=len(keys)):
            key = keys[at]
            if isinstance(reply, JudgeFailure):
                found[key] = reply
            else:
                found[key] = self._keep(key, reply)
                _count(speed, missing[key], reply)
            case = cases.get(key)
            if case:
                unusable = 0 if self._is_usable(reply, case) else unusable + 1
        speed.seconds = time.perf_counter() - begun
        self._note(speed)

        if len(found) < len(keys) and self.ledger.reached:
            raise BudgetError(self.ledger.reached, len(found))
        return found

    def _is_usable(self, reply: Completion | JudgeFailure, case: JudgeInput) -> bool:
        texts = () if isinstance(reply, JudgeFailure) else reply.texts
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
        self, case: JudgeInput, prompt: Messages, reply: _Reply | JudgeFailure
    ) -> tuple[Judgement | JudgeFailure, ParseFailure | None]:
        """The answer; or a fault, with what is wrong if the LLM may repair it."""
        shown = json.dumps(prompt, ensure_ascii=False)
        if isinstance(reply, JudgeFailure):
            return JudgeFailure(
                reply.reason, reply.call or Call("", False, shown, "")
            ), None

        completion = reply.completion
        texts = completion.texts
        first = texts[0] if texts else ""
        call = Call(reply.key, reply.cached, shown, first, attempts=0)
        if not reply.cached:
            call = replace(
                call,
                attempts=1,
                prompt_tokens=completion.prompt_tokens,
                prefix_tokens=completion.prefix_tokens,
                completion_tokens=completion.completion_tokens,
            )

        read = [parse(text, case, self._prompter.rulebook) for text in texts]
        good = [one for one in read if isinstance(one, RationaleSchema)]
        if not good:
            refused = [one for one in read if isinstance(one, ParseFailure)]
            wrong = refused[0] if refused else ParseFailure("no JSON object")
            fault = JudgeFailure(
                wrong.reason, call, completion.finish, completion.detail
            )
            return fault, wrong

        # the token's probabilities are the first text's
        told = completion.grade if isinstance(read[0], RationaleSchema) else None
        probabilities, best = soft_labels(told, good)
        chosen = texts[read.index(best)]
        return Judgement(probabilities, best, replace(call, raw=chosen)), None


class _BudgetedPrompts(Sequence[Messages]):
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

    The grade token's probabilities if the backend told them (where no answer has their
    likeliest grade, it changes places with the grade that was written: as unsure, but
    of one mind with the reasons); else the share of each grade among the samples; for
    one sample its confidence, the rest spread over the other grades, nearer ones first.

    Args:
        grade: P(grade) from the backend; None: it told none.
        good: valid answers, one a sample.
    """
    grades = [LABELS[one.grade] for one in good]
    if grade:
        best, p = _of_one_mind(grade, grades)
    else:
        best = max(grades, key=grades.count)
        if len(good) > 1:
            p = [grades.count(one) / len(good) for one in Grade]
        else:
            p = _spread(best, good[0].confidence)

    probabilities = (p[0], p[1], p[2], p[3])
    answer = good[grades.index(best)]
    return probabilities, answer


def _of_one_mind(
    told: Probabilities, written: Sequence[Grade]
) -> tuple[Grade, list[float]]:
    """The likeliest grade that was written, and P(grade) with that one as likeliest."""
    first = written[0]
    # of equally likely grades the one that was written
    likeliest = max(Grade, key=lambda grade: (told[grade], grade == first))
    best = likeliest if likeliest in written else first

    p = list(told)
    p[best] = told[likeliest]
    p[likeliest] = told[best]
    return best, p


def _spread(best: Grade, confidence: float) -> list[float]:
    """P(grade) of one sample: its confidence, the rest over the other grades."""
    sure = min(0.99, max(0.4, confidence))

    # a neighbour gets 1/2, the next 1/3, so that near mistakes are the likelier ones
    weights = list[float]()
    for grade in Grade:
        weights.append(0.0 if grade == best else 1.0 / (1 + abs(grade - best)))
    total = sum(weights)

    shares = [(1 - sure) * weight / total for weight in weights]
    shares[best] = sure
    return shares


def _repair(
    prompt: Messages, first: Judgement | JudgeFailure, wrong: ParseFailure
) -> Messages:
    """The prompt that asks once more for what was no answer."""
    raw = first.call.raw if first.call else ""
    return repair_messages(prompt, raw, wrong.reason, wrong.detail)


def _joined(
    first: Judgement | JudgeFailure, second: Judgement | JudgeFailure
) -> Judgement | JudgeFailure:
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
