"""The small shop with good training pairs, and what synthesis makes of it."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.synthesis.shop import synthesise_shop, write_answers, write_shop


@pytest.fixture(scope="session")
def synthesis_shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with ``prepare``, ``evidence`` and ``answers``."""
    home = tmp_path_factory.mktemp("shop")
    write_shop(home)
    return home


@pytest.fixture(scope="session")
def made(synthesis_shop: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Output of ``synthesise``; the rule book's answers are beside it."""
    output = tmp_path_factory.mktemp("made") / "synthesise"
    synthesise_shop(synthesis_shop, output)
    write_answers(output, output.parent / "answers")
    return output
