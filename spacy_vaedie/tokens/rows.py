"""What stands on a Doc as rows of plain values, for tables. Offsets are characters of the text, the end exclusive."""

from __future__ import annotations

from typing import Any, Callable, Dict, List, Optional, Sequence, Tuple

from spacy.tokens import Doc, Span

from .relation import Relation
from .triple import Triple

Row = Dict[str, Any]
# The columns of each kind of row, with what they hold: a plain type, or lists of pairs, of objects, of floats.
COLUMNS: Dict[str, Dict[str, str]] = {
    "documents": {"doc_id": "str", "source": "str", "n_tokens": "int", "n_chars": "int", "meta": "str"},
    "entities": {
        "doc_id": "str",
        "entity": "int",
        "text": "str",
        "start": "int",
        "end": "int",
        "label": "str",
        "kb_id": "str",
        "lemma": "str",
    },
    "relations": {
        "doc_id": "str",
        "relation": "int",
        "label": "str",
        "head_text": "str",
        "head_start": "int",
        "head_end": "int",
        "head_label": "str",
        "tail_text": "str",
        "tail_start": "int",
        "tail_end": "int",
        "tail_label": "str",
        "score": "float",
        "polarity": "str",
        "provenance": "str",
        "evidence_trigger": "str",
        "evidence_path": "str",
        "evidence": "pairs",
        "sentence": "str",
        "sentence_start": "int",
    },
    "triples": {
        "doc_id": "str",
        "triple": "int",
        "subject_text": "str",
        "subject_start": "int",
        "subject_end": "int",
        "relation_text": "str",
        "objects": "spans",
        "confidence": "float",
        "polarity": "str",
        "pattern": "str",
        "sentence": "str",
        "sentence_start": "int",
    },
    "latents": {"doc_id": "str", "mean": "floats"},
}


def document_row(doc: Doc, doc_id: str, source: str, meta: Optional[str] = None) -> Row:
    """Describe a Doc.

    doc (Doc): The Doc.
    doc_id (str): What it is called.
    source (str): The file that it comes from.
    meta (Optional[str]): What the file says of it, as JSON.
    RETURNS (Dict[str, Any]): The row.
    """
    return {"doc_id": doc_id, "source": source, "n_tokens": len(doc), "n_chars": len(doc.text), "meta": meta}


def entity_rows(doc: Doc, doc_id: str) -> List[Row]:
    """The entities of a Doc: those of `doc.ents`, and the arguments of its relations that are not among them, as where
    the spans of relations come from a span group.

    doc (Doc): The Doc.
    doc_id (str): What it is called.
    RETURNS (List[Dict[str, Any]]): Rows, in text order. `kb_id` and `lemma` are None where there is none.
    """
    spans = {(ent.start, ent.end, ent.label_): ent for ent in doc.ents}
    for relation in doc._.relations or ():
        for argument in (relation.head, relation.tail):
            key = (argument.start, argument.end, argument.label)
            if key not in spans:
                spans[key] = argument.resolve(doc)
    with_lemmas = doc.has_annotation("LEMMA")
    return [
        {
            "doc_id": doc_id,
            "entity": i,
            "text": span.text,
            "start": span.start_char,
            "end": span.end_char,
            "label": span.label_,
            "kb_id": span.kb_id_ or None,
            "lemma": span.lemma_ if with_lemmas else None,
        }
        for i, (_, span) in enumerate(sorted(spans.items(), key=lambda item: item[0]))
    ]


def relation_rows(doc: Doc, doc_id: str) -> List[Row]:
    """The relations of a Doc.

    doc (Doc): The Doc.
    doc_id (str): What it is called.
    RETURNS (List[Dict[str, Any]]): Rows, in the order of `doc._.relations`; none where that is None. What stands about
        the evidence is None where there is none.
    """
    sentences = _Sentences(doc)
    return [_relation_row(doc, doc_id, i, item, sentences) for i, item in enumerate(doc._.relations or ())]


