"""An LLM as a judge: prompt, cache, backend, parse, one repair; nothing is paid twice."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import overload

from adore.errors import BudgetError
from adore.progress import progress
from adore.teacher.answer_store import AnswerStore, Speed
from adore.teacher.backends.base import Completer, Completion, Decoding, Message
from adore.teacher.backends.budget import Ledger
from adore.teacher.backends.cache import Cache
from adore.teacher.judgements import (
    Call,
    JudgeFailure,
    JudgeInput,
    Judgement,
)
from adore.teacher.parse import ParseFailure, parse
from adore.teacher.prompting import Prompter, repair_messages
from adore.teacher.rationale import RationaleSchema, answer_schema
from adore.teacher.refusals import MAX_IN_ROW, Refusals
from adore.teacher.soft_labels import soft_labels

__all__ = ["ModelSpec", "TextJudge"]

Messages = list[Message]


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """Which LLM judges.

    Attributes:
        name: the same for the same bytes, wherever their folder lies.
        revision: of the model; for a folder the hash of its files.
        start: starts it; not called while the cache knows every answer.
        folder: where it lies, if it is a folder.
    """

    name: str
    revision: str
    start: Callable[[], Completer]
    folder: str = ""


@dataclass(frozen=True, slots=True)
class _Reply:
    """What the LLM answered to one prompt, now or earlier."""

    cache_key: str
    cached: bool
    completion: Completion


@dataclass(frozen=True, slots=True)
class _Repair:
    """A pair whose first answer was refused, and the prompt that asks once more."""

    index: int
    first: JudgeFailure
    prompt: Messages


class TextJudge:
    """Judges pairs by their texts.

    Args:
        model: the LLM.
        prompter: writes the prompts, from the rule book that the answers must obey.
        decoding: how answers are drawn.
        cache: answers of earlier runs.
        ledger: adds up the cost and says when to stop.
        refusals: pairs in a row without a usable answer that are too many; 0: never.
    """

    def __init__(
        self,
        model: ModelSpec,
        prompter: Prompter,
        *,
        decoding: Decoding,
        cache: Cache,
        ledger: Ledger,
        refusals: int = MAX_IN_ROW,
    ) -> None:
        self.name = model.name
        if model.revision:
            self.name = f"{model.name}@{model.revision}"
        self.folder = model.folder
        self.decoding = decoding
        self.ledger = ledger
        self.refusals = Refusals(self.name, refusals, decoding)
        self.store = AnswerStore(
            cache,
            model=model.name,
            revision=model.revision,
            prompter=prompter,
            decoding=decoding,
        )

        self._model = model
        self._prompter = prompter
        self._schema = answer_schema(prompter.rulebook)
        self._completer: Completer | None = None

    def judge(
        self, judge_inputs: Sequence[JudgeInput]
    ) -> list[Judgement | JudgeFailure]:
        """See :class:`adore.teacher.judgements.Judge`.

        Returns:
            One judgement or failure a pair.

        Raises:
            BudgetError: the budget's cap is reached; the answers so far are in the
                cache.
            UnavailableError: too many pairs in a row got no usable answer; the answers
                so far are in the cache.
        """
        prompts = self.prompts(judge_inputs)
        results: dict[int, Judgement | JudgeFailure] = {}
        # each round asks what is left; a round may stop early to look at its repairs
        remaining = list(range(len(judge_inputs)))
        while remaining:
            round_cases = [judge_inputs[index] for index in remaining]
            round_prompts = [prompts[index] for index in remaining]
            answers = self._round(round_cases, round_prompts, len(results))
            for index, answer in zip(remaining, answers, strict=True):
                if answer is not None:
                    results[index] = answer
                    self.refusals.note(answer)
            remaining = [index for index in remaining if index not in results]
        return [results[index] for index in range(len(judge_inputs))]

    def _round(
        self, judge_inputs: list[JudgeInput], prompts: list[Messages], done: int
    ) -> list[Judgement | JudgeFailure | None]:
        """Ask, and ask once more where an answer was refused; None for pairs not asked."""
        # not all are asked where many first answers in a row are unusable: first their
        # repairs show whether any help
        answers: list[Judgement | JudgeFailure | None] = []
        repairs: list[_Repair] = []
        valid = 0
        replies = self._ask(prompts, done, judge_inputs)
        for index, reply in enumerate(replies):
            if reply is None:
                answers.append(None)
                continue
            answer, refusal = self._read(judge_inputs[index], prompts[index], reply)
            answers.append(answer)
            if refusal is None or isinstance(answer, Judgement):
                valid += 1
            else:
                prompt = _repair_prompt(prompts[index], answer, refusal)
                repairs.append(_Repair(index, answer, prompt))

        second_replies = self._ask([repair.prompt for repair in repairs], done + valid)
        for repair, reply in zip(repairs, second_replies, strict=True):
            if reply is not None:
                second, _ = self._read(judge_inputs[repair.index], repair.prompt, reply)
                answers[repair.index] = _with_both_calls(repair.first, second)
        return answers

    def close(self) -> None:
        """Free the backend."""
        if self._completer:
            self._completer.close()

    def prompts(self, judge_inputs: Sequence[JudgeInput]) -> list[Messages]:
        """The first prompt of every pair."""
        return [self._prompter.messages(judge_input) for judge_input in judge_inputs]

    # ---------------------------------------------------------------- asking

    def _ask(
        self,
        prompts: Sequence[Messages],
        done: int = 0,
        judge_inputs: Sequence[JudgeInput] = (),
    ) -> list[_Reply | JudgeFailure | None]:
        """A reply a prompt; None for those not asked after too many unusable replies."""
        cache_keys = [self.store.key(prompt) for prompt in prompts]
        known_answers = self.store.load(cache_keys)
        for completion in known_answers.values():
            self.ledger.add(completion, paid=False)

        # pairs with the same prompt share a key, and are asked once
        missing: dict[str, Messages] = {}
        for cache_key, prompt in zip(cache_keys, prompts, strict=True):
            if cache_key not in known_answers:
                missing[cache_key] = prompt
        input_of_key = dict(zip(cache_keys, judge_inputs, strict=False))
        try:
            fresh_replies = self._fetch(missing, input_of_key)
        except BudgetError as error:
            cached = len(
                [cache_key for cache_key in cache_keys if cache_key in known_answers]
            )
            raise BudgetError(str(error), done + cached + error.done) from error

        replies: list[_Reply | JudgeFailure | None] = []
        for cache_key in cache_keys:
            if cache_key in known_answers:
                replies.append(
                    _Reply(cache_key, cached=True, completion=known_answers[cache_key])
                )
            else:
                replies.append(fresh_replies.get(cache_key))
        return replies

    def _fetch(
        self, missing: dict[str, Messages], judge_inputs: dict[str, JudgeInput]
    ) -> dict[str, _Reply | JudgeFailure]:
        """Ask for what the cache does not know; each answer is stored as it comes."""
        if not missing:
            return {}
        reached = self.ledger.reached
        if reached:
            raise BudgetError(reached)
        if self._completer is None:
            self._completer = self._model.start()

        cache_keys = list(missing)
        speed = Speed()
        started = time.perf_counter()
        replies: dict[str, _Reply | JudgeFailure] = {}
        unusable = 0
        most_unusable = self.refusals.max_in_row if judge_inputs else 0

        def is_enough() -> bool:
            return bool(self.ledger.reached) or 0 < most_unusable <= unusable

        prompts = _BudgetedPrompts(list(missing.values()), is_enough)
        stream = self._completer.complete(prompts, self.decoding, self._schema)
        label = f"answers of {self.name}"
        for index, reply in progress(stream, label, total=len(cache_keys)):
            cache_key = cache_keys[index]
            if isinstance(reply, JudgeFailure):
                replies[cache_key] = reply
            else:
                replies[cache_key] = self._store(cache_key, reply)
                _count(speed, missing[cache_key], reply)

            judge_input = judge_inputs.get(cache_key)
            if judge_input:
                if self._is_usable(reply, judge_input):
                    unusable = 0
                else:
                    unusable += 1
        # concurrent requests overlap: the batch's time counts, not the sum of theirs
        speed.seconds = time.perf_counter() - started
        self.store.add_speed(speed)

        if len(replies) < len(cache_keys) and self.ledger.reached:
            raise BudgetError(self.ledger.reached, len(replies))
        return replies

    def _is_usable(
        self, reply: Completion | JudgeFailure, judge_input: JudgeInput
    ) -> bool:
        if isinstance(reply, JudgeFailure):
            return False
        for text in reply.texts:
            answer = parse(text, judge_input, self._prompter.rulebook)
            if isinstance(answer, RationaleSchema):
                return True
        return False

    def _store(self, cache_key: str, completion: Completion) -> _Reply:
        self.store.save(cache_key, completion)
        self.ledger.add(completion, paid=True)
        return _Reply(cache_key, cached=False, completion=completion)

    # ---------------------------------------------------------------- reading

    def _read(
        self, judge_input: JudgeInput, prompt: Messages, reply: _Reply | JudgeFailure
    ) -> tuple[Judgement | JudgeFailure, ParseFailure | None]:
        """The judgement; or a failure, with what is wrong if the LLM may repair it."""
        prompt_json = json.dumps(prompt, ensure_ascii=False)
        if isinstance(reply, JudgeFailure):
            call = reply.call or Call("", False, prompt_json, "")
            return JudgeFailure(reply.reason, call), None

        completion = reply.completion
        texts = completion.texts
        call = _call(reply, prompt_json)
        answers: list[RationaleSchema] = []
        refusals: list[ParseFailure] = []
        text_of_answer: list[str] = []
        for text in texts:
            parsed = parse(text, judge_input, self._prompter.rulebook)
            if isinstance(parsed, RationaleSchema):
                answers.append(parsed)
                text_of_answer.append(text)
            else:
                refusals.append(parsed)

        if not answers:
            refusal = refusals[0] if refusals else ParseFailure("no JSON object")
            failure = JudgeFailure(
                refusal.reason, call, completion.finish, completion.detail
            )
            return failure, refusal

        # the token's probabilities are the first text's, so they need it to be valid
        grade = completion.grade
        if text_of_answer[0] != texts[0]:
            grade = None
        probabilities, best_answer = soft_labels(grade, answers)
        raw = text_of_answer[answers.index(best_answer)]
        judgement = Judgement(
            query_id=judge_input.query_id,
            item_id=judge_input.item_id,
            probabilities=probabilities,
            rationale=best_answer,
            evidence=judge_input.evidence,
            call=replace(call, raw=raw),
        )
        return judgement, None


class _BudgetedPrompts(Sequence[Messages]):
    """Prompts that end early when it is enough, for backends that take them one by one."""

    def __init__(self, prompts: list[Messages], is_enough: Callable[[], bool]) -> None:
        self._prompts = prompts
        self._is_enough = is_enough

    def __len__(self) -> int:
        return len(self._prompts)

    @overload
    def __getitem__(self, index: int) -> Messages: ...
    @overload
    def __getitem__(self, index: slice) -> list[Messages]: ...
    def __getitem__(self, index: int | slice) -> Messages | list[Messages]:
        return self._prompts[index]

    def __iter__(self) -> Iterator[Messages]:
        for prompt in self._prompts:
            if self._is_enough():
                return
            yield prompt


def _call(reply: _Reply, prompt_json: str) -> Call:
    """How a reply came about; a cached one cost nothing now."""
    completion = reply.completion
    raw = completion.texts[0] if completion.texts else ""
    call = Call(reply.cache_key, reply.cached, prompt_json, raw, attempts=0)
    if reply.cached:
        return call
    return replace(
        call,
        attempts=1,
        prompt_tokens=completion.prompt_tokens,
        prefix_tokens=completion.prefix_tokens,
        completion_tokens=completion.completion_tokens,
    )


def _repair_prompt(
    prompt: Messages, first: JudgeFailure, refusal: ParseFailure
) -> Messages:
    """The prompt that asks once more for what was no answer."""
    raw = first.call.raw if first.call else ""
    return repair_messages(prompt, raw, refusal.reason, refusal.detail)


def _with_both_calls(
    first: JudgeFailure, second: Judgement | JudgeFailure
) -> Judgement | JudgeFailure:
    """The repaired answer; its call adds up both."""
    before = first.call
    after = second.call
    if before is None or after is None:
        return second
    call = replace(
        after,
        key=after.key or before.key,
        raw=after.raw or before.raw,
        cached=before.cached and after.cached,
        attempts=before.attempts + after.attempts,
        prompt_tokens=before.prompt_tokens + after.prompt_tokens,
        prefix_tokens=before.prefix_tokens + after.prefix_tokens,
        completion_tokens=before.completion_tokens + after.completion_tokens,
    )
    return replace(second, call=call)


def _count(speed: Speed, prompt: Messages, completion: Completion) -> None:
    speed.answers += 1
    speed.characters += sum(len(message["content"]) for message in prompt)
    speed.prompt_tokens += completion.prompt_tokens
    speed.completion_tokens += completion.completion_tokens
