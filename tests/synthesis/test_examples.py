from __future__ import annotations

import doctest
import importlib

import pytest


@pytest.mark.parametrize("name", ["surface", "allocation", "checks", "fluency"])
def test_examples_in_the_docs_hold(name: str) -> None:
    assert (
        doctest.testmod(importlib.import_module(f"adore.synthesis.{name}")).failed == 0
    )
