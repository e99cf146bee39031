"""Reading the tables of relations that batch annotation writes."""

from __future__ import annotations

import csv
import math
import re
from pathlib import Path
from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Tuple

from ..errors import Errors
from ..training.files import find_files, read_jsonl, read_lines
from ..training.optional import import_parquet

SUFFIXES = (".parquet", ".jsonl", ".jsonl.gz", ".csv", ".csv.gz")
_REQUIRED = ("doc_id", "label", "head_text", "head_label", "tail_text", "tail_label", "score")
_OPTIONAL = ("polarity", "sentence")
_MAX_CELL = 2**27
_SURROGATES = re.compile("[\ud800-\udfff]")


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
    RAISES (ValueError): VE303 for a broken line, VE431 for a missing column, VE432 for a value of another type,
        VE434 for several formats in one folder, VE435 for a damaged file.
    """
    folder = path / "relations"
    files = find_files(folder if folder.is_dir() else path, SUFFIXES)
    formats = sorted({_format_of(file) for file in files})
    if len(formats) > 1:
        raise ValueError(Errors.VE434.format(path=path, formats=", ".join(formats)))
    for file in files:
        for where, row in _read_rows(file):
            for column in _REQUIRED:
                if column not in row:
                    raise ValueError(Errors.VE431.format(path=file, column=column, where=where))
            yield _make_mention(file, where, row)


def _format_of(path: Path) -> str:
    return path.name.removesuffix(".gz").rsplit(".", 1)[-1]


def _make_mention(path: Path, where: str, row: Dict[str, Any]) -> Mention:
    try:
        score = float(row["score"])
    except (TypeError, ValueError):
        score = math.nan
    if not math.isfinite(score):
        raise ValueError(Errors.VE432.format(path=path, where=where, value=row["score"]))
    return Mention(
        doc_id=_text(row["doc_id"]),
        label=_text(row["label"]),
        head_text=_text(row["head_text"]),
        head_label=_text(row["head_label"]),
        tail_text=_text(row["tail_text"]),
        tail_label=_text(row["tail_label"]),
        score=score,
        polarity=_text(row.get("polarity")) or None,
        sentence=_text(row.get("sentence")),
    )


def _text(value: Any) -> str:
    # JSON can name half a surrogate pair, which no file in UTF-8 can hold.
    return "" if value is None else _SURROGATES.sub("\ufffd", str(value))


def _read_rows(path: Path) -> Iterator[Tuple[str, Dict[str, Any]]]:
    if path.suffix == ".parquet":
        yield from _read_parquet(path)
    elif _format_of(path) == "csv":
        yield from _read_csv(path)
    else:
        for number, row in read_jsonl(path):
            if not isinstance(row, dict):
                raise ValueError(Errors.VE303.format(path=path, line=number, reason="no JSON object"))
            yield f"line {number}", row


def _read_parquet(path: Path) -> Iterator[Tuple[str, Dict[str, Any]]]:
    parquet = import_parquet("Reading Parquet")
    import pyarrow as pa

    number = 0
    try:
        with parquet.ParquetFile(path) as file:
            columns: List[str] = [name for name in file.schema_arrow.names if name in (*_REQUIRED, *_OPTIONAL)]
            for batch in file.iter_batches(batch_size=4096, columns=columns):
                for row in batch.to_pylist():
                    number += 1
                    yield f"row {number}", row
    except (pa.ArrowException, OSError) as error:
        raise ValueError(Errors.VE435.format(path=path, where=f"row {number + 1}", reason=error)) from error


def _read_csv(path: Path) -> Iterator[Tuple[str, Dict[str, Any]]]:
    reader = csv.DictReader(f"{line}\n" for _, line in read_lines(path))
    # Python's own limit of a cell is less than a long sentence; it is the same for the whole process, so it goes back.
    limit = csv.field_size_limit()
    while True:
        csv.field_size_limit(_MAX_CELL)
        try:
            row = next(reader, None)
        except csv.Error as error:
            where = f"line {reader.line_num + 1}"
            raise ValueError(Errors.VE435.format(path=path, where=where, reason=error)) from error
        finally:
            csv.field_size_limit(limit)
        if row is None:
            return
        yield f"line {reader.line_num}", row
