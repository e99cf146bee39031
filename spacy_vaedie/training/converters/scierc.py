"""SciERC: abstracts as lists of sentences, with entities that may nest and relations inside a sentence."""

from __future__ import annotations

from itertools import accumulate
from pathlib import Path
from typing import Any, Iterator, List, Tuple

from ...errors import Errors
from ..files import MAX_BYTES, read_jsonl
from .annotation import Annotation, ConversionReport
from .records import Record, join_spans, read_rows


def read_scierc(path: Path, report: ConversionReport, max_bytes: int = MAX_BYTES) -> Iterator[Annotation]:
    """Read an abstract a line: an object with `doc_key`, `sentences` (lists of tokens), and a list for each sentence in
    `ner` (first token, last token **inclusive**, label) and in `relations` (first and last token of the head, the same
    of the tail, label). All offsets count the tokens of the abstract.

    The direction of a relation is that of the file, also where the label has none (COMPARE, CONJUNCTION).

    path (Path): The file.
    report (ConversionReport): Where to count what was read.
    max_bytes (int): The longest line.
    YIELDS (Annotation): The abstracts, named by their `doc_key`, with the tokens and the sentences of the file. One
        without `relations` is not annotated with them.
    RAISES (ValueError): VE303 for an abstract that is not in this format, VE304 for an empty file.
    """
    for line, value in read_jsonl(path, max_bytes):
        report.docs_read += 1
        yield _parse(Record(path, line, value), report)
    if not report.docs_read:
        raise ValueError(Errors.VE304.format(path=path))


def _parse(record: Record, report: ConversionReport) -> Annotation:
    doc_id = record.get("doc_key", str)
    sentences = record.get("sentences", list)
    for sentence in sentences:
        if not isinstance(sentence, list) or not all(isinstance(word, str) and word for word in sentence):
            record.fail(f"text {doc_id}: the field 'sentences' must hold lists of texts that are not empty")
    words = [word for sentence in sentences for word in sentence]
    starts = list(accumulate(map(len, sentences), initial=0))
    entities: List[Tuple[int, int, str]] = []
    for i, (first, last, label) in _rows_by_sentence(record, "ner", 2, doc_id):
        if not starts[i] <= first <= last < starts[i + 1]:
            where = f"tokens {starts[i]} to {starts[i + 1] - 1}"
            record.fail(f"text {doc_id}: entity {label!r}, tokens {first} to {last}, is not in its sentence ({where})")
        entities.append((first, last + 1, label))
    relations = None
    if "relations" in record.value:
        rows = [row for _, row in _rows_by_sentence(record, "relations", 4, doc_id)]
        places = [(start, end - 1) for start, end, _ in entities]
        relations = join_spans(rows, places, doc_id, report)
    firsts = [start for start, sentence in zip(starts, sentences, strict=False) if sentence]
    return Annotation.from_words(doc_id, words, entities, relations, firsts)


def _rows_by_sentence(record: Record, key: str, n_offsets: int, doc_id: str) -> Iterator[Tuple[int, Any]]:
    """Offsets and labels, each with the number of its sentence."""
    lists, n_sentences = record.get(key, list), len(record.value["sentences"])
    if len(lists) != n_sentences:
        record.fail(f"text {doc_id}: there are {n_sentences} sentences, but {len(lists)} lists in '{key}'")
    for i, rows in enumerate(lists):
        yield from ((i, row) for row in read_rows(record, key, rows, n_offsets, doc_id))
