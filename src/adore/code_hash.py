"""The hash of a stage's code: of everything that it imports, and of nothing else."""

from __future__ import annotations

import ast
import hashlib
from functools import cache
from pathlib import Path
from types import ModuleType

from adore import __version__
from adore.registry import plugins

__all__ = ["code_hash", "import_closure"]

PACKAGE = Path(__file__).parent
ALSO = {
    "adore.rulebook": "rulebooks/*.yaml",
    "adore.attributes.language_packs": "attributes/languages/*.yaml",
    "adore.teacher.prompting": "teacher/prompts/*.j2",
    "adore.release.local": "serving/*.py",
}
"""What a module uses beside its imports: module to a pattern of files.

It reads them, starts one as a process, or imports it by a name that is made at run time."""


def code_hash(module: ModuleType) -> str:
    """Version and a hash of all code that a stage may run.

    A stage whose hash has changed runs again.

    Args:
        module: the stage's module; of one that is not ours, its own file counts.

    Example:
        >>> from adore.data import prepare, queries
        >>> code_hash(prepare) == code_hash(queries)
        False
    """
    paths = [Path(str(module.__file__))]
    if _is_module(module.__name__):
        paths = _files(module.__name__)

    digest = hashlib.sha256()
    for path in paths:
        digest.update(path.name.encode() + b"\0")
        digest.update(path.read_bytes())
    for entry in plugins():  # any stage may look up a part that a plugin registers
        version = entry.dist.version if entry.dist else ""
        digest.update(f"{entry.value}=={version}".encode())
    return f"{__version__}+{digest.hexdigest()[:12]}"


def _files(module: str) -> list[Path]:
    modules = import_closure(module)
    files = {_path(name) for name in modules}
    for name in modules:
        files.update(_also(name))
    return sorted(files)


def _also(module: str) -> list[Path]:
    return sorted(PACKAGE.glob(ALSO[module])) if module in ALSO else []


def import_closure(module: str) -> set[str]:
    """A module and all of ours that it imports, directly or not, also within its functions.

    Args:
        module: its dotted name.
    """
    found = set[str]()
    waiting = [module]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting.extend(_imports(name))
    return found


def _path(module: str) -> Path:
    """The file of one of our modules."""
    path = PACKAGE.joinpath(*module.split(".")[1:])
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def _is_module(name: str) -> bool:
    return name.split(".", maxsplit=1)[0] == "adore" and _path(name).is_file()


@cache
def _imports(module: str) -> frozenset[str]:
    """Our modules that a module names in an import, and the packages that hold them."""
    named = set[str]()
    tree = ast.parse(_path(module).read_text("utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                named.add(alias.name)
        elif isinstance(node, ast.ImportFrom) and node.module:
            named.add(node.module)
            for alias in node.names:
                named.add(f"{node.module}.{alias.name}")

    for path in _also(module):
        if path.suffix == ".py":
            named.add(_name(path))

    # Importing a module runs the __init__ of every package that holds it.
    parts = module.split(".")
    for end in range(1, len(parts)):
        named.add(".".join(parts[:end]))

    return frozenset(name for name in named if _is_module(name))


def _name(path: Path) -> str:
    """The dotted name of one of our files."""
    return ".".join(["adore", *path.relative_to(PACKAGE).with_suffix("").parts])
