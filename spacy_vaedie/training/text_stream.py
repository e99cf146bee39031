"""Documents out of files of any size, one at a time: text, JSON lines, treebanks, Parquet and DocBins, gzipped or not.
A line that cannot be read becomes a document with an error, and the next one is read."""

from __future__ import annotations

import glob
import gzip
import json
import os
import shutil
import tempfile
import zlib
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO, Dict, Generator, Iterator, List, Optional, Sequence, Tuple, cast

import srsly
from spacy.vocab import Vocab

from ..errors import Errors
from .converters.annotation import META
from .examples import predicted_copy
from .files import find_files, read_docbin
from .optional import import_parquet

PLAIN_SUFFIXES = (".txt", ".jsonl", ".conllu", ".parquet", ".spacy")
STREAM_SUFFIXES = (*PLAIN_SUFFIXES, *(f"{suffix}.gz" for suffix in PLAIN_SUFFIXES))
# No text of a spaCy pipeline is that long: its own limit is a million characters.
MAX_LINE = 16 * 2**20
_TREEBANK_TEXT = "# text = "
_ROWS_AT_ONCE = 256


@dataclass(frozen=True)
class TextRecord:
    """A document as a file has it.

    doc_id (str): What it is called: the `id` that the file gives it, or `<name of the file>:<row>`.
    source (str): Name of the file.
    text (str): Its text.
    doc (Optional[bytes]): The Doc of a DocBin: its tokens, parse, entities and span groups.
    meta (Optional[str]): What the file says of it, as JSON.
    error (Optional[str]): Why it cannot be annotated.
    position (int): Bytes of all files up to the end of this document, more or less.
    """

    doc_id: str
    source: str
    text: str = ""
    doc: Optional[bytes] = None
    meta: Optional[str] = None
    error: Optional[str] = None
    position: int = 0


@dataclass(frozen=True)
class StreamFields:
    """How the fields of .jsonl files and the columns of .parquet files are called.

    text (str): The text.
    id (str): What the document is called. It may be missing.
    meta (str): Anything else that is kept. It may be missing.
    """

    text: str = "text"
    id: str = "id"
    meta: str = "meta"


def expand_inputs(inputs: Sequence[str]) -> List[Path]:
    """List the files that are meant.

    inputs (Sequence[str]): Files, folders, or patterns such as `news/**/*.jsonl.gz`.
    RETURNS (List[Path]): The files, those of a folder or a pattern sorted; each of them once.
    RAISES (FileNotFoundError): VE301, VE311 where there is none.
    RAISES (ValueError): VE302 for a file of another kind.
    """
    files: Dict[Path, None] = {}
    for item in inputs:
        path = Path(item)
        is_pattern = glob.has_magic(str(item)) and not path.exists()
        paths = [Path(found) for found in sorted(glob.glob(str(item), recursive=True))] if is_pattern else [path]
        if not paths:
            raise FileNotFoundError(Errors.VE301.format(path=item))
        for found in paths:
            files.update(dict.fromkeys(find_files(found, STREAM_SUFFIXES)))
    return list(files)


def file_names(files: Sequence[Path]) -> List[str]:
    """What files are called in the names of their documents.

    files (Sequence[Path]): The files.
    RETURNS (List[str]): Their names; where two have the same, from the first folder on that tells files apart.
    """
    counts = Counter(file.name for file in files)
    if max(counts.values(), default=0) < 2:
        return [file.name for file in files]
    paths = [Path(os.path.abspath(file)) for file in files]
    above = Path(os.path.commonpath([path.parent for path in paths]))
    return [path.relative_to(above).as_posix() for path in paths]


def read_stream(files: Sequence[Path], fields: Optional[StreamFields] = None) -> Generator[TextRecord, None, None]:
    """Stream the documents of some files. The line of a .txt file is a document, as for `spacy-vaedie.RawText.v1`;
    blank ones are none.

    files (Sequence[Path]): What `expand_inputs` gives.
    fields (Optional[StreamFields]): How fields and columns are called.
    YIELDS (TextRecord): The documents. Rows are counted from 1: lines of a text file, blank ones too, rows of a table.
    RAISES (ValueError): VE417, VE418 for a file without such a column, or one that ends too early.
    """
    fields = fields or StreamFields()
    before = 0
    for file, name in zip(files, file_names(files), strict=True):
        size = file.stat().st_size
        suffix = Path(file.name.removesuffix(".gz")).suffix
        if suffix == ".spacy":
            records = _read_docs(file, name, size)
        elif suffix == ".parquet":
            records = _read_parquet(file, name, size, fields)
        else:
            records = _read_text(file, name, suffix, fields)
        for record in records:
            yield _checked(replace(record, position=before + record.position))
        before += size


def _checked(record: TextRecord) -> TextRecord:
    """Text that no file can hold does not get into one, and blank text not into a pipeline."""
    for field in ("doc_id", "text", "meta"):
        try:
            (getattr(record, field) or "").encode("utf8")
        except UnicodeEncodeError:
            doc_id = record.doc_id.encode("utf8", "backslashreplace").decode("utf8")
            error = Errors.VE426.format(field={"doc_id": "id"}.get(field, field))
            return replace(record, doc_id=doc_id, text="", meta=None, error=error)
    if record.error is None and not record.text.strip():
        return replace(record, error=Errors.VE421)
    return record


