"""Near-duplicates of held-out queries, by their word stems."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from adore.attributes.held_out import HeldOut
from adore.attributes.language_packs import load_language
from adore.text import word_stems

ENGLISH = load_language("en")
WORDS = st.lists(
    st.sampled_from("red blue wool socks men women long thin cotton warm".split()),
    min_size=1,
    max_size=6,
)


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


@given(
    texts=st.lists(WORDS, max_size=8),
    text=WORDS,
    threshold=st.sampled_from([0.5, 0.8, 1.0]),
)
def test_near_duplicates_are_those_of_the_definition(
    texts: list[list[str]], text: list[str], threshold: float
) -> None:
    held = HeldOut([" ".join(t) for t in texts], threshold, ENGLISH)
    asked = set(word_stems(" ".join(text), ENGLISH))
    sets = [set(word_stems(" ".join(t), ENGLISH)) for t in texts]
    truth = any(len(asked & s) / len(asked | s) >= threshold for s in sets)
    assert bool(held.near(" ".join(text))) == truth
