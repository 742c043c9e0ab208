"""Times as logs write them, to milliseconds since the epoch."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

__all__ = ["parse_millis"]

_NUMBER = re.compile(r"-?\d+(\.\d+)?", re.ASCII)
_ZONE_WORD = re.compile(r"(?P<time>.*\d)\s*(?P<zone>[A-Za-z][A-Za-z_/+\-0-9]*)")
_ZONES = {"Z": "UTC", "GMT": "UTC"}
_UNITS = (
    (1e8, 1e11, 1000.0),
    (1e11, 1e14, 1.0),
    (1e14, 1e17, 1e-3),
    (1e17, 1e20, 1e-6),
)
"""Magnitudes of seconds, milliseconds, microseconds and nanoseconds, for the years 1973 to 5138."""
FORMATS = "ISO 8601 or a number since 1970 (seconds, milliseconds, microseconds or nanoseconds)"


def parse_millis(value: object) -> int:
    """Read a time as milliseconds since the epoch; a time without a zone is UTC.

    Args:
        value: an ISO 8601 text, also with a zone word (``2026-03-01 08:00:00 UTC``,
            ``… Europe/Berlin``); an e-mail date; a number, or one as text, whose magnitude tells
            its unit; or a ``datetime``.

    Returns:
        Milliseconds since 1970-01-01 UTC.

    Raises:
        ValueError: it is none of these; the text names the value.

    Example:
        >>> [parse_millis(time) for time in ("2026-03-01 08:00:00 UTC", 1772352000)]
        [1772352000000, 1772352000000]
    """
    if isinstance(value, datetime):
        return _since_epoch(value)

    if isinstance(value, str):
        text = value.strip()
        if _NUMBER.fullmatch(text):
            return _to_millis(float(text), value)
        return _since_epoch(_parse_datetime(text, value))

    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(_fault(value))
    return _to_millis(value, value)


def _fault(value: object) -> str:
    return f"timestamp == {str(value)[:40]!r}, must be {FORMATS}"


def _to_millis(number: float, value: object) -> int:
    """A number in its own unit, in milliseconds."""
    for least, end, factor in _UNITS:
        if not least <= number < end:
            continue
        if factor == 1.0:
            return int(number)  # times a float would lose digits of a large integer
        return int(number * factor)
    raise ValueError(_fault(value))


def _since_epoch(moment: datetime) -> int:
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return round(moment.timestamp() * 1000)


def _parse_datetime(text: str, value: object) -> datetime:
    """A text in ISO 8601, with a zone word, or as e-mails write dates."""
    if not text.isascii():  # Python's own parser takes digits of other scripts
        raise ValueError(_fault(value))

    try:
        return datetime.fromisoformat(text)
    except ValueError:
        pass

    match = _ZONE_WORD.fullmatch(text)
    if match:
        try:
            return _with_zone(match["time"], match["zone"])
        except (ValueError, OSError, ZoneInfoNotFoundError):
            pass

    try:
        return parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError) as error:
        raise ValueError(_fault(value)) from error


def _with_zone(time: str, zone: str) -> datetime:
    name = _ZONES.get(zone.upper(), zone)
    local_time = datetime.fromisoformat(time)
    return local_time.replace(tzinfo=ZoneInfo(name))
