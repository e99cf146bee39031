"""Prodigy's `rel.manual`: texts with spans and relations, a JSON object a line."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict, Iterator, List, NoReturn, Optional, Tuple

from ...errors import Errors
from ..files import read_jsonl
from .annotation import Annotation, ConversionReport

_KINDS = {str: "a text", int: "a whole number", list: "a list", dict: "an object"}


def read_prodigy(path: Path, report: ConversionReport) -> Iterator[Annotation]:
    """Read the JSONL that Prodigy's recipe `rel.manual` saves.

    A line without `relations` is not annotated with relations. The tokens of the file are kept where it gives them.
    Texts that the annotator rejected or ignored are counted and left out.

    path (Path): The file.
    report (ConversionReport): Where to count what was read.
    YIELDS (Annotation): The texts, named by the number of their line, with `meta` as it stands in the file.
    RAISES (ValueError): VE303 for a line that is not in this format, VE304 for an empty file.
    """
    for line, value in read_jsonl(path):
        record = _Record(path, line, value)
        answer = value.get("answer", "accept")
        if answer != "accept":
            report.docs_rejected += 1
            continue
        report.docs_read += 1
        yield _parse(record, report)
    if not report.docs_read + report.docs_rejected:
        raise ValueError(Errors.VE304.format(path=path))


class _Record:
    """A JSON object of the file, whose fields are checked as they are read."""

    def __init__(self, path: Path, line: int, value: Any, name: str = "") -> None:
        self.path, self.line, self.name = path, line, name
        if not isinstance(value, dict):
            self.fail(f"expected an object{f' in {name!r}' if name else ''}, found {type(value).__name__}")
        self.value: Dict[str, Any] = value

    def get(self, key: str, kind: type) -> Any:
        """The value of a field, which must be there and be of this kind."""
        value = self.value.get(key)
        # A bool is an int in Python, but no offset.
        if not isinstance(value, kind) or isinstance(value, bool):
            found = f"is {type(value).__name__}" if key in self.value else "is missing"
            self.fail(f"the field '{self.name}{key}' {found}, but must be {_KINDS[kind]}")
        return value

    def items(self, key: str) -> List[_Record]:
        """The objects of a list."""
        return [_Record(self.path, self.line, item, f"{key}.") for item in self.get(key, list)]

    def fail(self, reason: str) -> NoReturn:
        raise ValueError(Errors.VE303.format(path=self.path, line=self.line, reason=reason))


def _parse(record: _Record, report: ConversionReport) -> Annotation:
    text = record.get("text", str)
    tokens = record.items("tokens") if record.value.get("tokens") else []
    words = [token.get("text", str) for token in tokens]
    spaces = [bool(token.value.get("ws", True)) for token in tokens]
    if tokens and "".join(w + " " * s for w, s in zip(words, spaces, strict=True)).rstrip() != text.rstrip():
        record.fail("the fields 'tokens' and 'text' do not hold the same text")
    has_spans = record.value.get("spans") is not None
    spans = record.items("spans") if has_spans else []
    return Annotation(
        doc_id=str(record.line),
        text=text,
        spans=[(span.get("start", int), span.get("end", int), span.get("label", str)) for span in spans],
        relations=_parse_relations(record, spans, report) if "relations" in record.value else None,
        words=words or None,
        spaces=spaces or None,
        meta=record.get("meta", dict) if "meta" in record.value else {},
    )


def _parse_relations(record: _Record, spans: List[_Record], report: ConversionReport) -> List[Tuple[int, int, str]]:
    relations = []
    for relation in record.items("relations"):
        label = relation.get("label", str)
        head, tail = (_find_span(relation, key, spans) for key in ("head", "child"))
        if head is None or tail is None:
            end = "head" if head is None else "child"
            report.relations_read += 1
            report.leave_out(str(record.line), f"relation {label!r}: no span for its {end}")
        else:
            relations.append((head, tail, label))
    return relations


def _find_span(relation: _Record, key: str, spans: List[_Record]) -> Optional[int]:
    """The span that one end of a relation names: by characters in newer files, else by its last token."""
    if relation.value.get(f"{key}_span") is not None:
        named = _Record(relation.path, relation.line, relation.get(f"{key}_span", dict), f"relations.{key}_span.")
        offsets = (named.get("start", int), named.get("end", int))
        found = [i for i, span in enumerate(spans) if (span.get("start", int), span.get("end", int)) == offsets]
        # One span may be there under several labels.
        labelled = [i for i in found if spans[i].value.get("label") == named.value.get("label")]
        return next(iter(labelled or found), None)
    last = relation.get(key, int)
    return _index([span.get("token_end", int) for span in spans], last)


def _index(values: List[Any], wanted: Any) -> Optional[int]:
    return values.index(wanted) if wanted in values else None
