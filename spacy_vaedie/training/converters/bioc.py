"""BioC in JSON: collections of documents, made of passages with annotations and relations."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict, Iterator, List, Tuple, Union

from ...errors import Errors
from ..files import MAX_BYTES
from .annotation import (
    DISCONTINUOUS,
    NO_SPAN,
    NOT_A_PAIR,
    OTHER_TEXT,
    OUTSIDE,
    REPEATED,
    Annotation,
    ConversionReport,
)
from .json_items import read_json_items
from .offsets import same_text
from .records import Record


def read_bioc(path: Path, report: ConversionReport, max_bytes: int = MAX_BYTES) -> Iterator[Annotation]:
    """Read a BioC collection in JSON: an object with `documents`, each with an `id` and `passages`. Annotations and
    relations stand in documents, passages or their sentences; the label is `type` of their `infons`. The first two
    nodes of a relation are its head and tail; one with fewer or more is left out, and so is an annotation of several
    locations.

    path (Path): The file.
    report (ConversionReport): Where to count what was read.
    max_bytes (int): The longest document.
    YIELDS (Annotation): The documents, passages with a line break between, named by their `id`.
    RAISES (ValueError): VE303 for a document that is not in this format, VE304 for an empty file, VE341 for a document
        that is too long.
    """
    for line, value in read_json_items(path, max_bytes, key="documents"):
        report.docs_read += 1
        yield _Parser(Record(path, line, value), report).parse()
    if not report.docs_read:
        raise ValueError(Errors.VE304.format(path=path))


class _Parser:
    """Makes a record of a document."""

    def __init__(self, record: Record, report: ConversionReport) -> None:
        self.record, self.report = record, report
        self.doc_id = str(record.value.get("id", report.docs_read))
        self.text = ""
        self.spans: List[Tuple[int, int, str]] = []
        # Where the annotation of an id stands, or the kind of reason why it was left out.
        self.places: Dict[str, Union[int, str]] = {}

    def parse(self) -> Annotation:
        """RETURNS (Annotation): The record."""
        holders = [self.record]
        for passage in self.record.items("passages"):
            sentences = self._items(passage, "sentences")
            holders += [passage, *sentences]
            if passage.value.get("text"):
                shift = self._add_text(passage)
                for part in [passage, *sentences]:
                    self._add_spans(part, shift)
            else:
                for part in sentences:
                    self._add_spans(part, self._add_text(part))
        self._add_spans(self.record, 0)
        relations = [self._read_relation(item) for holder in holders for item in self._items(holder, "relations")]
        return Annotation(self.doc_id, self.text, self.spans, [item for item in relations if item is not None])

    def _items(self, record: Record, key: str) -> List[Record]:
        return record.items(key) if record.value.get(key) is not None else []

    def _add_text(self, part: Record) -> int:
        """Add a passage or sentence. Gives how much larger its offsets are here."""
        if self.text:
            self.text += "\n"
        shift = len(self.text) - int(part.get("offset", int))
        self.text += part.get("text", str)
        return shift

    def _add_spans(self, part: Record, shift: int) -> None:
        for annotation in self._items(part, "annotations"):
            self._add_span(annotation, shift)

    def _add_span(self, item: Record, shift: int) -> None:
        label, given, key = self._label(item), item.value.get("text"), str(item.value.get("id"))
        places = [Record(item.path, item.line, place, "locations.") for place in item.get("locations", list)]
        pieces = [(place.get("offset", int) + shift, place.get("length", int)) for place in places]
        name = f"span {key} {given!r} ({label})"
        reason = kind = ""
        start, end = (pieces[0][0], sum(pieces[0])) if pieces else (0, 0)
        if key in self.places:
            reason, kind = "has the id of another one", REPEATED
        elif len(pieces) != 1:
            reason, kind = f"has {len(pieces)} locations", DISCONTINUOUS
        elif not 0 <= start < end <= len(self.text):
            reason, kind = f"does not fit a text of {len(self.text)} characters", OUTSIDE
        elif isinstance(given, str) and not same_text(self.text[start:end], given):
            reason, kind = f"has {self.text[start:end]!r} at its offsets", OTHER_TEXT
        if kind:
            self.report.lose_span(self.doc_id, f"{name} {reason}", kind)
            self.places.setdefault(key, kind)
        else:
            self.places[key] = len(self.spans)
            self.spans.append((start, end, label))

    def _read_relation(self, item: Record) -> Any:
        """Head, tail and label, or None where it is left out."""
        label = self._label(item)
        nodes = [str(node.get("refid", str)) for node in item.items("nodes")]
        if len(nodes) != 2:
            self.report.lose_relation(self.doc_id, label, f"it has {len(nodes)} nodes", NOT_A_PAIR)
            return None
        head, tail = (self.places.get(node, NO_SPAN) for node in nodes)
        if isinstance(head, int) and isinstance(tail, int):
            return head, tail, label
        end, kind = ("head", head) if isinstance(head, str) else ("tail", tail)
        self.report.lose_relation(self.doc_id, label, f"its {end} is no span, or was left out", str(kind))
        return None

    def _label(self, item: Record) -> str:
        infons = Record(item.path, item.line, item.get("infons", dict), "infons.")
        label = str(infons.get("type", str))
        if not label:
            infons.fail("the field 'infons.type' is empty")
        return label
