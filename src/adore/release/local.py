"""The local target: model servers and the router as processes on loopback."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType

import httpx

from adore.errors import UnavailableError, check
from adore.storage import write_json

__all__ = ["LocalTarget", "free_port"]

PATIENT = 10.0
"""Seconds that a variant has for a response here.

It is longer than on a cluster, because a laptop's cores are shared with other programs.
"""


def free_port(port: int = 0) -> int:
    """Find a free port on loopback.

    Another process may take it before it is used.

    Args:
        port: the port to test; 0: any free one.

    Returns:
        The port.

    Raises:
        ConfigError: no port has this number.
        UnavailableError: the port is in use.
    """
    check(0 <= port < 2**16, "port", port, must="0 to 65535", fix="choose another")
    with socket.socket() as listener:
        # Connections of a server that just stopped do not make its port busy.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", port))
        except OSError as error:
            raise UnavailableError(
                f"port == {port}, must be free; choose another ({error.strerror})"
            ) from error
        return int(listener.getsockname()[1])


class LocalTarget:
    """Context manager that starts the servers and the router of a release, and stops them.

    Args:
        release: output of the release stage.
        work: folder for logs and the router's config.
        port: the router's port; 0: any free one.
        patience: seconds that each process has to become ready.

    Raises:
        UnavailableError: a process ends or is not ready in time; the text has its last
            log lines.
    """

    def __init__(
        self, release: Path, work: Path, *, port: int = 0, patience: float = 90.0
    ) -> None:
        self.release = release
        self.work = work
        self.patience = patience
        self.port = free_port(port)
        self.url = f"http://127.0.0.1:{self.port}"
        self.processes: dict[str, subprocess.Popen[bytes]] = {}

    def __enter__(self) -> LocalTarget:
        try:
            self._start()
        except BaseException:
            # Python calls no __exit__ where __enter__ raises, Ctrl-C included.
            self.stop()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def _start(self) -> None:
        self.work.mkdir(parents=True, exist_ok=True)
        router_config = json.loads(
            (self.release / "experiment.json").read_text("utf-8")
        )
        router_config["catalogue"] = str(
            (self.release / router_config["catalogue"]).absolute()
        )
        router_config.setdefault("timeout", PATIENT)

        for variant_name, variant in router_config["variants"].items():
            server_port = free_port()
            variant["url"] = (
                f"http://127.0.0.1:{server_port}/v1/models/{variant_name}:predict"
            )
            model_folder = str((self.release / variant["folder"]).absolute())
            command = [
                "adore.serving.server",
                "--model",
                model_folder,
                "--name",
                variant_name,
                "--variant",
                variant_name,
                "--host",
                "127.0.0.1",
                "--port",
                str(server_port),
            ]
            self._launch(variant_name, command)
            variant["ready"] = (
                f"http://127.0.0.1:{server_port}/v2/models/{variant_name}/ready"
            )
        write_json(router_config, self.work / "router.json")

        # Models load at the same time, so the wait comes after the last start.
        for variant_name, variant in router_config["variants"].items():
            self._wait(variant_name, variant["ready"])

        command = [
            "adore.serving.router",
            "--config",
            str(self.work / "router.json"),
            "--logs",
            str(self.work / "logs"),
            "--port",
            str(self.port),
        ]
        self._launch("router", command)
        self._wait("router", f"{self.url}/healthz")

    def _launch(self, name: str, module: list[str]) -> None:
        # One thread per process: otherwise the servers compete for the same cores.
        environment = {
            **os.environ,
            "OMP_NUM_THREADS": "1",
            "TOKENIZERS_PARALLELISM": "false",
        }
        with (self.work / f"{name}.log").open("ab") as log_file:
            self.processes[name] = subprocess.Popen(
                [sys.executable, "-m", *module, "--parent", str(os.getpid())],
                stdout=log_file,
                stderr=log_file,
                stdin=subprocess.DEVNULL,
                env=environment,
            )

    def _wait(self, name: str, url: str) -> None:
        deadline = time.monotonic() + self.patience
        while time.monotonic() < deadline:
            # A process that has ended never becomes ready: its log says why.
            if self.processes[name].poll() is not None:
                break
            with contextlib.suppress(httpx.HTTPError):
                if httpx.get(url, timeout=2.0, trust_env=False).status_code == 200:
                    return
            time.sleep(0.1)

        log_text = (self.work / f"{name}.log").read_text("utf-8", "replace")
        last_lines = "\n".join(log_text.splitlines()[-8:])
        raise UnavailableError(
            f"{name} == {url!r}, must become ready in {self.patience:g} s; "
            f"its log ends:\n{last_lines}"
        )

    def stop(self) -> None:
        """Stop every process that this target started; kill those that do not end."""
        # The router stops first: without its servers it would answer unranked.
        for process in reversed(self.processes.values()):
            if process.poll() is None:
                process.terminate()
        for process in self.processes.values():
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self.processes.clear()
