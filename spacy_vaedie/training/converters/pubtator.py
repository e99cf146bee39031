"""PubTator: a title, an abstract, mentions of concepts, and relations between concepts."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Dict, Iterator, List, NoReturn, Optional, Sequence, Tuple

from ...errors import Errors
from ..files import MAX_BYTES, read_lines
from .annotation import OTHER_TEXT, OUTSIDE, Annotation, ConversionReport
from .offsets import same_text

_TEXT = re.compile(r"([^|\t]+)\|([ta])\|(.*)")
_NO_CONCEPT = ("", "-", "-1")
Row = Tuple[int, List[str]]


def read_pubtator(path: Path, report: ConversionReport, max_bytes: int = MAX_BYTES) -> Iterator[Annotation]:
    """Read blocks of `ID|t|title`, `ID|a|abstract`, lines `ID, start, end, text, label, concept` and lines
    `ID, label, concept, concept` with tabs between, and a blank line behind each.

    Relations join concepts, and each becomes one between mentions: those of both concepts that stand closest to each
    other, the first ones of several. A text without a relation is annotated, and there is none in it: the format has
    no word for anything else.

    path (Path): The file.
    report (ConversionReport): Where to count what was read.
    max_bytes (int): The longest line.
    YIELDS (Annotation): The texts, title and abstract with a space between, named by their id.
    RAISES (ValueError): VE303 for a line that is not in this format, VE304 for an empty file, VE341 for a line that is
        too long.
    """
    for block in _read_blocks(path, max_bytes):
        report.docs_read += 1
        yield _parse(path, block, report)
    if not report.docs_read:
        raise ValueError(Errors.VE304.format(path=path))


def _read_blocks(path: Path, max_bytes: int) -> Iterator[List[Tuple[int, str]]]:
    block: List[Tuple[int, str]] = []
    for number, line in read_lines(path, max_bytes):
        title = _TEXT.fullmatch(line)
        if block and (not line.strip() or (title is not None and title[2] == "t")):
            yield block
            block = []
        if line.strip():
            block.append((number, line))
    if block:
        yield block


def _parse(path: Path, block: List[Tuple[int, str]], report: ConversionReport) -> Annotation:
    parts: Dict[str, str] = {}
    rows: List[Row] = []
    doc_id: Optional[str] = None
    for number, line in block:
        text, columns = _TEXT.fullmatch(line), line.split("\t")
        name = text[1] if text is not None else columns[0]
        if doc_id not in (None, name):
            _fail(path, number, f"the text {name!r} starts inside of {doc_id!r}; put a blank line between")
        doc_id = name
        if text is not None:
            parts[text[2]] = text[3]
        elif len(columns) >= 4:
            rows.append((number, columns))
        else:
            _fail(path, number, f"expected ID|t|, ID|a|, or columns with tabs between, found {line[:50]!r}")
    if "t" not in parts:
        _fail(path, block[0][0], "expected a line ID|t|TITLE")
    name = str(doc_id)
    whole = parts["t"] + (f" {parts['a']}" if "a" in parts else "")
    spans: List[Tuple[int, int, str]] = []
    concepts: Dict[str, List[int]] = {}
    for _, columns in (row for row in rows if _is_span(row[1])):
        _read_span(columns, name, whole, spans, concepts, report)
    relations = []
    for _, columns in (row for row in rows if not _is_span(row[1])):
        label, head, tail = columns[1:4]
        pair = _closest(spans, concepts.get(head, ()), concepts.get(tail, ()))
        if not label:
            _fail(path, block[0][0], f"a relation of {name!r} has no label")
        if pair is None:
            missing = tail if head in concepts else head
            report.lose_relation(name, label, f"no span for the concept {missing!r}")
        else:
            relations.append((*pair, label))
    return Annotation(name, whole, spans, relations)


def _is_span(columns: List[str]) -> bool:
    return len(columns) >= 5 and columns[1].isdecimal() and columns[2].isdecimal()


def _read_span(
    columns: List[str],
    doc_id: str,
    text: str,
    spans: List[Tuple[int, int, str]],
    concepts: Dict[str, List[int]],
    report: ConversionReport,
) -> None:
    start, end, given, label = int(columns[1]), int(columns[2]), columns[3], columns[4]
    name = f"span {given!r} ({label}, characters {start} to {end})"
    if not 0 <= start < end <= len(text):
        report.lose_span(doc_id, f"{name} does not fit a text of {len(text)} characters", OUTSIDE)
    elif not same_text(text[start:end], given):
        report.lose_span(doc_id, f"{name} has {text[start:end]!r} at its offsets", OTHER_TEXT)
    else:
        for concept in re.split(r"[;|,]", columns[5]) if len(columns) > 5 else ():
            if concept not in _NO_CONCEPT:
                concepts.setdefault(concept, []).append(len(spans))
        spans.append((start, end, label))


def _closest(
    spans: Sequence[Tuple[int, int, str]], heads: Sequence[int], tails: Sequence[int]
) -> Optional[Tuple[int, int]]:
    """The mentions of two concepts that stand closest to each other."""

    def distance(pair: Tuple[int, int]) -> int:
        (first, last, _), (other_first, other_last, _) = (spans[i] for i in pair)
        return max(first, other_first) - min(last, other_last)

    return min(
        ((head, tail) for head in heads for tail in tails), key=lambda pair: (distance(pair), pair), default=None
    )


def _fail(path: Path, line: int, reason: str) -> NoReturn:
    raise ValueError(Errors.VE303.format(path=path, line=line, reason=reason))
