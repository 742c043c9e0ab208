"""Parts by name: unknown and taken names are refused; an installed plugin adds its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from adore.errors import ConfigError
from adore.registry import Registry

PLUGIN = """
from adore.experiment.metrics import Metric, register_metric

register_metric(Metric("wishes_per_user", "add_to_cart"))
"""


def shapes() -> Registry[int]:
    registry = Registry[int]("shape")
    registry.add("triangle", 3)
    registry.add("square", 4)
    return registry


def test_an_unknown_name_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ConfigError, match=r"shape == 'circle'.*triangle, square"):
        shapes()["circle"]
    with pytest.raises(ValueError, match="must be one of: triangle, square"):
        shapes().validate("circle")


def test_a_name_belongs_to_one_part() -> None:
    registry = shapes()
    assert registry.add("square", 4) == 4  # the same part again changes nothing
    with pytest.raises(ConfigError, match="must be a new name"):
        registry.add("square", 5)
    registry.remove("square")
    assert list(registry) == ["triangle"]


def test_parts_keep_the_order_of_registration() -> None:
    assert shapes().items() == (("triangle", 3), ("square", 4))
    assert len(shapes()) == 2


def install_plugin(folder: Path) -> None:
    """As pip leaves an installed package that names an entry point."""
    (folder / "shop_plugin.py").write_text(PLUGIN)
    info = folder / "shop_plugin-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: shop-plugin\nVersion: 1.0\n"
    )
    (info / "entry_points.txt").write_text("[adore.plugins]\nshop = shop_plugin\n")


def output_of(code: str, folder: Path) -> str:
    path = os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


def test_an_installed_plugin_is_found_and_its_code_counts_for_resume(
    tmp_path: Path,
) -> None:
    from adore.code_hash import code_hash
    from adore.data import prepare

    listed = "from adore.experiment.metrics import METRICS; print('wishes_per_user' in METRICS)"
    hashed = (
        "from adore.code_hash import code_hash; from adore.data import prepare; "
        "print(code_hash(prepare))"
    )
    assert output_of(listed, tmp_path) == "False"
    install_plugin(tmp_path)
    assert output_of(listed, tmp_path) == "True"
    installed = output_of(hashed, tmp_path)
    assert installed != code_hash(prepare)
    (tmp_path / "shop_plugin.py").write_text(f"{PLUGIN}# changed\n")
    assert output_of(hashed, tmp_path) != installed
