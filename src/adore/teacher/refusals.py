"""When a judge that gives no usable answer is stopped, and with which words."""

from __future__ import annotations

from adore.errors import UnavailableError
from adore.teacher.backends.base import Decoding
from adore.teacher.judgements import JudgeFailure, Judgement

__all__ = ["MAX_IN_ROW", "Refusals"]

MAX_IN_ROW = 8
"""Pairs in a row without a usable answer after which a judge stops.

Its config may say otherwise.
"""


class Refusals:
    """Counts pairs in a row that got no usable answer, repairs included.

    Args:
        name: the judge's.
        max_in_row: so many in a row are enough; 0: it never stops.
        decoding: how answers are drawn.
    """

    def __init__(self, name: str, max_in_row: int, decoding: Decoding) -> None:
        self.name = name
        self.max_in_row = max_in_row
        self._decoding = decoding
        self.row: list[JudgeFailure] = []

    def note(self, answer: Judgement | JudgeFailure) -> None:
        """Count one pair.

        Raises:
            UnavailableError: it was the last of too many in a row; the reason, how the
                answers ended and the endpoint's own words are in the text.
        """
        # one usable answer shows that the model can answer
        if isinstance(answer, Judgement):
            self.row.clear()
            return
        self.row.append(answer)
        if self.max_in_row and len(self.row) >= self.max_in_row:
            raise UnavailableError(self.text(len(self.row)))

    def text(self, count: int) -> str:
        """Why the last pairs were refused, and what to do."""
        last_failure = self.row[-1]
        last_answer = ""
        if last_failure.call:
            last_answer = "; the last answer is empty"
            raw_text = last_failure.call.raw.strip()
            if raw_text:
                last_answer = f"; the last answer begins {raw_text[:160]!r}"
        return (
            f"{self.name} == no usable answer for {count} pairs in a row "
            f"({last_failure.reason}), must judge; {self._advice(last_failure)}{last_answer} "
            "(what was answered is in the cache, if there is one; "
            "judge.refusals says how many in a row are too many)"
        )

    def _advice(self, failure: JudgeFailure) -> str:
        if failure.finish == "length":
            return (
                f"finish_reason length: max_tokens {self._decoding.max_tokens} "
                "was used up before the answer was whole; "
                "raise judge.decoding.max_tokens, or have the model think less"
            )
        advice: list[str] = []
        if failure.finish:
            advice.append(f"finish_reason {failure.finish}")
        if failure.detail:
            advice.append(f"the endpoint says: {failure.detail}")
        advice.append(
            "see whether the model follows the JSON schema, or name another one"
        )
        return "; ".join(advice)
