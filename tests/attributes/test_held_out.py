"""Near-duplicates of held-out queries, by their word stems."""

from __future__ import annotations

from adore.attributes.held_out import HeldOut
from adore.attributes.language_packs import load_language

ENGLISH = load_language("en")


def test_the_share_of_common_words_decides() -> None:
    held = HeldOut(["red wool socks for men", "kiln"], 0.8, ENGLISH)
    assert (
        held.near("Sock, red, WOOL for men") == "red wool socks for men"
        and held.near("Kilns") == "kiln"
    )
    assert (
        not held.near("red wool socks")
        and not held.near("")
        and not HeldOut([], 0.8, ENGLISH).near("kiln")
    )
