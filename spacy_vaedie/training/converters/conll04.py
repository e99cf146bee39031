"""CoNLL04 in its unified form: a JSON list of texts with tokens, entities and relations."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Iterator, List, Tuple

from ...errors import Errors
from ..files import read_lines
from .annotation import Annotation, ConversionReport
from .records import Record, join_spans, read_rows

_SPACE = " \t\r\n"


def read_conll04(path: Path, report: ConversionReport) -> Iterator[Annotation]:
    """Read entities and relations from a list of objects with `tokens`, `entities` (first token, last token exclusive,
    label) and `relations` (first and last token of the head, the same of the tail, label).

    path (Path): The file.
    report (ConversionReport): Where to count what was read.
    YIELDS (Annotation): The texts, named by their place in the list, counted from 1, with the tokens of the file. A
        text without `relations` is not annotated with them.
    RAISES (ValueError): VE303 for a text that is not in this format, VE304 for an empty file.
    """
    for line, value in _read_list(path):
        report.docs_read += 1
        yield _parse(Record(path, line, value), str(report.docs_read), report)
    if not report.docs_read:
        raise ValueError(Errors.VE304.format(path=path))


def _parse(record: Record, doc_id: str, report: ConversionReport) -> Annotation:
    words = record.get("tokens", list)
    if not all(isinstance(word, str) and word for word in words):
        record.fail(f"text {doc_id}: the field 'tokens' must hold texts that are not empty")
    entities: List[Tuple[int, int, str]] = read_rows(record, "entities", record.get("entities", list), 2, doc_id)
    for start, end, label in entities:
        if not 0 <= start < end <= len(words):
            record.fail(f"text {doc_id}: entity {label!r}, tokens {start} to {end}, is not in {len(words)} tokens")
    if "relations" not in record.value:
        return Annotation.from_words(doc_id, words, entities)
    rows = read_rows(record, "relations", record.get("relations", list), 4, doc_id)
    places = [(start, end) for start, end, _ in entities]
    return Annotation.from_words(doc_id, words, entities, join_spans(rows, places, doc_id, report))


def _read_list(path: Path) -> Iterator[Tuple[int, Any]]:
    """The values of a JSON list, each with the number of the line where it starts."""
    text = "\n".join(line for _, line in read_lines(path))
    if not text.strip():
        return
    decoder = json.JSONDecoder()
    position = _skip(text, 0)

    def fail(reason: str) -> ValueError:
        return ValueError(Errors.VE303.format(path=path, line=text.count("\n", 0, position) + 1, reason=reason))

    if text[position] != "[":
        raise fail("expected a JSON list of texts")
    position = _skip(text, position + 1)
    while text[position : position + 1] != "]":
        try:
            value, end = decoder.raw_decode(text, position)
        except json.JSONDecodeError as error:
            position = error.pos
            raise fail(f"no valid JSON ({error.msg})") from error
        yield text.count("\n", 0, position) + 1, value
        position = _skip(text, end)
        if text[position : position + 1] == ",":
            position = _skip(text, position + 1)
            if text[position : position + 1] == "]":
                raise fail("no valid JSON (a text must follow ',')")
        elif text[position : position + 1] != "]":
            raise fail("no valid JSON (expected ',' or ']')")
    position = _skip(text, position + 1)
    if position < len(text):
        raise fail("there is more behind the end of the list")


def _skip(text: str, position: int) -> int:
    """The next place that holds no white space."""
    while text[position : position + 1] in _SPACE and position < len(text):
        position += 1
    return position
