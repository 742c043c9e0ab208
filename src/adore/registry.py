"""Named parts that others may add to: judge backends, error types, edits, metrics, ranker kinds.

A part is registered where it is written, and looked up by its name. Packages outside this
one register theirs through the entry-point group ``adore.plugins``: each entry names a
module, which is imported before the first look-up.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import EntryPoint, entry_points
from typing import Generic, TypeVar

from adore.errors import check

__all__ = ["PLUGINS", "Registry", "load_plugins", "plugins"]

PLUGINS = "adore.plugins"
"""Entry-point group of modules that register parts."""

T = TypeVar("T")
_loaded = False


def plugins() -> tuple[EntryPoint, ...]:
    """The installed entry points of :data:`PLUGINS`, by name."""
    return tuple(sorted(entry_points(group=PLUGINS), key=lambda entry: entry.name))


def load_plugins() -> None:
    """Import every installed plugin, once a process."""
    global _loaded
    if _loaded:
        return
    _loaded = True
    for entry in plugins():
        entry.load()


class Registry(Generic[T]):
    """Parts of one kind, by name, in the order in which they were registered.

    Args:
        kind: what one part is called in error texts, as in ``judge backend``.

    Example:
        >>> shapes = Registry[int]("shape")
        >>> shapes.add("triangle", 3)
        3
        >>> shapes["square"]
        Traceback (most recent call last):
        adore.errors.ConfigError: shape == 'square', must be one of: triangle; choose one of them
    """

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self._parts: dict[str, T] = {}

    def add(self, name: str, part: T) -> T:
        """Register a part.

        Args:
            name: its word in profiles, tables and error texts.
            part: what a look-up returns.

        Returns:
            The part.

        Raises:
            ConfigError: the name is taken by another part.
        """
        known = self._parts.get(name, part)
        check(
            known is part,
            self.kind,
            name,
            must="a new name",
            fix="choose another name, or remove the part that has it",
        )
        self._parts[name] = part
        return part

    def remove(self, name: str) -> None:
        """Forget a part; tests use it to leave no trace."""
        del self._parts[name]

    def validate(self, name: str) -> str:
        """Return a known name unchanged; the validator of a field of a pydantic model.

        Raises:
            ValueError: no such part; the text lists the known names.
        """
        if name not in self:
            raise ValueError(f"must be one of: {', '.join(self)}")
        return name

    def __getitem__(self, name: str) -> T:
        """Look a part up.

        Args:
            name: the part's.

        Returns:
            The part.

        Raises:
            ConfigError: no part has this name; the text lists the known names.
        """
        load_plugins()
        check(
            name in self._parts,
            self.kind,
            name,
            must=f"one of: {', '.join(self._parts)}",
            fix="choose one of them",
        )
        return self._parts[name]

    def __contains__(self, name: object) -> bool:
        load_plugins()
        return name in self._parts

    def __iter__(self) -> Iterator[str]:
        load_plugins()
        return iter(tuple(self._parts))

    def __len__(self) -> int:
        load_plugins()
        return len(self._parts)

    def values(self) -> tuple[T, ...]:
        """Every part, in order of registration."""
        load_plugins()
        return tuple(self._parts.values())

    def items(self) -> tuple[tuple[str, T], ...]:
        """Every name with its part, in order of registration."""
        load_plugins()
        return tuple(self._parts.items())