def _relation_row(doc: Doc, doc_id: str, number: int, relation: Relation, sentences: _Sentences) -> Row:
    head, tail = relation.head.resolve(doc), relation.tail.resolve(doc)
    evidence = relation.evidence
    sentence, start = sentences.around([head, tail])
    return {
        "doc_id": doc_id,
        "relation": number,
        "label": relation.label,
        "head_text": head.text,
        "head_start": head.start_char,
        "head_end": head.end_char,
        "head_label": relation.head.label,
        "tail_text": tail.text,
        "tail_start": tail.start_char,
        "tail_end": tail.end_char,
        "tail_label": relation.tail.label,
        "score": float(relation.score),
        "polarity": relation.polarity,
        "provenance": relation.provenance,
        "evidence_trigger": None if evidence is None else evidence.trigger,
        "evidence_path": None if evidence is None else " ".join(evidence.deps),
        "evidence": None if evidence is None else [[doc[i].idx, doc[i].idx + len(doc[i])] for i in evidence.tokens],
        "sentence": sentence,
        "sentence_start": start,
    }


def triple_rows(doc: Doc, doc_id: str) -> List[Row]:
    """The triples of a Doc.

    doc (Doc): The Doc.
    doc_id (str): What it is called.
    RETURNS (List[Dict[str, Any]]): Rows, in the order of `doc._.triples`; none where that is None.
    """
    sentences = _Sentences(doc)
    return [_triple_row(doc, doc_id, i, item, sentences) for i, item in enumerate(doc._.triples or ())]


def _triple_row(doc: Doc, doc_id: str, number: int, triple: Triple, sentences: _Sentences) -> Row:
    subject, *objects = (argument.resolve(doc) for argument in (triple.subject, *triple.objects))
    sentence, start = sentences.around([subject, *objects])
    return {
        "doc_id": doc_id,
        "triple": number,
        "subject_text": subject.text,
        "subject_start": subject.start_char,
        "subject_end": subject.end_char,
        "relation_text": triple.relation_text(doc),
        "objects": [{"text": item.text, "start": item.start_char, "end": item.end_char} for item in objects],
        "confidence": float(triple.confidence),
        "polarity": triple.polarity,
        "pattern": triple.pattern,
        "sentence": sentence,
        "sentence_start": start,
    }


def latent_row(doc: Doc, doc_id: str) -> Row:
    """The latent of a whole text.

    doc (Doc): A Doc with latents.
    doc_id (str): What it is called.
    RETURNS (Dict[str, Any]): The row; `mean` is None where there are no latents.
    """
    mean = doc._.latent
    return {"doc_id": doc_id, "mean": None if mean is None else mean.tolist()}


class _Sentences:
    """The sentences of a Doc, looked up by what stands in them. Without sentences it is the whole text."""

    def __init__(self, doc: Doc) -> None:
        self._doc = doc
        self._known = doc.has_annotation("SENT_START")

    def around(self, spans: Sequence[Span]) -> Tuple[str, int]:
        """RETURNS (Tuple[str, int]): The sentences from the first span to the last, and their first character."""
        if not self._known:
            return self._doc.text, 0
        start = self._doc[min(span.start for span in spans)].sent.start
        end = self._doc[max(span.end for span in spans) - 1].sent.end
        found = self._doc[start:end]
        return found.text, found.start_char


def rows_of(
    doc: Doc, kinds: Sequence[str], doc_id: str, source: str, meta: Optional[str] = None
) -> Dict[str, List[Row]]:
    """The rows of a Doc.

    doc (Doc): The Doc.
    kinds (Sequence[str]): Which of `COLUMNS`.
    doc_id (str): What it is called.
    source (str): The file that it comes from.
    meta (Optional[str]): What the file says of it, as JSON.
    RETURNS (Dict[str, List[Dict[str, Any]]]): The rows of each kind.
    """
    makers: Dict[str, Callable[[], List[Row]]] = {
        "documents": lambda: [document_row(doc, doc_id, source, meta)],
        "entities": lambda: entity_rows(doc, doc_id),
        "relations": lambda: relation_rows(doc, doc_id),
        "triples": lambda: triple_rows(doc, doc_id),
        "latents": lambda: [latent_row(doc, doc_id)],
    }
    return {kind: makers[kind]() for kind in kinds}
