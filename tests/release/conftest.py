"""The small release of the serving tests."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.serving.conftest import write_release


@pytest.fixture(scope="session")
def shop_release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A release folder: BM25 against random."""
    return write_release(tmp_path_factory.mktemp("release"))