def _read_text(file: Path, name: str, suffix: str, fields: StreamFields) -> Iterator[TextRecord]:
    for number, line, error, position in _read_lines(file):
        empty = TextRecord(f"{name}:{number}", name, error=error, position=position)
        if error is not None:
            yield empty
        elif suffix == ".jsonl" and line.strip():
            yield _from_json(line, empty, fields)
        elif suffix == ".conllu" and line.startswith(_TREEBANK_TEXT):
            yield replace(empty, text=line.removeprefix(_TREEBANK_TEXT).strip())
        elif suffix == ".txt" and line.strip():
            yield replace(empty, text=line.strip())


def _read_lines(file: Path) -> Iterator[Tuple[int, str, Optional[str], int]]:
    """Number, text, error and place in the file of each line; none of them is ever longer in memory than may be."""
    with file.open("rb") as raw, cast(BinaryIO, gzip.open(raw) if file.suffix == ".gz" else raw) as lines:
        number = 0
        while line := _with_file(file, lambda: lines.readline(MAX_LINE + 1)):
            number += 1
            error, text = None, ""
            if len(line) > MAX_LINE:
                while line and not line.endswith(b"\n"):
                    line = _with_file(file, lambda: lines.readline(MAX_LINE))
                error = Errors.VE422.format(limit=MAX_LINE)
            else:
                try:
                    text = line.decode("utf-8-sig" if number == 1 else "utf-8").rstrip("\r\n")
                except UnicodeDecodeError as found:
                    error = Errors.VE423.format(reason=found.reason, byte=found.start)
            yield number, text, error, raw.tell()


def _with_file(file: Path, read: Any) -> Any:
    """Read, and name the file where it is damaged."""
    try:
        return read()
    except (OSError, EOFError, zlib.error) as error:
        raise ValueError(Errors.VE418.format(path=file, reason=error)) from error


def _from_json(line: str, empty: TextRecord, fields: StreamFields) -> TextRecord:
    try:
        value = srsly.json_loads(line)
    except (ValueError, RecursionError) as error:
        return replace(empty, error=Errors.VE424.format(reason=error))
    return _from_values(value if isinstance(value, dict) else {}, empty, fields)


def _from_values(value: Dict[str, Any], empty: TextRecord, fields: StreamFields) -> TextRecord:
    text, given, meta = (value.get(field) for field in (fields.text, fields.id, fields.meta))
    doc_id = empty.doc_id if given is None or given == "" else str(given)
    if not isinstance(text, str):
        return replace(empty, doc_id=doc_id, error=Errors.VE425.format(field=fields.text))
    return replace(empty, doc_id=doc_id, text=text, meta=_to_json(meta))


def _to_json(meta: Any) -> Optional[str]:
    return None if meta is None else json.dumps(meta, ensure_ascii=False, sort_keys=True, default=str)


def _read_parquet(file: Path, name: str, size: int, fields: StreamFields) -> Iterator[TextRecord]:
    parquet = import_parquet("Reading Parquet")
    with _plain_file(file) as path:
        table = _with_file(file, lambda: parquet.ParquetFile(path))
        try:
            known = table.schema_arrow.names
            if fields.text not in known:
                raise ValueError(Errors.VE417.format(path=file, column=fields.text, columns=", ".join(known)))
            columns = [column for column in (fields.text, fields.id, fields.meta) if column in known]
            n_rows, number = max(table.metadata.num_rows, 1), 0
            batches = table.iter_batches(batch_size=_ROWS_AT_ONCE, columns=columns)
            while (batch := _with_file(file, lambda: next(batches, None))) is not None:
                for value in batch.to_pylist():
                    number += 1
                    empty = TextRecord(f"{name}:{number}", name, position=size * number // n_rows)
                    yield _from_values(value, empty, fields)
        finally:
            table.close()


def _read_docs(file: Path, name: str, size: int) -> Iterator[TextRecord]:
    """A DocBin is in memory as a whole. Its words get a vocab of their own, which goes with it."""
    with _plain_file(file) as path:
        for number, doc in enumerate(read_docbin(path, Vocab()), start=1):
            given, meta = doc.user_data.get("id"), doc.user_data.get(META)
            yield TextRecord(
                f"{name}:{number}" if given is None else str(given),
                name,
                text=doc.text,
                doc=predicted_copy(doc).to_bytes(),
                meta=_to_json(meta),
                position=size,
            )


@contextmanager
def _plain_file(file: Path) -> Iterator[Path]:
    """The file itself, or what is in it where it is gzipped: readers that jump about need that as a file."""
    if file.suffix != ".gz":
        yield file
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / file.name.removesuffix(".gz")
        with gzip.open(file) as packed, path.open("wb") as plain:
            _with_file(file, lambda: shutil.copyfileobj(packed, plain))
        yield path
