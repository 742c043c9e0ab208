"""The Python interface: judge a list of items, run the whole loop."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from adore.types import Item, Query

if TYPE_CHECKING:
    from adore.teacher.judgements import Judgement

__all__ = ["judge", "run"]


def judge(
    query: str | Query,
    items: Sequence[Item],
    *,
    rulebook: str = "general",
    catalogue: Iterable[Item] = (),
    language: str = "en",
) -> list[Judgement]:
    """Judge items for one query by a rule book. No model is loaded and nothing is written.

    Args:
        query: what a shopper typed; as a :class:`Query`, its id stands in the judgements.
        items: the items to judge.
        rulebook: name of a book that ships, or the path of a ``.yaml`` file.
        catalogue: more items of the shop. Brands and product words are learnt from them, so the
            judgements get better with more; the judged items always count.
        language: ISO 639-1 code of the shop's language.

    Returns:
        One judgement an item, in the items' order.

    Raises:
        MissingError: there is no such rule book.
        ConfigError: the rule book is not valid.

    Example:
        >>> from adore import Item, judge
        >>> items = [Item("a", "Red mug"), Item("b", "Blue mug")]
        >>> [(one.item_id, one.grade.letter) for one in judge("red mug", items)]
        [('a', 'E'), ('b', 'S')]
    """
    from adore.attributes.comparison import compare
    from adore.attributes.lexicon import Lexicon
    from adore.attributes.reader import Reader
    from adore.rulebook import RuleBook
    from adore.teacher.backends.evidence import EvidenceJudge, RulesGrader
    from adore.teacher.judgements import JudgeInput, Judgement

    # An item that is in the catalogue as well counts once.
    known_items = {item.item_id: item for item in (*catalogue, *items)}
    reader = Reader(Lexicon.mine(known_items.values(), language))
    if isinstance(query, str):
        query = Query("", query)
    query_reading = reader.read_query(query.query)

    judge_inputs: list[JudgeInput] = []
    for item in items:
        evidence = tuple(compare(query_reading, reader.read_item(item)))
        judge_inputs.append(
            JudgeInput(query.query_id, item.item_id, query.query, item, evidence)
        )

    loaded_book = RuleBook.load(rulebook)
    results = EvidenceJudge(RulesGrader(loaded_book), loaded_book).judge(judge_inputs)
    return [result for result in results if isinstance(result, Judgement)]


def run(
    data: str = "demo", out: str = "", *, profile: str = "laptop", seed: int = 0
) -> Path:
    """Run the whole loop on this machine, as ``adore run`` does.

    Steps whose output still matches are kept, so a run that was killed continues.

    Args:
        data: the shop's folder; ``demo`` makes the demo shop.
        out: the run's folder; empty: the newest run of the same arguments under ``runs``,
            or a new one.
        profile: name of a profile that ships, or the path of a ``.yaml`` file.
        seed: seeds every random choice.

    Returns:
        The run's folder; ``index.html`` in it is the page.

    Raises:
        AdoreError: the folder cannot be read, or a step failed.
    """
    from adore.pipeline.local import check_input, choose_out, run_local

    run_place = out or choose_out(data, profile, seed)
    check_input(data, run_place, profile=profile, seed=seed)
    run_local(data, run_place, profile=profile, seed=seed)
    return Path(run_place)
