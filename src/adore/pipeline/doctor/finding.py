"""The result of one check."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Finding"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One check: its subject, its result and, after a fault, the fix.

    Args:
        name: the subject.
        ok: whether the check passed.
        text: what exists; or what is missing, and the fix.
        needed: whether nothing works without it.
    """

    name: str
    ok: bool
    text: str
    needed: bool = True
