"""Any endpoint that speaks OpenAI's chat completions: patient, bounded, polite.

A provider's, or that of ``vllm serve``. Plain httpx, because one POST is all there is to
it, and retries, ``Retry-After`` and giving up are ours to decide.
"""

from __future__ import annotations

import os
import random
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import replace
from email.utils import parsedate_to_datetime
from itertools import islice
from typing import Any

import httpx
from pydantic import BaseModel, ConfigDict, Field

from adore.errors import ConfigError, UnavailableError, check
from adore.progress import log_line
from adore.teacher.backends.base import (
    BACKENDS,
    BackendSettings,
    Completion,
    Decoding,
    JudgeBackend,
    Message,
    grade_probabilities,
)
from adore.teacher.judgements import JudgeFailure

__all__ = ["OpenaiCompleter", "Patience"]

_FALLBACKS: dict[str, tuple[object, ...]] = {
    "logprobs": (20, 5, None),
    "response_format": ("strict", "loose", "json_object", None),
    "max_tokens": ("max_tokens", "max_completion_tokens"),
    "seed": (True, None),
    "temperature": (True, None),
    "n": (True, None),
}
"""What a request asks for.

When the endpoint refuses one by name, its next rung is tried, for good.
"""
_SYNONYMS = {
    "response_format": ("response_format", "json_schema", "json_object", "schema"),
    "n": ("'n'", '"n"', "`n`", "parameter: n"),
    "logprobs": ("logprobs", "log probabilities", "logprob"),
}


