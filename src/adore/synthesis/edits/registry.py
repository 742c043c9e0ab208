"""Every edit, with the error types that it makes.

:func:`register_edit` adds one; ``docs/extending.md`` has the recipe.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from adore.registry import Registry
from adore.synthesis.edits.base import Draft, Edit
from adore.taxonomy import ERROR_TYPES, ErrorType

__all__ = [
    "EDITS",
    "EditSet",
    "RegisteredEdit",
    "adversarial_edits",
    "register_edit",
    "training_edits",
]

AnyEdit = Callable[..., Iterator[Draft]]
"""An edit that may have the keywords ``attribute`` and ``error_type``."""
EditFunction = TypeVar("EditFunction", bound=AnyEdit)
Target = str | Callable[[ErrorType], bool]
"""Name of an error type, or a condition that error types meet."""


@dataclass(frozen=True, slots=True)
class RegisteredEdit:
    """An edit and what it is used for.

    Attributes:
        name: name of the function.
        function: the edit.
        targets: the error types that it makes.
        picks_items: its drafts are real items of the catalogue. They are tried first.
        held_out: only the adversarial set uses it, training never does.
    """

    name: str
    function: AnyEdit
    targets: tuple[Target, ...]
    picks_items: bool
    held_out: bool

    def makes(self, error: ErrorType) -> bool:
        """Whether the edit makes an error type.

        Args:
            error: the error type.

        Returns:
            True if a target is its name, or a condition that it meets.

        Raises:
            ConfigError: nobody registered a target.
        """
        for target in self.targets:
            if isinstance(target, str):
                if ERROR_TYPES[target] is error:
                    return True
            elif target(error):
                return True
        return False

    def bind(self, error: ErrorType) -> Edit:
        """The edit for one error type, with the keywords filled in that it has.

        Args:
            error: the error type. ``attribute`` becomes its attribute, ``error_type`` its
                name.

        Returns:
            A function of source, catalogue and random generator.
        """
        available = {"attribute": error.attribute, "error_type": error.name}
        # as pytest does with fixtures: an edit gets what its parameters name
        keywords: dict[str, str] = {}
        for name in inspect.signature(self.function).parameters:
            if name in available:
                keywords[name] = available[name]
        return partial(self.function, **keywords)


EDITS: Registry[RegisteredEdit] = Registry("edit")
"""Every edit by name. Edits of one error type are tried in order of registration."""


def register_edit(
    *targets: Target, picks_items: bool = False, held_out: bool = False
) -> Callable[[EditFunction], EditFunction]:
    """Decorator that registers an edit.

    An edit takes a good pair (:class:`~adore.synthesis.edits.base.Source`), the catalogue
    and a random generator. An edit of several error types may also have the keyword
    arguments ``attribute`` and ``error_type``: it then gets the attribute or the name of
    the type for which it is called.

    Args:
        targets: names of the error types that it makes, or conditions on error types.
        picks_items: it proposes real items of the catalogue and leaves the query alone.
        held_out: only the adversarial set uses it, so that training never sees its wording.

    Returns:
        The decorator; it returns the function unchanged.
    """

    def register(function: EditFunction) -> EditFunction:
        name = function.__name__
        edit = RegisteredEdit(
            name=name,
            function=function,
            targets=targets,
            picks_items=picks_items,
            held_out=held_out,
        )
        EDITS.add(name, edit)
        return function

    return register


@dataclass(frozen=True, slots=True)
class EditSet:
    """The edits of one error type.

    Attributes:
        picks: edits that pick real items.
        rewrites: edits that change the query or the item.
    """

    picks: tuple[Edit, ...]
    rewrites: tuple[Edit, ...]


def training_edits(error_type: str) -> EditSet:
    """The edits of an error type that training uses.

    Args:
        error_type: its name.

    Returns:
        The picks, and the rewrites that are not held out.

    Raises:
        ConfigError: there is no such error type.
    """
    return _edit_set(ERROR_TYPES[error_type], held_out=False)


def adversarial_edits(error_type: str) -> EditSet:
    """The edits of an error type that the adversarial set uses.

    Args:
        error_type: its name.

    Returns:
        The picks of training, which find other items here, and the held-out rewrites.

    Raises:
        ConfigError: there is no such error type.
    """
    return _edit_set(ERROR_TYPES[error_type], held_out=True)


def _edit_set(error: ErrorType, *, held_out: bool) -> EditSet:
    """An error type's edits in order of registration."""
    # picks serve both sets: reserved items keep them apart
    picks: list[Edit] = []
    rewrites: list[Edit] = []
    for edit in EDITS.values():
        if not edit.makes(error):
            continue
        if edit.picks_items:
            picks.append(edit.bind(error))
        elif edit.held_out == held_out:
            rewrites.append(edit.bind(error))
    return EditSet(tuple(picks), tuple(rewrites))
