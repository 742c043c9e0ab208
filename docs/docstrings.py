"""Reads the project's docstrings as Markdown: roles become code, doctests become examples."""

from __future__ import annotations

import re
from typing import Any

import griffe

ROLE = re.compile(r":(?:func|class|mod|meth|data|attr):`~?([^`]+)`")
EXAMPLE = re.compile(r"^(\s*)Example:$", re.MULTILINE)


class PlainRoles(griffe.Extension):
    """Rewrites each docstring when it is loaded."""

    def on_instance(self, *, obj: griffe.Object, **more: Any) -> None:
        """Translate one docstring.

        Args:
            obj: a module, class, function or attribute.
            more: what the loader passes besides.
        """
        if obj.docstring is not None:
            text = ROLE.sub(r"`\1`", obj.docstring.value)
            obj.docstring.value = EXAMPLE.sub(r"\1Examples:", text)
