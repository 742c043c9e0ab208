"""Presets: exports that are detected by their columns."""

from __future__ import annotations

from collections.abc import Iterable

from adore.data.columns import NEEDED, normalise_name
from adore.data.presets.base import Preset
from adore.data.presets.google_merchant import GOOGLE_MERCHANT
from adore.data.presets.icecat import ATTRIBUTE_ROWS, ICECAT
from adore.data.presets.judgement_lists import JUDGEMENT_LISTS
from adore.data.presets.shopify import SHOPIFY
from adore.data.presets.ubi import UBI
from adore.data.presets.woocommerce import WOOCOMMERCE
from adore.errors import check

__all__ = ["PRESETS", "detect_preset", "detect_table", "preset_title"]

PRESETS: tuple[Preset, ...] = (
    SHOPIFY,
    WOOCOMMERCE,
    ICECAT,
    *JUDGEMENT_LISTS,
    GOOGLE_MERCHANT,
    ATTRIBUTE_ROWS,
    *UBI,
)
"""In the order in which they are tried."""
NO_PRESET = "none"
_DETECTABLE = ("events", "judgements", "items", "queries")
"""Tables that their own columns tell, whatever the file is called."""


def detect_preset(
    columns: Iterable[str], table_name: str, configured: str = ""
) -> Preset | None:
    """Detect the preset of a table's file.

    A file that has all columns that we need is ours already.

    Args:
        columns: as the file has them.
        table_name: what it is read as.
        configured: the preset that ``dataset.yaml`` names; ``none``: no preset.

    Returns:
        None where no preset reads the file.

    Raises:
        ConfigError: the table does not have the configured preset.
    """
    known = [preset for preset in PRESETS if preset.table == table_name]
    names = sorted({NO_PRESET, *(preset.name for preset in known)})
    check(
        configured in ("", *names),
        f"dataset.yaml preset.{table_name}",
        configured,
        must=f"one of {names}",
        fix="correct it",
    )
    normalised = _normalise(columns)
    if configured:
        return _configured_preset(known, configured, normalised)

    is_ours = _has_all(normalised, table_name)
    for preset in known:
        if preset.detect(normalised) and (preset.over_ours or not is_ours):
            return preset
    return None


def _configured_preset(
    known: list[Preset], name: str, columns: frozenset[str]
) -> Preset | None:
    """The preset of a name; of several, the one that the columns belong to, else the first."""
    of_name = [preset for preset in known if preset.name == name]
    for preset in of_name:
        if preset.detect(columns):
            return preset
    return of_name[0] if of_name else None


def _normalise(columns: Iterable[str]) -> frozenset[str]:
    return frozenset(map(normalise_name, columns))


def preset_title(columns: Iterable[str], table_name: str) -> str:
    """Name a file that has our columns and is of a known kind anyway, like UBI's events.

    Args:
        columns: as the file has them.
        table_name: what it is read as.

    Returns:
        ``""`` for a plain file.
    """
    normalised = _normalise(columns)
    for preset in PRESETS:
        if preset.table == table_name and preset.keeps and preset.detect(normalised):
            return preset.title
    return ""


def detect_table(columns: Iterable[str]) -> str:
    """Detect the table of a file by its columns: by a preset, or because they are ours.

    Args:
        columns: as the file has them.

    Returns:
        ``""`` where they do not tell it.
    """
    normalised = _normalise(columns)
    for preset in PRESETS:
        if preset.detect(normalised) and not preset.by_name:
            return preset.table

    # What a ranker gave is no judgement, though it has grades, too.
    if "score" in normalised:
        return ""
    for table_name in _DETECTABLE:
        if _has_all(normalised, table_name):
            return table_name
    return ""


def _has_all(columns: frozenset[str], table_name: str) -> bool:
    """Whether normalised columns are all that a table needs."""
    for need in NEEDED[table_name]:
        names = [need] if isinstance(need, str) else need
        if columns.isdisjoint(map(normalise_name, names)):
            return False
    return True
