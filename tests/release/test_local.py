"""Ports that a person may ask for."""

from __future__ import annotations

import socket

import pytest

from adore.errors import ConfigError, UnavailableError
from adore.release.local import free_port


@pytest.mark.parametrize("port", [-1, 65536])
def test_no_port_has_this_number(port: int) -> None:
    with pytest.raises(ConfigError, match=f"port == {port}, must be 0 to 65535"):
        free_port(port)


def test_a_taken_port_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(UnavailableError, match=f"port == {port}, must be free"):
            free_port(port)
