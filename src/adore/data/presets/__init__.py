"""Presets: exports that are recognised by their columns."""

from __future__ import annotations

from collections.abc import Iterable

from adore.data.columns import NEEDED, spelt
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
NONE = "none"
_TOLD = ("events", "judgements", "items", "queries")
"""Tables that their own columns tell, whatever the file is called."""


def detect_preset(columns: Iterable[str], table: str, named: str = "") -> Preset | None:
    """The preset of a table's file, or None.

    A file that has all columns that we need is ours already.

    Args:
        columns: as the file has them.
        table: what it is read as.
        named: the preset that the shop named; ``none``: no preset.

    Raises:
        ConfigError: there is no such preset of this table.
    """
    known = [preset for preset in PRESETS if preset.table == table]
    names = sorted({preset.name for preset in known} | {NONE})
    check(
        named in ("", *names),
        f"dataset.yaml preset.{table}",
        named,
        must=f"one of {names}",
        fix="correct it",
    )
    there = frozenset(map(spelt, columns))
    if named:
        mine = [preset for preset in known if preset.name == named]
        return next(
            (preset for preset in mine if preset.detect(there)),
            mine[0] if mine else None,
        )
    ours = _has_all(there, table)
    fitting = [preset for preset in known if preset.detect(there)]
    return next((preset for preset in fitting if preset.over_ours or not ours), None)


def preset_title(columns: Iterable[str], table: str) -> str:
    """What a file that has our columns is called anyway, like UBI's events.

    Args:
        columns: as the file has them.
        table: what it is read as.

    Returns:
        ``""`` for a plain file.
    """
    there = frozenset(map(spelt, columns))
    return next(
        (p.title for p in PRESETS if p.table == table and p.keeps and p.detect(there)),
        "",
    )


def detect_table(columns: Iterable[str]) -> str:
    """The table of a file that only its columns tell; ``""`` where they do not.

    They tell it by a preset, or because they are ours.
    """
    there = frozenset(map(spelt, columns))
    known = next(
        (
            preset.table
            for preset in PRESETS
            if preset.detect(there) and not preset.by_name
        ),
        "",
    )
    # What a ranker gave is no judgement, though it has grades, too.
    if known or "score" in there:
        return known
    return next((table for table in _TOLD if _has_all(there, table)), "")


def _has_all(there: frozenset[str], table: str) -> bool:
    """Whether spelt columns are all that a table needs."""
    for need in NEEDED[table]:
        names = [need] if isinstance(need, str) else need
        if there.isdisjoint(map(spelt, names)):
            return False
    return True
