"""Packs the pipelines and their components into the wheel; the rest is in pyproject.toml."""

from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

FOLDERS = ("components", "pipelines")
PACKED = Path("adore", "_kfp")
"""Where they lie in the wheel; ``adore.pipeline.local`` looks there without a checkout."""


class BuildWithPipelines(build_py):
    """Also copies the folders that stand beside ``src``."""

    def run(self) -> None:
        """Build as usual, then add the folders."""
        super().run()
        if self.editable_mode:
            return
        for folder in FOLDERS:
            target = Path(self.build_lib) / PACKED / folder
            self.mkpath(str(target))
            for source in sorted(Path(folder).glob("*.py")):
                self.copy_file(str(source), str(target / source.name))


setup(cmdclass={"build_py": BuildWithPipelines})
