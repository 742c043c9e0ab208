"""Processes that end with another one, and that stop cleanly when they are asked to."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

__all__ = ["exit_on_sigterm", "exit_with_parent", "exit_with_process", "is_alive"]

INTERVAL = 0.2
"""Seconds between two looks at the other process."""


def is_alive(process_id: int) -> bool:
    """Return whether a process of this machine exists, whoever owns it."""
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # it belongs to another user
        return True
    return True


def exit_with_process(process_id: int) -> None:
    """End this process, by SIGTERM to itself, soon after another one has ended.

    Args:
        process_id: the other process, a parent or not; 0: this process stays.
    """
    if process_id:
        _exit_unless(lambda: is_alive(process_id))


def exit_with_parent(process_id: int) -> None:
    """End this process, by SIGTERM to itself, soon after its parent has ended.

    A parent that nobody waits for stays visible as a zombie, so the parent's id is compared.

    Args:
        process_id: the parent; 0: this process stays.
    """
    if process_id:
        _exit_unless(lambda: os.getppid() == process_id)


def _exit_unless(condition: Callable[[], bool]) -> None:
    def watch() -> None:
        while condition():
            time.sleep(INTERVAL)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, name="exit-with-process", daemon=True).start()


@contextmanager
def exit_on_sigterm() -> Iterator[None]:
    """Turn SIGTERM into ``SystemExit``, so that context managers clean up.

    Outside the main thread, where Python allows no signal handlers, nothing changes.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(number: int, _frame: object) -> None:
        raise SystemExit(128 + number)

    previous = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, previous)
