"""The KServe model: load, preprocess, predict, postprocess and nothing else."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from pathlib import Path

from kserve import InferRequest, InferResponse, Model
from kserve.errors import InvalidInput
from kserve.protocol.infer_type import InferOutput

from adore.errors import RequestError, check
from adore.serving.messages import Json, Prediction, ScoredItem
from adore.serving.request import RankRequest, Reading, parse
from adore.student.known import KnownItems, info_of
from adore.student.rankers import Ranker, load_ranker
from adore.types import Item, Score, by_letter

__all__ = ["RankerModel"]

WARM_UP = "warm up"


@dataclass(frozen=True, slots=True)
class _Call:
    """The lists of one request, as KServe's steps pass them on.

    Attributes:
        requests: the lists to rank.
        v2_id: the request's id; None in protocol v1.
    """

    requests: list[RankRequest]
    v2_id: str | None


@dataclass(frozen=True, slots=True)
class _Answers:
    """The answers to a :class:`_Call`, in its order."""

    predictions: list[Prediction]
    v2_id: str | None


def _scored_item(score: Score) -> ScoredItem:
    probabilities = [round(probability, 6) for probability in score.probabilities]
    attributes = {
        attribute: dict(states) for attribute, states in score.attributes.items()
    }
    return {
        "item_id": score.item_id,
        "score": score.score,
        "grade": score.grade.letter,
        "probabilities": by_letter(probabilities),
        "attributes": attributes,
    }


def _documents(request: InferRequest) -> list[str]:
    """The elements of a v2 request's first tensor; JSON brings strings, binary bytes."""
    elements = None
    if request.inputs:
        elements = request.inputs[0].data
    check(
        bool(elements),
        "inputs",
        elements,
        must="one BYTES tensor",
        fix="send JSON documents in it",
        error=RequestError,
    )
    documents = []
    for element in elements or ():
        if isinstance(element, bytes):
            documents.append(element.decode("utf-8"))
        else:
            documents.append(str(element))
    return documents


class RankerModel(Model):  # type: ignore[misc]
    """Serves one ranker folder as one variant, by protocols v1 and v2.

    Answers are in the order of the items.

    Args:
        name: the model's, in its address.
        folder: of the ranker.
        variant: its name in answers.
        threads: of the ranker.
    """

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
        """Load and warm up; ready only after that.

        Returns:
            True, which KServe expects.

        Raises:
            MissingError: the folder holds no ranker.
            DataError: its card or its ``dataset.json`` is not whole.
        """
        self.ranker = load_ranker(self.folder, threads=self.threads)

        # The first list takes longest; no shopper shall wait for it.
        self.ranker.rank(WARM_UP, [Item("0", WARM_UP)])
        self.reading = Reading(info_of(self.folder), KnownItems(self.folder))
        self.ready = True
        return True

    def preprocess(
        self, payload: InferRequest | Json, headers: dict[str, str] | None = None
    ) -> _Call:
        """Read a request's instances.

        Args:
            payload: a v1 body, whose ``instances`` are read, or a v2 request, in whose
                first BYTES tensor each element is the JSON of an instance.
            headers: of the request; KServe passes them, nothing here reads them.

        Returns:
            The lists to rank.

        Raises:
            InvalidInput: an instance is malformed; the text names the field.
        """
        try:
            return self._read(payload)
        except (RequestError, ValueError) as error:
            raise InvalidInput(str(error)) from error

    def _read(self, payload: InferRequest | Json) -> _Call:
        v2_id: str | None = None
        instances: object = None
        if isinstance(payload, InferRequest):
            instances = [json.loads(document) for document in _documents(payload)]
            v2_id = payload.id or ""
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
        if isinstance(instances, list):
            for instance_index, instance in enumerate(instances):
                instance_name = f"instances[{instance_index}]"
                requests.append(parse(instance, instance_name, self.reading))
        return _Call(requests, v2_id)

    async def predict(
        self, payload: _Call, headers: dict[str, str] | None = None
    ) -> _Answers:
        """Rank every list, off the event loop.

        Args:
            payload: requests, from :meth:`preprocess`.
            headers: of the request; not read.

        Returns:
            An answer for each list.
        """
        predictions = []
        for request in payload.requests:
            predictions.append(await asyncio.to_thread(self.rank, request))
        return _Answers(predictions, payload.v2_id)

    def rank(self, request: RankRequest) -> Prediction:
        """Rank one list.

        Args:
            request: the query and its items.

        Returns:
            A score for each item, in the order of the items.

        Raises:
            RuntimeError: the ranker is not loaded.
        """
        if self.ranker is None:
            raise RuntimeError("predict before load")
        scores = self.ranker.rank(request.query, request.items)
        return {
            "variant": self.variant,
            "model_version": self.ranker.version,
            "items": [_scored_item(score) for score in scores],
        }

    async def postprocess(
        self, result: _Answers, headers: dict[str, str] | None = None
    ) -> InferResponse | Json:
        """Write the answer's body.

        Args:
            result: answers, from :meth:`predict`.
            headers: of the request; not read.

        Returns:
            ``{"predictions": [...]}``, or in v2 one BYTES tensor with one JSON document
            a list.
        """
        if result.v2_id is None:
            return {"predictions": result.predictions}
        documents = [json.dumps(prediction) for prediction in result.predictions]
        tensor = InferOutput("predictions", [len(documents)], "BYTES", documents)
        return InferResponse(result.v2_id, self.name, [tensor])
