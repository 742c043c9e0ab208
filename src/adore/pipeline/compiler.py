"""Imports the pipelines of the checkout or the wheel, and compiles them to KFP's IR."""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

from adore.errors import NotInstalledError

__all__ = ["compile_all", "compile_pipeline", "load_pipeline"]

CHECKOUT = Path(__file__).parents[3]
"""The source checkout, if there is one."""
PACKED = Path(__file__).parents[1] / "_kfp"
"""Where a wheel holds the folders ``pipelines`` and ``components`` of the checkout."""
TRACED = ("components", "pipelines")
"""Packages that read the profile when they are imported."""
PROFILE = "ADORE_PROFILE"
"""Environment variable that the components read where a pipeline is traced."""


def _pipeline_sources() -> Path:
    """The folder that holds ``pipelines`` and ``components``: the checkout, or the wheel's."""
    for folder in (CHECKOUT, PACKED):
        if (folder / "pipelines" / "__init__.py").is_file():
            return folder
    raise NotInstalledError(
        f"pipelines == {str(PACKED / 'pipelines')!r}, must exist; "
        "install the wheel, or run from a source checkout"
    )


def load_pipeline(name: str = "adore") -> Any:
    """Import the pipeline ``pipelines/<name>.py``, of the source checkout or of the wheel.

    Args:
        name: its file's name.

    Returns:
        The KFP pipeline, as it was traced when this process first imported it.

    Raises:
        NotInstalledError: there are no pipelines, or KFP is not installed.
    """
    folder = str(_pipeline_sources())
    # Our folder comes first: another installed package may be named "pipelines".
    sys.path.insert(0, folder)
    try:
        return getattr(importlib.import_module(f"pipelines.{name}"), name)
    except ModuleNotFoundError as error:
        raise NotInstalledError(
            f"module == {error.name!r}, must be installed; "
            "pip install 'adore-relevance[kubeflow]'"
        ) from error
    finally:
        sys.path.remove(folder)


@contextlib.contextmanager
def _fresh_trace(profile: str) -> Iterator[None]:
    """Import pipelines and components afresh, for a profile or that of the environment.

    KFP traces a pipeline while its module is imported, and sets a component's image then.
    """
    earlier_profile = os.environ.get(PROFILE)
    earlier_modules = _pop_traced()
    if profile:
        os.environ[PROFILE] = profile
    try:
        yield
    finally:
        _pop_traced()
        # Callers that imported a pipeline before keep the one that they know.
        sys.modules.update(earlier_modules)
        os.environ.pop(PROFILE, None)
        if earlier_profile is not None:
            os.environ[PROFILE] = earlier_profile


def _pop_traced() -> dict[str, ModuleType]:
    """Remove the imported modules of :data:`TRACED` from ``sys.modules``; return them by name."""
    traced_names = [
        module_name
        for module_name in sys.modules
        if module_name.partition(".")[0] in TRACED
    ]
    return {module_name: sys.modules.pop(module_name) for module_name in traced_names}


def compile_pipeline(name: str, output: str, profile: str = "") -> str:
    """Compile one pipeline to ``output/<name>.yaml``.

    Args:
        name: its file's name in the folder ``pipelines``.
        output: the folder to write to; created if it does not exist.
        profile: its images and section ``cluster`` are compiled in; empty: those of
            ``ADORE_PROFILE``, or none.

    Returns:
        The path of the compiled file.
    """
    from kfp import compiler

    Path(output).mkdir(parents=True, exist_ok=True)
    output_file = str(Path(output) / f"{name}.yaml")
    with _fresh_trace(profile):
        compiler.Compiler().compile(load_pipeline(name), output_file)
    return output_file


def compile_all(output: str, profile: str = "") -> list[str]:
    """Compile every pipeline.

    Args:
        output: the folder to write to, one ``<name>.yaml`` each.
        profile: as for :func:`compile_pipeline`.

    Returns:
        The paths of the compiled files.
    """
    pipeline_files = sorted((_pipeline_sources() / "pipelines").glob("[a-z]*.py"))
    return [
        compile_pipeline(pipeline_file.stem, output, profile)
        for pipeline_file in pipeline_files
    ]
