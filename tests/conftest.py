"""What tests of several rooms need."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from adore.release.local import free_port


@pytest.fixture(scope="module")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A bucket of moto's real server, to which the environment points."""
    port = free_port()
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    server = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    keys = {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "AWS_ACCESS_KEY_ID": "t",
        "AWS_SECRET_ACCESS_KEY": "t",
    }
    keys |= {
        "AWS_DEFAULT_REGION": "us-east-1",
        "ADORE_CACHE": str(tmp_path_factory.mktemp("cache")),
    }
    old = {k: os.environ.get(k) for k in keys}
    os.environ.update(keys)
    import boto3
    from botocore.exceptions import EndpointConnectionError

    for _ in range(100):
        try:
            boto3.client("s3").create_bucket(Bucket="shop")
            break
        except EndpointConnectionError:
            time.sleep(0.1)
    yield "s3://shop"
    server.terminate()
    server.wait()
    for k, v in old.items():
        if v is None:
            os.environ.pop(k)
        else:
            os.environ[k] = v


PER_RUN = ("ADORE_ANSWERS", "ADORE_RUN_PID")
"""What a run says to its own process in the environment; here many share a process."""


@contextmanager
def _restored() -> Iterator[None]:
    before = {name: os.environ.get(name) for name in PER_RUN}
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value


@pytest.fixture(autouse=True, scope="module")
def no_run_before_this_file() -> Iterator[None]:
    with _restored():
        yield


@pytest.fixture(autouse=True)
def no_run_before_this_test() -> Iterator[None]:
    with _restored():
        yield
