"""The catalogue in a ranker's folder, and the shop's map of its columns.

By the catalogue an item may be sent by its id alone.
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
_MOST = 50_000
"""Items kept, as many as the readings that are kept of them."""
_OF_ITEMS = ("columns", "preset", "attributes")


def save_items(items: Sequence[Item], folder: Path) -> None:
    """Write the first 50,000 items of a catalogue.

    Args:
        items: the catalogue.
        folder: of the ranker.
    """
    lines = [
        json.dumps(asdict(item), ensure_ascii=False, default=str)
        for item in items[:_MOST]
    ]
    text = "\n".join(lines).encode("utf-8", "replace")
    (folder / _ITEMS).write_bytes(gzip.compress(text, mtime=0))


def copy_info(prepared: Path, folder: Path) -> None:
    """Take what ``dataset.yaml`` said of the items' columns into a ranker's folder.

    Args:
        prepared: the folder of ``prepare``.
        folder: of the ranker.
    """
    info = info_of(prepared)
    text = info.model_dump_json(include=set(_OF_ITEMS))
    (folder / _INFO).write_text(text, "utf-8")


def info_of(folder: Path) -> DatasetInfo:
    """What the shop said of the columns of its items; nothing where the folder does not know.

    Raises:
        DataError: the file is not whole.
    """
    path = folder / _INFO
    if not path.is_file():
        return DatasetInfo()
    try:
        said = json.loads(path.read_text("utf-8"))
        return DatasetInfo(**{name: said[name] for name in _OF_ITEMS if name in said})
    except (ValueError, TypeError) as error:
        raise DataError(
            f"dataset == {str(path)!r}, must be a whole dataset.json; copy it again ({error})"
        ) from error


class KnownItems:
    """Items by id, as a folder keeps them; each is taken apart when it is asked for.

    Args:
        folder: of a ranker; an older one knows no items.
    """

    def __init__(self, folder: Path) -> None:
        path = folder / _ITEMS
        self._lines: dict[str, str] = {}
        if not path.is_file():
            return
        text = gzip.decompress(path.read_bytes()).decode("utf-8")
        if text:
            for line in text.split("\n"):
                self._lines[json.loads(line)["item_id"]] = line

    def get(self, item_id: str) -> Item | None:
        """The item, or None."""
        line = self._lines.get(item_id)
        return item_from_row(json.loads(line)) if line else None
