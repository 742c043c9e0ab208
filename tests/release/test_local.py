"""Ports that a person may ask for."""

from __future__ import annotations

import socket
from ipaddress import ip_address
from pathlib import Path

import psutil
import pytest

from adore.errors import ConfigError, UnavailableError
from adore.release.local import LocalTarget, free_port


@pytest.mark.parametrize("port", [-1, 65536])
def test_no_port_has_this_number(port: int) -> None:
    with pytest.raises(ConfigError, match=f"port == {port}, must be 0 to 65535"):
        free_port(port)


def test_a_taken_port_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(UnavailableError, match=f"port == {port}, must be free"):
            free_port(port)


def test_everything_that_serves_here_listens_on_loopback_only(
    shop_release: Path, tmp_path: Path
) -> None:
    with LocalTarget(shop_release, tmp_path) as target:
        assert set(target.processes) == {"control", "challenger", "router"}
        for name, process in target.processes.items():
            family = [
                psutil.Process(process.pid),
                *psutil.Process(process.pid).children(recursive=True),
            ]
            sockets = [
                c
                for one in family
                for c in one.connections(kind="inet")
                if c.status == psutil.CONN_LISTEN
            ]
            assert sockets, name
            assert all(ip_address(c.laddr.ip).is_loopback for c in sockets), (
                name,
                sockets,
            )
