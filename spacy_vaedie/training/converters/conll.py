"""CoNLL's column format: a token and its BIO tag a line, a blank line behind each text."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Iterator, List, Tuple

from spacy.training.iob_utils import iob_to_biluo, tags_to_entities

from ...errors import Errors
from ..files import MAX_BYTES, read_lines
from .annotation import Annotation, ConversionReport

_TAG = re.compile(r"O|[BI]-.+")


def read_conll(path: Path, report: ConversionReport, max_bytes: int = MAX_BYTES) -> Iterator[Annotation]:
    """Read tokens with BIO tags, e.g. the files of WNUT17. The first column holds the token, the last one its tag,
    with tabs between. `I-` may start an entity as well, as in the older variant of the format (IOB1). White space
    alone makes a blank line.

    path (Path): The file.
    report (ConversionReport): Where to count what was read.
    max_bytes (int): The longest line.
    YIELDS (Annotation): The texts, named by the number of their first line, with the tokens of the file. They are not
        annotated with relations.
    RAISES (ValueError): VE303 for a line that is not in this format, VE304 for an empty file.
    """
    for line, rows in _read_blocks(path, max_bytes):
        report.docs_read += 1
        entities = tags_to_entities(iob_to_biluo([tag for _, tag in rows]))
        # spaCy gives the last token of an entity, not the one behind it.
        spans = [(start, last + 1, label) for label, start, last in entities]
        yield Annotation.from_words(str(line), [word for word, _ in rows], spans)
    if not report.docs_read:
        raise ValueError(Errors.VE304.format(path=path))


def _read_blocks(path: Path, max_bytes: int) -> Iterator[Tuple[int, List[Tuple[str, str]]]]:
    """Tokens and tags up to a blank line, with the number of the first line."""
    first = 0
    block: List[Tuple[str, str]] = []
    for number, line in read_lines(path, max_bytes):
        if line.strip():
            first = first if block else number
            block.append(_parse_line(path, number, line))
        elif block:
            yield first, block
            block = []
    if block:
        yield first, block


def _parse_line(path: Path, number: int, line: str) -> Tuple[str, str]:
    word, *_, tag = line.split("\t") if "\t" in line else (line, "")
    reason = ""
    if "\t" not in line:
        reason = f"expected a token, a tab and a tag, found {line!r}"
    elif not word:
        reason = "there is no token before the tab"
    elif not _TAG.fullmatch(tag):
        reason = f"{tag!r} is no BIO tag. Use 'O', 'B-LABEL' or 'I-LABEL'"
    if reason:
        raise ValueError(Errors.VE303.format(path=path, line=number, reason=reason))
    return word, tag
