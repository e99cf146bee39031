"""OCTIS' topic corpora: a text, the part of the corpus it is for, and its topic a line, with tabs between."""

from __future__ import annotations

from pathlib import Path
from typing import Iterator, List, Tuple

from ...errors import Errors
from ..files import MAX_BYTES, read_lines
from .annotation import Annotation, ConversionReport
from .splits import DEV, SPLIT, TEST, TRAIN

_SPLITS = {"train": TRAIN, "val": DEV, "dev": DEV, "test": TEST}


def read_topics(path: Path, report: ConversionReport, max_bytes: int = MAX_BYTES) -> Iterator[Annotation]:
    """Read the `corpus.tsv` of a data set of OCTIS. Each text is annotated with every topic of the whole file, its own
    one as 1.0 and the others as 0.0, and with nothing else: its spans and relations are not annotated.

    path (Path): The file.
    report (ConversionReport): Where to count what was read.
    max_bytes (int): The longest line.
    YIELDS (Annotation): The texts, named by the number of their line, with `train`, `dev` (which the file calls `val`)
        or `test` as `split` in `meta`.
    RAISES (ValueError): VE303 for a line that is not in this format, VE304 for an empty file.
    """
    rows = list(_read_rows(path, max_bytes))
    if not rows:
        raise ValueError(Errors.VE304.format(path=path))
    labels = sorted({label for *_, label in rows})
    for number, text, split, label in rows:
        report.docs_read += 1
        cats = {name: float(name == label) for name in labels}
        yield Annotation(str(number), text, spans_annotated=False, cats=cats, meta={SPLIT: split})


def _read_rows(path: Path, max_bytes: int) -> Iterator[Tuple[int, str, str, str]]:
    for number, line in read_lines(path, max_bytes):
        if not line.strip():
            continue
        columns: List[str] = [column.strip() for column in line.split("\t")]
        if len(columns) != 3 or not all(columns):
            reason = f"expected a text, a tab, {', '.join(_SPLITS)}, a tab and a label, found {len(columns)} column(s)"
            if len(columns) == 3:
                reason = f"column {columns.index('') + 1} of text, split and label is empty"
            raise ValueError(Errors.VE303.format(path=path, line=number, reason=reason))
        text, split, label = columns
        if split not in _SPLITS:
            reason = f"{split!r} in the second column is none of {', '.join(_SPLITS)}"
            raise ValueError(Errors.VE303.format(path=path, line=number, reason=reason))
        yield number, text, _SPLITS[split], label
