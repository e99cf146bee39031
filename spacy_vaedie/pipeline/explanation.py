"""What the score of a relation rests on."""

from __future__ import annotations

from typing import Dict, Iterable, List, Optional, Tuple

import numpy as np
from numpy.typing import NDArray
from spacy.tokens import Doc
from thinc.api import to_numpy

from ..models.candidates import Candidates
from ..models.relations import LATENTS, predict_without
from ..tokens import Relation
from .calibration import CalibratedPipe

# Below this, a score is nothing.
TINY = 1e-12


class ExplainedPipe(CalibratedPipe):
    """A pipe that explains its relations by leaving out one source at a time."""

    def explain(self, docs: Iterable[Doc]) -> List[List[Dict[str, float]]]:
        """Measure how much of each relation's score is lost when the model must do without one of its parts, or
        without the token vectors: 1 where nothing of the score is left, 0 where it stays, below 0 where it grows. What
        two parts both know is lost with neither, so the shares need not add up to one.

        docs (Iterable[Doc]): Docs with relations that this pipe has set; other relations get an empty record.
        RETURNS (List[List[Dict[str, float]]]): For each relation of each Doc, the share by the name of the part, and
            that of the token vectors as `latents`.
        RAISES (ValueError): VE101 where the pipe was not initialized, VE202 for a Doc with candidates and no parse.
        """
        self._check_built()
        return [self._explain(doc) for doc in docs]

    def _explain(self, doc: Doc) -> List[Dict[str, float]]:
        relations: List[Relation] = doc._.relations or []
        (candidates,) = self._propose([doc])  # type: ignore[attr-defined]
        places = {tuple(row): i for i, row in enumerate(candidates.offsets().tolist())}
        # Which pair and which label each relation is, of those that can be explained.
        known: Dict[int, Tuple[int, int]] = {}
        for i, relation in enumerate(relations):
            row = places.get((relation.head.start, relation.head.end, relation.tail.start, relation.tail.end))
            if row is not None and relation.label in self.labels:
                known[i] = row, self.labels.index(relation.label) + 1
        records: List[Dict[str, float]] = [{} for _ in relations]
        if not known:
            return records
        rows, columns = (np.array(values) for values in zip(*known.values(), strict=True))
        pairs = Candidates(candidates.spans, candidates.labels, candidates.pairs[rows])

        def score(without: Optional[str] = None) -> NDArray[np.float32]:
            probabilities = to_numpy(predict_without(self.model, [doc], [pairs], without))
            chosen: NDArray[np.float32] = probabilities[np.arange(len(rows)), columns]
            return chosen

        whole = score()
        for name in (*self.model.attrs["settings"]["parts"], LATENTS):
            for i, share in zip(known, 1.0 - score(name) / np.maximum(whole, TINY), strict=True):
                records[i][name] = float(share)
        return records
