"""SemEval-2010 Task 8: sentences with two marked nominals, and the relation between them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Iterator, List, NoReturn, Optional, Sequence, Tuple

from ...errors import Errors
from ..files import MAX_BYTES, read_lines
from .annotation import Annotation, ConversionReport

SPAN_LABEL = "NOMINAL"
_SENTENCE = re.compile(r'(\d+)\t"(.*)"\s*')
_MARKED = re.compile(r"(.*?)<e1>(.+?)</e1>(.*?)<e2>(.+?)</e2>(.*)")
_RELATION = re.compile(r"(\S+)\((e1,e2|e2,e1)\)")


def read_semeval(path: Path, report: ConversionReport, max_bytes: int = MAX_BYTES) -> Iterator[Annotation]:
    """Read a file of SemEval-2010 Task 8, e.g. `TRAIN_FILE.TXT` or `TEST_FILE_FULL.TXT`.

    `Cause-Effect(e2,e1)` becomes a relation with the label `Cause-Effect`, the second nominal as its head and the
    first one as its tail. `Other` is annotated, with no relation. A block without a relation is not annotated.

    path (Path): The file.
    report (ConversionReport): Where to count what was read.
    max_bytes (int): The longest line.
    YIELDS (Annotation): The sentences. Both nominals have the label `NOMINAL`, the first one stands first.
    RAISES (ValueError): VE303 for a block that is not in this format, VE304 for an empty file.
    """
    for line, block in _read_blocks(path, max_bytes):
        report.docs_read += 1
        yield _parse_block(path, line, block)
    if not report.docs_read:
        raise ValueError(Errors.VE304.format(path=path))


def _read_blocks(path: Path, max_bytes: int) -> Iterator[Tuple[int, List[str]]]:
    """Lines up to a blank one, with the number of the first. A new sentence starts a new block, too."""
    first = 0
    block: List[str] = []
    for number, line in read_lines(path, max_bytes):
        if block and (not line.strip() or _SENTENCE.fullmatch(line)):
            yield first, block
            block = []
        if line.strip():
            first = first if block else number
            block.append(line)
    if block:
        yield first, block


def _parse_block(path: Path, line: int, block: Sequence[str]) -> Annotation:
    sentence = _SENTENCE.fullmatch(block[0])
    if sentence is None:
        _fail(path, line, 'expected a number, a tab and a sentence in quotes ("...")')
    marked = _MARKED.fullmatch(sentence[2])
    if marked is None:
        _fail(path, line, "expected <e1>...</e1> and, after it, <e2>...</e2> in the sentence")
    before, first, between, second, after = marked.groups()
    starts = (len(before), len(before) + len(first) + len(between))
    return Annotation(
        doc_id=sentence[1],
        text="".join(marked.groups()),
        spans=[
            (start, start + len(nominal), SPAN_LABEL) for start, nominal in zip(starts, (first, second), strict=True)
        ],
        relations=_parse_relation(path, line + 1, block[1].strip()) if len(block) > 1 else None,
    )


def _parse_relation(path: Path, line: int, text: str) -> Optional[List[Tuple[int, int, str]]]:
    if text == "Other":
        return []
    relation = _RELATION.fullmatch(text)
    if relation is None:
        _fail(path, line, f"expected 'Other' or a relation such as 'Cause-Effect(e1,e2)', found {text!r}")
    return [(0, 1, relation[1]) if relation[2] == "e1,e2" else (1, 0, relation[1])]


def _fail(path: Path, line: int, reason: str) -> NoReturn:
    raise ValueError(Errors.VE303.format(path=path, line=line, reason=reason))