class Patience(BaseModel):
    """How long to wait for an endpoint, in seconds, and how often to ask."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    timeout: float = Field(120.0, gt=0)
    attempts: int = Field(8, ge=1)
    first_wait: float = Field(0.5, ge=0)
    longest_wait: float = Field(60.0, ge=0)
    """Of the growing pauses."""
    longest_asked: float = Field(600.0, ge=0)
    """A ``Retry-After`` of more stops the step."""

    def wait(self, attempt: int) -> float:
        """Full jitter over an exponential back-off.

        Source: M. Brooker, Exponential Backoff and Jitter, AWS 2015.
        """
        most = min(self.longest_wait, self.first_wait * 2**attempt)
        return random.uniform(0, most)


class _EndpointFeatures:
    """What the endpoint takes, learnt from its refusals; shared by all threads."""

    def __init__(self) -> None:
        self._at = dict.fromkeys(_FALLBACKS, 0)
        self._lock = threading.Lock()

    def now(self) -> dict[str, object]:
        with self._lock:
            return {name: rungs[self._at[name]] for name, rungs in _FALLBACKS.items()}

    def refused(self, asked: dict[str, object], text: str) -> bool:
        """Step down from the parameter that ``text`` names.

        False if it names none or none is left.
        """
        for name, rungs in _FALLBACKS.items():
            words = _SYNONYMS.get(name, (name,))
            if asked[name] is None or not any(word in text for word in words):
                continue
            with self._lock:
                at = self._at[name]
                # else another thread has stepped down already
                if rungs[at] == asked[name]:
                    if at + 1 == len(rungs):
                        continue
                    self._at[name] = at + 1
                    log_line(
                        f"    the endpoint refuses {name} {asked[name]!r}: "
                        f"going on with {rungs[at + 1]!r}"
                    )
            return True
        return False


class OpenaiCompleter:
    """Asks one model of one endpoint, ``concurrency`` prompts at a time.

    Args:
        model: its name at the endpoint.
        revision: of the model, for the cache key.
        endpoint: base URL, as in ``https://host/v1``.
        key_env: name of the environment variable that holds the key; the key itself is
            never kept or logged.
        concurrency: requests in flight.
        patience: time-outs and attempts.

    Raises:
        ConfigError: no endpoint, or no key.
    """

    def __init__(
        self,
        *,
        model: str,
        revision: str,
        endpoint: str,
        key_env: str,
        concurrency: int,
        patience: Patience,
    ) -> None:
        check(
            _is_url(endpoint),
            "endpoint",
            endpoint,
            must="a URL like https://host/v1, without user or password",
            fix="set judge.endpoint or OPENAI_BASE_URL",
        )
        self.model = model
        self.revision = revision
        self._url = f"{endpoint.rstrip('/')}/chat/completions"
        self._key_env = key_env
        self._patience = patience
        self._concurrency = concurrency
        self._offers = _EndpointFeatures()

        key = os.environ.get(key_env, "").strip()
        shown = f"{len(key)} characters"
        check(
            key.isascii() and key.isprintable(),
            f"${key_env}",
            shown,
            must="printable ASCII",
            fix="set it to the key",
        )
        self._client = httpx.Client(
            timeout=patience.timeout,
            limits=httpx.Limits(max_connections=concurrency),
            headers={"Authorization": f"Bearer {key}"} if key else {},
        )
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._not_before = 0.0
        self._lost = 0
        self._why = ""

    def complete(
        self,
        prompts: Sequence[Sequence[Message]],
        decoding: Decoding,
        schema: dict[str, object],
    ) -> Iterator[tuple[int, Completion | JudgeFailure]]:
        """See :class:`adore.teacher.backends.base.Completer`.

        Prompts are taken one by one, as requests get free. An error is raised after the
        answers that were in flight have come.

        Args:
            prompts: the messages of each pair.
            decoding: temperature, lengths, samples.
            schema: JSON schema that the answer must follow.
        """
        feed = iter(enumerate(prompts))
        flying = dict[Future[Completion | JudgeFailure], int]()
        self._stop.clear()
        with ThreadPoolExecutor(self._concurrency) as pool:
            try:
                while True:
                    free = self._concurrency - len(flying)
                    for at, messages in islice(feed, free):
                        future = pool.submit(
                            self._answer, list(messages), decoding, schema
                        )
                        flying[future] = at
                    if not flying:
                        return

                    done, _ = wait(flying, return_when=FIRST_COMPLETED)
                    if any(one.exception() for one in done):
                        # ask for nothing more, and keep what is being answered
                        self._stop.set()
                        done, _ = wait(flying)
                    # what was paid for, first
                    for future in sorted(done, key=_failed):
                        yield flying.pop(future), future.result()
            finally:
                self._stop.set()

    def close(self) -> None:
        """See :class:`adore.teacher.backends.base.Completer`."""
        self._client.close()

    def _answer(
        self, messages: list[Message], decoding: Decoding, schema: dict[str, object]
    ) -> Completion | JudgeFailure:
        """One answer with all its samples.

        It takes several requests where the endpoint gives fewer samples at a time.
        """
        found = self._ask(messages, decoding, schema)
        while isinstance(found, Completion) and len(found.texts) < decoding.samples:
            left = {
                "samples": decoding.samples - len(found.texts),
                "seed": decoding.seed + len(found.texts),
            }
            more = self._ask(messages, decoding.model_copy(update=left), schema)
            if isinstance(more, JudgeFailure):
                # fewer samples are better than none, but not for having been stopped
                return more if self._stop.is_set() else found
            found = _joined(found, more)
        return found

    def _ask(
        self, messages: list[Message], decoding: Decoding, schema: dict[str, object]
    ) -> Completion | JudgeFailure:
        attempt = 0
        while attempt < self._patience.attempts and self._may_ask():
            offers = self._offers.now()
            try:
                response = self._client.post(
                    self._url,
                    json=_body(self.model, messages, decoding, schema, offers),
                )
            except httpx.TransportError as error:  # time-outs and broken connections
                response = None
                self._fails(f"{type(error).__name__}: {error}")
            status = response.status_code if response is not None else 0
            if (
                response is not None
                and status in (400, 403, 422)
                and self._offers.refused(offers, _message(response))
            ):
                continue
            if response is not None and status in (400, 422):
                return self._give_up(
                    f"refused ({response.status_code}): {_message(response)}",
                    "endpoint refused",
                )
            answer = self._read(response)
            if answer:
                self._lost = 0
                return answer if answer.prompt_tokens else _estimated(answer, messages)
            self._stop.wait(self._patience.wait(attempt))
            attempt += 1
        return self._give_up(
            f"gave no answer in {attempt} attempts ({self._why})", "endpoint gave up"
        )

    def _may_ask(self) -> bool:
        """Wait until no ``Retry-After`` holds requests back, later ones too.

        False if all is to stop.
        """
        while not self._stop.is_set():
            held = self._not_before - time.monotonic()
            if held <= 0:
                break
            self._stop.wait(held + self._patience.wait(0))
        return not self._stop.is_set()

    def _fails(self, why: str) -> None:
        with self._lock:
            if not self._why:
                log_line(
                    f"    the endpoint fails ({why}): "
                    f"each pair is asked up to {self._patience.attempts} times"
                )
            self._why = why

    def _read(self, response: httpx.Response | None) -> Completion | None:
        """The answer, or None if it is worth to ask again.

        Raises:
            ConfigError: the endpoint refuses the key, or does not serve the model; its
                own words are in the text.
            UnavailableError: there is no money left at the provider.
        """
        if response is None:
            return None
        status = response.status_code
        if status == 401:
            raise ConfigError(
                f"key in ${self._key_env}, must be one that {self._url} takes "
                f"(HTTP 401: {_message(response)!r}); set it"
            )
        if status == 403:
            raise ConfigError(
                f"endpoint == {self._url!r}, must allow these requests, "
                f"but says (HTTP 403): {_message(response)!r}; "
                f"correct what it names, or the key in ${self._key_env}"
            )
        if status == 404:
            raise ConfigError(
                f"model == {self.model!r}, must be served at {self._url} (HTTP 404); "
                "set model or endpoint"
            )
        if status == 429 and "insufficient_quota" in response.text[:2000]:
            raise UnavailableError(
                f"endpoint == {self._url!r}, must have money left (insufficient_quota); "
                "top it up"
            )
        if status != 200:
            self._fails(f"HTTP {status}: {_message(response)}")
            self._pause(response.headers.get("retry-after", ""))
            return None
        try:
            return _completion(response.json())
        except (ValueError, KeyError, TypeError, AttributeError, IndexError):
            self._fails(f"no chat completion: {response.text[:80]!r}")
            return None

    def _pause(self, asked: str) -> None:
        """Honour ``Retry-After`` (seconds or a date) for all threads.

        It speaks of the key, not of one request.

        Raises:
            UnavailableError: it asks for more patience than there is.
        """
        try:
            seconds = (
                float(asked) if asked.replace(".", "").isdecimal() else _until(asked)
            )
        except (ValueError, TypeError):
            return
        most = self._patience.longest_asked
        if seconds > most:
            raise UnavailableError(
                f"Retry-After == {seconds:.0f} s of {self._url!r}, "
                f"must be at most {most:.0f}; run the same command "
                "again then (answers so far are in the cache), "
                "or raise judge.engine.longest_asked"
            )
        with self._lock:
            self._not_before = max(self._not_before, time.monotonic() + seconds)

    def _give_up(self, text: str, reason: str) -> JudgeFailure:
        """A fault of one pair; an error if nothing at all gets through.

        Raises:
            UnavailableError: as many pairs in a row as there are requests in flight,
                and three more, got no answer.
        """
        if self._stop.is_set():  # it was not asked to the end
            return JudgeFailure(reason, detail=text)
        with self._lock:
            self._lost += 1
            if self._lost > self._concurrency + 3:
                raise UnavailableError(
                    f"endpoint == {self._url!r}, must answer, "
                    f"but {text} for {self._lost} pairs in a row; check it and run "
                    "the same command again: answers so far are in the cache"
                )
        return JudgeFailure(reason, detail=text)


def _failed(future: Future[Completion | JudgeFailure]) -> bool:
    return future.exception() is not None


def _is_url(text: str) -> bool:
    try:
        url = httpx.URL(text)
    except httpx.InvalidURL:
        return False
    return (
        url.scheme in ("http", "https")
        and bool(url.host)
        and not any(c == "@" or c.isspace() for c in text)
    )


def _until(date: str) -> float:
    return max(0.0, parsedate_to_datetime(date).timestamp() - time.time())


def _message(response: httpx.Response) -> str:
    """The endpoint's own words, cut: it may echo the prompt."""
    try:
        error = response.json()
        error = error.get("error", error)
        return str(error.get("message", error.get("detail", error)))[:300]
    except (ValueError, AttributeError):
        return response.text[:300]


