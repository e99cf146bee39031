"""What the score of a relation rests on."""

from __future__ import annotations

from typing import Dict, Iterable, List, Optional, Sequence, Tuple, Union

import numpy as np
from numpy.typing import NDArray
from spacy.tokens import Doc
from thinc.api import to_numpy

from ..models.candidates import Candidates
from ..models.relations import LATENTS, predict_without
from ..tokens import Argument, Relation
from .calibration import CalibratedPipe

Floats = NDArray[np.float32]

# Below this, a score is nothing.
TINY = 1e-12


class ExplainedPipe(CalibratedPipe):
    """A pipe that explains its relations by leaving out one source at a time."""

    def explain(self, docs: Union[Doc, Iterable[Doc]]) -> List[List[Dict[str, float]]]:
        """Measure how much of each relation's score is lost when the model must do without one of its parts, or
        without the token vectors: 1 where nothing of the score is left, 0 where it stays, below 0 where it grows. What
        two parts both know is lost with neither, so the shares need not add up to one. What rules before the pipe have
        added (`rule_weight`) is not counted: their relations stand on the Doc no more.

        docs (Union[Doc, Iterable[Doc]]): Docs with relations that this pipe has set, one or many; other relations
            get an empty record.
        RETURNS (List[List[Dict[str, float]]]): For each relation of each Doc, the share by the name of the part, and
            that of the token vectors as `latents`.
        RAISES (ValueError): VE101 where the pipe was not initialized, VE202 for a Doc with candidates and no parse.
        """
        self._check_built()
        return [self._explain(doc) for doc in ([docs] if isinstance(docs, Doc) else docs)]

    def _explain(self, doc: Doc) -> List[Dict[str, float]]:
        relations: List[Relation] = doc._.relations or []
        (candidates,) = self._propose([doc])
        places = {key: row for row, key in enumerate(_pair_keys(doc, candidates))}
        # Which pair and which label each relation is, of those that can be explained.
        known: Dict[int, Tuple[int, int]] = {}
        for i, relation in enumerate(relations):
            row = places.get((relation.head, relation.tail))
            if row is not None and relation.label in self.labels and relation.provenance == "model":
                known[i] = row, self.labels.index(relation.label) + 1
        records: List[Dict[str, float]] = [{} for _ in relations]
        if not known:
            return records
        rows, columns = (np.array(values) for values in zip(*known.values(), strict=True))
        pairs = Candidates(candidates.spans, candidates.labels, candidates.pairs[rows])

        def score(without: Optional[str] = None) -> Floats:
            probabilities = self._judge(to_numpy(predict_without(self.model, [doc], [pairs], without)), [pairs])
            chosen: Floats = probabilities[np.arange(len(rows)), columns]
            return chosen

        whole = score()
        for name in (*self.model.attrs["settings"]["parts"], LATENTS):
            for i, share in zip(known, 1.0 - score(name) / np.maximum(whole, TINY), strict=True):
                records[i][name] = float(share)
        return records

    def _propose(self, docs: Sequence[Doc]) -> List[Candidates]:
        raise NotImplementedError

    def _judge(self, logits: Floats, candidates: Sequence[Candidates]) -> Floats:
        raise NotImplementedError


def _pair_keys(doc: Doc, candidates: Candidates) -> List[Tuple[Argument, Argument]]:
    """Head and tail of each pair."""
    spans = [
        Argument(start, end, doc.vocab.strings[label])
        for (start, end), label in zip(candidates.spans.tolist(), candidates.labels.tolist(), strict=True)
    ]
    return [(spans[head], spans[tail]) for head, tail in candidates.pairs.tolist()]
