"""Tables in parts: a file for so many documents each, as Parquet, JSON lines or CSV. The same rows are the same bytes,
and nobody ever sees a half-written file."""

from __future__ import annotations

import csv
import json
import os
from pathlib import Path
from typing import Any, Callable, Dict, List, Sequence, TextIO

from ..tokens.rows import COLUMNS, Row
from .files import replacing
from .optional import import_parquet

FORMATS = ("parquet", "jsonl", "csv")
_NESTED = ("pairs", "spans", "floats")


def part_path(folder: Path, kind: str, number: int, file_format: str) -> Path:
    """RETURNS (Path): The file with the rows of a kind of a part."""
    return folder / kind / f"part-{number:05d}.{file_format}"


def check_format(file_format: str) -> None:
    """Check that files of a format can be written, before the work is done.

    file_format (str): One of `FORMATS`.
    RAISES (ImportError): VE901 where a package is missing.
    """
    if file_format == "parquet":
        import_parquet("Writing Parquet")


def write_part(path: Path, kind: str, rows: Sequence[Row]) -> None:
    """Write the rows of a part.

    path (Path): The file, whose name ends with its format. Its folder is made.
    kind (str): Which of `COLUMNS`.
    rows (Sequence[Dict[str, Any]]): The rows, maybe none.
    RAISES (ImportError): VE901 where a package is missing.
    """
    writers: Dict[str, Callable[[Path, str, Sequence[Row]], None]] = {
        ".parquet": _write_parquet,
        ".jsonl": _write_jsonl,
        ".csv": _write_csv,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    write = writers[path.suffix]
    write_whole(path, lambda temporary: write(temporary, kind, rows))


def write_whole(path: Path, write: Callable[[Path], object]) -> None:
    """Write a file under another name and rename it when it is on the disk.

    path (Path): The file.
    write (Callable[[Path], object]): Writes the file whose path it is given.
    """
    with replacing(path) as temporary:
        write(temporary)
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())


def _write_jsonl(path: Path, kind: str, rows: Sequence[Row]) -> None:
    def write(file: TextIO) -> None:
        file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)

    _write_text(path, write)


def _write_csv(path: Path, kind: str, rows: Sequence[Row]) -> None:
    """Lists are JSON in a cell; what there is not is an empty cell."""
    columns = COLUMNS[kind]
    nested = [name for name, what in columns.items() if what in _NESTED]

    def write(file: TextIO) -> None:
        table = csv.DictWriter(file, list(columns), lineterminator="\n")
        table.writeheader()
        for row in rows:
            lists = {name: json.dumps(row[name], ensure_ascii=False) for name in nested if row[name] is not None}
            table.writerow({**row, **lists})

    _write_text(path, write)


def _write_text(path: Path, write: Callable[[TextIO], None]) -> None:
    # Line breaks of the text are kept as they are, on any system.
    with path.open("w", encoding="utf8", newline="") as file:
        write(file)


def _write_parquet(path: Path, kind: str, rows: Sequence[Row]) -> None:
    parquet = import_parquet("Writing Parquet")
    import pyarrow as pa

    types: Dict[str, Any] = {
        "str": pa.string(),
        "int": pa.int64(),
        "float": pa.float64(),
        "pairs": pa.list_(pa.list_(pa.int64())),
        "spans": pa.list_(pa.struct({"text": pa.string(), "start": pa.int64(), "end": pa.int64()})),
        "floats": pa.list_(pa.float32()),
    }
    schema = pa.schema([(name, types[what]) for name, what in COLUMNS[kind].items()])
    values: List[Row] = list(rows)
    parquet.write_table(pa.Table.from_pylist(values, schema=schema), path, compression="zstd")
