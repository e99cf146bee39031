"""Which pairs of spans an extractor looks at, in prediction and in training."""

from __future__ import annotations

from typing import List, Sequence

from spacy.tokens import Doc
from spacy.training import Example

from ..errors import Errors, Warnings
from ..models.candidates import CandidateFunction, Candidates, merge
from ..models.constraints import LabelSchema
from ..models.gates import PairFinder
from ..tokens.dependency import has_parse
from ..training.examples import gold_copy
from .explanation import ExplainedPipe


class ProposingPipe(ExplainedPipe):
    """A pipe that scores pairs, and finds them by a function of its config."""

    candidates: CandidateFunction
    schema: LabelSchema
    gold_candidates: bool

    def propose(self, doc: Doc) -> Candidates:
        """Find the candidate pairs of a Doc: each once where all labels are symmetric, else in both directions.

        doc (Doc): A Doc with spans.
        RETURNS (Candidates): The pairs.
        """
        once = bool(self.labels) and self.schema.symmetric.issuperset(self.labels)
        if isinstance(self.candidates, PairFinder):
            found = self.candidates(doc, types=self.cfg.get("type_pairs"), both_ways=not once)
        else:
            found = self.candidates(doc).one_way() if once else self.candidates(doc)
        if found.dropped:
            kept, text = len(found.pairs), doc.text[:40]
            counts = {"n": kept + found.dropped, "kept": kept, "dropped": found.dropped}
            self._warn_once(Warnings.VW204.format(name=self.name, text=text, **counts), "dropped")
        return found

    def _propose_for(self, examples: Sequence[Example]) -> List[Candidates]:
        """The candidates to learn from."""
        candidates = self._propose([example.predicted for example in examples])
        if not self.gold_candidates:
            return candidates
        annotated = [i for i, example in enumerate(examples) if example.reference._.relations is not None]
        for i, found in zip(annotated, self._propose([gold_copy(examples[i]) for i in annotated]), strict=True):
            candidates[i] = merge(candidates[i], found)
        return candidates

    def _propose(self, docs: Sequence[Doc]) -> List[Candidates]:
        candidates = [self.propose(doc) for doc in docs]
        for doc, item in zip(docs, candidates, strict=True):
            if len(item.pairs) and not has_parse(doc):
                raise ValueError(Errors.VE202.format(text=doc.text[:60]))
        return candidates
