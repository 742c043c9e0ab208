"""The hash of a stage's code: its import closure, and nothing else."""

from __future__ import annotations

import ast
import hashlib
from functools import cache
from importlib.util import find_spec
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
"""What a module uses beside its imports, as a pattern of files, by module.

The module reads the files, starts one as a process, or imports one by a computed name."""


def code_hash(module: ModuleType) -> str:
    """Compute the version and a hash of all code that a stage may run.

    A stage whose hash has changed runs again.

    Args:
        module: the stage's module; of one that is not ours, its own file counts.

    Returns:
        The version and twelve hexadecimal digits.

    Example:
        >>> from adore.data import prepare, queries
        >>> code_hash(prepare) == code_hash(queries)
        False
    """
    source_files = [Path(str(module.__file__))]
    if _is_module(module.__name__):
        source_files = _files(module.__name__)

    source_digest = hashlib.sha256()
    for source_file in source_files:
        file_name = source_file.name.encode()
        source_digest.update(file_name + b"\0")
        source_digest.update(source_file.read_bytes())

    # Any stage may look up a part that a plugin registers.
    for entry_point in plugins():
        plugin_version = ""
        if entry_point.dist:
            plugin_version = entry_point.dist.version
        plugin = f"{entry_point.value}=={plugin_version}"
        source_digest.update(plugin.encode())
        for path in _plugin_files(entry_point.module):
            source_digest.update(path.read_bytes())

    digest = source_digest.hexdigest()
    return f"{__version__}+{digest[:12]}"


def _plugin_files(module: str) -> list[Path]:
    """The Python files of a plugin: its module, or all of the module's package."""
    spec = find_spec(module.partition(".")[0])
    if spec is None or spec.origin is None:
        return []
    source = Path(spec.origin)
    if source.name == "__init__.py":
        return sorted(source.parent.rglob("*.py"))
    return [source]


def _files(module: str) -> list[Path]:
    source_files = set[Path]()
    for module_name in import_closure(module):
        source_files.add(_path(module_name))
        source_files.update(_also(module_name))
    return sorted(source_files)


def _also(module: str) -> list[Path]:
    """List the files that a module uses in addition to its imports."""
    if module not in ALSO:
        return []
    return sorted(PACKAGE.glob(ALSO[module]))


def import_closure(module: str) -> set[str]:
    """Find a module and all ADORE modules that it imports, directly or not, also in functions.

    Args:
        module: its dotted name.

    Returns:
        Dotted names.
    """
    closure = set[str]()
    unread_modules = [module]
    while unread_modules:
        module_name = unread_modules.pop()
        if module_name not in closure:
            closure.add(module_name)
            unread_modules.extend(_imports(module_name))
    return closure


def _path(module: str) -> Path:
    """Return the file of one of our modules."""
    _, *parts = module.split(".")
    module_path = PACKAGE.joinpath(*parts)
    if module_path.is_dir():
        return module_path / "__init__.py"
    return module_path.with_suffix(".py")


def _is_module(name: str) -> bool:
    package = name.partition(".")[0]
    return package == "adore" and _path(name).is_file()


@cache
def _imports(module: str) -> frozenset[str]:
    """Find the ADORE modules that a module imports, and the packages that contain them."""
    imported_names = set[str]()
    syntax_tree = ast.parse(_path(module).read_text("utf-8"))
    for syntax_node in ast.walk(syntax_tree):
        if isinstance(syntax_node, ast.Import):
            for imported in syntax_node.names:
                imported_names.add(imported.name)
        elif isinstance(syntax_node, ast.ImportFrom) and syntax_node.module:
            imported_names.add(syntax_node.module)
            for imported in syntax_node.names:
                imported_names.add(f"{syntax_node.module}.{imported.name}")

    for used_file in _also(module):
        if used_file.suffix == ".py":
            imported_names.add(_name(used_file))

    # Importing a module runs the __init__ of every package that holds it.
    name_parts = module.split(".")
    for part_count in range(1, len(name_parts)):
        imported_names.add(".".join(name_parts[:part_count]))

    return frozenset(name for name in imported_names if _is_module(name))


def _name(path: Path) -> str:
    """Return the dotted name of one of our files."""
    relative = path.relative_to(PACKAGE).with_suffix("")
    return ".".join(["adore", *relative.parts])
