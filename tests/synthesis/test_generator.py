from __future__ import annotations

from pathlib import Path

from adore.synthesis.generator import EditContext, find_sources, read_human_grades


def test_sources_are_eligible_and_at_most_so_many_of_a_query(
    synthesis_shop: Path,
) -> None:
    prepared = synthesis_shop / "prepare"
    context = EditContext(prepared, synthesis_shop / "evidence")
    graded = read_human_grades(prepared)
    good = {query_id: sorted(graded[query_id]) for query_id in ("q2", "q4")}

    sources = find_sources(context, good, graded, per_query=1, seed=0)
    assert 0 < len(sources) == len({source.query_id for source in sources})
    for source in sources:
        assert context.is_eligible(source.item.item_id)
        assert source.item.item_id in source.excluded
