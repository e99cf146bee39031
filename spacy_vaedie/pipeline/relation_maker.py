"""From chosen labels of candidate pairs to relations, with what they rest on."""

from __future__ import annotations

from typing import List, Sequence

import numpy as np
from numpy.typing import NDArray
from spacy.tokens import Doc

from ..lang.polarity import PolarityReader
from ..models.candidates import Candidates
from ..tokens import Argument, Relation
from ..tokens.dependency import read_evidences


def make_relations(
    doc: Doc,
    candidates: Candidates,
    probabilities: NDArray[np.float32],
    chosen: NDArray[np.bool_],
    labels: Sequence[str],
) -> List[Relation]:
    """Make a relation of each chosen label, with its evidence and polarity from the parse.

    doc (Doc): The Doc.
    candidates (Candidates): Its candidate pairs.
    probabilities (NDArray[np.float32]): Of "no relation" and the labels. *Shape:* (n_pairs, n_labels + 1)
    chosen (NDArray[np.bool_]): Which labels are set. *Shape:* (n_pairs, n_labels)
    labels (Sequence[str]): Names of the labels.
    RETURNS (List[Relation]): In the order of the pairs.
    """
    if not chosen.any():
        return []
    rows, columns = (found.tolist() for found in np.nonzero(chosen))
    pairs = [[_argument(doc, candidates, span) for span in candidates.pairs[row]] for row in rows]
    evidences = read_evidences(doc, [(head.start, head.end, tail.start, tail.end) for head, tail in pairs])
    polarity = PolarityReader(doc)
    return [
        Relation(
            head=head,
            tail=tail,
            label=labels[column],
            score=float(probabilities[row, column + 1]),
            provenance="model",
            evidence=evidence,
            polarity=polarity.read(evidence.tokens),
        )
        for row, column, (head, tail), evidence in zip(rows, columns, pairs, evidences, strict=True)
    ]


def _argument(doc: Doc, candidates: Candidates, span: int) -> Argument:
    start, end = candidates.spans[span]
    # Not the strings of a pipe: one that was sourced in memory has never seen the labels of its new pipeline.
    return Argument(int(start), int(end), doc.vocab.strings[int(candidates.labels[span])])
