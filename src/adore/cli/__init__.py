"""The command line, ``adore <verb>``."""

from adore.cli.main import main

__all__ = ["main"]
