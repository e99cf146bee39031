"""Reading the tables of relations that batch annotation writes."""

from __future__ import annotations

import csv
import math
from pathlib import Path
from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Tuple

from ..errors import Errors
from ..training.files import find_files, read_jsonl, read_lines

SUFFIXES = (".parquet", ".jsonl", ".jsonl.gz", ".csv", ".csv.gz")
_REQUIRED = ("doc_id", "label", "head_text", "head_label", "tail_text", "tail_label", "score")
_OPTIONAL = ("polarity", "sentence")


class Mention(NamedTuple):
    """One relation of one document: its row, without what the graph does not need."""

    doc_id: str
    label: str
    head_text: str
    head_label: str
    tail_text: str
    tail_label: str
    score: float
    polarity: Optional[str]
    sentence: str


def read_mentions(path: Path) -> Iterator[Mention]:
    """Stream the relations of a file, or of the folder `relations` in a folder.

    path (Path): What batch annotation wrote, or a .parquet, .jsonl or .csv file of relations.
    YIELDS (Mention): The relations.
    RAISES (ValueError): VE303 for a broken line, VE431 for a missing column, VE432 for a value of another type.
    """
    for file in find_files(path / "relations" if path.is_dir() else path, SUFFIXES):
        for where, row in _read_rows(file):
            for column in _REQUIRED:
                if column not in row:
                    raise ValueError(Errors.VE431.format(path=file, column=column, where=where))
            yield _make_mention(file, where, row)


def _make_mention(path: Path, where: str, row: Dict[str, Any]) -> Mention:
    try:
        score = float(row["score"])
    except (TypeError, ValueError):
        score = math.nan
    if not math.isfinite(score):
        raise ValueError(Errors.VE432.format(path=path, where=where, value=row["score"]))
    texts = ["" if row[column] is None else str(row[column]) for column in _REQUIRED[:-1]]
    return Mention(*texts, score, row.get("polarity") or None, row.get("sentence") or "")


def _read_rows(path: Path) -> Iterator[Tuple[str, Dict[str, Any]]]:
    if path.suffix == ".parquet":
        yield from _read_parquet(path)
    elif ".csv" in path.suffixes:
        reader = csv.DictReader(f"{line}\n" for _, line in read_lines(path))
        for row in reader:
            yield f"line {reader.line_num}", row
    else:
        for number, row in read_jsonl(path):
            if not isinstance(row, dict):
                raise ValueError(Errors.VE303.format(path=path, line=number, reason="no JSON object"))
            yield f"line {number}", row


def _read_parquet(path: Path) -> Iterator[Tuple[str, Dict[str, Any]]]:
    try:
        import pyarrow.parquet as pq
    except ImportError as error:
        requirement = "spacy-vaedie[export]"
        raise ImportError(
            Errors.VE901.format(thing="Reading Parquet", package="pyarrow", requirement=requirement)
        ) from error
    with pq.ParquetFile(path) as file:
        columns: List[str] = [name for name in file.schema_arrow.names if name in (*_REQUIRED, *_OPTIONAL)]
        number = 0
        for batch in file.iter_batches(batch_size=4096, columns=columns):
            for row in batch.to_pylist():
                number += 1
                yield f"row {number}", row
