"""The catalogue in a ranker's folder, and the shop's map of its columns.

Because of the catalogue, a request may name an item by its id alone.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from adore.data.dataset import DatasetInfo
from adore.errors import DataError
from adore.types import Item, item_from_row

__all__ = ["KnownItems", "copy_info", "info_of", "save_items"]

_ITEMS = "items.jsonl.gz"
_INFO = "dataset.json"
_MAX_ITEMS = 50_000
"""Items that are written, as many as readings."""
_OF_ITEMS = ("columns", "preset", "attributes")
"""Keys of ``dataset.yaml`` that say how items are read."""


def save_items(items: Sequence[Item], folder: Path) -> None:
    """Write the first 50,000 items of a catalogue.

    Args:
        items: the catalogue.
        folder: of the ranker.
    """
    item_lines = []
    for item in items[:_MAX_ITEMS]:
        item_line = json.dumps(asdict(item), ensure_ascii=False, default=str)
        item_lines.append(item_line)

    # Without a time in it the file is the same whenever it is written.
    items_text = "\n".join(item_lines).encode("utf-8", "replace")
    (folder / _ITEMS).write_bytes(gzip.compress(items_text, mtime=0))


def copy_info(prepared: Path, folder: Path) -> None:
    """Copy what ``dataset.yaml`` says of the items' columns into a ranker's folder.

    Args:
        prepared: the folder of ``prepare``.
        folder: of the ranker.

    Raises:
        DataError: what ``prepare`` wrote is not whole.
    """
    info = info_of(prepared)
    info_text = info.model_dump_json(include=set(_OF_ITEMS))
    (folder / _INFO).write_text(info_text, "utf-8")


def info_of(folder: Path) -> DatasetInfo:
    """What the shop says of the columns of its items.

    Args:
        folder: of a ranker, or of ``prepare``.

    Returns:
        The settings; the defaults where the folder has no such file.

    Raises:
        DataError: the file is not whole.
    """
    info_path = folder / _INFO
    if not info_path.is_file():
        return DatasetInfo()
    info_text = info_path.read_text("utf-8")
    try:
        settings = json.loads(info_text)
        of_items = {key: settings[key] for key in _OF_ITEMS if key in settings}
        return DatasetInfo(**of_items)
    except (ValueError, TypeError) as error:
        raise DataError(
            f"dataset == {str(info_path)!r}, must be a whole dataset.json; copy it again ({error})"
        ) from error


class KnownItems:
    """The catalogue of a ranker's folder; an item is parsed when it is looked up.

    Args:
        folder: of a ranker; without the file no item is known.
    """

    def __init__(self, folder: Path) -> None:
        self._lines: dict[str, str] = {}
        items_path = folder / _ITEMS
        if not items_path.is_file():
            return
        items_text = gzip.decompress(items_path.read_bytes()).decode("utf-8")
        if not items_text:
            return
        for item_line in items_text.split("\n"):
            item_id = json.loads(item_line)["item_id"]
            self._lines[item_id] = item_line

    def get(self, item_id: str) -> Item | None:
        """The item, or None."""
        item_line = self._lines.get(item_id)
        if item_line is None:
            return None
        return item_from_row(json.loads(item_line))
