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
from email.utils import parsedate_to_datetime
from itertools import islice

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
)
from adore.teacher.backends.chat_completions import (
    EndpointFeatures,
    error_message,
    merge_samples,
    parse_completion,
    request_body,
    with_estimated_tokens,
)
from adore.teacher.judgements import JudgeFailure

__all__ = ["OpenaiCompleter", "Patience"]


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
        """Seconds to wait after some attempts: full jitter over an exponential back-off.

        Args:
            attempt: number of attempts before.

        Returns:
            Seconds.

        Source: M. Brooker, Exponential Backoff and Jitter, AWS 2015.
        """
        ceiling = min(self.longest_wait, self.first_wait * 2**attempt)
        return random.uniform(0, ceiling)


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
        self._features = EndpointFeatures()

        key = os.environ.get(key_env, "").strip()
        length = f"{len(key)} characters"  # the key itself must not be shown
        check(
            key.isascii() and key.isprintable(),
            f"${key_env}",
            length,
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
        self._failures_in_row = 0
        self._last_error = ""

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

        Yields:
            Index and answer of each prompt, as they come.

        Raises:
            ConfigError: the endpoint refuses the key, or does not serve the model; its
                own words are in the text.
            UnavailableError: no money is left, the endpoint asks for more patience than
                there is, or too many pairs in a row got no answer.
        """
        waiting = iter(enumerate(prompts))
        in_flight: dict[Future[Completion | JudgeFailure], int] = {}
        self._stop.clear()
        with ThreadPoolExecutor(self._concurrency) as pool:
            try:
                while True:
                    free = self._concurrency - len(in_flight)
                    for index, messages in islice(waiting, free):
                        future = pool.submit(
                            self._answer, list(messages), decoding, schema
                        )
                        in_flight[future] = index
                    if not in_flight:
                        return

                    finished, _ = wait(in_flight, return_when=FIRST_COMPLETED)
                    if any(future.exception() for future in finished):
                        # ask for nothing more, and keep what is being answered
                        self._stop.set()
                        finished, _ = wait(in_flight)
                    # what was paid for, first
                    for future in sorted(finished, key=_failed):
                        yield in_flight.pop(future), future.result()
            finally:
                self._stop.set()

    def close(self) -> None:
        """See :class:`adore.teacher.backends.base.Completer`."""
        self._client.close()

    def _answer(
        self, messages: list[Message], decoding: Decoding, schema: dict[str, object]
    ) -> Completion | JudgeFailure:
        """One answer with all its samples."""
        # an endpoint may give fewer samples at a time: then it takes several requests
        answer = self._ask(messages, decoding, schema)
        while isinstance(answer, Completion) and len(answer.texts) < decoding.samples:
            count = len(answer.texts)
            changes = {
                "samples": decoding.samples - count,
                "seed": decoding.seed + count,
            }
            more = self._ask(messages, decoding.model_copy(update=changes), schema)
            if isinstance(more, JudgeFailure):
                if self._stop.is_set():
                    return more  # half an answer because of a stop is none
                return answer  # fewer samples are better than none
            answer = merge_samples(answer, more)
        return answer

    def _ask(
        self, messages: list[Message], decoding: Decoding, schema: dict[str, object]
    ) -> Completion | JudgeFailure:
        """One request, repeated while it is worth it."""
        attempt = 0
        while attempt < self._patience.attempts and self._may_ask():
            features = self._features.current()
            body = request_body(self.model, messages, decoding, schema, features)
            response = self._post(body)
            if response is not None and response.status_code in (400, 403, 422):
                refusal = error_message(response)
                if self._features.fall_back(features, refusal):
                    continue
                if response.status_code != 403:
                    return self._give_up(
                        f"refused ({response.status_code}): {refusal}",
                        "endpoint refused",
                    )

            answer = self._read(response)
            if answer:
                self._failures_in_row = 0
                if answer.prompt_tokens:
                    return answer
                return with_estimated_tokens(answer, messages)
            self._stop.wait(self._patience.wait(attempt))
            attempt += 1

        return self._give_up(
            f"gave no answer in {attempt} attempts ({self._last_error})",
            "endpoint gave up",
        )

    def _post(self, body: dict[str, object]) -> httpx.Response | None:
        """The response, or None where none came."""
        try:
            return self._client.post(self._url, json=body)
        except httpx.TransportError as error:  # time-outs and broken connections
            self._note_error(f"{type(error).__name__}: {error}")
            return None

    def _may_ask(self) -> bool:
        """Wait until no ``Retry-After`` forbids requests; False if all is to stop."""
        # another request may get a longer Retry-After while this one waits
        while not self._stop.is_set():
            seconds = self._not_before - time.monotonic()
            if seconds <= 0:
                break
            self._stop.wait(seconds + self._patience.wait(0))
        return not self._stop.is_set()

    def _note_error(self, text: str) -> None:
        with self._lock:
            if not self._last_error:
                log_line(
                    f"    the endpoint fails ({text}): "
                    f"each pair is asked up to {self._patience.attempts} times"
                )
            self._last_error = text

    def _read(self, response: httpx.Response | None) -> Completion | None:
        """The answer, or None if it is worth asking again.

        Returns:
            A completion, or None.

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
                f"(HTTP 401: {error_message(response)!r}); set it"
            )
        if status == 403:
            raise ConfigError(
                f"endpoint == {self._url!r}, must allow these requests, "
                f"but says (HTTP 403): {error_message(response)!r}; "
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
            self._note_error(f"HTTP {status}: {error_message(response)}")
            self._pause(response.headers.get("retry-after", ""))
            return None
        try:
            return parse_completion(response.json())
        except (ValueError, KeyError, TypeError, AttributeError, IndexError):
            self._note_error(f"no chat completion: {response.text[:80]!r}")
            return None

    def _pause(self, retry_after: str) -> None:
        """Honour ``Retry-After`` (seconds or a date) for all threads.

        It limits the key, not one request.

        Raises:
            UnavailableError: the pause is longer than ``longest_asked``.
        """
        try:
            seconds = _seconds_of(retry_after)
        except (ValueError, TypeError):
            return

        longest = self._patience.longest_asked
        if seconds > longest:
            raise UnavailableError(
                f"Retry-After == {seconds:.0f} s of {self._url!r}, "
                f"must be at most {longest:.0f}; run the same command "
                "again then (answers so far are in the cache), "
                "or raise judge.engine.longest_asked"
            )
        with self._lock:
            resume = time.monotonic() + seconds
            self._not_before = max(self._not_before, resume)

    def _give_up(self, text: str, reason: str) -> JudgeFailure:
        """A failure of one pair; an error if nothing at all gets through.

        Returns:
            The failure.

        Raises:
            UnavailableError: as many pairs in a row as there are requests in flight,
                and three more, got no answer.
        """
        if self._stop.is_set():  # it was not asked to the end
            return JudgeFailure(reason, detail=text)
        with self._lock:
            self._failures_in_row += 1
            if self._failures_in_row > self._concurrency + 3:
                raise UnavailableError(
                    f"endpoint == {self._url!r}, must answer, "
                    f"but {text} for {self._failures_in_row} pairs in a row; check it and run "
                    "the same command again: answers so far are in the cache"
                )
        return JudgeFailure(reason, detail=text)


def _failed(future: Future[Completion | JudgeFailure]) -> bool:
    return future.exception() is not None


def _is_url(text: str) -> bool:
    """Whether it is an HTTP URL without user and password."""
    try:
        url = httpx.URL(text)
    except httpx.InvalidURL:
        return False
    if url.scheme not in ("http", "https") or not url.host:
        return False
    return "@" not in text and not any(character.isspace() for character in text)


def _seconds_of(retry_after: str) -> float:
    """Seconds of a ``Retry-After``, which is a number or a date."""
    is_number = retry_after.replace(".", "").isdecimal()
    if is_number:
        return float(retry_after)
    date = parsedate_to_datetime(retry_after)
    return max(0.0, date.timestamp() - time.time())


def _check_engine(engine: Mapping[str, object]) -> None:
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
