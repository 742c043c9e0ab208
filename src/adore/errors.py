"""ADORE's exceptions: when each is raised, and its HTTP status."""

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
    """Raised when a spending cap is reached; paid answers are kept.

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
    """Raised when too large a share of rows is bad; the text lists the most frequent reasons."""


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
"""Most characters of a value in an error's text."""


def fault_text(name: str, value: object, *, must: str, fix: str) -> str:
    """Format the text of an error.

    Args:
        name: the value's name, as its author knows it.
        value: the value; long ones are cut.
        must: what it must be.
        fix: what to do instead, as an imperative.

    Returns:
        ``name == value, must be …; fix``.
    """
    shown_value = repr(value)
    if len(shown_value) > LONGEST_VALUE:
        shown_value = f"{shown_value[: LONGEST_VALUE - 3]}..."
    return f"{name} == {shown_value}, must be {must}; {fix}"


def check(
    ok: bool,
    name: str,
    value: object,
    *,
    must: str,
    fix: str,
    error: type[AdoreError] = ConfigError,
) -> None:
    """Raise ``error`` with the text of :func:`fault_text` unless ``ok``.

    Args:
        ok: the condition that must hold.
        name: the value's name, as its author knows it.
        value: the value; long ones are cut.
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
