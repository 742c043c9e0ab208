"""The KServe model: load, preprocess, predict, postprocess and nothing else."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kserve import InferRequest, InferResponse, Model
from kserve.errors import InvalidInput
from kserve.protocol.infer_type import InferOutput

from adore.errors import RequestError, check
from adore.serving.request import RankRequest, Reading, parse
from adore.student.known import KnownItems, info_of
from adore.student.rankers import Ranker, load_ranker
from adore.types import Item, Score, by_letter

__all__ = ["RankerModel"]


@dataclass(frozen=True, slots=True)
class _Asked:
    """What travels through the model: requests, then answers."""

    requests: list[Any]
    v2: str | None
    """The request's id, None in v1."""


def _scored(score: Score) -> dict[str, Any]:
    rounded = [round(chance, 6) for chance in score.probabilities]
    attributes = {name: dict(value) for name, value in score.attributes.items()}
    return {
        "item_id": score.item_id,
        "score": score.score,
        "grade": score.grade.letter,
        "probabilities": by_letter(rounded),
        "attributes": attributes,
    }


def _texts(request: InferRequest) -> list[str]:
    """The elements of a v2 request's first tensor.

    JSON brings them as strings, binary as bytes.
    """
    data = request.inputs[0].data if request.inputs else None
    check(
        bool(data),
        "inputs",
        data,
        must="one BYTES tensor",
        fix="send JSON documents in it",
        error=RequestError,
    )
    texts = []
    for element in data or ():
        if isinstance(element, bytes):
            texts.append(element.decode("utf-8"))
        else:
            texts.append(str(element))
    return texts


class RankerModel(Model):  # type: ignore[misc]
    """Serves one ranker folder under one variant's name; v1 and v2, answers in the items' order."""

    def __init__(
        self, name: str, folder: Path, *, variant: str, threads: int = 1
    ) -> None:
        super().__init__(name)
        self.folder = folder
        self.variant = variant
        self.threads = threads
        self.ranker: Ranker | None = None
        self.reading = Reading()

    def load(self) -> bool:
        """Load and warm up; ready only after that."""
        self.ranker = load_ranker(self.folder, threads=self.threads)
        self.ranker.rank("warm up", [Item("0", "warm up")])
        self.reading = Reading(info_of(self.folder), KnownItems(self.folder))
        self.ready = True
        return True

    def preprocess(self, payload: Any, headers: dict[str, str] | None = None) -> _Asked:
        """Read a request's instances.

        Args:
            payload: a v1 body, whose ``instances`` are read, or a v2 request, in whose
                first BYTES tensor each element is the JSON of an instance.
            headers: of the request; KServe passes them, nothing here reads them.

        Raises:
            InvalidInput: an instance is malformed; the text names the field.
        """
        v2: str | None = None
        instances: Any = None
        try:
            if isinstance(payload, InferRequest):
                instances = [json.loads(text) for text in _texts(payload)]
                v2 = payload.id or ""
            elif isinstance(payload, dict):
                instances = payload.get("instances")
            check(
                isinstance(instances, list),
                "instances",
                instances,
                must="a list",
                fix="send one",
                error=RequestError,
            )
            requests = []
            for i, one in enumerate(instances):
                requests.append(parse(one, f"instances[{i}]", self.reading))
        except (RequestError, ValueError) as error:
            raise InvalidInput(str(error)) from error
        return _Asked(requests, v2)

    async def predict(
        self, payload: _Asked, headers: dict[str, str] | None = None
    ) -> _Asked:
        """Rank every list, off the event loop.

        Args:
            payload: requests, from :meth:`preprocess`.
            headers: of the request; not read.
        """
        answers = [await asyncio.to_thread(self.rank, one) for one in payload.requests]
        return _Asked(answers, payload.v2)

    def rank(self, request: RankRequest) -> dict[str, Any]:
        """One list to one answer."""
        if self.ranker is None:
            raise RuntimeError("predict before load")
        scores = self.ranker.rank(request.query, request.items)
        return {
            "variant": self.variant,
            "model_version": self.ranker.version,
            "items": [_scored(score) for score in scores],
        }

    async def postprocess(
        self, result: _Asked, headers: dict[str, str] | None = None
    ) -> Any:
        """The answer's body.

        Args:
            result: answers, from :meth:`predict`.
            headers: of the request; not read.

        Returns:
            ``{"predictions": [...]}``, or in v2 one BYTES tensor with one JSON document
            a list.
        """
        if result.v2 is None:
            return {"predictions": result.requests}
        texts = [json.dumps(answer) for answer in result.requests]
        output = InferOutput("predictions", [len(texts)], "BYTES", texts)
        return InferResponse(result.v2, self.name, [output])
