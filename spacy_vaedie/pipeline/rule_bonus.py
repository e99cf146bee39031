"""What rules say about candidate pairs, as a bonus on the logits of the extractor."""

from __future__ import annotations

from collections import defaultdict
from typing import Callable, DefaultDict, List, Sequence, Tuple

import numpy as np
from numpy.typing import NDArray
from spacy.tokens import Doc

from ..models.candidates import Candidates
from ..models.constraints import LabelSchema

Floats = NDArray[np.float32]
Pair = Tuple[int, ...]


def rule_bonus(
    docs: Sequence[Doc],
    candidates: Sequence[Candidates],
    labels: Sequence[str],
    schema: LabelSchema,
    tell: Callable[[str, str], None],
) -> Floats:
    """Find the candidate pairs to which rules gave a label: relations of provenance `rule` on the Docs. Times a weight
    and added to the logits, it raises the log-odds of the label by the weight.

    docs (Sequence[Doc]): The batch.
    candidates (Sequence[Candidates]): The candidates of each Doc.
    labels (Sequence[str]): The labels of the extractor.
    schema (LabelSchema): What the labels say. A rule may say a fact in another way than the extractor does.
    tell (Callable[[str, str], None]): Called with a key and a reason for each relation that cannot serve.
    RETURNS (Floats): The score of the rule at its pair and label, else 0. *Shape:* (n_pairs, n_labels + 1)
    """
    bonus = np.zeros((sum(len(item.pairs) for item in candidates), len(labels) + 1), dtype="float32")
    columns = {label: column for column, label in enumerate(labels, start=1)}
    start = 0
    for doc, item in zip(docs, candidates, strict=True):
        relations = [schema.canonical(relation) for relation in doc._.relations or () if relation.provenance == "rule"]
        rows: DefaultDict[Pair, List[int]] = defaultdict(list)
        for row, pair in enumerate(item.offsets().tolist() if relations else ()):
            rows[tuple(pair)].append(start + row)
        for relation in relations:
            found = rows[relation.head.start, relation.head.end, relation.tail.start, relation.tail.end]
            column = columns.get(relation.label)
            if column is None:
                tell(relation.label, f"the label '{relation.label}' is none of its labels")
            elif not found:
                tell(
                    "", f"{relation.head.resolve(doc).text!r} and {relation.tail.resolve(doc).text!r} are no candidates"
                )
            else:
                bonus[found, column] = np.maximum(bonus[found, column], relation.score)
        start += len(item.pairs)
    return bonus
