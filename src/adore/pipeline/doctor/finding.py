"""One thing that was looked at."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Finding"]


@dataclass(frozen=True, slots=True)
class Finding:
    """What was looked at, whether it is as it must be, and the fix.

    Args:
        name: what was looked at.
        ok: whether it is as it must be.
        text: what is there; or what is missing, and what to do.
        needed: nothing works without it.
    """

    name: str
    ok: bool
    text: str
    needed: bool = True
