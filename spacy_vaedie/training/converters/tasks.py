"""What the formats that are written share: which spans of a Doc they show."""

from __future__ import annotations

from typing import Any, Dict, List, Optional

from spacy.tokens import Doc

from ...tokens import Argument

Task = Dict[str, Any]


def doc_spans(doc: Doc, spans_key: Optional[str] = None) -> List[Argument]:
    """The annotated spans of a Doc.

    doc (Doc): The Doc.
    spans_key (Optional[str]): Span group that holds them, None for `doc.ents`.
    RETURNS (List[Argument]): In text order, each once, with those that the relations of the Doc are between.
    """
    spans = doc.ents if spans_key is None else doc.spans.get(spans_key, ())
    found = {Argument(span.start, span.end, span.label_) for span in spans}
    found.update(end for relation in doc._.relations or () for end in (relation.head, relation.tail))
    return sort_spans(found)


def sort_spans(spans: Any) -> List[Argument]:
    """RETURNS (List[Argument]): The spans in text order."""
    return sorted(spans, key=lambda span: (span.start, span.end, span.label))


def characters(doc: Doc, span: Argument) -> Dict[str, int]:
    """RETURNS (Dict[str, int]): `start` and `end` of a span, in characters."""
    found = span.resolve(doc)
    return {"start": found.start_char, "end": found.end_char}
