"""Processes end with the one that they depend on, and clean up when they are stopped."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading

import pytest

from adore.processes import exit_on_sigterm, is_alive

WORKER = "import time; from adore.processes import exit_with_process as e; e({}); time.sleep(60)"


def test_a_process_ends_with_another_one_that_is_not_its_parent() -> None:
    other = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    code = WORKER.format(other.pid)
    worker = subprocess.Popen([sys.executable, "-c", code])
    assert is_alive(other.pid)

    other.kill()
    other.communicate()

    assert not is_alive(other.pid)
    assert worker.wait(30) == -signal.SIGTERM


PARENT = """
import os, subprocess, sys
code = "from adore.processes import exit_with_parent as e; import time; "
code += f"e({os.getpid()}); time.sleep(60)"
subprocess.Popen([sys.executable, "-c", code])
print("started", flush=True)
input()
"""


def test_a_process_ends_with_its_parent() -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert parent.stdout and parent.stdout.readline() == "started\n"

    parent.kill()

    # The pipe closes only when the last process that holds it, the child, has ended.
    parent.communicate(timeout=30)


def test_sigterm_leaves_a_block_as_an_exception_and_the_handler_is_restored() -> None:
    before = signal.getsignal(signal.SIGTERM)
    cleaned = []
    with pytest.raises(SystemExit) as caught, exit_on_sigterm():
        try:
            os.kill(os.getpid(), signal.SIGTERM)
            signal.pause()
        finally:
            cleaned.append(True)

    assert caught.value.code == 128 + signal.SIGTERM
    assert cleaned == [True] and signal.getsignal(signal.SIGTERM) is before


def test_another_thread_sets_no_handler() -> None:
    entered = []

    def work() -> None:
        with exit_on_sigterm():
            entered.append(signal.getsignal(signal.SIGTERM))

    before = signal.getsignal(signal.SIGTERM)
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert entered == [before]
