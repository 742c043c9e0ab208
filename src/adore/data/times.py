"""Times as logs write them, to milliseconds since the epoch."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

__all__ = ["parse_millis"]

_NUMBER = re.compile(r"-?\d+(\.\d+)?", re.ASCII)
_ZONE_WORD = re.compile(r"(?P<time>.*\d)\s*(?P<zone>[A-Za-z][A-Za-z_/+\-0-9]*)")
_UNITS = (
    (1e8, 1e11, 1000.0),
    (1e11, 1e14, 1.0),
    (1e14, 1e17, 1e-3),
    (1e17, 1e20, 1e-6),
)
"""Magnitudes of seconds, milliseconds, microseconds and nanoseconds, for the years 1973 to 5138."""
MUST = "ISO 8601 or a number since 1970 (seconds, milliseconds, microseconds or nanoseconds)"


def parse_millis(value: Any) -> int:
    """Milliseconds since the epoch; a time without a zone is UTC.

    Args:
        value: an ISO 8601 text, also with a zone word (``2026-03-01 08:00:00 UTC``,
            ``… Europe/Berlin``); an e-mail date; a number, or one as text, whose magnitude tells
            its unit; or a ``datetime``.

    Raises:
        ValueError: it is none of these; the text names the value.

    Example:
        >>> [parse_millis(time) for time in ("2026-03-01 08:00:00 UTC", 1772352000)]
        [1772352000000, 1772352000000]
    """
    if isinstance(value, str):
        text = value.strip()
        return (
            _scaled(float(text), value)
            if _NUMBER.fullmatch(text)
            else _since_epoch(_parsed(text, value))
        )
    if isinstance(value, datetime):
        return _since_epoch(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _fault(value)
    return _scaled(value, value)


def _fault(value: object) -> ValueError:
    return ValueError(f"timestamp == {str(value)[:40]!r}, must be {MUST}")


def _scaled(number: float, value: object) -> int:
    for least, end, factor in _UNITS:
        if least <= number < end:
            return int(number) if factor == 1.0 else int(number * factor)
    raise _fault(value)


def _since_epoch(when: datetime) -> int:
    when = when if when.tzinfo else when.replace(tzinfo=UTC)
    return round(when.timestamp() * 1000)


def _parsed(text: str, value: object) -> datetime:
    if not text.isascii():  # digits of other scripts pass Python's own parser
        raise _fault(value)
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        pass
    named = _ZONE_WORD.fullmatch(text)
    try:
        if named:
            zone = ZoneInfo(
                {"Z": "UTC", "GMT": "UTC"}.get(named["zone"].upper(), named["zone"])
            )
            return datetime.fromisoformat(named["time"]).replace(tzinfo=zone)
    except (ValueError, OSError, ZoneInfoNotFoundError):
        pass
    try:
        return parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError) as error:
        raise _fault(value) from error