def _body(
    model: str,
    messages: list[Message],
    decoding: Decoding,
    schema: dict[str, object],
    offers: dict[str, object],
) -> dict[str, Any]:
    body: dict[str, Any] = {
        "model": model,
        "messages": messages,
        str(offers["max_tokens"]): decoding.max_tokens,
    }
    if offers["temperature"]:
        body["temperature"] = decoding.temperature
    if offers["seed"]:
        body["seed"] = decoding.seed
    if decoding.samples > 1 and offers["n"]:
        body["n"] = decoding.samples
    if offers["logprobs"]:
        body |= {"logprobs": True, "top_logprobs": offers["logprobs"]}
    kind = offers["response_format"]
    if kind == "json_object":
        body["response_format"] = {"type": "json_object"}
    elif kind:
        named = {"name": "judgement", "schema": schema, "strict": kind == "strict"}
        body["response_format"] = {"type": "json_schema", "json_schema": named}
    return body


def _completion(answer: dict[str, Any]) -> Completion:
    choices = answer["choices"]
    texts = tuple(_clean(str(c["message"].get("content") or "")) for c in choices)
    first = choices[0]

    logprobs = first.get("logprobs") or {}
    tokens = list[tuple[str, dict[str, float]]]()
    for token in logprobs.get("content") or []:
        others = token.get("top_logprobs") or ()
        alternatives = {one["token"]: one["logprob"] for one in [token, *others]}
        tokens.append((token["token"], alternatives))

    usage = answer.get("usage") or {}
    details = usage.get("prompt_tokens_details") or {}
    return Completion(
        texts=texts,
        grade=grade_probabilities(texts[0], tokens),
        prompt_tokens=int(usage.get("prompt_tokens") or 0),
        prefix_tokens=int(details.get("cached_tokens") or 0),
        completion_tokens=int(usage.get("completion_tokens") or 0),
        finish=str(first.get("finish_reason") or ""),
        detail=_clean(str(first["message"].get("refusal") or ""))[:300],
    )


