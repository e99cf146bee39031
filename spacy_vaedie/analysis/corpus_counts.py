"""What stands in an annotated corpus: labels, types, distances, and what cannot be learned."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Any, Collection, Dict, List, Optional, Set, Tuple

from spacy.tokens import Doc

from ..models.gates import TypePair
from ..tokens import Argument, Relation
from ..tokens.dependency import has_parse
from ..training.converters.annotation import get_doc_id
from ..training.text_keys import text_key
from .configured_gate import ConfiguredGate
from .outcomes import NONE
from .pair_measures import DISTANCE_BINS, PATH_BINS, measure_pairs
from .slices import NamePair, name_pair

# Of each kind of problem, so many texts are shown.
_SHOWN = 3
Span = Tuple[int, int, str]


class CorpusCounter:
    """Counts one part of a corpus, a Doc at a time: of each text it keeps two short keys.

    gate (ConfiguredGate): What proposes candidates.
    types (Optional[Collection[TypePair]]): The types that the gate has learned.
    """

    def __init__(self, gate: ConfiguredGate, types: Optional[Collection[TypePair]] = None) -> None:
        self.gate, self.types = gate, types
        self.names: Set[NamePair] = set()
        self.failure: Optional[str] = None
        self._n: Counter[str] = Counter()
        self._shown: Dict[str, List[str]] = defaultdict(list)
        self._entities: Counter[str] = Counter()
        self._polarities: Counter[str] = Counter()
        self._paths: Counter[str] = Counter()
        self._distances: Counter[str] = Counter()
        self._labels: Dict[str, Counter[str]] = defaultdict(Counter)
        self._types: Dict[str, Counter[Tuple[str, str]]] = defaultdict(Counter)
        self._texts: Dict[bytes, Optional[bytes]] = {}

    def add(self, doc: Doc, seen: Optional[Set[NamePair]] = None) -> None:
        """Count a Doc.

        doc (Doc): The Doc.
        seen (Optional[Set[NamePair]]): Which names are related in the training data, to count those that are.
        """
        self._n["docs"] += 1
        self._n["tokens"] += len(doc)
        if not len(doc):
            self._note("empty", doc)
            return
        if not has_parse(doc):
            self._note("unparsed", doc)
        spans = _spans(doc)
        self._entities.update(label for _, _, label in spans)
        relations = doc._.relations
        if relations is None:
            self._note("unannotated", doc)
        elif not relations:
            self._n["without_relations"] += 1
        self._compare_text(doc, relations)
        reached = self._reach(doc)
        if relations:
            names = [name_pair(*_arguments(doc, relation)) for relation in relations]
            self.names.update(names)
            self._n["seen_pairs"] += 0 if seen is None else sum(pair in seen for pair in names)
            said = [self.gate.schema.canonical(relation) for relation in relations]
            self._count_relations(doc, said, spans, reached)

    @property
    def n_seen_pairs(self) -> int:
        """How many relations join names that are related in the training data."""
        return self._n["seen_pairs"]

    def report(self) -> Dict[str, Any]:
        """RETURNS (Dict[str, Any]): The counts, see docs/debug.md."""
        n, n_relations = self._n, sum(found["n"] for found in self._labels.values())
        keys = ("docs", "tokens", "empty", "unannotated", "without_relations", "unparsed")
        problems = ("not_entities", "self", "repeated", "two_labels", "against_schema", "across_sentences")
        texts = ("repeated_texts", "contradicting_texts")
        known = self.failure is None
        return {
            **{f"n_{key}": n[key] for key in (*keys, *problems, *texts)},
            "n_relations": n_relations,
            "labels": {label: self._label(label) for label in sorted(self._labels)},
            "entities": dict(sorted(self._entities.items())),
            "polarities": dict(sorted(self._polarities.items())),
            "path_length": {name: self._paths[name] for name in PATH_BINS if self._paths[name]},
            "distance": {name: self._distances[name] for name in DISTANCE_BINS if self._distances[name]},
            "n_candidates": n["candidates"] if known else None,
            "n_dropped": n["dropped"] if known else None,
            "candidate_recall": n["reached"] / n_relations if known and n_relations else None,
            "examples": {key: self._shown[key] for key in sorted(self._shown)},
        }

    def _label(self, label: str) -> Dict[str, Any]:
        found = self._labels[label]
        types = sorted(self._types[label].items(), key=lambda item: (-item[1], item[0]))
        return {
            "n": found["n"],
            "n_docs": found["docs"],
            "n_across_sentences": found["across_sentences"],
            "candidate_recall": found["reached"] / found["n"] if self.failure is None else None,
            "types": [{"head": head, "tail": tail, "n": n} for (head, tail), n in types],
        }

    def _note(self, kind: str, doc: Doc, what: str = "") -> None:
        self._n[kind] += 1
        if len(self._shown[kind]) < _SHOWN:
            name = get_doc_id(doc)
            place = f"text {self._n['docs']}" if name is None else f"text {self._n['docs']} ({name})"
            self._shown[kind].append(f"{place}: {what or _short(doc.text)}")

    def _compare_text(self, doc: Doc, relations: Optional[List[Relation]]) -> None:
        """Whether the text was there before, and with other relations."""
        key, said = text_key(doc.text), None
        if relations is not None:
            facts = sorted(
                (*_arguments(doc, relation), relation.head.start, relation.tail.start, relation.label)
                for relation in relations
            )
            said = text_key(repr(facts))
        if key not in self._texts:
            self._texts[key] = said
            return
        self._note("repeated_texts", doc)
        before = self._texts[key]
        if before is not None and said is not None and before != said:
            self._note("contradicting_texts", doc)
        self._texts[key] = said if before is None else before

    def _reach(self, doc: Doc) -> Set[Tuple[int, int, int, int]]:
        if self.failure is not None:
            return set()
        try:
            found = self.gate.find(doc, self.types)
        except ValueError as error:
            # As training would fail: told once, and there is no recall then.
            if not str(error).startswith("[VE"):
                raise
            self.failure = str(error)
            return set()
        self._n["candidates"] += len(found.pairs)
        self._n["dropped"] += found.dropped
        return {(hs, he, ts, te) for hs, he, ts, te in found.offsets().tolist()}

    def _count_relations(
        self, doc: Doc, relations: List[Relation], spans: Set[Span], reached: Set[Tuple[int, int, int, int]]
    ) -> None:
        pairs = [_pair(relation) for relation in relations]
        facts: Dict[Tuple[int, int, int, int], Set[str]] = defaultdict(set)
        for relation, pair, measure in zip(relations, pairs, measure_pairs(doc, pairs), strict=True):
            found, label = self._labels[relation.label], relation.label
            if label in facts[pair]:
                self._note("repeated", doc, _say(doc, relation))
            elif len(facts[pair]) == 1:
                self._note("two_labels", doc, f"{_say(doc, relation)}, and {next(iter(facts[pair]))}")
            facts[pair].add(label)
            found["n"] += 1
            found["reached"] += pair in reached
            self._n["reached"] += pair in reached
            self._types[label][relation.head.label, relation.tail.label] += 1
            self._polarities[relation.polarity or NONE] += 1
            self._paths[measure.path_bin] += 1
            self._distances[measure.distance_bin] += 1
            if measure.sentences:
                found["across_sentences"] += 1
                self._note("across_sentences", doc, _say(doc, relation))
            if pair[:2] == pair[2:]:
                self._note("self", doc, _say(doc, relation))
            if not all(_span(argument) in spans for argument in (relation.head, relation.tail)):
                self._note("not_entities", doc, _say(doc, relation))
            if not self.gate.schema.allows(relation):
                self._note("against_schema", doc, _say(doc, relation))
        for label in {relation.label for relation in relations}:
            self._labels[label]["docs"] += 1


def _arguments(doc: Doc, relation: Relation) -> Tuple[str, str]:
    return relation.head.resolve(doc).text, relation.tail.resolve(doc).text


def _spans(doc: Doc) -> Set[Span]:
    groups = [span for group in doc.spans.values() for span in group]
    return {(span.start, span.end, span.label_) for span in (*doc.ents, *groups)}


def _span(argument: Argument) -> Span:
    return argument.start, argument.end, argument.label


def _pair(relation: Relation) -> Tuple[int, int, int, int]:
    return relation.head.start, relation.head.end, relation.tail.start, relation.tail.end


def _say(doc: Doc, relation: Relation) -> str:
    head, tail = _arguments(doc, relation)
    return f"{_short(head)!r} {relation.label} {_short(tail)!r}"


def _short(text: str, length: int = 60) -> str:
    words = " ".join(text.split())
    return words if len(words) <= length else f"{words[:length]}..."
