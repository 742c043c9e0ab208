"""One tree of exceptions: when each is raised, its HTTP status, and what to do about it."""

from __future__ import annotations

__all__ = [
    "AdoreError",
    "BudgetError",
    "ConfigError",
    "DataError",
    "MissingError",
    "NotInstalledError",
    "QuarantineError",
    "RequestError",
    "UnavailableError",
    "check",
    "fault_text",
]


class AdoreError(Exception):
    """Root of every error that ADORE raises on purpose; anything else is a bug."""

    status = 500


class ConfigError(AdoreError):
    """Raised when a profile, a rule book or an argument holds a value that cannot be used."""

    status = 400


class BudgetError(AdoreError):
    """Raised when a spending cap is reached; what was paid for is kept.

    Args:
        text: the error's text.
        done: how many pairs were answered.
    """

    status = 402

    def __init__(self, text: str, done: int = 0) -> None:
        super().__init__(text)
        self.done = done


class DataError(AdoreError):
    """Raised when an input table cannot be read or is empty."""

    status = 422


class QuarantineError(DataError):
    """Raised when more rows than the allowed share are bad; the worst reasons are in the text."""


class MissingError(AdoreError):
    """Raised when a file, folder, table, stage output or record does not exist."""

    status = 404


class NotInstalledError(AdoreError):
    """Raised when an optional part is needed and its extra is not installed."""


class RequestError(AdoreError):
    """Raised when a request to a server is malformed."""

    status = 400


class UnavailableError(AdoreError):
    """Raised when a server or a store that should answer does not."""

    status = 503


LONGEST_VALUE = 120
"""Characters of a value that an error shows."""


def fault_text(name: str, value: object, *, must: str, fix: str) -> str:
    """Word a fault in the house's one form.

    Args:
        name: what the value is called by the one who set it.
        value: the value that was given; long values are cut.
        must: what it must be.
        fix: what to do instead, as an imperative.

    Returns:
        ``name == value, must be …; fix``.
    """
    text = repr(value)
    if len(text) > LONGEST_VALUE:
        text = f"{text[: LONGEST_VALUE - 3]}..."
    return f"{name} == {text}, must be {must}; {fix}"


def check(
    ok: bool,
    name: str,
    value: object,
    *,
    must: str,
    fix: str,
    error: type[AdoreError] = ConfigError,
) -> None:
    """Raise ``error`` in the house's one form unless ``ok``.

    Args:
        ok: the condition that must hold.
        name: what the value is called by the one who set it.
        value: the value that was given; long values are cut.
        must: what it must be.
        fix: what to do instead, as an imperative.
        error: the class to raise.

    Example:
        >>> check(False, "shards", 0, must="at least 1", fix="set judge.shards to 1")
        Traceback (most recent call last):
        adore.errors.ConfigError: shards == 0, must be at least 1; set judge.shards to 1
    """
    if not ok:
        raise error(fault_text(name, value, must=must, fix=fix))
