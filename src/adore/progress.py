"""Progress of long work: a bar on a terminal, regular lines in a log."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator, Sized
from typing import TypeVar

__all__ = ["LOG_PREFIX", "log_line", "progress"]

LOG_PREFIX = "[adore] "
"""Prefix of every line for the person who runs the loop."""

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
    # A bar redraws its line, which a log file cannot show.
    if sys.stderr.isatty():
        from tqdm import tqdm

        yield from tqdm(items, desc=label, total=total, leave=False)
        return
    start_time = time.monotonic()
    last_report = start_time
    for count, item in enumerate(items, 1):
        yield item
        current_time = time.monotonic()
        if current_time - last_report >= every:
            last_report = current_time
            log_line(
                f"    {label}: {count}/{total or '?'}, {current_time - start_time:.0f} s"
            )
