"""CoNLL04 in its unified form: a JSON list of texts with tokens, entities and relations."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Iterator, List, Tuple

from ...errors import Errors
from ..files import read_lines
from .annotation import Annotation, ConversionReport
from .records import Record

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
    entities: List[Tuple[int, int, str]] = _rows(record, "entities", 2, doc_id)
    for start, end, label in entities:
        if not 0 <= start < end <= len(words):
            record.fail(f"text {doc_id}: entity {label!r}, tokens {start} to {end}, is not in {len(words)} tokens")
    if "relations" not in record.value:
        return Annotation.from_words(doc_id, words, entities)
    places = [(start, end) for start, end, _ in entities]
    relations: List[Tuple[int, int, str]] = []
    for head_start, head_end, tail_start, tail_end, label in _rows(record, "relations", 4, doc_id):
        head, tail = (head_start, head_end), (tail_start, tail_end)
        if head in places and tail in places:
            relations.append((places.index(head), places.index(tail), label))
        else:
            report.relations_read += 1
            report.leave_out(doc_id, f"relation {label!r}: no entity for its {'tail' if head in places else 'head'}")
    return Annotation.from_words(doc_id, words, entities, relations)


def _rows(record: Record, key: str, n_offsets: int, doc_id: str) -> List[Any]:
    """Lists of token offsets with a label behind them."""
    rows = record.get(key, list)
    for row in rows:
        fits = isinstance(row, list) and len(row) == n_offsets + 1 and isinstance(row[-1], str) and row[-1]
        # A bool is an int in Python, but no offset.
        if not fits or not all(type(offset) is int for offset in row[:-1]):
            record.fail(f"text {doc_id}: expected {n_offsets} token offsets and a label in '{key}', found {row!r}")
    return list(map(tuple, rows))


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