def _joined(first: Completion, more: Completion) -> Completion:
    return replace(
        first,
        texts=first.texts + more.texts,
        prompt_tokens=first.prompt_tokens + more.prompt_tokens,
        prefix_tokens=first.prefix_tokens + more.prefix_tokens,
        completion_tokens=first.completion_tokens + more.completion_tokens,
    )


def _estimated(answer: Completion, messages: list[Message]) -> Completion:
    """For an endpoint that tells no usage: four characters a token."""
    return replace(
        answer,
        prompt_tokens=sum(len(m["content"]) for m in messages) // 4 + 1,
        completion_tokens=sum(map(len, answer.texts)) // 4 + 1,
    )


def _clean(text: str) -> str:
    """JSON may bring lone surrogates, which cannot be stored."""
    return text.encode("utf-8", "replace").decode()


def _check_engine(engine: Mapping[str, Any]) -> None:
    Patience.model_validate(dict(engine))


def _build(settings: BackendSettings) -> OpenaiCompleter:
    return OpenaiCompleter(
        model=settings.model,
        revision=settings.revision,
        endpoint=settings.endpoint or os.environ.get("OPENAI_BASE_URL", ""),
        key_env=settings.key_env,
        concurrency=settings.concurrency,
        patience=Patience.model_validate(dict(settings.engine)),
    )


BACKENDS.add("openai", JudgeBackend(_build, is_local=False, check_engine=_check_engine))
