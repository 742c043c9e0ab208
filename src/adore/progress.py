"""Progress of long work: a bar on a terminal, a line now and then in a log."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator, Sized
from typing import TypeVar

__all__ = ["LOG_PREFIX", "log_line", "progress"]

LOG_PREFIX = "[adore] "
"""Marks every line that is meant for the person who runs the loop."""

Item = TypeVar("Item")


def log_line(text: str) -> None:
    """Print one line on stderr, with :data:`LOG_PREFIX`."""
    print(f"{LOG_PREFIX}{text}", file=sys.stderr, flush=True)


def progress(
    items: Iterable[Item], label: str, total: int | None = None, *, every: float = 10.0
) -> Iterator[Item]:
    """Yield ``items`` and report how far they are on stderr.

    Args:
        items: what is worked through.
        label: what is being done.
        total: how many there will be; taken from ``len(items)`` if it has one.
        every: seconds between lines where stderr is no terminal.

    Yields:
        The items, in their order.
    """
    if total is None and isinstance(items, Sized):
        total = len(items)
    if sys.stderr.isatty():
        from tqdm import tqdm

        yield from tqdm(items, desc=label, total=total, leave=False)
        return
    started = time.monotonic()
    last_report = started
    for count, item in enumerate(items, 1):
        yield item
        now = time.monotonic()
        if now - last_report >= every:
            last_report = now
            log_line(f"    {label}: {count}/{total or '?'}, {now - started:.0f} s")
