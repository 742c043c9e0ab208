"""The columns of every table that a stage writes.

Plain ``{column: dtype}`` maps that :mod:`adore.parquet` turns into Polars schemas, so importing
this module costs nothing.
"""

from __future__ import annotations

__all__ = ["TABLES"]

_PAIR = {"query_id": "str", "item_id": "str"}

TABLES: dict[str, dict[str, str]] = {
    # prepare
    "items": {
        "item_id": "str",
        "title": "str",
        "brand": "str",
        "category": "str",
        "description": "str",
        "bullet_points": "list[str]",
        "attributes": "str",  # JSON object
    },
    "queries": {
        "query_id": "str",
        "query": "str",
        "split": "str",
    },  # train | dev | test
    "splits": {  # of every text that this round or one before it knew
        "text": "str",  # normalised
        "split": "str",
    },
    "judgements": {**_PAIR, "grade": "int"},  # human
    "votes": {
        **_PAIR,
        "grade": "int",
        "votes": "int",
    },  # of pairs that several people judged; only where they differ
    "truth": {**_PAIR, "grade": "int"},  # only simulated shoppers may read it
    "events": {
        "event_id": "str",
        "query_id": "str",
        "session_id": "str",
        "client_id": "str",
        "action_name": "str",  # impression | click | add_to_cart | purchase | return
        "timestamp": "int",  # ms since the epoch
        "object_id": "str",  # item
        "position": "int",  # 1 = top
        # upper position of the pair that was in random order; null: in no such pair
        "pair_position": "int",
    },
    "quarantine": {"table": "str", "line": "int", "reason": "str", "row": "str"},
    # evidence
    "readings": {"kind": "str", "id": "str", "reading": "str"},  # kind: query | item
    "pairs": {**_PAIR, "evidence": "str"},
    # judge
    "teacher_judgements": {
        **_PAIR,
        "grade": "int",
        "probabilities": "list[float]",
        "rationale": "str",
        "judge": "str",
        "rulebook": "str",
    },
    # feedback
    "feedback": {
        **_PAIR,
        "prompt": "str",
        "completion": "str",
        "desirable": "bool",
        "kind": "str",
        "event_ids": "list[str]",
    },
    "dev_signs": {  # signs of dev queries, which never teach
        **_PAIR,
        "kind": "str",
        "wanted_exact": "bool",
        "event_ids": "list[str]",
    },
    "clear_pairs": {  # of train queries: shoppers want the item, or do not
        **_PAIR,
        "behaviour": "str",  # bought | returned | skipped
        "p_exact": "float",  # by its behaviour
        "kept": "int",  # clients
        "returned": "int",
        "clients": "int",  # who were shown it
        "wanted_exact": "bool",
    },
    "untrusted_clients": {
        "client_id": "str",
        "reason": "str",
        "targets": "list[str]",
        "events": "int",
    },
    # live
    "live_errors": {  # pairs of which the champion and shoppers say different things
        **_PAIR,
        "grade": "int",  # the champion's
        "kind": "str",
    },
    # synthesise; verify writes the same columns as `synthetic`, plus `rejected`
    "candidates": {
        **_PAIR,
        "synthetic_id": "str",
        "source_query_id": "str",
        "source_item_id": "str",
        "query": "str",
        "item": "str",  # JSON of a row of `items`
        "error_type": "str",
        "attribute": "str",
        "edit": "str",
        "source_grade": "int",
        "intended_grade": "int",
        "evidence": "str",
    },
    # score
    "scores": {
        **_PAIR,
        "system": "str",
        "score": "float",
        "grade": "int",
        "p_E": "float",
        "p_S": "float",
        "p_C": "float",
        "p_I": "float",
    },
    "adversarial_scores": {
        **_PAIR,
        "error_type": "str",
        "intended_grade": "int",
        "source_query_id": "str",
        "grade": "int",
    },
    # evaluate
    "measures": {
        "system": "str",
        "split": "str",  # dev | test
        "measure": "str",
        "slice": "str",
        "value": "float",
        "low": "float",
        "high": "float",
        "n": "int",
    },
    # experiment
    "exposures": {
        "exposure_id": "str",
        "timestamp": "int",
        "client_id": "str",
        "session_id": "str",
        "query_id": "str",
        "experiment": "str",
        "variant": "str",  # assigned
        "served": "str",  # variant that answered
        "model_version": "str",
        "item_ids": "list[str]",
        "explored": "bool",
        "first_pair": "int",  # 1 | 2; null: not explored
        "propensity": "float",
        "degraded": "bool",
        "latency_ms": "float",
    },
}
TABLES["synthetic"] = TABLES["candidates"]
TABLES["adversarial"] = {
    **_PAIR,
    "query": "str",
    "item": "str",  # a catalogue row, as JSON
    "error_type": "str",
    "intended_grade": "int",
    "human_grade": "int",  # where a person graded this pair
    "source_query_id": "str",
    "source_item_id": "str",
    "edit": "str",
}
TABLES["rejected"] = {**TABLES["candidates"], "reason": "str"}
