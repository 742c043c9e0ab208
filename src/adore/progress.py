"""Progress of long work: a bar on a terminal, a line now and then in a log."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

__all__ = ["progress"]

T = TypeVar("T")


def progress(items: Iterable[T], label: str, total: int | None = None, *, every: float = 10.0) -> Iterator[T]:
    """Yield ``items`` and report how far they are on stderr.

    Args:
        label: what is being done.
        total: how many there will be; taken from ``len(items)`` if it has one.
        every: seconds between lines where stderr is no terminal.
    """
    if total is None and hasattr(items, "__len__"):
        total = len(items)
    if sys.stderr.isatty():
        from tqdm import tqdm

        yield from tqdm(items, desc=label, total=total, leave=False)
        return
    told = begun = time.monotonic()
    for done, item in enumerate(items, 1):
        yield item
        now = time.monotonic()
        if now - told >= every:
            told = now
            print(f"  {label}: {done}/{total or '?'}, {now - begun:.0f} s", file=sys.stderr, flush=True)
